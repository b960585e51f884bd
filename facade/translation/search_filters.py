"""The filters of a document search, one function per kind of parameter: what is asked of the DMP, what is tested here.

Source: ITI TF-2 3.18.4.1.2.3.7.1 (FindDocuments); FHIR R4 search prefixes; JDV_J52 for the statuses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import fields
from typing import Any

from facade.domain.dmp import DocumentQuery
from facade.domain.document import Availability, Coded, DocumentEntry, ReferenceId
from facade.domain.errors import InvalidInput
from facade.translation.identifiers import DocumentTarget, is_oid, read_document_identifier, read_document_link
from facade.translation.problems import Problems
from facade.translation.search_dates import DateFilter
from facade.translation.search_params import Reading, folded
from facade.translation.tables import CodeTables, ValueSet

Test = Callable[[DocumentEntry], bool]

_STATUSES = {
    "current": (Availability.APPROVED, Availability.ARCHIVED),
    "superseded": (Availability.DEPRECATED,),
    "entered-in-error": (),
}


class FilterReading(Reading):
    """The filters on documents read so far."""

    def __init__(self, tables: CodeTables, problems: Problems) -> None:
        super().__init__(tables, problems)
        self.tests: list[Test] = []
        self.asked: dict[str, Any] = {}
        self.statuses: set[Availability] | None = None
        self.archived: bool | None = None
        self.relates_to: frozenset[DocumentTarget] | None = None
        self.last_updated: list[tuple[DateFilter, ...]] = []

    def query(self) -> DocumentQuery:
        """The FindDocuments query: never narrower than the tests."""
        return DocumentQuery(**self.asked)

    def finish(self) -> None:
        """Join the two parameters that decide on availabilityStatus: status and isArchived."""
        asked = set(_STATUSES["current"]) if self.statuses is None else self.statuses
        if self.archived is not None:
            asked &= {Availability.ARCHIVED} if self.archived else {Availability.APPROVED, Availability.DEPRECATED}
        self.empty = self.empty or not asked
        self.asked["statuses"] = tuple(status for status in Availability if status in asked)
        self.tests.append(lambda entry: entry.availability in asked)

    def ask(self, name: str, values: Iterable[Any], *, repeating: bool = False) -> None:
        """Ask the DMP for these values; of a second filter on one attribute only what both allow.

        An attribute that repeats may meet two filters with two values: the first is asked, the second only tested.
        """
        wanted = tuple(values)
        if name in self.asked:
            if repeating:
                return
            wanted = tuple(value for value in self.asked[name] if value in wanted)
            self.empty = self.empty or not wanted
        self.asked[name] = wanted


Filter = Callable[[FilterReading, str, str], None]


def _coded(
    asked: str, members: Callable[[CodeTables], ValueSet], of: Callable[[DocumentEntry], Iterable[Coded]]
) -> Filter:
    def read(reading: FilterReading, name: str, value: str) -> None:
        found = reading.codes(name, value, members(reading.tables))
        wanted = frozenset(found)
        reading.ask(asked, found)
        reading.tests.append(lambda entry: any(code in wanted for code in of(entry)))

    return read


def _status(reading: FilterReading, name: str, value: str) -> None:
    asked: set[Availability] = set()
    for token in value.split(","):
        code = token.strip().rpartition("|")[2]
        if code not in _STATUSES:
            reading.unknown(name, token, "MHD status")
        asked.update(_STATUSES.get(code, ()))
    reading.statuses = asked if reading.statuses is None else reading.statuses & asked


def _is_archived(reading: FilterReading, name: str, value: str) -> None:
    wanted = value.strip().rpartition("|")[2]
    if wanted not in ("true", "false"):
        reading.malformed(name, value)
    elif reading.archived is not None and reading.archived != (wanted == "true"):
        reading.empty = True
    else:
        reading.archived = wanted == "true"


def _security_label(reading: FilterReading, name: str, value: str) -> None:
    """A level or flag. It is tested on what the entry carries: a level alone also matches entries with flags."""
    wanted: set[str] = set()
    for token in value.split(","):
        system, _, code = token.strip().rpartition("|")
        label = reading.tables.labels.get((system, code.upper()))
        if label is None:
            reading.unknown(name, token, "JDV_J58-ConfidentialityCode-DMP")
        else:
            wanted.add(code.upper())
    # Not asked of the DMP: an entry without a level counts as N here, and would not be found there.
    reading.tests.append(lambda entry: entry.masking.level.value in wanted or bool(entry.masking.flags & wanted))


def _event(reading: FilterReading, name: str, value: str) -> None:
    wanted: set[tuple[str, str]] = set()
    for token in value.split(","):
        system, _, code = token.strip().rpartition("|")
        scheme = reading.tables.systems.oid_of(system) if system else ""
        if scheme is None or (system and scheme not in reading.tables.event_schemes):
            reading.unknown(name, token, "eventCodeList")
        else:
            wanted.add((scheme, code))
    if all(scheme and code for scheme, code in wanted):
        reading.ask("events", [Coded(code, scheme) for scheme, code in sorted(wanted)], repeating=True)
    reading.tests.append(
        lambda entry: any(
            (event.scheme == scheme or not scheme) and (event.code == code or not code)
            for event in entry.events
            for scheme, code in wanted
        )
    )


def _related(reading: FilterReading, name: str, value: str) -> None:
    """``related:identifier`` (and MHD's related): an identifier of the referenceIdList, whatever its type."""
    wanted: set[tuple[str, str]] = set()
    for token in value.split(","):
        system, _, number = token.strip().rpartition("|")
        authority = system.removeprefix("urn:oid:")
        if not number or (authority and not is_oid(authority)):
            reading.malformed(name, token)
        else:
            wanted.add((authority, number))
    types = sorted(reading.tables.reference_types)
    if all(authority for authority, _ in wanted):
        references = [ReferenceId(number, authority, kind) for authority, number in sorted(wanted) for kind in types]
        reading.ask("references", references, repeating=True)
    reading.tests.append(
        lambda entry: any(
            reference.value == number and (not authority or reference.authority == authority)
            for reference in entry.references
            for authority, number in wanted
        )
    )


def _relates_to(reading: FilterReading, name: str, value: str) -> None:
    """The documents those wanted replace, append or transform: by address, sealed id or identifier."""
    found: set[DocumentTarget] = set()
    for token in value.split(","):
        system, bar, number = token.strip().rpartition("|")
        try:
            if bar or number.startswith("urn:"):
                found.add(read_document_identifier(system, number, name))
            else:
                found.add(read_document_link(number if "/" in number else f"DocumentReference/{number}", name))
        except InvalidInput:
            reading.malformed(name, token)
    given = frozenset(found)
    reading.relates_to = given if reading.relates_to is None else reading.relates_to & given


def _author(*parts: str) -> Filter:
    def read(reading: FilterReading, name: str, value: str) -> None:
        starts = reading.starts(name, value)
        # Not asked of the DMP: its XCN pattern knows neither case nor accents, a FHIR string search ignores both.
        reading.tests.append(
            lambda entry: any(
                folded(getattr(author.person, part)).startswith(starts) for author in entry.authors for part in parts
            )
        )

    return read


def _author_id(reading: FilterReading, name: str, value: str) -> None:
    wanted = reading.numbers(name, value)
    reading.tests.append(lambda entry: any(author.person.id in wanted for author in entry.authors))


def _creation(reading: FilterReading, name: str, value: str) -> None:
    _dated(reading, name, value, lambda entry: (entry.creation_time, entry.creation_time), ("creation",))


def _period(reading: FilterReading, name: str, value: str) -> None:
    _dated(
        reading,
        name,
        value,
        lambda entry: (entry.service_start or entry.creation_time, entry.service_stop),
        (),
    )


def _period_start(reading: FilterReading, name: str, value: str) -> None:
    _dated(reading, name, value, lambda entry: (entry.service_start, entry.service_start), ("service_start",))


def _period_end(reading: FilterReading, name: str, value: str) -> None:
    _dated(reading, name, value, lambda entry: (entry.service_stop, entry.service_stop), ("service_stop",))


def _last_updated(reading: FilterReading, name: str, value: str) -> None:
    """No attribute of an entry says it: the lots that touched it do (``transactions.last_updated``)."""
    reading.last_updated.append(tuple(reading.dates(name, value)))


def _dated(reading: FilterReading, name: str, value: str, of: Any, asked: tuple[str, ...]) -> None:
    alternatives = reading.dates(name, value)
    reading.tests.append(lambda entry: any(found.matches(*of(entry)) for found in alternatives))
    if len(alternatives) != 1:
        return
    lower, upper = alternatives[0].bounds()
    known = {found.name for found in fields(DocumentQuery)}
    for attribute in asked:
        for suffix, bound, narrower in (("from", lower, max), ("to", upper, min)):
            key = f"{attribute}_{suffix}"
            if bound is not None and key in known:
                present = reading.asked.get(key)
                reading.asked[key] = bound if present is None else narrower(present, bound)


FILTERS: dict[str, Filter] = {
    "status": _status,
    "isArchived": _is_archived,
    "type": _coded("type_codes", lambda tables: tables.types, lambda entry: (entry.type_code,)),
    "category": _coded("class_codes", lambda tables: tables.classes, lambda entry: (entry.class_code,)),
    "format": _coded("format_codes", lambda tables: tables.formats, lambda entry: (entry.format_code,)),
    "facility": _coded("facilities", lambda tables: tables.facilities, lambda entry: (entry.facility,)),
    "setting": _coded("practices", lambda tables: tables.practices, lambda entry: (entry.practice,)),
    "security-label": _security_label,
    "event": _event,
    "related": _related,
    "related:identifier": _related,
    "creation": _creation,
    "period": _period,
    "period-start": _period_start,
    "period-end": _period_end,
    "relatesto": _relates_to,
    "_lastUpdated": _last_updated,
    "author.family": _author("family"),
    "author.given": _author("given"),
    "author.name": _author("family", "given"),
    "author": _author_id,
    "author.identifier": _author_id,
    "author:identifier": _author_id,
}
