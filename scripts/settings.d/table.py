"""Every setting as Markdown tables, read from ``facade.settings``; rewrites them between two marks of the guide."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from facade.settings import Settings

GUIDE = Path(__file__).parents[2] / "docs" / "operate.md"
START, END = "<!-- settings: written by scripts/settings-table -->", "<!-- end of settings -->"
_HEAD = "| Setting | Default | Meaning |\n|---|---|---|"
_NONE = "–"


def tables() -> str:
    """One table of the facade's own settings, then one for each part, in the order of the code."""
    return "\n\n".join(_tables(Settings, ""))


def _tables(model: type[BaseModel], title: str) -> Iterator[str]:
    plain = {name: field for name, field in model.model_fields.items() if _part(field) is None}
    rows = "\n".join(_row(name, field) for name, field in plain.items())
    yield f"{title}\n\n{_HEAD}\n{rows}" if title else f"{_HEAD}\n{rows}"
    for name, field in model.model_fields.items():
        part = _part(field)
        if part is not None:
            several = "Several" if _is_list(field) else ""
            yield from _tables(part, _title(title, name, field.description or "", several))


def _title(above: str, name: str, description: str, several: str) -> str:
    path = f"{above.split('`')[1].strip('[]')}.{name}" if above else name
    return f"**`{f'[[{path}]]' if several else f'[{path}]'}`** {description}."


def _part(field: FieldInfo) -> type[BaseModel] | None:
    candidates = (field.annotation, *getattr(field.annotation, "__args__", ()))
    return next((each for each in candidates if isinstance(each, type) and issubclass(each, BaseModel)), None)


def _is_list(field: FieldInfo) -> bool:
    return getattr(field.annotation, "__origin__", None) is tuple


def _row(name: str, field: FieldInfo) -> str:
    needed = "**needed**" if field.is_required() else _default(field.get_default(call_default_factory=True))
    return f"| `{name}` | {needed} | {_text(field.description or _NONE)} |"


def _text(description: str) -> str:
    return description.replace("|", r"\|").replace("<", "&lt;")


def _default(value: Any) -> str:
    if value is None or value in ("", (), {}) or (isinstance(value, SecretStr) and not value.get_secret_value()):
        return _NONE
    if isinstance(value, tuple):
        return ", ".join(f"`{each}`" for each in value)
    if isinstance(value, dict):
        return ", ".join(f"`{key}`: `{each}`" for key, each in value.items())
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def main(arguments: list[str]) -> int:
    text = GUIDE.read_text(encoding="utf-8")
    before, _, rest = text.partition(START)
    _, _, after = rest.partition(END)
    current = f"{before}{START}\n\n{tables()}\n\n{END}{after}"
    if "--check" in arguments:
        if current != text:
            print("docs/operate.md is not current: run scripts/settings-table", file=sys.stderr)
        return int(current != text)
    GUIDE.write_text(current, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
