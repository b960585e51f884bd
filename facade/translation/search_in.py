"""Search parameters of ITI-67 -> a FindDocuments query, and an exact test for what XDS cannot express.

Source: MHD 4.2.3 ITI-67 (mapping to FindDocuments); PDSm search parameters; FHIR R4 search (tokens, date prefixes).
Every filter is applied twice: to the DMP as far as XDS goes, and to each entry it answers, so results are exact.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from facade.domain.dmp import DocumentQuery
from facade.domain.document import Availability, DocumentEntry
from facade.domain.errors import InvalidInput
from facade.domain.ins import INS
from facade.translation.identifiers import DocumentTarget, read_document_identifier
from facade.translation.problems import Problems, shown
from facade.translation.search_filters import FILTERS, Filter, FilterReading
from facade.translation.subject_in import SubjectRules, read_patient_token
from facade.translation.tables import CodeTables

_PATIENT = ("patient.identifier", "patient:identifier", "subject.identifier", "subject:identifier")
_PATIENT_LINK = ("patient", "subject", "patient:Patient", "subject:Patient")
_RESULT = ("_count", "_sort", "_summary", "_elements", "_format", "_pretty", "_total", "_offset", "_page", "_cursor")
_ALIASES = {"PDSm_isArchived": "isArchived", "date": "creation", "PDSm_DocumentReference_period-start": "period-start"}
_SORTS = ("date", "-date", "creation", "-creation")
_SUMMARIES = ("true", "text", "data", "count", "false")
_COUNT_DIGITS = 9
_MAX_COUNT = 1000


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """A search as read. ``empty`` means that nothing can match and the DMP need not be asked.

    ``unique_ids`` and ``uuids`` (entryUUID or logicalId) come from ``identifier``, ``ids`` are sealed ids of ``_id``:
    those are the caller's to open and compare.
    """

    patient: INS
    query: DocumentQuery
    unique_ids: tuple[str, ...] = ()
    uuids: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()
    count: int | None = None
    sort: tuple[str, ...] = ()
    summary: str = ""
    elements: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    empty: bool = False
    tests: tuple[Callable[[DocumentEntry], bool], ...] = field(default=(), repr=False)

    @property
    def by_identifier(self) -> bool:
        """Whether documents are named one by one: GetDocuments is asked, not FindDocuments."""
        return bool(self.unique_ids or self.uuids or self.ids)

    def matches(self, entry: DocumentEntry) -> bool:
        """Whether an entry answers every filter (``_id`` excepted). Deleted documents and signatures never do."""
        if entry.availability is Availability.DELETED or entry.is_signature:
            return False
        if (self.unique_ids or self.uuids) and not (
            entry.unique_id in self.unique_ids or entry.entry_uuid in self.uuids or entry.logical_id in self.uuids
        ):
            return False
        return all(test(entry) for test in self.tests)

    def ordered(self, entries: Iterable[DocumentEntry]) -> tuple[DocumentEntry, ...]:
        """The entries in the order asked for; newest first where none is."""
        found = sorted(entries, key=lambda entry: entry.unique_id)
        newest_first = not self.sort or self.sort[0].startswith("-")
        return tuple(sorted(found, key=lambda entry: entry.creation_time.start, reverse=newest_first))


def search_query(
    params: Sequence[tuple[str, str]], *, tables: CodeTables, rules: SubjectRules, strict: bool = False
) -> SearchRequest:
    """Read the parameters of a search on DocumentReference.

    A parameter that is not known is ignored, and refused under ``strict`` (``search.parameter-unknown``). Raises one
    InvalidInput: ``search.patient-missing``, ``search.patient-several``, ``search.code-unknown``,
    ``search.value-malformed``, ``search.modifier-unsupported``, ``search.parameter-unknown``, ``identity.*``.
    """
    return _Search(params, tables, rules, strict=strict).request()


class _Search:
    def __init__(
        self, params: Sequence[tuple[str, str]], tables: CodeTables, rules: SubjectRules, *, strict: bool
    ) -> None:
        self.params, self.rules, self.strict = params, rules, strict
        self.problems = Problems()
        self.reading = FilterReading(tables, self.problems)
        self.patients: set[INS] = set()
        self.targets: list[set[DocumentTarget]] = []
        self.ids: list[set[str]] = []
        self.result: dict[str, str] = {}
        self.ignored: list[str] = []

    def request(self) -> SearchRequest:
        for name, value in self.params:
            self._read(_ALIASES.get(name, name), value)
        if len(self.patients) > 1:
            self.problems.add("search.patient-several", "patient")
        if not self.patients and not self.problems.found:
            self.problems.add("search.patient-missing", "patient.identifier")
        count = self._count()
        sort = self._one_of("_sort", _SORTS)
        summary = self._one_of("_summary", _SUMMARIES)
        self.problems.check()
        self.reading.finish()
        targets = set.intersection(*self.targets) if self.targets else set()
        ids = set.intersection(*self.ids) if self.ids else set()
        return SearchRequest(
            patient=self.patients.pop(),
            query=self.reading.query(),
            unique_ids=tuple(sorted(target.unique_id for target in targets)),
            uuids=tuple(sorted(target.uuid for target in targets if target.uuid)),
            ids=tuple(sorted(ids)),
            count=count,
            sort=(sort,) if sort else (),
            summary=summary,
            elements=tuple(name for name in self.result.get("_elements", "").split(",") if name),
            ignored=tuple(self.ignored),
            empty=self.reading.empty or bool(self.targets and not targets) or bool(self.ids and not ids),
            tests=tuple(self.reading.tests),
        )

    def _read(self, name: str, value: str) -> None:
        known: Filter | None = FILTERS.get(name)
        if name in _PATIENT or name in _PATIENT_LINK:
            self._patient(name, value)
        elif name in _RESULT:
            self.result[name] = value
        elif not value.strip():
            # FHIR: a parameter without a value is as if it were absent.
            self.ignored.append(name)
        elif name == "_id":
            self.ids.append(set(value.split(",")))
        elif name == "identifier":
            self._identifier(value)
        elif known is not None:
            known(self.reading, name, value)
        elif name.partition(":")[0] in FILTERS and ":" in name:
            # A modifier changes what is asked for: to ignore it would answer another question.
            self.problems.add("search.modifier-unsupported", name, parameter=shown(name))
        elif self.strict:
            self.problems.add("search.parameter-unknown", name, parameter=shown(name))
        else:
            self.ignored.append(name)

    def _patient(self, name: str, value: str) -> None:
        try:
            if name in _PATIENT or "|" in value:
                system, _, number = value.rpartition("?identifier=")[2].rpartition("|")
                self.patients.add(read_patient_token(system, number, self.rules, name))
                return
            opened = self.rules.open_patient_id(value.rpartition("Patient/")[2])
        except InvalidInput as error:
            self.problems.take(error)
            return
        if opened is None:
            self.problems.add("patient.unresolved", name)
        else:
            self.patients.add(opened)

    def _identifier(self, value: str) -> None:
        found: set[DocumentTarget] = set()
        for token in value.split(","):
            system, _, number = token.rpartition("|")
            try:
                found.add(read_document_identifier(system, number, "identifier"))
            except InvalidInput:
                # An identifier of no form a document has: it names none, which is not an error of the search.
                continue
        self.targets.append(found)

    def _count(self) -> int | None:
        given = self.result.get("_count")
        if given is None:
            return None
        if not (given.isascii() and given.isdigit() and len(given) <= _COUNT_DIGITS):
            self.problems.add("search.value-malformed", "_count", parameter="_count", value=shown(given))
            return None
        return min(int(given), _MAX_COUNT)

    def _one_of(self, name: str, allowed: tuple[str, ...]) -> str:
        given = self.result.get(name, "")
        if not given or given in allowed:
            return given
        self.problems.add("search.value-malformed", name, parameter=name, value=shown(given))
        return ""
