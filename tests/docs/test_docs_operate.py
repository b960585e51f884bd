"""The operator's guide names settings that exist, and writes a file that is enough to serve.

``scripts/operate-guide`` types the whole guide into an empty Debian 12.
"""

from __future__ import annotations

import re
import subprocess
import tomllib

from pydantic import BaseModel

from facade import knowledge
from facade.settings import Settings
from tests.support.guides import ROOT, commands

GUIDE = ROOT / "docs" / "operate.md"
PROSE = re.sub(r"^```.*?^```$|<!-- settings.*", "", GUIDE.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


def _paths(model: type[BaseModel], above: str = "") -> set[str]:
    found: set[str] = set()
    for name, field in model.model_fields.items():
        found.add(above + name)
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            found |= _paths(field.annotation, f"{above}{name}.")
    return found


def test_the_settings_the_guide_writes_are_enough_to_serve() -> None:
    (block,) = [each.text for each in commands(GUIDE) if "/etc/dmp-facade/facade.toml <<END" in each.text]
    script = re.sub(r"^cat > \S+ <<END$", "cat <<END", block.partition("\nEND\n")[0] + "\nEND\n", flags=re.MULTILINE)
    written = subprocess.run(["/bin/bash", "-c", script], check=True, capture_output=True, text=True).stdout
    assert Settings.model_validate(tomllib.loads(written)).missing() == []


def _logged() -> set[str]:
    """The events of our log lines."""
    code = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "facade").rglob("*.py"))
    return set(re.findall(r"\b_log\.\w+\(\s*\"([a-z.-]+)\"", code)) | set(re.findall(r"write\(\"([a-z.-]+)\"", code))


def test_the_settings_the_guide_names_exist() -> None:
    outcomes = {row["code"] for row in knowledge.rows("mail/outcomes.csv")}
    named = set(re.findall(r"`((?:dmp|mail|preload|supervision)\.[a-z_.]+)`", PROSE)) | {
        name.lower().replace("__", ".")
        for name in re.findall(r"`DMP_FACADE_([A-Z_]+)", PROSE)
        if not name.endswith("_")
    }
    assert len(named) > 25
    assert named <= _paths(Settings) | _logged() | outcomes


def test_the_guide_explains_every_event_of_the_log_and_every_metric() -> None:
    told = set(re.findall(r"`([a-z_.-]+)`", "".join(re.findall(r"^\| `.*$", PROSE, re.MULTILINE))))
    files = [ROOT / "facade" / "observability" / name for name in ("metrics.py", "outbox.py")]
    declared = [re.findall(r"\"dmp_facade_([a-z_]+)\"", file.read_text(encoding="utf-8")) for file in files]
    assert [len(names) > least for names, least in zip(declared, (15, 3), strict=True)] == [True, True]
    metrics = {name for names in declared for name in names}
    assert len(_logged()) > 10
    assert metrics - told == set()
    assert _logged() - told == set()


def test_the_balancer_knows_the_instances_the_guide_starts() -> None:
    balancer = (ROOT / "deploy" / "haproxy" / "haproxy.cfg").read_text(encoding="utf-8")
    started = {port for each in commands(GUIDE) for port in re.findall(r"dmp-facade@(\d+)", each.text)}
    assert started == set(re.findall(r"server \w+ 127\.0\.0\.1:(\d+)", balancer))
