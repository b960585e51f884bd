"""GET /DocumentReference/$changes: what became of the documents of a record since it was last opened.

XDS has no query by date of submission: FindSubmissionSets, then GetAssociations, then GetDocumentsAndAssociations by
twenty (SEL-MP-037 3.5.1.3); a first opening looks back two years at most. Told is only what the caller sees now, as a
search would. A document it does not see is not told of, whether it was withdrawn, hidden or never there: of one that
the client names itself it learns that it is not there, as a read would say, and the same in each of these cases.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from facade.domain.access import Act
from facade.domain.dmp import Association, AssociationType, LotAnswer, LotQuery
from facade.domain.document import DocumentEntry, XdsTime
from facade.domain.errors import DmpRefused
from facade.domain.ins import INS
from facade.observability.acts import measured
from facade.transactions import lots, render
from facade.transactions.actor import Actor
from facade.transactions.case import Case
from facade.transactions.services import Services
from facade.transactions.versions import NOTHING, as_they_are
from facade.translation.changes_in import ChangesRequest
from facade.translation.changes_out import Change, Changed

_FIRST_OPENING_YEARS = 2
_REPLACEMENTS = (AssociationType.REPLACES, AssociationType.REPLACES_BY_TRANSFORMING)


@dataclass(frozen=True, slots=True)
class Changes:
    """What changed, newest first, and which of the documents the client named are not there for it.

    ``asked_at`` is when the DMP was asked. ``limited``: the client asked for more than two years.
    """

    patient: INS
    asked_at: datetime
    limited: bool
    changes: tuple[Changed, ...]
    gone: tuple[str, ...]
    warnings: tuple[DmpRefused, ...]


@measured("find-changes")
def find_changes(services: Services, actor: Actor, wanted: ChangesRequest) -> Changes:
    """Find what changed, mask it and write it. Raises Refused, DmpRefused, DmpUnavailable."""
    with Case(services, actor, Act.SEARCH, wanted.patient, "TD3.1") as case:
        earliest = _years_before(case.now, _FIRST_OPENING_YEARS)
        since = earliest if wanted.since is None else max(wanted.since, earliest)
        query = LotQuery(submitted_from=XdsTime.at(since))
        dossier, answer = case.ask(lambda session: services.gateway.find_lots(session, query))
        window = _read_window(case, answer)
        named = {sealed: _logical_id(services, wanted.patient, sealed) for sealed in wanted.known}
        known = [each for each in named.values() if each]
        entries = window.entries.values()
        now, warnings = as_they_are(services.gateway, case.session, entries, also=known, always=True)
        visible = {entry.logical_id: entry for entry in case.visible(dossier, now.values())}
        warnings = (*answer.warnings, *window.warnings, *warnings)
        # What a partial answer leaves out may still be there: nobody is told that it is gone.
        gone = () if warnings else tuple(sealed for sealed, each in named.items() if each not in visible)
        limited = wanted.since is not None and wanted.since < earliest
        changes = _told(case, window, visible)
        return Changes(wanted.patient, case.now, limited, changes, gone, warnings)


@dataclass(slots=True)
class _Window:
    """What the lots of a time brought: the entries they touched, and when each was touched, by its entryUUID."""

    entries: dict[str, DocumentEntry] = field(default_factory=dict)
    members: dict[str, XdsTime] = field(default_factory=dict)
    statuses: dict[str, XdsTime] = field(default_factory=dict)
    replacements: tuple[Association, ...] = ()
    warnings: tuple[DmpRefused, ...] = ()

    def logical_id(self, entry_uuid: str) -> str:
        """The document an entry is a version of; empty for one that is not known here."""
        entry = self.entries.get(entry_uuid)
        return entry.logical_id if entry is not None else ""


def _read_window(case: Case, answer: LotAnswer) -> _Window:
    """Ask what the lots hold. The same questions are asked whatever is found, see ``transactions.lots``."""
    gateway, window = case.services.gateway, _Window()
    times = {lot.entry_uuid: lot.submission_time for lot in answer.lots}
    links = gateway.get_associations(case.session, list(times) or NOTHING)
    signatures = {link.source for link in links if link.type == AssociationType.SIGNS}
    for link in links:
        if link.source not in times or link.target in signatures:
            continue
        if link.type == AssociationType.HAS_MEMBER:
            window.members[link.target] = times[link.source]
        elif link.type == AssociationType.UPDATES_STATUS:
            known = window.statuses.get(link.target, times[link.source])
            window.statuses[link.target] = max(known, times[link.source])
    touched = list(dict.fromkeys((*window.members, *window.statuses)))
    held = gateway.get_documents_and_associations(case.session, touched or NOTHING)
    window.entries = {entry.entry_uuid: entry for entry in held.entries}
    window.replacements = tuple(
        link for link in held.associations if link.type in _REPLACEMENTS and link.source in window.members
    )
    before = {link.target for link in window.replacements} - set(window.entries)
    found = gateway.get_documents(case.session, entry_uuids=sorted(before) or NOTHING)
    window.entries |= {entry.entry_uuid: entry for entry in found.entries if entry.entry_uuid in before}
    window.warnings = (*held.warnings, *found.warnings)
    return window


def _told(case: Case, window: _Window, visible: Mapping[str, DocumentEntry]) -> tuple[Changed, ...]:
    kinds = _kinds(window, visible)
    entries = [visible[logical_id] for logical_id in kinds]
    before = _replaced_documents(window, visible)
    resources = render.documents(case.services, case.patient, entries, before)
    changed = [Changed(resource, *kinds[entry.logical_id]) for entry, resource in zip(entries, resources, strict=True)]
    changed.sort(key=lambda each: (each.time.digits if each.time else "", each.resource["id"]), reverse=True)
    return tuple(changed)


def _kinds(window: _Window, visible: Mapping[str, DocumentEntry]) -> dict[str, tuple[Change, XdsTime | None]]:
    """How each visible document changed. What says most about it wins: new, replaced, visibility, availability."""
    found: dict[str, tuple[Change, XdsTime | None]] = {}
    for uuid, time in window.statuses.items():
        found[window.logical_id(uuid)] = (Change.AVAILABILITY, time)
    for uuid, time in sorted(window.members.items(), key=lambda each: each[1].digits):
        if uuid in window.entries and not lots.submitted(window.entries[uuid]):
            found[window.logical_id(uuid)] = (Change.VISIBILITY, time)
    for link in window.replacements:
        # When it was replaced is when the other was submitted: told to those only who see the other.
        time_told = window.members[link.source] if window.logical_id(link.source) in visible else None
        found[window.logical_id(link.target)] = (Change.REPLACED, time_told)
    for uuid, time in window.members.items():
        if uuid in window.entries and lots.submitted(window.entries[uuid]):
            found[window.logical_id(uuid)] = (Change.NEW, time)
    return {logical_id: kind for logical_id, kind in found.items() if logical_id in visible}


def _replaced_documents(window: _Window, visible: Mapping[str, DocumentEntry]) -> dict[str, str]:
    """For each document that replaced others, the nearest of them that is visible: a hidden one is passed over."""
    before = {window.logical_id(link.source): window.logical_id(link.target) for link in window.replacements}
    found = {}
    for logical_id, target in before.items():
        passed = {logical_id}
        nearest = target
        while nearest and nearest not in visible and nearest not in passed:
            passed.add(nearest)
            nearest = before.get(nearest, "")
        if nearest in visible:
            found[logical_id] = nearest
    return found


def _logical_id(services: Services, patient: INS, sealed: str) -> str:
    opened = services.ids.open_document(sealed)
    return opened[1] if opened is not None and opened[0] == patient else ""


def _years_before(moment: datetime, years: int) -> datetime:
    """The same day of an earlier year; the day before where that year has none (29 February)."""
    try:
        return moment.replace(year=moment.year - years)
    except ValueError:
        return (moment - timedelta(days=1)).replace(year=moment.year - years)
