"""Only the current metadata version of a document may be judged: an older one has the labels it no longer has.

A registry keeps every version (ITI-57); once replaced, a version is Deprecated and FindDocuments returns it like any
replaced document. Source: IHE ITI supplement "Metadata Update" (MetadataLevel, logicalID, version).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from facade.domain.dmp import DmpGateway, DmpSession, DocumentAnswer
from facade.domain.document import Availability, DocumentEntry

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


def only_current(
    gateway: DmpGateway, session: DmpSession, answer: DocumentAnswer, *, always: bool = False
) -> DocumentAnswer:
    """The answer without versions that are not current. The DMP is asked again for what a Deprecated entry is now.

    ``always``: also where none is, or that second question would tell that there is one nobody may know of.
    """
    found = newest(answer.entries)
    doubtful = [entry.logical_id for entry in found.values() if entry.availability is Availability.DEPRECATED]
    if not doubtful and not always:
        return DocumentAnswer(tuple(found.values()), answer.warnings)
    again = gateway.get_documents(session, logical_ids=doubtful or NOTHING)
    current = newest((*found.values(), *(entry for entry in again.entries if entry.logical_id in found)))
    kept = tuple(entry for entry in found.values() if entry.version == current[entry.logical_id].version)
    return DocumentAnswer(kept, (*answer.warnings, *again.warnings))


def named(gateway: DmpGateway, session: DmpSession, unique_ids: Sequence[str], uuids: Sequence[str]) -> DocumentAnswer:
    """The current version of the documents of these uniqueIds, entryUUIDs or logicalIds."""
    answer = every_version(gateway, session, unique_ids=unique_ids, uuids=uuids)
    return DocumentAnswer(tuple(newest(answer.entries).values()), answer.warnings)


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
    found: list[DocumentEntry] = []
    if unique_ids:
        found.extend(gateway.get_documents(session, unique_ids=unique_ids).entries)
    if uuids:
        found.extend(gateway.get_documents(session, entry_uuids=uuids).entries)
    wanted = sorted({*logical_ids, *uuids, *(entry.logical_id for entry in found)})
    answer = gateway.get_documents(session, logical_ids=wanted or NOTHING)
    return DocumentAnswer((*found, *answer.entries), answer.warnings)
