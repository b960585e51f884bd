"""What the DMP refuses whatever the transaction, and its table of rights against the official sheets."""

from __future__ import annotations

import csv
import uuid
from collections.abc import Callable

import pytest
from lxml import etree

from facade.embedded import sample
from facade.embedded.valuesets import rows
from tests.support.embedded import RawClient
from tests.support.embedded_answer import TD02_BODY, Received
from tests.support.embedded_lot import Document, slot
from tests.support.embedded_vihf import Vihf
from tests.support.embedded_words import INDIRECT, NS, TD02, TD03, TD04, TD16, TD21, TD31, TD32, TD33, cx, oid
from tests.support.shelf import on_the_shelf

MATRICES = on_the_shelf("data/matrices")
SERVICES = {
    TD02: "patients",
    TD03: "habilitations",
    TD04: "patientsSpecific",
    TD16: "habilitations",
    TD21: "repository",
    TD31: "registry",
    TD32: "repository",
    TD33: "registry",
}
BODY = TD02_BODY.format(ins=sample.ADULT.ins, oid=sample.INS_TEST_OID)


def _unsigned(raw: RawClient) -> bytes:
    root = etree.fromstring(Vihf().xml(raw.signer.subject).encode())
    signature = root.find("ds:Signature", NS)
    assert signature is not None
    root.remove(signature)
    return etree.tostring(root)


def _changed(raw: RawClient) -> bytes:
    return raw.assertion(Vihf()).replace(sample.AUTHOR_DOCTOR.id.encode(), sample.NURSE.id.encode())


def _wrong_signer(raw: RawClient) -> bytes:
    return raw.wrong_signer.sign(Vihf().xml(raw.wrong_signer.subject))


def _expired(raw: RawClient) -> bytes:
    return raw.assertion(Vihf(issued=-660))


@pytest.mark.parametrize("action", SERVICES)
@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda _raw: b"", "wsse:InvalidSecurity"),
        (_unsigned, "wsse:FailedCheck"),
        (_changed, "wsse:FailedCheck"),
        (_wrong_signer, "DMPInvalidCertificate"),
        (_expired, "wsse:InvalidSecurityToken"),
    ],
    ids=["none", "unsigned", "changed", "wrong signer", "expired"],
)
def test_no_transaction_believes_a_wrong_vihf(
    raw: RawClient, action: str, make: Callable[[RawClient], bytes], code: str
) -> None:
    answer = raw.post(SERVICES[action], raw.envelope(action, "<x/>", make(raw)))
    assert (answer.status, answer.fault[0]) == (400, code)
    assert raw.lines()[-1]["result"] == code


@pytest.mark.parametrize("service", sorted(set(SERVICES.values())))
def test_no_service_does_without_an_action(raw: RawClient, service: str) -> None:
    answer = raw.post(service, raw.envelope("", BODY, raw.assertion(Vihf())))
    assert answer.fault[0] == "wsa:MessageAddressingHeaderRequired"


def _of_adult(raw: RawClient) -> Document:
    document = Document()
    assert raw.provide(document).outcome == "Success"
    return document


OTHER = Vihf(patient=sample.MINOR.ins)
FOR_ANOTHER: dict[str, tuple[Callable[[RawClient], Received], str]] = {
    "TD2.1": (lambda raw: raw.provide(Document(), vihf=OTHER.but(mode=INDIRECT)), "XDSPatientIdDoesNotMatch"),
    "TD3.1": (
        lambda raw: raw.find(OTHER, PatientId=f"'{cx(sample.ADULT.ins)}'"),
        "XDSPatientIdDoesNotMatch",
    ),
    "TD3.2": (lambda raw: raw.retrieve([_of_adult(raw).unique_id], OTHER), "XDSDocumentUniqueIdError"),
    "TD3.3": (
        lambda raw: raw.change_status(
            _of_adult(raw).id,
            "urn:oasis:names:tc:ebxml-regrep:StatusType:Approved",
            "urn:asip:ci-sis:2010:StatusType:Deleted",
            OTHER,
        ),
        "UnresolvedReferenceException",
    ),
}


