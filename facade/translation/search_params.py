"""What every search of a record has in common: its patient, what it names, its order and its page.

Source: FHIR R4 search.html (parameters, modifiers, result parameters); MHD 4.2.3 ITI-66 and ITI-67 (patient required).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

from facade.domain.document import Coded
from facade.domain.errors import InvalidInput
from facade.domain.ins import INS
from facade.translation.identifiers import DocumentTarget, read_document_identifier
from facade.translation.problems import Problems, shown
from facade.translation.search_dates import DateFilter
from facade.translation.subject_in import SubjectRules, read_patient_token
from facade.translation.tables import CodeTables, ValueSet

_PATIENT = ("patient.identifier", "patient:identifier", "subject.identifier", "subject:identifier")
_PATIENT_LINK = ("patient", "subject", "patient:Patient", "subject:Patient")
_RESULT = ("_count", "_sort", "_summary", "_elements", "_format", "_pretty", "_total", "_offset", "_page", "_cursor")
_INCLUDES = ("_include", "_include:iterate", "_include:recurse")
_NAMED = ("_id", "identifier", "patient", "subject")
_SUMMARIES = ("true", "text", "data", "count", "false")
_CHAIN_TYPE = re.compile(r":(?:Practitioner|PractitionerRole|Organization|Device)(?=\.)")
_COUNT_DIGITS = 9
_MAX_COUNT = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a search of any resource type says besides its filters.

    ``empty`` means that nothing can match and the DMP need not be asked. ``unique_ids`` and ``uuids`` (entryUUID or
    logicalId) come from ``identifier``, ``ids`` are sealed ids of ``_id``: those are the caller's to open and compare.
    ``ignored`` are the parameters that were not understood.
    """

    patient: INS
    unique_ids: tuple[str, ...] = ()
    uuids: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()
    count: int | None = None
    sort: tuple[str, ...] = ()
    summary: str = ""
    elements: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    empty: bool = False


class Reading:
    """The filters of one search read so far. ``empty``: nothing can match, the DMP need not be asked."""

    def __init__(self, tables: CodeTables, problems: Problems) -> None:
        self.tables, self.problems = tables, problems
        self.empty = False

    def malformed(self, name: str, value: str) -> None:
        """Note that a value is not of the form its parameter has."""
        self.problems.add("search.value-malformed", name, parameter=name, value=shown(value))

    def unknown(self, name: str, value: str, value_set: str) -> None:
        """Note that a code is not of the value set its parameter is bound to."""
        self.problems.add("search.code-unknown", name, parameter=name, value=shown(value, 120), value_set=value_set)

    def starts(self, name: str, value: str) -> tuple[str, ...]:
        """The alternatives of a string search, folded; empty, and noted, where there is none."""
        found = tuple(folded(token) for token in value.split(",") if token.strip())
        if not found:
            self.malformed(name, value)
        return found

    def numbers(self, name: str, value: str) -> set[str]:
        """The identifiers of people or structures (``system|value`` or the value alone).

        They are contained in what is searched: a literal reference could name none, and is noted.
        """
        found = {token.strip().rpartition("|")[2] for token in value.split(",")}
        if any(not each or "/" in each for each in found):
            self.problems.add("search.reference-literal", name, parameter=name)
        return found

    def dates(self, name: str, value: str) -> list[DateFilter]:
        """The alternatives of a date search; empty, and noted, where one is no date."""
        try:
            found = [DateFilter.read(token) for token in value.split(",")]
            for each in found:
                each.bounds()
        except ValueError:
            self.malformed(name, value)
            return []
        return found

    def codes(self, name: str, value: str, members: ValueSet) -> list[Coded]:
        """The codes of a token search in a value set. ``system|code``, ``system|``, ``|code`` or ``code``.

        XDS codes always have a scheme: ``|code`` means any. One that the value set does not have is noted.
        """
        found: list[Coded] = []
        for token in value.split(","):
            codes = _members(members, token)
            if not codes:
                self.unknown(name, token, members.name)
            found.extend(codes)
        return found


