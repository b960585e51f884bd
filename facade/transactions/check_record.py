"""GET /Patient?identifier=: does a record exist, is it open, and what is the caller there (TD0.2).

Source: PDSm4DMP "TD0.2"; no identity trait of the DMP is ever shown.
"""

from __future__ import annotations

from typing import Any

from facade.domain.access import Act
from facade.domain.errors import Refused
from facade.domain.ins import INS
from facade.observability.acts import measured
from facade.transactions.actor import Actor
from facade.transactions.case import Case
from facade.transactions.services import Services
from facade.translation.patient_out import patient as patient_resource

# Being absent or closed is the very answer of TD0.2, not a refusal of it.
_STATES_TOLD = {"record.absent", "record.closed"}


@measured("check-record")
def check_record(services: Services, actor: Actor, patient: INS) -> dict[str, Any] | None:
    """The Patient that carries the state of the record, None where the DMP knows none."""
    with Case(services, actor, Act.CHECK, patient, "TD0.2") as case:
        case.precheck()
        dossier = services.gateway.check_access(case.session)
        try:
            case.require(dossier)
        except Refused as refusal:
            if refusal.decision.rule not in _STATES_TOLD:
                raise
        if not dossier.exists:
            return None
        return patient_resource(dossier, patient, services.ids.seal_patient(patient))