@pytest.mark.parametrize("transaction", FOR_ANOTHER)
def test_a_vihf_for_another_patient_opens_nothing(raw: RawClient, transaction: str) -> None:
    ask, code = FOR_ANOTHER[transaction]
    assert ask(raw).errors == [code]


def test_there_are_no_folders(raw: RawClient) -> None:
    identifier = uuid.uuid4().urn
    folder = (
        f'<rim:RegistryPackage id="{identifier}">{slot("lastUpdateTime", "20240101")}<rim:Classification'
        f' id="{uuid.uuid4().urn}" classifiedObject="{identifier}"'
        ' classificationNode="urn:uuid:d9d542f3-6cc4-48b6-8870-ea235fbc94c2"/></rim:RegistryPackage>'
    )
    document = Document()
    assert raw.provide(document, objects=folder).errors == ["XDSRegistryMetadataError"]
    assert raw.get(UniqueId=f"('{document.unique_id}')").all("rim:ExtrinsicObject") == []


def test_a_document_that_came_by_another_lot_is_still_known(raw: RawClient) -> None:
    document = _of_adult(raw)
    again = document.but(id=uuid.uuid4().urn)
    assert raw.provide(again, Document()).errors == ["XDSDuplicateUniqueIdInRegistry"]
    assert raw.provide(Document(unique_id=f"{oid()}^1")).errors == ["XDSDocumentUniqueIdError"]


_SHEETS = {"INDIRECTE": "droits-fonctionnels-526.csv", "INDIRECTE_RENFORCEE": "droits-fonctionnels-air-606.csv"}
_COLUMNS = {
    "structure": "INDIRECTE_certificat_ES",
    "non_medecin": "PS_non_medecin",
    "medecin": "medecin_non_MT",
    "medecin_traitant": "medecin_traitant",
    "non_ps": "PE_non_PS",
}
_LINES = {
    "TD0.3-add": ("TD0.3", "Se déclarer"),
    "TD0.3-remove": ("TD0.3", "Supprimer"),
    "TD3.1-metadata": ("TD3.1", "Rechercher les"),
    "TD3.1-reference": ("TD3.1", "Rechercher la"),
    "TD3.2-plain": ("TD3.2", "Documents non masqués"),
    "TD3.2-masked": ("TD3.2", "Documents masqués"),
    "TD3.3a-mask": ("TD3.3a", "Masquer"),
    "TD3.3a-unmask": ("TD3.3a", "Démasquer"),
    "TD3.3d": ("TD3.3d", "Archiver"),
}
_CELLS = {"6": "own", "7": "holder", "8": "own", "9": "structure"}
_PURPOSES = {"normal": "normal", "centre_15": "regulation", "bris_de_glace": "bris_de_glace"}


def _expected(sheet: str, cell: str) -> str:
    """A cell of a sheet in our words: its note says what ``oui`` is limited to."""
    right, _, note = cell.removesuffix(")").partition("(")
    if note == "3":
        return "new" if "526" in sheet else "structure"
    return _CELLS.get(note, right)


@pytest.mark.skipif(MATRICES is None, reason="the official sheets are not on this machine")
@pytest.mark.parametrize("mode", _SHEETS)
def test_the_table_of_rights_is_the_official_one(mode: str) -> None:
    assert MATRICES is not None
    sheet = _SHEETS[mode]
    with (MATRICES / sheet).open(encoding="utf-8", newline="") as lines:
        official = list(csv.DictReader(lines))
    compared = 0
    for row in rows("rights.csv"):
        if row["mode"] != mode or row["profile"] not in _COLUMNS or row["action"] == "TD0.3-leave-mt":
            continue
        transaction, start = _LINES.get(row["action"], (row["action"], ""))
        line = next(one for one in official if one["transaction"] == transaction and one["action"].startswith(start))
        for ours, theirs in _PURPOSES.items():
            column = f"{_COLUMNS[row['profile']]}/{theirs}"
            if column in line:
                assert row[ours] == _expected(sheet, line[column]), (row["action"], column)
                compared += 1
    assert compared > 30