def folded(name: str) -> str:
    """A name as FHIR string search compares it: without case, accents and surrounding blanks."""
    split = unicodedata.normalize("NFKD", name.strip().casefold())
    return "".join(letter for letter in split if not unicodedata.combining(letter))


def _members(members: ValueSet, token: str) -> tuple[Coded, ...]:
    system, bar, code = token.strip().rpartition("|")
    if not code:
        return members.in_system(system) if system else ()
    if bar and system:
        known = members.find(system, code)
        return (known,) if known else ()
    return members.with_code(code)


R = TypeVar("R", bound=Reading)


class SearchParameters(Generic[R]):
    """Reads the parameters of a search: those all searches have, and the ``filters`` of one resource type.

    A filter given twice must be met twice (AND); its comma-separated values are alternatives (OR).
    """

    filters: ClassVar[Mapping[str, Callable[..., None]]]
    aliases: ClassVar[Mapping[str, str]]
    sorts: ClassVar[tuple[str, ...]] = ()
    # What these would add is contained in the matches already.
    includes: ClassVar[tuple[str, ...]] = ()
    # Whether it is a search: _id and identifier name resources, and the result has pages and an order.
    is_search: ClassVar[bool] = True

    def __init__(self, params: Sequence[tuple[str, str]], reading: R, rules: SubjectRules, *, strict: bool) -> None:
        self.params, self.reading, self.rules, self.strict = params, reading, rules, strict
        self.problems = reading.problems
        self.patients: set[INS] = set()
        self.targets: list[set[DocumentTarget]] = []
        self.ids: list[set[str]] = []
        self.result: dict[str, str] = {}
        self.ignored: list[str] = []

    def read(self) -> dict[str, Any]:
        """Read them all; the fields every request has. Raises one InvalidInput with every problem found."""
        for name, value in self.params:
            plain = _CHAIN_TYPE.sub("", name)
            self._read(self.aliases.get(plain, plain), value, name)
        if len(self.patients) > 1:
            self.problems.add("search.patient-several", "patient")
        if not self.patients and not self.problems.found:
            self.problems.add("search.patient-missing", "patient.identifier")
        count = self._count()
        sort = self._one_of("_sort", self.sorts)
        summary = self._one_of("_summary", _SUMMARIES)
        self.problems.check()
        targets = set.intersection(*self.targets) if self.targets else set()
        ids = set.intersection(*self.ids) if self.ids else set()
        return {
            "patient": self.patients.pop(),
            "unique_ids": tuple(sorted(target.unique_id for target in targets)),
            "uuids": tuple(sorted(target.uuid for target in targets if target.uuid)),
            "ids": tuple(sorted(ids)),
            "count": count,
            "sort": (sort,) if sort else (),
            "summary": summary,
            "elements": tuple(name for name in self.result.get("_elements", "").split(",") if name),
            "ignored": tuple(self.ignored),
            "empty": bool(self.targets and not targets) or bool(self.ids and not ids),
        }

    def _read(self, name: str, value: str, written: str) -> None:
        known = self.filters.get(name)
        if name in _PATIENT or name in _PATIENT_LINK:
            self._patient(name, value)
        elif name in _RESULT and self.is_search:
            self.result[name] = value
        elif not value.strip():
            # FHIR: a parameter without a value is as if it were absent.
            self.ignored.append(written)
        elif name == "_id" and self.is_search:
            self.ids.append(set(value.split(",")))
        elif name == "identifier" and self.is_search:
            self._identifier(value)
        elif known is not None:
            known(self.reading, name, value)
        elif name in _INCLUDES and all(self._included(each) for each in value.split(",")):
            pass
        elif ":" in name and name.partition(":")[0] in (*self.filters, *_NAMED):
            # A modifier changes what is asked for: to ignore it would answer another question.
            self.problems.add("search.modifier-unsupported", name, parameter=shown(name))
        elif self.strict:
            self.problems.add("search.parameter-unknown", name, parameter=shown(name))
        else:
            self.ignored.append(written)

    def _included(self, value: str) -> bool:
        return ":".join(value.strip().split(":")[:2]) in self.includes

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
