"""The one way of a request through the embedded DMP: read, authenticate, run, answer, log."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field

from facade.embedded import multipart, soap
from facade.embedded.ebrim import Refusal
from facade.embedded.habilitations import list_authorisations, refuse_list, refuse_set, set_authorisation
from facade.embedded.journal import Journal
from facade.embedded.patients import existence, refuse_existence
from facade.embedded.registry import refuse_query, stored_query
from facade.embedded.repository import refuse_retrieve, retrieve
from facade.embedded.service import Answer, Dmp, Operation, Trail, refuse_registry
from facade.embedded.soap import Message, SoapFault
from facade.embedded.submission import provide
from facade.embedded.update import update
from facade.embedded.vihf import User, VihfReader

_LOG = logging.getLogger(__name__)
_ITI = "urn:ihe:iti:2007:"
_HABILITATIONS = "urn:si-dmp-habilitations:HabilitationsEndPoint:"
_BAD_REQUEST, _SERVER_ERROR = 400, 500

OPERATIONS: dict[tuple[str, str], Operation] = {
    ("patients", "urn:hl7-org:v3:PRPA_IN201307UV02"): Operation(
        "TD0.2", "urn:hl7-org:v3:PRPA_IN201308UV02", existence, refuse_existence
    ),
    ("registry", f"{_ITI}RegistryStoredQuery"): Operation(
        "TD3.1", f"{_ITI}RegistryStoredQueryResponse", stored_query, refuse_query
    ),
    ("registry", "urn:ihe:iti:2010:UpdateDocumentSet"): Operation(
        "TD3.3a", "urn:ihe:iti:2010:UpdateDocumentSetResponse", update, refuse_registry
    ),
    ("repository", f"{_ITI}ProvideAndRegisterDocumentSet-b"): Operation(
        "TD2.1", f"{_ITI}ProvideAndRegisterDocumentSet-bResponse", provide, refuse_registry
    ),
    ("repository", f"{_ITI}RetrieveDocumentSet"): Operation(
        "TD3.2", f"{_ITI}RetrieveDocumentSetResponse", retrieve, refuse_retrieve
    ),
    ("habilitations", f"{_HABILITATIONS}setAuthorization"): Operation(
        "TD0.3", f"{_HABILITATIONS}setAuthorizationResponse", set_authorisation, refuse_set
    ),
    ("habilitations", f"{_HABILITATIONS}listAuthorizationByPatient"): Operation(
        "TD1.6", f"{_HABILITATIONS}listAuthorizationByPatientResponse", list_authorisations, refuse_list
    ),
}
SERVICES = frozenset(service for service, _ in OPERATIONS)


@dataclass(frozen=True, slots=True)
class Call:
    """An HTTP request on one service, with the certificate the connection was opened with (DER)."""

    service: str
    content_type: str
    body: bytes = field(repr=False)
    certificate: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer."""

    status: int
    content_type: str
    body: bytes = field(repr=False)


@dataclass(slots=True)
class _Progress:
    """How far a request got: what its log line and its answer need, whatever stopped it."""

    trail: Trail = field(default_factory=lambda: Trail(""))
    message: Message | None = None
    user: User | None = None


class Dispatcher:
    """Serves the four SOAP services."""

    def __init__(self, dmp: Dmp, vihf: VihfReader, journal: Journal) -> None:
        self._dmp = dmp
        self._vihf = vihf
        self._journal = journal

    def serve(self, call: Call) -> Reply:
        """Answer one request; nothing is raised, everything is logged."""
        progress = _Progress()
        try:
            action, answer = self._run(call, progress)
            status, result = 200, answer.result
            relates_to = progress.message.message_id if progress.message else ""
            envelope, attachments = soap.answer(action, relates_to, answer.body), answer.attachments
        except Exception as unexpected:  # noqa: BLE001 - whatever happens, the caller gets a fault and the log a line
            error = _as_fault(unexpected, progress)
            status = _SERVER_ERROR if error.code == "Receiver" else _BAD_REQUEST
            result, attachments = error.code, {}
            envelope = soap.fault(error, progress.message.message_id if progress.message else "")
        self._log(progress, result)
        return _reply(call.service, status, envelope, attachments)

    def _run(self, call: Call, progress: _Progress) -> tuple[str, Answer]:
        """The action of the answer and the answer. Raises SoapFault."""
        message = progress.message = soap.read(call.content_type, call.body)
        operation = OPERATIONS.get((call.service, message.action))
        if operation is None:
            raise SoapFault("wsa:ActionNotSupported", "cette action n'est pas celle d'une opération de ce service")
        trail = progress.trail = Trail(operation.transaction)
        connected = self._dmp.trust.may_connect(call.certificate)
        if connected is None:
            raise SoapFault("DMPInvalidCertificate", "[Indirecte] Erreur d'authentification de la personne morale")
        signed, signer = self._vihf.verify(message.assertion)
        trail.signature_ok = True
        user = progress.user = self._vihf.user(signed, signer, self._dmp.trust.organisation(connected))
        try:
            answer = operation.run(self._dmp, user, message, trail)
        except Refusal as error:
            answer = Answer(operation.refuse(message, error), result=error.code)
        return operation.response_action, answer

    def _log(self, progress: _Progress, result: str) -> None:
        message = progress.message
        self._journal.write(
            action=message.action if message else "",
            transaction=progress.trail.transaction,
            user=progress.user,
            signature_ok=progress.trail.signature_ok,
            mtom=message is not None and message.mtom,
            result=result,
        )


def _as_fault(error: Exception, progress: _Progress) -> SoapFault:
    if isinstance(error, SoapFault):
        return error
    _LOG.error("%s failed", progress.trail.transaction, exc_info=error)
    return SoapFault("Receiver", "erreur interne du DMP")


def _reply(service: str, status: int, envelope: bytes, attachments: Mapping[str, tuple[str, bytes]]) -> Reply:
    """The repository answers as MTOM always, faults included; the other services as plain SOAP."""
    if service == "repository":
        content_type, body = multipart.write(envelope, attachments)
        return Reply(status, content_type, body)
    return Reply(status, f"{multipart.SOAP_TYPE}; charset=UTF-8", envelope)
