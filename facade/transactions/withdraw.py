"""Withdrawal (TD3.3c): only of the last version of a document, and what it replaced follows. It cannot be undone.

Source: PDSm drafts after 3.1.1 (isDeleted reaches every version replaced; 422 for one that is not the latest).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from facade.domain.access import Decision
from facade.domain.document import Availability, DocumentEntry, SubmissionSet
from facade.domain.dossier import Dossier
from facade.domain.errors import DmpRefused, DmpUnavailable, FacadeError, InvalidInput
from facade.transactions import replaced
from facade.transactions.case import Case
from facade.transactions.preload_removal import forget_document


def check_latest(case: Case, current: DocumentEntry) -> None:
    """Raise InvalidInput ``update.superseded`` for a version that another one, still there, has replaced."""
    if current.availability is Availability.DEPRECATED and replaced.has_successor(case, current.logical_id):
        raise InvalidInput.of("update.superseded", "DocumentReference.status")


def withdraw_earlier(
    case: Case,
    dossier: Dossier,
    judged: Iterable[tuple[Decision, DocumentEntry]],
    make_lot: Callable[[], SubmissionSet],
) -> int:
    """Withdraw the versions a withdrawn document replaced; return how many are left that the caller may know of.

    Each was judged and is traced as if it had been asked for alone: one the caller may not withdraw stays. The DMP may
    have withdrawn them by itself: a refusal is looked into before it is believed.
    """
    left = 0
    for decision, version in judged:
        if not decision.permits:
            left += case.sees(dossier, version)
            continue
        session = case.changing()
        try:
            case.services.gateway.update_status(session, make_lot(), version, Availability.DELETED)
        except (DmpRefused, DmpUnavailable) as error:
            if not _is_gone(case, version.logical_id):
                case.reached(decision, version, error)
                left += 1
                continue
        case.reached(decision, version)
        case.services.publications.withdrawn(version.unique_id, now=case.now)
        case.services.hidden.lift(version.logical_id)
        forget_document(case.services, version)
    return left


def _is_gone(case: Case, logical_id: str) -> bool:
    try:
        found = case.services.gateway.get_documents(case.session, logical_ids=[logical_id]).entries
    except FacadeError:
        return False
    last = max(found, key=lambda entry: entry.version, default=None)
    return last is None or last.availability is Availability.DELETED
