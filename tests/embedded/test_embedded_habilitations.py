"""TD0.3 and TD1.6."""

from __future__ import annotations

import pytest

from facade.embedded import sample
from tests.support.embedded import RawClient
from tests.support.embedded_vihf import Vihf
from tests.support.embedded_words import INDIRECT, TD03, TD16


def _set(raw: RawClient, vihf: Vihf, action: str, role: str = "") -> tuple[str, str]:
    inside = f"<action>{action}</action>" + (f"<role>{role}</role>" if role else "")
    body = f'<setAuthorization xmlns="urn:si-dmp-habilitations">{inside}</setAuthorization>'
    answer = raw.call("habilitations", TD03, body, vihf)
    status, context = answer.find("h:status"), answer.find("h:context")
    assert status is not None
    assert context is not None
    return status.text or "", context.text or ""


def _list(raw: RawClient, vihf: Vihf, mode: str) -> tuple[str, dict[str, str]]:
    body = f'<h:listAuthorizationByPatient xmlns:h="urn:si-dmp-habilitations"><h:mode>{mode}</h:mode>'
    answer = raw.call("habilitations", TD16, f"{body}</h:listAuthorizationByPatient>", vihf)
    status = answer.find("h:status")
    assert status is not None
    ids = [node.text or "" for node in answer.all("h:nationalId")]
    return status.text or "", dict(zip(ids, [node.text or "" for node in answer.all("h:mode")], strict=True))


def test_declaring_and_withdrawing_are_idempotent(raw: RawClient) -> None:
    vihf = Vihf(patient=sample.OBJECTOR.ins).of(sample.UNAUTHORISED_DOCTOR)
    assert _set(raw, vihf, "AJOUT") == ("DMPOk", "Autorisation ajoutée")
    assert _set(raw, vihf, "AJOUT")[0] == "DMPOk"
    assert "déjà présente" in _set(raw, vihf, "AJOUT")[1]
    assert raw.find(vihf).outcome == "Success"
    assert _set(raw, vihf, "SUPPRESSION") == ("DMPOk", "Autorisation supprimée")
    assert _set(raw, vihf, "SUPPRESSION")[0] == "DMPOk"
    assert raw.find(vihf).errors == ["DMPAccessDeniedByRightsService"]


@pytest.mark.parametrize(
    ("vihf", "action", "role"),
    [
        (Vihf().of(sample.BLOCKED_DOCTOR), "AJOUT", ""),
        (Vihf(mode=INDIRECT), "AJOUT", ""),
        (Vihf(purpose="bris_de_glace"), "AJOUT", ""),
        (Vihf(patient=sample.MINOR.ins).of(sample.NURSE), "AJOUT", "MEDECIN_TRAITANT"),
        (Vihf().of(sample.TREATING_DOCTOR), "SUPPRESSION", "MEDECIN_TRAITANT"),
    ],
)
def test_who_may_not_change_an_authorisation(raw: RawClient, vihf: Vihf, action: str, role: str) -> None:
    assert _set(raw, vihf, action, role)[0] == "DMPAccessDeniedByRightsService"
    assert raw.lines()[-1]["result"] == "DMPAccessDeniedByRightsService"


@pytest.mark.parametrize(("patient", "code"), [(sample.ABSENT, "XDSUnknownPatientId"), (sample.CLOSED, "DMPClosed")])
def test_the_record_must_be_open(raw: RawClient, patient: sample.SamplePatient, code: str) -> None:
    assert _set(raw, Vihf(patient=patient.ins), "AJOUT")[0] == code


def test_an_unknown_action_is_refused(raw: RawClient) -> None:
    body = '<setAuthorization xmlns="urn:si-dmp-habilitations"><action>AUTRE</action></setAuthorization>'
    assert raw.call("habilitations", TD03, body, Vihf()).fault[0] == "Sender"
    assert raw.call("habilitations", TD16, body, Vihf()).fault[0] == "Sender"


def test_listing_the_authorised_and_the_blocked(raw: RawClient) -> None:
    everybody = {person.id: "ACTIVE" for person in sample.AUTHORISED}
    assert _list(raw, Vihf(), "ACTIVE") == ("DMPOk", everybody)
    assert _list(raw, Vihf(), "INTERDITE") == ("DMPOk", {sample.BLOCKED_DOCTOR.id: "INTERDITE"})
    assert _list(raw, Vihf(), "TOUTE")[1] == everybody | {sample.BLOCKED_DOCTOR.id: "INTERDITE"}
    assert raw.lines()[-1]["transaction"] == "TD1.6"
    assert _list(raw, Vihf(mode=INDIRECT), "TOUTE")[0] == "DMPAccessDeniedByRightsService"
