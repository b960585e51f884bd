"""Compose file and chart say what the code knows: settings, ports, files and versions are the code's own."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel

import facade
from facade.settings import Settings
from tests.support.guides import ROOT

CHART = ROOT / "deploy" / "helm" / "dmp-facade"
VALUES: dict[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
TEMPLATES = {path.name: path.read_text(encoding="utf-8") for path in (CHART / "templates").rglob("*.*")}
DEPLOYED = [*CHART.rglob("*.*"), ROOT / "compose.yaml", ROOT / "Dockerfile", *(ROOT / "deploy" / "systemd").iterdir()]
NAME = re.compile(r"DMP_FACADE_([A-Z_]+)")


def _setting(path: list[str], model: type[BaseModel] = Settings) -> bool:
    """Whether a path of names is a setting."""
    field = model.model_fields.get(path[0])
    if field is None or len(path) == 1:
        return field is not None
    part = field.annotation
    return isinstance(part, type) and issubclass(part, BaseModel) and _setting(path[1:], part)


def test_every_name_in_the_environment_is_a_setting() -> None:
    found = {name for path in DEPLOYED for name in NAME.findall(path.read_text(encoding="utf-8"))}
    assert len(found) > 4
    assert {name for name in found - {"CONFIG"} if not _setting(name.lower().split("__"))} == set()


def test_the_settings_of_the_chart_are_settings() -> None:
    settings = Settings.model_validate(VALUES["settings"] | {"oid_root": "1.2", "own_structure": "1"})
    assert settings.dmp.sign_key == Path("/etc/dmp-facade/certificates/sign.key")
    assert not any("secret" in name or "password" in name for name in VALUES["settings"] | VALUES["settings"]["dmp"])


def test_the_pods_of_the_chart_are_confined() -> None:
    text = TEMPLATES["_helpers.tpl"]
    for line in (
        "runAsNonRoot: true",
        "readOnlyRootFilesystem: true",
        "allowPrivilegeEscalation: false",
        "drop: [ALL]",
    ):
        assert line in text
    user = re.search(r"--uid (\d+)", (ROOT / "Dockerfile").read_text(encoding="utf-8"))
    assert user
    assert f"runAsUser: {user[1]}" in text
    for name, kind in {
        "autoscaler.yaml": "HorizontalPodAutoscaler",
        "disruption-budget.yaml": "PodDisruptionBudget",
        "network-policy.yaml": "NetworkPolicy",
        "service-monitor.yaml": "ServiceMonitor",
    }.items():
        assert f"kind: {kind}" in TEMPLATES[name]


def test_every_value_a_template_reads_is_there() -> None:
    for name, text in TEMPLATES.items():
        for path in re.findall(r"\.Values((?:\.\w+)+)", text):
            value: Any = VALUES
            for part in path[1:].split("."):
                assert isinstance(value, dict), f"{name} reads {path}"
                assert part in value, f"{name} reads {path}"
                value = value[part]


def test_the_compose_file_runs_two_facades_on_one_postgresql() -> None:
    services = COMPOSE["services"]
    parts = [each for each in services.values() if "DMP_FACADE_CONFIG" in each.get("environment", {})]
    facades = [each for each in parts if "command" not in each]
    assert len(facades) == 2
    assert all(each["depends_on"] == {"db": {"condition": "service_healthy"}} for each in parts)
    assert all(each["read_only"] and each["cap_drop"] == ["ALL"] for each in parts)
    assert len({each["ports"][0] for each in facades}) == 2
    assert services["db"]["image"].startswith("postgres:15")
    assert services["db"]["networks"] == ["data"]
    assert COMPOSE["networks"]["data"]["internal"]
    assert services["demo"]["profiles"] == ["demo"]


def test_the_demonstration_in_a_container_can_be_reached_from_outside_with_its_mailboxes() -> None:
    demo = COMPOSE["services"]["demo"]
    host, port = demo["command"][demo["command"].index("--mailbox") + 1].split(":")
    assert host == "0.0.0.0"  # noqa: S104 - of the container
    assert f"127.0.0.1:{port}:{port}" in demo["ports"]


def _unit(name: str) -> dict[str, str]:
    """The settings of a systemd unit, by name."""
    text = (ROOT / "deploy" / "systemd" / name).read_text(encoding="utf-8")
    return dict(re.findall(r"^(\w+)=(.*)$", text, re.MULTILINE))


def test_nothing_is_killed_before_it_has_answered_what_it_has_in_work() -> None:
    default = Settings()
    stop = default.stop_delay_seconds + default.stop_seconds
    lifecycle = re.search(r"time\.sleep\((\d+)\)", TEMPLATES["deployment.yaml"])
    assert lifecycle
    assert "{{ .Values.terminationGracePeriodSeconds }}" in TEMPLATES["deployment.yaml"]
    assert VALUES["terminationGracePeriodSeconds"] > int(lifecycle[1]) + stop
    assert all(int(COMPOSE["services"][each]["stop_grace_period"].rstrip("s")) > stop for each in ("one", "two"))
    unit = _unit("dmp-facade@.service")
    assert int(unit["TimeoutStopSec"]) > stop
    assert (unit["KillMode"], unit["Restart"]) == ("mixed", "always")


def test_the_sender_of_messages_is_deployed_and_given_the_time_of_its_last_one() -> None:
    last = Settings().mail.data_timeout
    unit, service = _unit("dmp-facade-outbox.service"), COMPOSE["services"]["outbox"]
    assert "dmp-facade outbox" in unit["ExecStart"]
    assert service["command"] == ["dmp-facade", "outbox"]
    assert "command: [dmp-facade, outbox]" in TEMPLATES["outbox.yaml"]
    assert int(unit["TimeoutStopSec"]) > last
    assert int(service["stop_grace_period"].rstrip("s")) > last
    assert VALUES["outbox"]["terminationGracePeriodSeconds"] > last
    assert service["healthcheck"] == {"disable": True}, "it listens to nobody: the image's check would call it ill"
    assert "dmp-facade.outbox-selector" in TEMPLATES["outbox.yaml"], "the Service must not find it"


def test_there_is_one_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))
    image = COMPOSE["x-image"]["image"].rpartition(":")[2]
    assert {facade.__version__, chart["version"], chart["appVersion"], image} == {project["version"]}
