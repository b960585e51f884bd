"""The one way of a request through the embedded DMP: read, authenticate, run, answer, log; and, on order, misbehave."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field

from facade.embedded import multipart, patients, soap, update
from facade.embedded.authorised import authorised_records, refuse_records
from facade.embedded.ebrim import Refusal
from facade.embedded.habilitations import list_authorisations, refuse_list, refuse_set, set_authorisation
from facade.embedded.journal import Journal
from facade.embedded.misbehaviour import BEFORE, BadOrder, Fault, Misbehaviour
from facade.embedded.registry import refuse_query, stored_query
from facade.embedded.repository import refuse_retrieve, retrieve
from facade.embedded.schemas import Schemas
from facade.embedded.service import Dmp, Draft, Operation, Reply, Trail, refuse_registry
from facade.embedded.soap import Message, SoapFault
from facade.embedded.spoiling import Spoiler
from facade.embedded.submission import provide
from facade.embedded.vihf import User, VihfReader

_LOG = logging.getLogger(__name__)
_ITI = "urn:ihe:iti:2007:"
_HABILITATIONS = "urn:si-dmp-habilitations:HabilitationsEndPoint:"
_PATIENTS = "urn:si-dmp-patients:PatientSpecificEndPoint:"
_BAD_REQUEST, _SERVER_ERROR = 400, 500


def _set_authorisation(response_action: str) -> Operation:
    return Operation(response_action, set_authorisation, refuse_set, "TD0.3")


OPERATIONS: dict[tuple[str, str], Operation] = {
    ("patients", "urn:hl7-org:v3:PRPA_IN201307UV02"): Operation(
        "urn:hl7-org:v3:PRPA_IN201308UV02", patients.holder, patients.refuse_holder, patients.transaction_of
    ),
    ("patientsSpecific", f"{_PATIENTS}patientList"): Operation(
        f"{_PATIENTS}patientListResponse", authorised_records, refuse_records, "TD0.4", names_patient=False
    ),
    ("registry", f"{_ITI}RegistryStoredQuery"): Operation(
        f"{_ITI}RegistryStoredQueryResponse", stored_query, refuse_query, "TD3.1"
    ),
    ("registry", "urn:ihe:iti:2010:UpdateDocumentSet"): Operation(
        "urn:ihe:iti:2010:UpdateDocumentSetResponse", update.update, refuse_registry, update.transaction_of
    ),
    ("repository", f"{_ITI}ProvideAndRegisterDocumentSet-b"): Operation(
        f"{_ITI}ProvideAndRegisterDocumentSet-bResponse", provide, refuse_registry, "TD2.1"
    ),
    ("repository", f"{_ITI}RetrieveDocumentSet"): Operation(
        f"{_ITI}RetrieveDocumentSetResponse", retrieve, refuse_retrieve, "TD3.2"
    ),
    # The official samples have the first action, the WSDL the second.
    ("habilitations", f"{_HABILITATIONS}setAuthorization"): _set_authorisation(
        f"{_HABILITATIONS}setAuthorizationResponse"
    ),
    ("habilitations", "urn:hl7-org:v3:setAuthorization"): _set_authorisation("urn:hl7-org:v3:setAuthorizationResponse"),
    ("habilitations", f"{_HABILITATIONS}listAuthorizationByPatient"): Operation(
        f"{_HABILITATIONS}listAuthorizationByPatientResponse", list_authorisations, refuse_list, "TD1.6"
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


@dataclass(slots=True)
class _Progress:
    """How far a request got: what its log line and its answer need, whatever stopped it."""

    trail: Trail = field(default_factory=lambda: Trail(""))
    message: Message | None = None
    user: User | None = None
    fault: Fault | None = None
    result: str = ""


class Dispatcher:
    """Serves the SOAP services."""

    def __init__(
        self, dmp: Dmp, vihf: VihfReader, journal: Journal, orders: Misbehaviour, schemas: Schemas | None = None
    ) -> None:
        self._dmp = dmp
        self._vihf = vihf
        self._journal = journal
        self._orders = orders
        self._schemas = schemas
        self._spoiler = Spoiler(dmp.store)

    def serve(self, call: Call) -> Reply:
        """Answer one request; nothing is raised, everything is logged."""
        progress = _Progress()
        reply = self._reply(call, progress, self._draft(call, progress))
        self._log(progress)
        if progress.fault is not None and progress.fault.kind == "delay-after":
            progress.fault.wait()
        return reply

    def _draft(self, call: Call, progress: _Progress) -> Draft:
        """Run the request, or what stopped it as a fault. Sets what ``progress`` has to say."""
        try:
            operation, message = self._recognise(call, progress)
            self._misbehave_before(progress)
            return self._run(call, progress, operation, message)
        except Exception as unexpected:  # noqa: BLE001 - whatever happens, the caller gets a fault and the log a line
            error = _as_fault(unexpected, progress)
            progress.result = error.code
            return _fault_draft(error, progress)

    def _recognise(self, call: Call, progress: _Progress) -> tuple[Operation, Message]:
        """The operation and the message of a call. Raises SoapFault."""
        message = progress.message = soap.read(call.content_type, call.body)
        operation = OPERATIONS.get((call.service, message.action))
        if operation is None:
            raise SoapFault("wsa:ActionNotSupported", "cette action n'est pas celle d'une opération de ce service")
        progress.trail = Trail(operation.transaction_of(message))
        if self._schemas is not None:
            self._schemas.check(message.body.getroottree().getroot())
        return operation, message

    def _misbehave_before(self, progress: _Progress) -> None:
        """Ask what is ordered for this request, and do it if it comes before the effect. Raises SoapFault."""
        try:
            fault = progress.fault = self._orders.request(progress.trail.transaction)
        except BadOrder as error:
            raise SoapFault("Receiver", str(error)) from error
        if fault is None or fault.kind not in BEFORE:
            return
        if fault.kind == "delay":
            fault.wait()
        else:
            raise _ordered_fault(fault)

    def _run(self, call: Call, progress: _Progress, operation: Operation, message: Message) -> Draft:
        """Authenticate and run. Raises SoapFault."""
        trail = progress.trail
        connected = self._dmp.trust.may_connect(call.certificate)
        if connected is None:
            raise SoapFault("DMPInvalidCertificate", "[Indirecte] Erreur d'authentification de la personne morale")
        signed, signer = self._vihf.verify(message.assertion)
        trail.signature_ok = True
        unit = self._dmp.trust.organisation(connected)
        user = progress.user = self._vihf.user(signed, signer, unit, patient_needed=operation.names_patient)
        try:
            answer = operation.run(self._dmp, user, message, trail)
            progress.result, body, attachments = answer.result, answer.body, answer.attachments
        except Refusal as error:
            progress.result, body, attachments = error.code, operation.refuse(message, error), {}
        return Draft(200, operation.response_action, message.message_id, body, attachments)

    def _reply(self, call: Call, progress: _Progress, draft: Draft) -> Reply:
        """What leaves: the draft, spoilt where that is ordered and there is something to spoil."""
        fault, transaction = progress.fault, progress.trail.transaction
        if fault is None:
            self._spoiler.remember(transaction, progress.user, draft)
            return _written(call.service, draft)
        if fault.kind == "soap-fault-after":
            changed: Draft | None = _fault_draft(_ordered_fault(fault), progress)
        else:
            changed = self._spoiler.draft(fault, draft, transaction, progress.user)
        self._spoiler.remember(transaction, progress.user, draft)
        written = _written(call.service, changed or draft)
        spoilt = self._spoiler.reply(fault, written)
        if changed is None and spoilt is None and fault.kind not in (*BEFORE, "delay-after"):
            self._orders.give_back(fault)
        else:
            progress.result = f"misbehaved:{fault.kind}"
        return spoilt or written

    def _log(self, progress: _Progress) -> None:
        message = progress.message
        self._journal.write(
            action=message.action if message else "",
            transaction=progress.trail.transaction,
            user=progress.user,
            signature_ok=progress.trail.signature_ok,
            mtom=message is not None and message.mtom,
            result=progress.result,
        )


def _as_fault(error: Exception, progress: _Progress) -> SoapFault:
    if isinstance(error, SoapFault):
        return error
    _LOG.error("%s failed", progress.trail.transaction, exc_info=error)
    return SoapFault("Receiver", "erreur interne du DMP")


def _ordered_fault(fault: Fault) -> SoapFault:
    return SoapFault(str(fault.options.get("code", "Receiver")), "erreur commandée du DMP embarqué")


def _fault_draft(error: SoapFault, progress: _Progress) -> Draft:
    status = _SERVER_ERROR if error.code == "Receiver" else _BAD_REQUEST
    relates_to = progress.message.message_id if progress.message else ""
    return Draft(status, soap.FAULT_ACTION, relates_to, soap.fault(error))


def _written(service: str, draft: Draft) -> Reply:
    """The repository answers as MTOM always, faults included; the other services as plain SOAP."""
    envelope = soap.answer(draft.action, draft.relates_to, draft.body)
    if service == "repository":
        content_type, body = multipart.write(envelope, draft.attachments)
        return Reply(draft.status, content_type, body)
    return Reply(draft.status, f"{multipart.SOAP_TYPE}; charset=UTF-8", envelope)
