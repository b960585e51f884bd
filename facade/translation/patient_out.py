"""Dossier -> Patient: the state of a record as TD0.2 gives it, with no identity trait.

Source: PDSm4DMP 0.1.0 (TD0.2 as a search on Patient; extensions of the DMP). The value of the treating-doctor extension
is assumed to be a boolean: the guide names the extension and not its type.
"""

from __future__ import annotations

import re

from facade.domain.dossier import Dossier
from facade.domain.ins import INS
from facade.translation.tables import Json
from facade.translation.vocabulary import CLOSURE, CLOSURE_REASON_SYSTEM, FR_CORE_PATIENT, MES_LINK, TREATING_DOCTOR

_CODE = re.compile(r"^[A-Za-z0-9_-]+$")


def patient(dossier: Dossier, ins: INS, id: str) -> Json:  # noqa: A002 - the name FHIR gives it
    """The Patient of a record that exists; ``id`` is the sealed patient id. A closed record is not active."""
    extensions: list[Json] = []
    if dossier.closed:
        extensions.append({"url": CLOSURE, "extension": _closure(dossier)})
    extensions.append({"url": MES_LINK, "valueBoolean": dossier.mes_link})
    extensions.append({"url": TREATING_DOCTOR, "valueBoolean": dossier.treating_doctor})
    return {
        "resourceType": "Patient",
        "id": id,
        "meta": {"profile": [FR_CORE_PATIENT]},
        "extension": [extension for extension in extensions if extension.get("extension") != []],
        "identifier": [{"use": "official", "system": ins.system, "value": ins.value}],
        "active": dossier.exists and not dossier.closed,
    }


def _closure(dossier: Dossier) -> list[Json]:
    parts: list[Json] = []
    if dossier.closure_date is not None:
        parts.append({"url": "dateFermeture", "valueDate": dossier.closure_date.isoformat()})
    if _CODE.match(dossier.closure_reason):
        coding = {"system": CLOSURE_REASON_SYSTEM, "code": dossier.closure_reason}
        parts.append({"url": "motifFermeture", "valueCodeableConcept": {"coding": [coding]}})
    elif dossier.closure_reason:
        parts.append({"url": "raisonFermeture", "valueString": dossier.closure_reason})
    return parts
