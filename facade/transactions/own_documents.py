"""What a caller published here, as far as it is known without reading it: the way to a correction or a withdrawal.

To a structure, and to a professional without an authorisation, the DMP shows no metadata: only the reference of a
uniqueId it is given (PDT-INF-526, note 5). The ledger of what was published here says the rest. What it does not know
is taken as the least favourable: the document may have been masked since.
"""

from __future__ import annotations

from facade.domain.caller import CallerKind
from facade.domain.document import Author, Coded, DocumentEntry, Institution, Person, XdsTime
from facade.domain.masking import Masking
from facade.transactions.case import Case

_NOT_KNOWN = Coded("", "")
_MAY_BE_MASKED = Masking(unknown=frozenset({"not-read"}))


def own_document(case: Case, *, logical_id: str = "", unique_id: str = "") -> DocumentEntry | None:
    """A document in force that the caller's structure published here; for a professional, that this one published.

    None for every other document, about which the DMP is not asked. Raises DmpRefused, DmpUnavailable.
    """
    services, caller = case.services, case.caller
    publisher = "" if caller.kind is CallerKind.STRUCTURE else caller.id
    known = services.publications.own(
        caller.structure.id, caller_id=publisher, logical_id=logical_id, unique_id=unique_id
    )
    if known is None or known.patient != case.patient:
        return None
    entry_uuid = services.gateway.find_reference(case.session, known.unique_id)
    if entry_uuid is None:
        return None
    return DocumentEntry(
        unique_id=known.unique_id,
        patient=case.patient,
        type_code=_NOT_KNOWN,
        class_code=_NOT_KNOWN,
        format_code=_NOT_KNOWN,
        facility=_NOT_KNOWN,
        practice=_NOT_KNOWN,
        authors=(_publisher(case, publisher),),
        masking=_MAY_BE_MASKED,
        title="",
        creation_time=XdsTime.at(case.now),
        entry_uuid=entry_uuid,
        logical_id=known.logical_id,
    )


def _publisher(case: Case, person_id: str) -> Author:
    """Whoever published here did so for the caller's structure, which is then an author institution."""
    structure = case.caller.structure
    return Author(Person(person_id), (Institution(structure.name, structure.id),))
