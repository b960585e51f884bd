"""Search parameters of ITI-66 -> a FindSubmissionSets query, and an exact test for what XDS cannot express.

Source: MHD 4.2.3 ITI-66 (mapping to FindSubmissionSets) and its SearchParameters sourceId and designationType; PDSm
(title, authorOrg, isArchived, source by person). The DMP has no folders and archives no lot: what asks for either
finds nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from facade.domain.dmp import LotQuery
from facade.domain.document import Author, Person, SubmissionSet, XdsTime
from facade.translation.identifiers import is_oid
from facade.translation.problems import Problems
from facade.translation.search_params import Asked, Reading, SearchParameters, folded
from facade.translation.subject_in import SubjectRules
from facade.translation.tables import CodeTables
from facade.translation.vocabulary import LIST_TYPES

_CODES = ("submissionset", "folder")
_STATUSES = ("current", "superseded", "retired", "entered-in-error")
_FLAGS = ("true", "false")
Names = Callable[[Person], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class LotRequest(Asked):
    """A search of lots as read. ``uuids`` are entryUUIDs."""

    query: LotQuery
    tests: tuple[Callable[[SubmissionSet], bool], ...] = field(default=(), repr=False)

    def matches(self, lot: SubmissionSet) -> bool:
        """Whether a lot answers every filter (``_id`` excepted)."""
        if (self.unique_ids or self.uuids) and not (lot.unique_id in self.unique_ids or lot.entry_uuid in self.uuids):
            return False
        return all(test(lot) for test in self.tests)

    def ordered(self, lots: Iterable[SubmissionSet]) -> tuple[SubmissionSet, ...]:
        """The lots in the order asked for; newest first where none is."""
        found = sorted(lots, key=lambda lot: lot.unique_id)
        newest_first = not self.sort or self.sort[0].startswith("-")
        return tuple(sorted(found, key=lambda lot: lot.submission_time.start, reverse=newest_first))


def lot_query(
    params: Sequence[tuple[str, str]], *, tables: CodeTables, rules: SubjectRules, strict: bool = False
) -> LotRequest:
    """Read the parameters of a search on List.

    ``code`` and ``status`` are taken as submissionset and current where the client leaves them out. Raises one
    InvalidInput with the codes of ``search_query``.
    """
    reading = _LotReading(tables, Problems())
    found = _LotParameters(params, reading, rules, strict=strict).read()
    found["empty"] = found["empty"] or reading.empty
    return LotRequest(query=LotQuery(**reading.asked), tests=tuple(reading.tests), **found)


class _LotReading(Reading):
    def __init__(self, tables: CodeTables, problems: Problems) -> None:
        super().__init__(tables, problems)
        self.tests: list[Callable[[SubmissionSet], bool]] = []
        self.asked: dict[str, Any] = {}

    def one_of(self, name: str, value: str, allowed: Iterable[str], value_set: str) -> set[str]:
        """The alternatives of a token whose code alone counts."""
        found = set()
        for token in value.split(","):
            code = token.strip().rpartition("|")[2]
            if code not in allowed:
                self.unknown(name, token, value_set)
            found.add(code)
        return found

    def ask(self, name: str, values: Iterable[Any]) -> None:
        """Ask the DMP for these values; of a second filter on one attribute only what both allow."""
        wanted = tuple(values)
        if name in self.asked:
            wanted = tuple(value for value in self.asked[name] if value in wanted)
            self.empty = self.empty or not wanted
        self.asked[name] = wanted


def _code(reading: _LotReading, name: str, value: str) -> None:
    for token in value.split(","):
        system, bar, _ = token.strip().rpartition("|")
        if bar and system not in ("", LIST_TYPES):
            reading.unknown(name, token, "MHDlistTypes")
    if "submissionset" not in reading.one_of(name, value, _CODES, "MHDlistTypes"):
        reading.empty = True


def _status(reading: _LotReading, name: str, value: str) -> None:
    if "current" not in reading.one_of(name, value, _STATUSES, "MHD status"):
        reading.empty = True


def _is_archived(reading: _LotReading, name: str, value: str) -> None:
    wanted = value.strip().rpartition("|")[2]
    if wanted not in _FLAGS:
        reading.malformed(name, value)
    elif wanted == "true":
        reading.empty = True


def _date(reading: _LotReading, name: str, value: str) -> None:
    alternatives = reading.dates(name, value)
    reading.tests.append(
        lambda lot: any(each.matches(lot.submission_time, lot.submission_time) for each in alternatives)
    )
    if len(alternatives) != 1:
        return
    lower, upper = alternatives[0].bounds()
    _narrow(reading, "submitted_from", lower, max)
    _narrow(reading, "submitted_to", upper, min)


def _narrow(reading: _LotReading, name: str, bound: XdsTime | None, narrower: Callable[..., XdsTime]) -> None:
    if bound is not None:
        present = reading.asked.get(name)
        reading.asked[name] = bound if present is None else narrower(present, bound)


def _designation_type(reading: _LotReading, name: str, value: str) -> None:
    found = reading.codes(name, value, reading.tables.content_types)
    wanted = frozenset(found)
    reading.ask("content_types", found)
    reading.tests.append(lambda lot: lot.content_type in wanted)


def _source_id(reading: _LotReading, name: str, value: str) -> None:
    wanted = [token.strip().rpartition("|")[2].removeprefix("urn:oid:") for token in value.split(",")]
    if not all(map(is_oid, wanted)):
        reading.malformed(name, value)
        return
    reading.ask("source_ids", wanted)
    reading.tests.append(lambda lot: lot.source_id in wanted)


def _title(reading: _LotReading, name: str, value: str) -> None:
    starts = reading.starts(name, value)
    reading.tests.append(lambda lot: folded(lot.title).startswith(starts))


def _source(*names: Names, of_patient: bool = False) -> Callable[[_LotReading, str, str], None]:
    def read(reading: _LotReading, name: str, value: str) -> None:
        starts = reading.starts(name, value)

        # Not asked of the DMP: its XCN pattern knows neither case nor accents, a FHIR string search ignores both.
        def matches(author: Author) -> bool:
            person = author.person
            asked_for = person.id_type == "NH" or not of_patient
            return asked_for and any(folded(part(person)).startswith(starts) for part in names)

        reading.tests.append(lambda lot: any(matches(author) for author in lot.authors))

    return read


def _source_identifier(reading: _LotReading, name: str, value: str) -> None:
    wanted = reading.numbers(name, value)
    reading.tests.append(lambda lot: any(author.person.id in wanted for author in lot.authors))


def _author_org(reading: _LotReading, name: str, value: str) -> None:
    wanted = reading.numbers(name, value)
    reading.tests.append(lambda lot: any(found.id in wanted for author in lot.authors for found in author.institutions))


def _author_org_name(reading: _LotReading, name: str, value: str) -> None:
    starts = reading.starts(name, value)
    reading.tests.append(
        lambda lot: any(
            folded(found.name).startswith(starts) for author in lot.authors for found in author.institutions
        )
    )


def _family(person: Person) -> str:
    return person.family


def _given(person: Person) -> str:
    return person.given


class _LotParameters(SearchParameters[_LotReading]):
    filters: ClassVar = {
        "code": _code,
        "status": _status,
        "isArchived": _is_archived,
        "date": _date,
        # A lot is never changed: it was last updated when it was submitted.
        "_lastUpdated": _date,
        "designationType": _designation_type,
        "sourceId": _source_id,
        "title": _title,
        "source.family": _source(_family),
        "source.given": _source(_given),
        "source.name": _source(_family, _given),
        "source:Patient.family": _source(_family, of_patient=True),
        "source:Patient.given": _source(_given, of_patient=True),
        "source": _source_identifier,
        "source.identifier": _source_identifier,
        "source:identifier": _source_identifier,
        "authorOrg": _author_org,
        "authorOrg:identifier": _author_org,
        "authorOrg.identifier": _author_org,
        "authorOrg.name": _author_org_name,
    }
    aliases: ClassVar = {
        "DesignationType": "designationType",
        "SourceId": "sourceId",
        "PDSm_isArchived": "isArchived",
        "PDSm_authorOrg": "authorOrg",
        "_lastupdated": "_lastUpdated",
        "source.practitioner.family": "source.family",
        "source.practitioner.given": "source.given",
    }
    sorts = ("date", "-date")
    includes = ("List:source",)
