"""From what the caller may see to FHIR: sealed ids, links, and the form the document was published in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any

from facade.domain.document import DocumentEntry, XdsTime
from facade.domain.ins import INS
from facade.transactions.services import Services
from facade.translation.document_out import NaturalForm, document_reference
from facade.translation.people_out import PeopleOfDocuments
from facade.translation.times import to_instant

_NONE: Mapping[str, str] = MappingProxyType({})
# The DMP does not say when an entry last changed; what was published here and has not changed since is known.
_AS_PUBLISHED = "1"


def documents(
    services: Services, patient: INS, entries: Sequence[DocumentEntry], replaced: Mapping[str, str] = _NONE
) -> list[dict[str, Any]]:
    """DocumentReferences as plain dicts, in the order of ``entries``.

    ``replaced`` gives the logical id of the document another replaced, by its own: of those the caller may see only.
    """
    forms = services.publications.natural_forms([entry.unique_id for entry in entries]) if entries else {}
    patient_id = services.ids.seal_patient(patient)
    base = services.settings.fhir_base
    people = PeopleOfDocuments(services.codes)

    def written(entry: DocumentEntry) -> dict[str, Any]:
        form, before = forms.get(entry.unique_id), replaced.get(entry.logical_id)
        return document_reference(
            entry,
            id=services.ids.seal_document(patient, entry.logical_id),
            patient_id=patient_id,
            base=base,
            tables=services.codes,
            natural=NaturalForm(form.media_type, form.sha1, form.size) if form else None,
            replaces_id=services.ids.seal_document(patient, before) if before else "",
            last_updated=form.stored_at if form and entry.version_id == _AS_PUBLISHED else None,
            people=people,
        )

    with services.turns.of_count(len(entries)):
        return [written(entry) for entry in entries]


def document(
    services: Services, patient: INS, entry: DocumentEntry, *, changed: datetime | None = None
) -> dict[str, Any]:
    """One DocumentReference; ``changed`` is when this request changed it."""
    found = documents(services, patient, [entry])[0]
    if changed is not None:
        found["meta"]["lastUpdated"] = to_instant(XdsTime.at(changed))
    return found
