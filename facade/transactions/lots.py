"""What the lots of a record hold, as it is now: which documents were submitted in a lot, and their current metadata.

Every question is put to the DMP whatever the answer before it was: how many there are may not tell of a lot or a
document that is not shown. Sources: ITI TF-3 4.2.2.2 (HasMember); ITI TF-2 3.57 (metadata versions).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from facade.domain.dmp import Association, AssociationType
from facade.domain.document import DocumentEntry
from facade.domain.errors import DmpRefused
from facade.transactions.case import Case
from facade.transactions.versions import NOTHING

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
    links = gateway.get_associations(case.session, wanted or NOTHING)
    held = members(links, wanted)
    targets = [target for lot in wanted for target in held[lot]]
    answer = gateway.get_documents(case.session, entry_uuids=targets or NOTHING)
    return Contents(held, answer.entries, answer.warnings)


def submitted(entry: DocumentEntry) -> bool:
    """Whether this entry is how a document came into the record; later versions come from a change (ITI-57)."""
    return entry.version == _FIRST_VERSION and not entry.is_signature
