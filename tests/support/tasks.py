"""Tasks as a client writes them: orders to preload before an appointment."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.support.demo import RunningDemo

CODES, INPUTS = "urn:dmp-facade:task-code", "urn:dmp-facade:preload-input"
_TYPES = {
    "content": "valueBoolean",
    "document_type": "valueCoding",
    "created": "valuePeriod",
    "author": "valueIdentifier",
    "maximum": "valuePositiveInt",
}


def in_hours(hours: float) -> str:
    """An instant so many hours from now."""
    return (datetime.now(UTC) + timedelta(hours=hours)).isoformat(timespec="seconds")


def task(demo: RunningDemo, patient: str = "adult", hours: float = 48, **said: Any) -> dict[str, Any]:
    """An order for an appointment so many hours from now; ``said`` are inputs by name, or elements of the Task.

    ``lasting`` is how many hours the episode takes, where that is known.
    """
    period = {"start": in_hours(hours)}
    if (lasting := said.pop("lasting", None)) is not None:
        period["end"] = in_hours(hours + lasting)
    resource = {
        "resourceType": "Task",
        "status": "requested",
        "intent": "order",
        "code": {"coding": [{"system": CODES, "code": "preload"}]},
        "for": {"identifier": demo.patients[patient]},
        "restriction": {"period": period},
    }
    inputs = [given(name, value) for name, value in said.items() if name in _TYPES]
    elements = {name: value for name, value in said.items() if name not in _TYPES}
    return resource | ({"input": inputs} if inputs else {}) | elements


def given(name: str, value: Any) -> dict[str, Any]:
    """One Task.input."""
    return {"type": {"coding": [{"system": INPUTS, "code": name.replace("_", "-")}]}, _TYPES[name]: value}


def ordered(demo: RunningDemo, persona: str, patient: str = "adult", hours: float = 48, **said: Any) -> dict[str, Any]:
    """Place an order and return it. Fails the test when it was not accepted."""
    answer = demo.post(persona, "/Task", task(demo, patient, hours, **said))
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def state(resource: dict[str, Any]) -> str:
    """How far a preload got."""
    found: str = resource["businessStatus"]["coding"][0]["code"]
    return found


def told(resource: dict[str, Any]) -> dict[str, Any]:
    """The outputs of a Task by code."""
    return {
        each["type"]["coding"][0]["code"]: next(value for name, value in each.items() if name.startswith("value"))
        for each in resource["output"]
    }
