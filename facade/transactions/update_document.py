"""Mask, unmask, archive, withdraw: one PATCH becomes one ITI-57 (TD3.3a to d).

The request says what the document should become; what it is now is read first, the difference is the acts, and each
act is judged on its own. Sources: PDSm flux 3; ITI TF-2 3.57; référentiel 4.3; functional rights 526 and 606.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from facade.domain.access import Act
from facade.domain.caller import CallerKind
from facade.domain.document import Availability, DocumentEntry, SubmissionSet
from facade.domain.dossier import Dossier
from facade.domain.errors import Conflict, DmpRefused, DmpUnavailable, InvalidInput, NotFound, Refused
from facade.domain.ins import INS
from facade.domain.masking import Flag, Masking
from facade.observability.acts import measured
from facade.transactions import complete, render, replaced
from facade.transactions.actor import Actor
from facade.transactions.case import Case
from facade.transactions.own_documents import own_document
from facade.transactions.preload_removal import forget_document
from facade.transactions.publish import submission_context
from facade.transactions.read_document import find_current, open_id
from facade.transactions.services import Services
from facade.transactions.versions import named
from facade.transactions.withdraw import check_latest, withdraw_earlier
from facade.translation.identifiers import DocumentTarget
from facade.translation.patch import TargetState, read_patch
from facade.translation.people_in import author_of_caller
from facade.translation.subject_in import Subject
from facade.translation.submission_set_in import make_submission_set

_ADDED = {
    Flag.MASKED_TO_PROFESSIONALS: Act.MASK,
    Flag.HIDDEN_FROM_PATIENT: Act.HIDE_FROM_PATIENT,
    Flag.HIDDEN_FROM_REPRESENTATIVES: Act.HIDE_FROM_REPRESENTATIVES,
}
_REMOVED = {
    Flag.MASKED_TO_PROFESSIONALS: Act.UNMASK,
    Flag.HIDDEN_FROM_PATIENT: Act.SHOW_TO_PATIENT,
    Flag.HIDDEN_FROM_REPRESENTATIVES: Act.SHOW_TO_REPRESENTATIVES,
}
_STATUS = {
    Availability.ARCHIVED: Act.ARCHIVE,
    Availability.APPROVED: Act.UNARCHIVE,
    Availability.DELETED: Act.WITHDRAW,
}
_TRANSACTIONS = {
    Act.MASK: "TD3.3a",
    Act.UNMASK: "TD3.3a",
    Act.HIDE_FROM_PATIENT: "TD3.3b",
    Act.SHOW_TO_PATIENT: "TD3.3b",
    Act.HIDE_FROM_REPRESENTATIVES: "TD3.3b",
    Act.SHOW_TO_REPRESENTATIVES: "TD3.3b",
    Act.ARCHIVE: "TD3.3d",
    Act.UNARCHIVE: "TD3.3d",
    Act.WITHDRAW: "TD3.3c",
}
_STALE = {"XDSMetadataVersionError", "XDSMetadataUpdateError", "XDSMetadataUpdateOperationError"}


@dataclass(frozen=True, slots=True)
class Updated:
    """The document after the update; ``resource`` is None when this caller can no longer see it (or nobody can).

    ``version`` is None where this caller may not know it. ``remaining`` counts the versions a withdrawn document had
    replaced and that the DMP has kept.
    """

    resource: dict[str, Any] | None
    version: str | None
    remaining: int = 0


@measured("update-document")
def update_by_id(services: Services, actor: Actor, sealed: str, patch: Any, expected_version: str | None) -> Updated:
    """Apply a patch to the document of a sealed id.

    Raises NotFound, InvalidInput (patch), Refused, Conflict, DmpRefused, DmpUnavailable.
    """
    patient, logical_id = open_id(services, sealed)
    if actor.caller.kind is CallerKind.STRUCTURE:
        return _withdraw_own(services, actor, patient, patch, expected_version, logical_id=logical_id)
    return _update(services, actor, patient, logical_id, patch, expected_version)


@measured("update-document")
def update_by_identifier(
    services: Services, actor: Actor, patient: INS | None, named_by: DocumentTarget, patch: Any, expected: str | None
) -> Updated:
    """Apply a patch to the document of a uniqueId, entryUUID or logicalId (conditional PATCH).

    Where the request names no patient it is a citizen's own record, or what this caller published here;
    until the caller is found to see the document every refusal is then a 404, since a plain one would tell that the
    document exists.
    """
    known = patient or _implied_patient(services, actor, named_by)
    if known is None:
        raise NotFound.of("document.unknown-identifier", "identifier")
    if actor.caller.kind is CallerKind.STRUCTURE:
        unique_id, logical_id = named_by.unique_id, named_by.uuid
        return _withdraw_own(services, actor, known, patch, expected, logical_id=logical_id, unique_id=unique_id)
    with Case(services, actor, Act.READ, known, "TD3.1") as case:
        try:
            dossier, current = _find_by_identifier(case, named_by)
        except (Refused, NotFound) as error:
            if patient is not None:
                raise
            case.hidden = True
            raise NotFound.of("document.unknown-identifier", "identifier") from error
        return _apply(case, dossier, current, patch, expected)


def _implied_patient(services: Services, actor: Actor, target: DocumentTarget) -> INS | None:
    pairings = actor.caller.pairings
    if pairings:
        return pairings[0].patient if len(pairings) == 1 else None
    # A colleague's publication is none of its business here: that the DMP is asked at all would tell of it.
    publisher = "" if actor.caller.kind is CallerKind.STRUCTURE else actor.caller.id
    own = services.publications.own(
        actor.caller.structure.id, caller_id=publisher, logical_id=target.uuid, unique_id=target.unique_id
    )
    return own.patient if own else None


def _withdraw_own(
    services: Services,
    actor: Actor,
    patient: INS,
    patch: Any,
    expected_version: str | None,
    *,
    logical_id: str = "",
    unique_id: str = "",
) -> Updated:
    """A structure withdraws a document of its own, without reading it; it may change nothing else (526, note 9)."""
    with Case(services, actor, Act.WITHDRAW, patient, "TD3.3c") as case:
        case.precheck()
        dossier = services.gateway.check_access(case.session)
        case.require(dossier)
        own = own_document(case, logical_id=logical_id, unique_id=unique_id)
        if own is None:
            raise NotFound.of("document.unknown")
        # Only what becomes of it is read from the patch: the labels it has now are not known.
        target = read_patch(patch, replace(own, masking=Masking()), services.codes)
        acts = _acts(replace(own, masking=Masking()), target)
        if not acts:
            case.becomes((Act.READ, "TD3.1"))
            case.precheck()
        case.becomes(*((act, _TRANSACTIONS[act]) for act in acts))
        for act in acts:
            case.require(dossier, own, act)
        if expected_version is not None:
            raise Conflict.of("version.not-known", "If-Match")
        _send(case, dossier, own, replace(target, masking=own.masking))
        _gone(case, own)
        return Updated(None, None)


def _find_by_identifier(case: Case, target: DocumentTarget) -> tuple[Dossier, DocumentEntry]:
    """The one document of this identifier that the caller sees. Raises NotFound, Refused, InvalidInput."""
    gateway, uuids = case.services.gateway, [target.uuid] if target.uuid else []
    dossier, answer = case.ask(lambda session: named(gateway, session, [target.unique_id], uuids))
    entries = [entry for entry in answer.entries if uuids or entry.unique_id == target.unique_id]
    seen = case.visible(dossier, entries)
    found = {entry.logical_id: entry for entry in seen}
    if not found:
        raise NotFound.of("document.unknown")
    if len(found) > 1:
        raise InvalidInput.of("search.several-documents", "identifier")
    return dossier, next(iter(found.values()))


def _update(
    services: Services, actor: Actor, patient: INS, logical_id: str, patch: Any, expected_version: str | None
) -> Updated:
    with Case(services, actor, Act.READ, patient, "TD3.1") as case:
        dossier, current = find_current(case, logical_id)
        return _apply(case, dossier, current, patch, expected_version)


def _apply(case: Case, dossier: Dossier, current: DocumentEntry, patch: Any, expected_version: str | None) -> Updated:
    services = case.services
    if expected_version is not None and expected_version != current.version_id:
        raise Conflict.of("version.stale", "If-Match", given=expected_version, current=current.version_id)
    target = read_patch(patch, current, services.codes)
    if target.masking.level is not current.masking.level:
        raise InvalidInput.of("security-label.level-fixed", "DocumentReference.securityLabel")
    acts = _acts(current, target)
    if not acts:
        return Updated(render.document(services, case.patient, current), current.version_id)
    case.becomes(*((act, _TRANSACTIONS[act]) for act in acts))
    for act in acts:
        case.require(dossier, current, act)
    if target.masking != current.masking and target.availability != current.availability:
        raise InvalidInput.of("update.nothing-possible", "DocumentReference")
    if target.availability is Availability.DELETED:
        return _withdraw(case, dossier, current, target)
    _send(case, dossier, current, target)
    _remember(case, current, target)
    return _after(case, dossier, current, target)


def _withdraw(case: Case, dossier: Dossier, current: DocumentEntry, target: TargetState) -> Updated:
    check_latest(case, current)
    judged = [(case.reaches(dossier, each), each) for each in replaced.earlier(case, current.logical_id)]
    case.intend(*judged)
    _send(case, dossier, current, target)
    _gone(case, current)
    remaining = withdraw_earlier(case, dossier, judged, lambda: _update_lot(case, dossier))
    return Updated(None, current.version_id, remaining)


def _acts(current: DocumentEntry, target: TargetState) -> list[Act]:
    """The acts that lead from what the document is to what it should become."""
    before, after = current.masking.flags, target.masking.flags
    acts = [_ADDED[flag] for flag in sorted(after - before)] + [_REMOVED[flag] for flag in sorted(before - after)]
    if current.availability is not target.availability:
        acts.append(_STATUS[target.availability])
    return acts


def _send(case: Case, dossier: Dossier, current: DocumentEntry, target: TargetState) -> None:
    gateway, lot = case.services.gateway, _update_lot(case, dossier)
    session = case.changing()
    try:
        if target.masking != current.masking:
            gateway.update_metadata(session, lot, replace(current, masking=target.masking))
        else:
            gateway.update_status(session, lot, current, target.availability)
    except DmpRefused as error:
        if error.code in _STALE and current.availability is Availability.DEPRECATED:
            raise InvalidInput.of("update.superseded", "DocumentReference") from error
        if error.code in _STALE:
            raise Conflict.of("version.changed") from error
        raise
    except DmpUnavailable as error:
        if not (error.outcome_unknown and _was_done(case, current, target)):
            raise
    forget_document(case.services, current)


def _gone(case: Case, document: DocumentEntry) -> None:
    """The document is withdrawn: it may be published again, and waits for nobody to show it (EXI 08)."""
    case.services.publications.withdrawn(document.unique_id, now=case.now)
    case.services.hidden.lift(document.logical_id)


def _remember(case: Case, current: DocumentEntry, target: TargetState) -> None:
    """Keep the worklist of EXI 08: what is hidden from its patient until somebody shows it."""
    if Flag.HIDDEN_FROM_PATIENT in target.masking.flags:
        case.services.hidden.note(current, case.caller.structure.id, case.now)
    else:
        case.services.hidden.lift(current.logical_id)


def _update_lot(case: Case, dossier: Dossier) -> SubmissionSet:
    author = author_of_caller(case.caller, case.patient, case.services.codes)
    authors = complete.authors((author,), dossier.traits)
    return make_submission_set(Subject(case.patient, None), submission_context(case), authors)


def _was_done(case: Case, current: DocumentEntry, target: TargetState) -> bool:
    """After an unknown outcome: whether the DMP now has the document as asked. To a structure it does not say."""
    if case.caller.kind is CallerKind.STRUCTURE:
        return False
    found = _latest(case, current.logical_id)
    if found is None:
        return target.availability is Availability.DELETED
    return found.masking == target.masking and found.availability is target.availability


def _latest(case: Case, logical_id: str) -> DocumentEntry | None:
    answer = case.services.gateway.get_documents(case.session, logical_ids=[logical_id])
    versions = [entry for entry in answer.entries if entry.logical_id == logical_id]
    return max(versions, key=lambda entry: entry.version, default=None)


def _after(case: Case, dossier: Dossier, current: DocumentEntry, target: TargetState) -> Updated:
    """The document as it is now, if this caller still sees it: whoever masks may thereby lose sight of it."""
    expected = replace(current, masking=target.masking, availability=target.availability)
    latest = _latest(case, current.logical_id) or expected
    if not case.sees(dossier, latest):
        return Updated(None, latest.version_id)
    resource = render.document(case.services, case.patient, latest, changed=case.now)
    return Updated(resource, latest.version_id)
