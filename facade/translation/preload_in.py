"""A Task that orders a preload: who, for which patient, before which appointment, and which documents.

Source: référentiel 5.1.1 and 5.1.2 (criteria by patient, type, date, author). What is not understood is refused: a
filter that was dropped in silence would preload more than was asked for.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from facade.domain.document import Coded, XdsTime
from facade.domain.errors import InvalidInput
from facade.domain.ins import INS
from facade.domain.preload import Criteria
from facade.translation.coded_in import read_coding
from facade.translation.people_stated import stated_person
from facade.translation.preload_tables import INPUT_SYSTEM, PreloadTables
from facade.translation.problems import Problems, shown
from facade.translation.resources import child, codings, objects, text
from facade.translation.subject_in import SubjectRules, read_subject
from facade.translation.tables import CodeTables, Json
from facade.translation.times import end_of, from_fhir

_ELEMENTS = frozenset(
    [
        "resourceType",
        "id",
        "meta",
        "implicitRules",
        "language",
        "status",
        "intent",
        "priority",
        "code",
        "for",
        "authoredOn",
        "lastModified",
        "requester",
        "owner",
        "restriction",
        "input",
    ]
)
_PERIOD = "Task.restriction.period"


@dataclass(frozen=True, slots=True)
class PreloadRequest:
    """What a Task asks for. ``people`` are the national ids it names as requester or owner."""

    patient: INS
    start: datetime
    end: datetime | None
    criteria: Criteria
    people: frozenset[str]


def read_preload(
    task: Json, rules: SubjectRules, codes: CodeTables, tables: PreloadTables, *, most: int
) -> PreloadRequest:
    """Read a Task; ``most`` is how many contents are wanted where it does not say.

    Raises InvalidInput: ``task.element``, ``task.status``, ``preload.input``, ``preload.period``, ``code.unknown``, or
    an ``identity.`` or ``patient.`` code.
    """
    problems = Problems()
    for name in sorted(set(task) - _ELEMENTS):
        problems.add("task.element", f"Task.{shown(name)}", element=shown(name))
    if task.get("status") != "requested" or task.get("intent") != "order":
        problems.add("task.status", "Task.status", "Task.intent")
    start, end = _appointment(task, problems)
    criteria = _criteria(task, codes, tables, most, problems)
    patient = None
    try:
        patient = read_subject(task, {}, rules, element="for").ins
    except InvalidInput as error:
        problems.take(error)
    problems.check()
    if patient is None or start is None:
        raise InvalidInput.of("preload.period", _PERIOD)
    people = (stated_person({"identifier": [child(child(task, name), "identifier")]}, codes).id for name in _PEOPLE)
    return PreloadRequest(patient, start, end, criteria, frozenset(filter(None, people)))


_PEOPLE = ("requester", "owner")


def _appointment(task: Json, problems: Problems) -> tuple[datetime | None, datetime | None]:
    """When the patient is taken charge of, and when the episode ends where it is known: instants, not days."""
    period = child(child(task, "restriction"), "period")
    found: list[datetime | None] = []
    for name in ("start", "end"):
        given = text(period, name)
        try:
            time = from_fhir(given) if given else None
        except ValueError:
            problems.add("preload.period", f"{_PERIOD}.{name}")
            return None, None
        if time is not None and len(time.digits) < len("20260105101500"):
            problems.add("preload.period", f"{_PERIOD}.{name}")
            return None, None
        found.append(time.start if time else None)
    start, end = found
    if start is None or (end is not None and end <= start):
        problems.add("preload.period", _PERIOD)
    return start, end


def _criteria(task: Json, codes: CodeTables, tables: PreloadTables, most: int, problems: Problems) -> Criteria:
    values = _inputs(task, tables, problems)
    types = []
    for where, coding in values["document-type"]:
        found = read_coding(coding, codes.types, problems, where) if isinstance(coding, dict) else None
        types += [Coded(found.code, found.scheme)] if found else []
    start, end = _created(values, problems)
    author = ""
    for where, identifier in values["author"]:
        author = stated_person({"identifier": [identifier]}, codes).id if isinstance(identifier, dict) else ""
        if not author:
            problems.add("preload.input", where, code="author")
    content = any(value is True for _, value in values["content"])
    wanted = next((int(value) for _, value in values["maximum"] if isinstance(value, int)), most)
    return Criteria(tuple(types), start, end, author, content, wanted)


def _created(values: Mapping[str, list[tuple[str, Any]]], problems: Problems) -> tuple[XdsTime | None, XdsTime | None]:
    for where, period in values["created"]:
        given = (text(period, "start"), text(period, "end")) if isinstance(period, dict) else ("", "")
        try:
            start, end = (from_fhir(each) if each else None for each in given)
        except ValueError:
            problems.add("preload.input", where, code="created")
            return None, None
        # The end of a FHIR period is included, to its precision.
        return start, XdsTime.at(end_of(end)) if end else None
    return None, None


def _inputs(task: Json, tables: PreloadTables, problems: Problems) -> dict[str, list[tuple[str, Any]]]:
    """The values of the inputs by code, each with its place; one that is not known, or of another type, is noted."""
    found: dict[str, list[tuple[str, Any]]] = defaultdict(list)
    for number, each in enumerate(objects(task, "input")):
        where = f"Task.input[{number}]"
        systems = [coding for coding in codings(child(each, "type")) if coding.get("system") == INPUT_SYSTEM]
        code = text(systems[0], "code") if systems else ""
        value = each.get(tables.inputs.get(code, ""))
        again = code in found and code not in tables.repeating
        if value is None or again:
            problems.add("preload.input", where, code=shown(code) or "-")
        else:
            found[code].append((where, value))
    return found
