"""Who created a document: the rows of Annexe 3 depend on it, and so do the rights over documents of the patient."""

from __future__ import annotations

from facade.domain.document import DocumentEntry
from facade.domain.ins import INS
from facade.policy.tables import AccessTables
from facade.policy.vocabulary import Origin


def origin(tables: AccessTables, document: DocumentEntry, patient: INS) -> Origin:
    """Whether a professional, the holder or a referenced application created a document.

    The producer codes of TRE_A00 prove it. A class or type of documents of the patient, or the patient among the
    authors, says so only when no author is an identified professional: nobody becomes the author by choosing a type.
    """
    found = tables.producers.get(("facility", document.facility.code)) or tables.producers.get(
        ("practice", document.practice.code)
    )
    if found is not None:
        return found
    if names_a_professional(tables, document):
        return Origin.PROFESSIONAL
    hint = tables.hints.get(("class", document.class_code.code)) or tables.hints.get(("type", document.type_code.code))
    if hint is not None:
        return hint
    by_patient = document.has_author(patient.value) or document.has_author(document.patient.value)
    return Origin.HOLDER if by_patient else Origin.PROFESSIONAL


def names_a_professional(tables: AccessTables, document: DocumentEntry) -> bool:
    """Whether an author is identified as a professional."""
    return any(
        author.person.id and ("author-id-type", author.person.id_type) in tables.producers
        for author in document.authors
    )
