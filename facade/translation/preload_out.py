"""A preload as a Task: its appointment, what was asked for, how far it got, and until when it is held."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from facade.domain.document import XdsTime
from facade.domain.preload import Criteria, PreloadOrder
from facade.translation.preload_tables import (
    INPUT_SYSTEM,
    OUTPUT_SYSTEM,
    PRELOAD,
    STATE_SYSTEM,
    TASK_SYSTEM,
    PreloadTables,
)
from facade.translation.tables import CodeTables, Json
from facade.translation.times import to_fhir, to_instant

_PERSON, _SECOND = "urn:oid:1.2.250.1.71.4.2.1", timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class PreloadFacts:
    """A preload as it stands. ``reason`` is the code of what stopped or delays it and the system of that code."""

    id: str
    order: PreloadOrder
    patient_id: str
    state: str
    recorded: datetime
    changed: datetime
    opens: datetime
    due: datetime | None
    fetched: datetime | None
    expires: datetime | None
    matched: int | None
    held: int
    reason: tuple[str, str] | None


def task(facts: PreloadFacts, codes: CodeTables, tables: PreloadTables) -> Json:
    """The Task, as a plain dict. Of the patient it says the INS only."""
    order = facts.order
    professional = {"identifier": {"system": _PERSON, "value": order.caller.id}}
    period = {"start": _instant(order.start)} | ({"end": _instant(order.end)} if order.end else {})
    resource: Json = {
        "resourceType": "Task",
        "id": facts.id,
        "meta": {"lastUpdated": _instant(facts.changed)},
        "status": tables.states[facts.state],
        "businessStatus": {"coding": [{"system": STATE_SYSTEM, "code": facts.state}]},
        "intent": "order",
        "code": {"coding": [{"system": TASK_SYSTEM, "code": PRELOAD}]},
        "for": {
            "reference": f"Patient/{facts.patient_id}",
            "identifier": {"system": order.patient.system, "value": order.patient.value},
        },
        "authoredOn": _instant(facts.recorded),
        "requester": professional,
        "owner": professional,
        "restriction": {"period": period},
        "input": _inputs(order.criteria, codes),
    }
    if facts.reason:
        resource["statusReason"] = {"coding": [{"system": facts.reason[1], "code": facts.reason[0]}]}
    if facts.fetched:
        resource["executionPeriod"] = {"start": _instant(facts.fetched)}
        if facts.expires:
            resource["executionPeriod"]["end"] = _instant(facts.expires)
    resource["output"] = _outputs(facts)
    return resource


def _inputs(criteria: Criteria, codes: CodeTables) -> list[Json]:
    found = [_input("content", {"valueBoolean": criteria.content})]
    found += [_input("document-type", {"valueCoding": codes.coding(coded)}) for coded in criteria.types]
    period: Json = {}
    if criteria.created_from:
        period["start"] = to_fhir(criteria.created_from)
    if criteria.created_to:
        # Kept as an excluded bound; a FHIR period includes its end.
        period["end"] = to_instant(_second_before(criteria.created_to))
    if period:
        found.append(_input("created", {"valuePeriod": period}))
    if criteria.author:
        found.append(_input("author", {"valueIdentifier": {"system": _PERSON, "value": criteria.author}}))
    if criteria.content:
        found.append(_input("maximum", {"valuePositiveInt": criteria.most}))
    return found


def _outputs(facts: PreloadFacts) -> list[Json]:
    found = [_output("opens", {"valueInstant": _instant(facts.opens)})]
    if facts.due:
        found.append(_output("due", {"valueInstant": _instant(facts.due)}))
    if facts.matched is not None:
        found.append(_output("matched", {"valueInteger": facts.matched}))
    if facts.held:
        found.append(_output("held", {"valueInteger": facts.held}))
    return found


def _input(code: str, value: Json) -> Json:
    return {"type": {"coding": [{"system": INPUT_SYSTEM, "code": code}]}, **value}


def _output(code: str, value: Json) -> Json:
    return {"type": {"coding": [{"system": OUTPUT_SYSTEM, "code": code}]}, **value}


def _instant(moment: datetime) -> str:
    return to_instant(XdsTime.at(moment))


def _second_before(time: XdsTime) -> XdsTime:
    return XdsTime.at(time.start.replace(microsecond=0) - _SECOND)
