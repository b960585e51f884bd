"""What became of a lot: where the DMP's answer does not say it, the DMP is asked (TD3.1, reference search by uniqueId).

The truth is answered: stored, not stored, or that nobody can say and that the same request may be repeated.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from facade.domain.dmp import ChangeSession
from facade.domain.document import DocumentEntry, Submission
from facade.domain.errors import DmpRefused, DmpUnavailable, FacadeError
from facade.domain.masking import Flag
from facade.records.reservations import Reservation, in_progress
from facade.transactions.case import Case
from facade.transactions.services import Services

# What a DMP answers when it has a document of this uniqueId (ITI TF-3 table 4.2.4.1-2).
_THERE_ALREADY = ("XDSDuplicateUniqueIdInRegistry", "XDSNonIdenticalHash")
# By uniqueId, the entryUUID the DMP has a document under.
Found = Mapping[str, str]


def keeps_our_ids(services: Services) -> bool:
    """Whether the DMP keeps the entryUUIDs it is sent. Where it does not, INDIRECTE cannot learn that of a lot."""
    return services.settings.dmp.entry_uuids == "ours"


def send(
    case: Case, session: ChangeSession, reservation: Reservation, submission: Submission, *, repeatable: bool = False
) -> tuple[DocumentEntry, ...]:
    """TD2.1, once. The documents under the ids the DMP keeps them under; the ledger and the worklist note them.

    ``repeatable``: no other request than this one and its repetitions gives its documents these uniqueIds.
    Raises DmpRefused, DmpUnavailable (``publication.not-stored``, ``publication.unknown-outcome``).
    """
    publications = case.services.publications
    try:
        case.services.gateway.publish(session, submission)
    except DmpUnavailable as error:
        if not error.outcome_unknown:
            publications.mark_failed(reservation.id, now=case.now)
            raise
        publications.mark_unknown(reservation.id, now=case.now)
        found = _after_unknown_outcome(case, reservation, error)
    except FacadeError as error:
        refused = _stored_all_the_same(case, reservation, error, repeatable=repeatable)
        if refused is None:
            raise
        found = refused
    else:
        found = _after_success(case, reservation, submission)
    lot = submission.lot.entry_uuid if keeps_our_ids(case.services) else ""
    publications.mark_stored(reservation.id, found, lot=lot, now=case.now)
    entries = tuple(_known_as(document.entry, found) for document in submission.documents)
    note_hidden(case, entries)
    case.known_as(entries)
    return entries


def settle(case: Case, reservation: Reservation) -> None:
    """Learn whether a lot of unknown outcome was stored, and note it.

    Raises Conflict ``publication.in-progress`` when that cannot be learnt here: the lot is another patient's, in
    whose record this request has no business, or only a part of it is found.
    """
    publications = case.services.publications
    if any(document.patient != case.patient for document in reservation.documents):
        raise in_progress()
    unique_ids = [document.unique_id for document in reservation.documents]
    found = _look_up(case, unique_ids)
    if len(found) == len(unique_ids):
        publications.mark_stored(reservation.id, found, now=case.now)
    elif found:
        raise in_progress()
    else:
        publications.mark_failed(reservation.id, now=case.now)


def _known_as(entry: DocumentEntry, found: Found) -> DocumentEntry:
    """A new document under the id the DMP has it under: in its first version that is its logicalId too."""
    return replace(entry, entry_uuid=found[entry.unique_id], logical_id=found[entry.unique_id])


def note_hidden(case: Case, entries: Iterable[DocumentEntry]) -> None:
    """Put what is hidden from its patient on the worklist of EXI 08."""
    for entry in entries:
        if Flag.HIDDEN_FROM_PATIENT in entry.masking.flags:
            case.services.hidden.note(entry, case.caller.structure.id, case.now)


def _look_up(case: Case, unique_ids: Iterable[str]) -> dict[str, str]:
    gateway = case.services.gateway
    answers = {unique_id: gateway.find_reference(case.session, unique_id) for unique_id in unique_ids}
    return {unique_id: entry_uuid for unique_id, entry_uuid in answers.items() if entry_uuid is not None}


def _after_success(case: Case, reservation: Reservation, submission: Submission) -> Found:
    """The ids that were given, or those the DMP gave where it gives its own (setting ``entry_uuids``)."""
    given = {document.entry.unique_id: document.entry.logical_id for document in submission.documents}
    if keeps_our_ids(case.services):
        return given
    try:
        found = _look_up(case, given)
    except FacadeError as error:
        case.services.publications.mark_unknown(reservation.id, now=case.now)
        raise DmpUnavailable("publication.unknown-outcome", outcome_unknown=True) from error
    if len(found) < len(given):
        case.services.publications.mark_unknown(reservation.id, now=case.now)
        raise DmpUnavailable("publication.unknown-outcome", outcome_unknown=True)
    return found


def _stored_all_the_same(case: Case, reservation: Reservation, error: FacadeError, *, repeatable: bool) -> Found | None:
    """Settle a refused lot: where the DMP has it nevertheless. A SOAP fault may come after the effect.

    And so may the refusal of a repetition, because what it repeats was stored in the meantime.
    Where the DMP cannot be asked, or holds a part of it, it stays unknown: the repeated request settles it.
    """
    publications, found = case.services.publications, {}
    wanted = [document.unique_id for document in reservation.documents]
    if isinstance(error, DmpRefused) and (error.channel == "fault" or (repeatable and error.code in _THERE_ALREADY)):
        try:
            found = _look_up(case, wanted)
        except FacadeError:
            publications.mark_unknown(reservation.id, now=case.now)
            return None
        if len(found) == len(wanted):
            return found
    if found:
        publications.mark_unknown(reservation.id, now=case.now)
    else:
        publications.mark_failed(reservation.id, now=case.now)
    return None


def _after_unknown_outcome(case: Case, reservation: Reservation, error: DmpUnavailable) -> Found:
    """Where every document is; raise when none is there, or when nobody can say."""
    wanted = [document.unique_id for document in reservation.documents]
    try:
        found = _look_up(case, wanted)
    except FacadeError:
        raise DmpUnavailable("publication.unknown-outcome", outcome_unknown=True) from error
    if len(found) == len(wanted):
        return found
    if found:
        raise DmpUnavailable("publication.unknown-outcome", outcome_unknown=True) from error
    case.services.publications.mark_failed(reservation.id, now=case.now)
    raise DmpUnavailable("publication.not-stored") from error
