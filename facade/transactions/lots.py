"""What the lots of a record hold, as it is now: which documents were submitted in a lot, and their current metadata.

Every question is put to the DMP whatever the answer before it was: how many there are may not tell of a lot or a
document that is not shown. Sources: ITI TF-3 4.2.2.2 (HasMember); ITI TF-2 3.57 (metadata versions).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from facade.domain.dmp import Association, AssociationType
from facade.domain.document import Availability, DocumentEntry
from facade.domain.errors import DmpRefused
from facade.transactions.case import Case
from facade.transactions.versions import newest

_FIRST_VERSION = 1


@dataclass(frozen=True, slots=True)
class Contents:
    """Of some lots: the entryUUIDs each holds, and the entries of these, each as it was submitted."""

    members: dict[str, tuple[str, ...]]
    entries: tuple[DocumentEntry, ...]
    warnings: tuple[DmpRefused, ...] = ()


def members(links: Iterable[Association], lots: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """The entryUUIDs each of these lots (by entryUUID) holds."""
    found: dict[str, list[str]] = {lot: [] for lot in lots}
    for link in links:
        if link.type == AssociationType.HAS_MEMBER and link.source in found:
            found[link.source].append(link.target)
    return {lot: tuple(targets) for lot, targets in found.items()}


def contents_of(case: Case, lots: Iterable[str]) -> Contents:
    """What these lots (by entryUUID) hold: GetAssociations, then GetDocuments."""
    gateway = case.services.gateway
    wanted = list(lots)
    links = gateway.get_associations(case.session, wanted or nothing(case))
    held = members(links, wanted)
    targets = [target for lot in wanted for target in held[lot]]
    answer = gateway.get_documents(case.session, entry_uuids=targets or nothing(case))
    return Contents(held, answer.entries, answer.warnings)


def current(case: Case, entries: Iterable[DocumentEntry]) -> dict[str, DocumentEntry]:
    """The metadata these documents have now, by logical id. A version that was replaced may never be judged."""
    found = newest(entries)
    doubtful = [entry.logical_id for entry in found.values() if entry.availability is Availability.DEPRECATED]
    again = case.services.gateway.get_documents(case.session, logical_ids=doubtful or nothing(case))
    return newest((*found.values(), *(entry for entry in again.entries if entry.logical_id in found)))


def submitted(entry: DocumentEntry) -> bool:
    """Whether this entry is how a document came into the record; later versions come from a change (ITI-57)."""
    return entry.version == _FIRST_VERSION and not entry.is_signature


def nothing(case: Case) -> Sequence[str]:
    """A question that finds nothing: the name of an object that does not exist."""
    return [case.services.new_uuid()]
