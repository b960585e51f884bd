"""The chain of replacements a document stands in: what it replaced, and what replaced it (RPLC, ITI TF-3 4.2.2.2)."""

from __future__ import annotations

from collections.abc import Iterable

from facade.domain.dmp import Association, AssociationType
from facade.domain.document import Availability, DocumentEntry
from facade.transactions.case import Case
from facade.transactions.versions import newest

_REPLACEMENTS = {AssociationType.REPLACES.value, AssociationType.REPLACES_BY_TRANSFORMING.value}


def earlier(case: Case, logical_id: str) -> list[DocumentEntry]:
    """The documents this one replaced, and those that these replaced, newest first; withdrawn ones are left out."""
    found: dict[str, DocumentEntry] = {}
    pending = [logical_id]
    while pending:
        uuids, links = _links(case, pending.pop())
        targets = _documents(case, (link.target for link in links if link.source in uuids))
        new = [entry for entry in targets if entry.logical_id not in (*found, logical_id)]
        found |= {entry.logical_id: entry for entry in new}
        pending += [entry.logical_id for entry in new]
    return [entry for entry in found.values() if entry.availability is not Availability.DELETED]


def has_successor(case: Case, logical_id: str) -> bool:
    """Whether a document that is not withdrawn has replaced this one."""
    uuids, links = _links(case, logical_id)
    successors = _documents(case, (link.source for link in links if link.target in uuids))
    return any(entry.availability is not Availability.DELETED for entry in successors)


def _links(case: Case, logical_id: str) -> tuple[set[str], list[Association]]:
    """The entryUUIDs of every metadata version of a document, any of which may be linked, and its replacements."""
    gateway = case.services.gateway
    versions = gateway.get_documents(case.session, logical_ids=[logical_id]).entries
    uuids = {entry.entry_uuid for entry in versions}
    links = gateway.get_associations(case.session, sorted(uuids))
    return uuids, [link for link in links if link.type in _REPLACEMENTS]


def _documents(case: Case, entry_uuids: Iterable[str]) -> list[DocumentEntry]:
    """The documents of these entryUUIDs as they are now."""
    gateway, wanted = case.services.gateway, sorted(set(entry_uuids))
    if not wanted:
        return []
    named = gateway.get_documents(case.session, entry_uuids=wanted).entries
    logical_ids = sorted({entry.logical_id for entry in named})
    if not logical_ids:
        return []
    return list(newest(gateway.get_documents(case.session, logical_ids=logical_ids).entries).values())
