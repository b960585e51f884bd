"""Only the current metadata version of a document may be judged: an older one has the labels it no longer has.

A registry keeps every version (ITI-57); once replaced, a version is Deprecated and FindDocuments returns it like any
replaced document. Source: IHE ITI supplement "Metadata Update" (MetadataLevel, logicalID, version).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from facade.domain.dmp import DmpGateway, DmpSession, DocumentAnswer
from facade.domain.document import Availability, DocumentEntry
from facade.domain.errors import DmpRefused

# A question that finds nothing: no object has this name.
NOTHING = ("00000000-0000-4000-8000-000000000000",)


def newest(entries: Iterable[DocumentEntry]) -> dict[str, DocumentEntry]:
    """The highest version of each document among these, by logical id."""
    found: dict[str, DocumentEntry] = {}
    for entry in entries:
        known = found.get(entry.logical_id)
        if known is None or known.version < entry.version:
            found[entry.logical_id] = entry
    return found


def as_they_are(
    gateway: DmpGateway,
    session: DmpSession,
    entries: Iterable[DocumentEntry],
    *,
    also: Iterable[str] = (),
    always: bool = False,
) -> tuple[dict[str, DocumentEntry], tuple[DmpRefused, ...]]:
    """The current version of these documents, and of those of the logical ids ``also``, by logical id.

    The DMP is asked again for what a Deprecated entry is now. Where that answer is not whole, what it was to settle is
    left out: the version that is missing may carry the labels that hide the document. ``always``: it is asked even
    where nothing is in doubt, or that question would tell of a document nobody may know of.
    """
    found = newest(entries)
    doubtful = {each for each, entry in found.items() if entry.availability is Availability.DEPRECATED}
    asked = doubtful | (set(also) - set(found))
    if not asked and not always:
        return found, ()
    answer = gateway.get_documents(session, logical_ids=sorted(asked) or NOTHING)
    told = newest(entry for entry in answer.entries if entry.logical_id in asked)
    settled = {
        each: entry
        for each, entry in newest((*told.values(), *(found[each] for each in doubtful & set(told)))).items()
        if entry.availability is not Availability.DEPRECATED or not answer.warnings
    }
    return {each: entry for each, entry in found.items() if each not in doubtful} | settled, answer.warnings


def only_current(
    gateway: DmpGateway, session: DmpSession, answer: DocumentAnswer, *, always: bool = False
) -> DocumentAnswer:
    """The answer without versions that are not current, and without those of which that is not certain."""
    found = newest(answer.entries)
    now, warnings = as_they_are(gateway, session, found.values(), always=always)
    kept = tuple(entry for each, entry in found.items() if each in now and now[each].version == entry.version)
    return DocumentAnswer(kept, (*answer.warnings, *warnings))


def named(gateway: DmpGateway, session: DmpSession, unique_ids: Sequence[str], uuids: Sequence[str]) -> DocumentAnswer:
    """The current version of the documents of these uniqueIds, entryUUIDs or logicalIds.

    How often the DMP is asked depends on the question only, never on what is found.
    """
    answers = _by_names(gateway, session, unique_ids, uuids)
    entries = [entry for answer in answers for entry in answer.entries]
    now, warnings = as_they_are(gateway, session, entries, also=uuids, always=True)
    return DocumentAnswer(tuple(now.values()), (*(each for answer in answers for each in answer.warnings), *warnings))


def every_version(
    gateway: DmpGateway,
    session: DmpSession,
    *,
    unique_ids: Sequence[str] = (),
    uuids: Sequence[str] = (),
    logical_ids: Sequence[str] = (),
) -> DocumentAnswer:
    """Every metadata version of the documents of these uniqueIds, entryUUIDs (or logicalIds: ``uuids``), logicalIds.

    How often the DMP is asked depends on the question only, never on what is found.
    """
    answers = _by_names(gateway, session, unique_ids, uuids)
    entries = [entry for answer in answers for entry in answer.entries]
    wanted = sorted({*logical_ids, *uuids, *(entry.logical_id for entry in entries)})
    answers.append(gateway.get_documents(session, logical_ids=wanted or NOTHING))
    return DocumentAnswer(
        (*entries, *answers[-1].entries), tuple(each for answer in answers for each in answer.warnings)
    )


def _by_names(
    gateway: DmpGateway, session: DmpSession, unique_ids: Sequence[str], uuids: Sequence[str]
) -> list[DocumentAnswer]:
    answers = []
    if unique_ids:
        answers.append(gateway.get_documents(session, unique_ids=unique_ids))
    if uuids:
        answers.append(gateway.get_documents(session, entry_uuids=uuids))
    return answers
