"""Search parameters of ITI-67 -> a FindDocuments query, and an exact test for what XDS cannot express.

Source: MHD 4.2.3 ITI-67 (mapping to FindDocuments); PDSm search parameters; FHIR R4 search (tokens, date prefixes).
Every filter is applied twice: to the DMP as far as XDS goes, and to each entry it answers, so results are exact.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from facade.domain.dmp import DocumentQuery
from facade.domain.document import Availability, DocumentEntry
from facade.translation.identifiers import DocumentTarget
from facade.translation.problems import Problems
from facade.translation.search_dates import DateFilter
from facade.translation.search_filters import FILTERS, FilterReading
from facade.translation.search_params import Asked, SearchParameters
from facade.translation.subject_in import SubjectRules
from facade.translation.tables import CodeTables


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchRequest(Asked):
    """A search of documents as read. ``relates_to`` are the documents those wanted must relate to, None for no such.

    ``last_updated``: when they last changed, for each filter its alternatives.
    """

    query: DocumentQuery
    relates_to: frozenset[DocumentTarget] | None = None
    last_updated: tuple[tuple[DateFilter, ...], ...] = ()
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
    reading = FilterReading(tables, Problems())
    found = _DocumentParameters(params, reading, rules, strict=strict).read()
    reading.finish()
    found["empty"] = found["empty"] or reading.empty
    return SearchRequest(
        query=reading.query(),
        relates_to=reading.relates_to,
        last_updated=tuple(reading.last_updated),
        tests=tuple(reading.tests),
        **found,
    )


class _DocumentParameters(SearchParameters[FilterReading]):
    filters = FILTERS
    aliases: ClassVar = {
        "date": "creation",
        "relatesTo": "relatesto",
        "_lastupdated": "_lastUpdated",
        "relatesto:DocumentReference": "relatesto",
        "relatesto:identifier": "relatesto",
        "author.practitioner.family": "author.family",
        "author.practitioner.given": "author.given",
        "author.practitioner.identifier": "author.identifier",
        "PDSm_isArchived": "isArchived",
        "PDSm_DocumentReference_period-start": "period-start",
        "PDSm_DocumentReference_period-end": "period-end",
    }
    sorts = ("date", "-date", "creation", "-creation")
    includes = ("DocumentReference:author",)
