"""Each transaction against the embedded DMP over mutual TLS: done for who may, refused by name for who may not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from uuid import uuid4

import pytest

from facade.dmp.gateway import SoapGateway
from facade.domain.access import Purpose
from facade.domain.caller import Caller, CallerKind, Structure
from facade.domain.dmp import (
    AuthorisationChange,
    AuthorisationList,
    ChangeSession,
    DocumentQuery,
    LotQuery,
    RecordDate,
)
from facade.domain.document import Availability, DocumentEntry, Submission, SubmissionSet, XdsTime
from facade.domain.errors import DmpRefused
from facade.domain.ins import INS
from facade.domain.masking import Flag, Masking
from tests.support.demo import RunningDemo, pdf

HOSPITAL = Structure("1990000028", "HOPITAL DE ROCHEVAL", "SA01")
CLINIC = Structure("1990000044", "CLINIQUE DU PARC", "SA04")
HEALTH_CENTRE = Structure("1990000036", "CENTRE DE SANTE DES TILLEULS", "SA05")
AUTHOR = Caller(
    CallerKind.PROFESSIONAL, "899700000021", "HUGO BERTIN", HOSPITAL, "BERTIN", "HUGO", "10", "SM26", two_factors=True
)
STRANGER = replace(AUTHOR, id="899700000054", name="NADIA ESTEVE", structure=CLINIC, family="ESTEVE", given="NADIA")
BLOCKED = replace(AUTHOR, id="899700000062", name="MARC FAURE", family="FAURE", given="MARC")
TREATING = replace(
    AUTHOR, id="899700000013", name="ALICE MARCHAND", structure=HEALTH_CENTRE, family="MARCHAND", given="ALICE",
    specialty="SM54",
)  # fmt: skip
NOT_LINKED = replace(AUTHOR, structure=CLINIC)
SINCE = XdsTime("20240101000000")
DENIED, NOT_BELIEVED = "DMPAccessDeniedByRightsService", "InvalidSecurityToken"


@dataclass(frozen=True)
class Scene:
    """What a transaction is done with: the gateway, who asks, and a document of the record with its lot."""

    gateway: SoapGateway
    session: ChangeSession
    entry: DocumentEntry
    lot: SubmissionSet

    @property
    def lot_of_an_update(self) -> SubmissionSet:
        """A new lot by the same author."""
        now = XdsTime("20260101000000")
        return replace(self.lot, entry_uuid="", unique_id=f"2.25.{uuid4().int}", submission_time=now)


def _status(scene: Scene, new: Availability) -> None:
    scene.gateway.update_status(scene.session, scene.lot_of_an_update, scene.entry, new)


def _mask(scene: Scene, flag: Flag) -> None:
    masked = replace(scene.entry, masking=Masking(scene.entry.masking.level, frozenset({flag})))
    scene.gateway.update_metadata(scene.session, scene.lot_of_an_update, masked)


Act = Callable[[Scene], object]
# Each transaction and stored query: what it does, and whom the DMP refuses it by which code.
ACTS: dict[str, tuple[Act, Caller, str]] = {
    "TD0.2": (lambda it: it.gateway.check_access(it.session), NOT_LINKED, NOT_BELIEVED),
    "TD0.3 AJOUT": (
        lambda it: it.gateway.change_authorisation(it.session, AuthorisationChange.DECLARE), BLOCKED, DENIED),
    "TD0.3 SUPPRESSION": (
        lambda it: it.gateway.change_authorisation(it.session, AuthorisationChange.REMOVE), BLOCKED, DENIED),
    "TD0.3 MT": (
        lambda it: it.gateway.change_authorisation(it.session, AuthorisationChange.STOP_BEING_TREATING_DOCTOR),
        NOT_LINKED, NOT_BELIEVED),
    "TD0.4": (
        lambda it: it.gateway.list_records(it.session, SINCE, RecordDate.AUTHORISATION), NOT_LINKED, NOT_BELIEVED),
    "TD1.3a": (lambda it: it.gateway.read_administrative_data(it.session), NOT_LINKED, NOT_BELIEVED),
    "TD1.6 ACTIVE": (
        lambda it: it.gateway.list_authorisations(it.session, AuthorisationList.ACTIVE), NOT_LINKED, NOT_BELIEVED),
    "TD1.6 INTERDITE": (
        lambda it: it.gateway.list_authorisations(it.session, AuthorisationList.BLOCKED), NOT_LINKED, NOT_BELIEVED),
    "TD1.6 TOUTE": (
        lambda it: it.gateway.list_authorisations(it.session, AuthorisationList.ALL), NOT_LINKED, NOT_BELIEVED),
    "FindDocuments": (lambda it: it.gateway.find_documents(it.session, DocumentQuery()), STRANGER, DENIED),
    "FindDocumentsByReferenceId": (
        lambda it: it.gateway.find_documents(it.session, DocumentQuery(references=it.entry.references)),
        STRANGER, DENIED),
    "FindSubmissionSets": (lambda it: it.gateway.find_lots(it.session, LotQuery()), STRANGER, DENIED),
    "GetDocuments entryUUID": (
        lambda it: it.gateway.get_documents(it.session, entry_uuids=[it.entry.entry_uuid]), STRANGER, DENIED),
    "GetDocuments uniqueId": (
        lambda it: it.gateway.get_documents(it.session, unique_ids=[it.entry.unique_id]), STRANGER, DENIED),
    "GetDocuments logicalId": (
        lambda it: it.gateway.get_documents(it.session, logical_ids=[it.entry.logical_id]), STRANGER, DENIED),
    "GetDocuments ObjectRef": (
        lambda it: it.gateway.find_reference(it.session, it.entry.unique_id), NOT_LINKED, NOT_BELIEVED),
    "GetAssociations": (
        lambda it: it.gateway.get_associations(it.session, [it.entry.entry_uuid]), STRANGER, DENIED),
    "GetDocumentsAndAssociations": (
        lambda it: it.gateway.get_documents_and_associations(it.session, [it.entry.entry_uuid]), STRANGER, DENIED),
    "GetSubmissionSetAndContents": (
        lambda it: it.gateway.get_lot(it.session, entry_uuid=it.lot.entry_uuid), STRANGER, DENIED),
    "TD3.2": (lambda it: it.gateway.retrieve(it.session, [it.entry]), STRANGER, DENIED),
    "TD3.3a": (lambda it: _mask(it, Flag.MASKED_TO_PROFESSIONALS), STRANGER, DENIED),
    "TD3.3b": (lambda it: _mask(it, Flag.HIDDEN_FROM_PATIENT), STRANGER, DENIED),
    "TD3.3c": (lambda it: _status(it, Availability.DELETED), STRANGER, DENIED),
    "TD3.3d": (lambda it: _status(it, Availability.ARCHIVED), STRANGER, DENIED),
}  # fmt: skip


@pytest.fixture
def scene(demo: RunningDemo, gateway: SoapGateway) -> Scene:
    """A fresh document of the adult's record, by its author."""
    patient = demo.patients["adult"]
    session = ChangeSession(AUTHOR, INS.of(patient["system"], patient["value"]), Purpose.NORMAL, intent="an-intent")
    accession = {"coding": [{"system": "urn:ietf:rfc:3986", "code": "urn:ihe:iti:xds:2013:accession"}]}
    related = [{"identifier": {"type": accession, "system": "urn:oid:1.2.250.1.999.7", "value": "ACC-1"}}]
    unique_id = demo.publish("author-doctor", "adult", pdf(), context={"related": related})["masterIdentifier"]["value"]
    [entry] = gateway.get_documents(session, unique_ids=[unique_id.removeprefix("urn:oid:")]).entries
    links = gateway.get_associations(session, [entry.entry_uuid])
    [lot] = gateway.get_lot(session, entry_uuid=links[0].source).lots
    return Scene(gateway, session, entry, lot)


@pytest.mark.parametrize("name", ACTS)
def test_it_is_done_and_it_is_refused(scene: Scene, name: str) -> None:
    act, refused, code = ACTS[name]
    with pytest.raises(DmpRefused) as caught:
        act(_as(scene, refused))
    assert caught.value.code == code
    if name == "TD0.3 SUPPRESSION":
        act(_as(scene, STRANGER))  # who has no authorisation loses none
    else:
        found = act(scene)
        assert found != ()


def _as(scene: Scene, caller: Caller) -> Scene:
    """The same for somebody else, whose structure is among the authors of what is sent."""
    return replace(scene, session=replace(scene.session, caller=caller), lot=_lot_of(scene.lot, caller.structure))


def _lot_of(lot: SubmissionSet, structure: Structure) -> SubmissionSet:
    author = lot.authors[0]
    institution = replace(author.institutions[0], id=structure.id, name=structure.name)
    return replace(lot, authors=(replace(author, institutions=(institution,)),))


def test_an_empty_lot_is_no_publication(scene: Scene) -> None:
    with pytest.raises(ValueError, match="at least one document"):
        scene.gateway.publish(scene.session, Submission(scene.lot, ()))
