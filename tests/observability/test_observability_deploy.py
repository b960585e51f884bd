"""The dashboard and the alert rules speak of the metrics the code has: of each of them, and of no other."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import REGISTRY

import facade.app  # noqa: F401 - registers every metric
from facade.domain.mail import OutboxFigures
from facade.observability.outbox import OutboxCollector

DEPLOY = Path(__file__).parents[2] / "deploy"
DASHBOARD = DEPLOY / "grafana" / "dmp-facade.json"
ALERTS = DEPLOY / "prometheus" / "alerts.yaml"
ALERTS_TESTS = sorted((DEPLOY / "prometheus").glob("alerts*_test.yaml"))
_NAME = re.compile(r"\bdmp_facade_\w+")
_SELECTOR = re.compile(r"\b(dmp_facade_\w+)\{([^}]*)\}")
_SUFFIX = re.compile(r"_(bucket|count|sum)$")
promtool = pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not here (Debian: prometheus)")


def metrics() -> dict[str, set[str]]:
    """The labels of each metric, by its name."""
    found = {}
    for collector in set(REGISTRY._names_to_collectors.values()):
        name = str(getattr(collector, "_name", ""))
        if name.startswith("dmp_facade_"):
            kind = getattr(collector, "_type", "")
            found[f"{name}_total" if kind == "counter" else name] = set(getattr(collector, "_labelnames", ()))
    for family in OutboxCollector(OutboxFigures({}, {}, {}), datetime.now(UTC)).collect():
        labels = set(getattr(family, "_labelnames", ()))
        found[f"{family.name}_total" if family.type == "counter" else family.name] = labels
    return found


def metric_of(name: str) -> str:
    return name if name in metrics() else _SUFFIX.sub("", name)


def dashboard_expressions() -> list[str]:
    panels = json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]
    return [target["expr"] for panel in panels for target in panel.get("targets", ())]


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load(ALERTS.read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def test_every_metric_is_on_the_dashboard_and_no_other() -> None:
    shown = {metric_of(name) for expression in dashboard_expressions() for name in _NAME.findall(expression)}
    assert shown == set(metrics())


def test_every_metric_of_an_alert_exists() -> None:
    named = {metric_of(name) for rule in rules() for name in _NAME.findall(rule["expr"])}
    assert named - set(metrics()) == set()


def test_every_label_exists() -> None:
    for expression in [*dashboard_expressions(), *(rule["expr"] for rule in rules())]:
        for name, selector in _SELECTOR.findall(expression):
            labels = set(re.findall(r"(\w+)\s*(?:=~|!=|=)", selector))
            assert labels - {"job"} <= metrics()[metric_of(name)], expression


def test_panels_have_ids_of_their_own_and_do_not_cover_each_other() -> None:
    panels = json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    squares = [
        (x, y)
        for place in (panel["gridPos"] for panel in panels)
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(set(squares)) == len(squares)


def test_every_alert_says_how_bad_it_is_and_what_to_do() -> None:
    names = [rule["alert"] for rule in rules()]
    assert len(set(names)) == len(names)
    for rule in rules():
        assert rule["labels"]["severity"] in ("page", "ticket"), rule["alert"]
        assert rule["annotations"].keys() == {"summary", "description"}, rule["alert"]


def test_every_alert_has_a_case_in_which_it_fires_and_one_in_which_it_is_quiet() -> None:
    cases = [case for file in ALERTS_TESTS for case in yaml.safe_load(file.read_text(encoding="utf-8"))["tests"]]
    told: dict[str, set[bool]] = {}
    for case in cases:
        [asked] = case["promql_expr_test"]
        name = re.findall(r'alertname="(\w+)"', asked["expr"])[0]
        told.setdefault(name, set()).add(bool(asked["exp_samples"]))
    assert told == {rule["alert"]: {True, False} for rule in rules()}


@promtool
@pytest.mark.parametrize("command", [["check", "rules", ALERTS], ["test", "rules", *ALERTS_TESTS]])
def test_prometheus_takes_the_rules_and_they_fire_when_they_should(command: list[Any]) -> None:
    done = subprocess.run(["promtool", *map(str, command)], capture_output=True, text=True, check=False, timeout=60)  # noqa: S607
    assert done.returncode == 0, done.stdout + done.stderr
