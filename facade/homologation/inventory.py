"""Every setting in force by its name, with its value; a secret is only said to be set, an address loses its user."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from pydantic import BaseModel, SecretStr

from facade.settings import Settings

SECRET_SET, SECRET_UNSET = "set", "unset"


@dataclass(frozen=True, slots=True)
class InForce:
    """One setting: its name as in a TOML file (``dmp.base_url``), its value as text, whether it is the default.

    ``secret`` is ``set`` or ``unset``, empty for a setting that is none.
    """

    name: str
    value: str
    default: bool
    secret: str = ""


def settings_in_force(settings: Settings) -> tuple[InForce, ...]:
    """The settings, in the order they are documented in."""
    return tuple(_of_model(settings, ""))


def _of_model(model: BaseModel, prefix: str) -> Iterator[InForce]:
    for name, declared in type(model).model_fields.items():
        value = getattr(model, name)
        default = value == declared.get_default(call_default_factory=True)
        yield from _of_value(f"{prefix}{name}", value, default, secret="SecretStr" in str(declared.annotation))


def _of_value(name: str, value: object, default: bool, *, secret: bool) -> Iterator[InForce]:
    if isinstance(value, BaseModel):
        yield from _of_model(value, f"{name}.")
    elif isinstance(value, tuple) and value and isinstance(value[0], BaseModel):
        for number, each in enumerate(value):
            yield from _of_value(f"{name}[{number}]", each, default, secret=secret)
    elif secret:
        yield InForce(name, "", default, SECRET_SET if _is_set(value) else SECRET_UNSET)
    else:
        yield InForce(name, _text(value), default)


def _is_set(value: object) -> bool:
    if isinstance(value, SecretStr):
        return bool(value.get_secret_value())
    return isinstance(value, tuple) and any(_is_set(each) for each in value)


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        return ", ".join(f"{key} = {_text(each)}" for key, each in value.items())
    if isinstance(value, tuple | list | frozenset):
        return ", ".join(_text(each) for each in value)
    return _without_credentials(str(value))


def _without_credentials(text: str) -> str:
    """An address without user, password and parameters: a database's may hold them."""
    if "://" not in text:
        return text
    try:
        parts = urlsplit(text)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return f"{text.partition('://')[0]}://…"
    return f"{parts.scheme}://{parts.hostname or ''}{port}{parts.path}"
