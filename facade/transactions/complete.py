"""What only the record itself can tell: traits of the holder, where the request gave none (setting traits_from_dmp)."""

from __future__ import annotations

from dataclasses import replace

from facade.domain.document import Author, DocumentEntry, Person, SourcePatient
from facade.domain.dossier import Traits
from facade.translation.people_in import Fill

_HOLDER = "NH"


def source_patient(known: SourcePatient, patient_cx: str, traits: Traits) -> SourcePatient:
    """SourcePatientId and sourcePatientInfo: what the request says, else the traits of the record."""
    born = traits.birth_date.strftime("%Y%m%d") if traits.birth_date else ""
    return replace(
        known,
        id=known.id or patient_cx,
        family=known.family or traits.birth_family or traits.family,
        given=known.given or traits.given,
        birth_date=known.birth_date or born,
        sex=known.sex or traits.sex,
    )


def entry(document: DocumentEntry, traits: Traits) -> DocumentEntry:
    """A document whose holder is named where XDS needs the name: as source patient, and as author (XCN 13 = NH)."""
    signatory = document.legal_authenticator
    return replace(
        document,
        source_patient=source_patient(document.source_patient, document.patient.cx, traits),
        authors=authors(document.authors, traits),
        legal_authenticator=signatory and _person(signatory, traits),
    )


def filled(before: DocumentEntry, after: DocumentEntry) -> tuple[Fill, ...]:
    """What ``entry`` put into a document, without its value: traits are never shown."""
    if before.source_patient.family or not after.source_patient.family:
        return ()
    return (("DocumentReference.context.sourcePatientInfo", "the traits the DMP holds"),)


def authors(found: tuple[Author, ...], traits: Traits) -> tuple[Author, ...]:
    """Authors, the holder among them named."""
    return tuple(replace(author, person=_person(author.person, traits)) for author in found)


def _person(person: Person, traits: Traits) -> Person:
    if person.id_type != _HOLDER or person.family:
        return person
    return replace(person, family=traits.birth_family or traits.family, given=traits.given)
