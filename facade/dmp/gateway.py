"""The one door to the DMP: ``SoapGateway`` speaks each transaction and chooses how it is authenticated.

TD2.1, the TD0.2 of machines, the reference search and the TD3.3c of a structure go in INDIRECTE, everything else in
INDIRECTE_RENFORCEE: the rights tables of the DMP forbid feeding in the latter and reading in the former (PDT-INF-526,
PDT-INF-606).
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from facade.dmp import diagnosis, ebrim_write, hl7v3, retrieve, soap, xades, xds
from facade.dmp.channel import Channel, Observer, Transaction
from facade.dmp.config import DmpConfig
from facade.dmp.errors import expect, read_status
from facade.dmp.habilitations import Habilitations
from facade.dmp.http import HttpClient
from facade.dmp.keys import load
from facade.dmp.multipart import Part
from facade.dmp.searches import Searches
from facade.dmp.vihf import AssertionMaker, Mode
from facade.domain.caller import CallerKind
from facade.domain.content import Content
from facade.domain.dmp import ChangeSession, DmpSession, Retrieved
from facade.domain.document import Availability, DocumentEntry, NewDocument, Submission, SubmissionSet
from facade.domain.dossier import Dossier
from facade.domain.errors import DmpUnavailable
from facade.domain.turns import Turns

_EXISTENCE = Transaction("TD0.2", "patients", "urn:hl7-org:v3:PRPA_IN201307UV02")
_ADMINISTRATIVE = replace(_EXISTENCE, name="TD1.3a")
_RETRIEVE = Transaction("TD3.2", "repository", "urn:ihe:iti:2007:RetrieveDocumentSet", mtom=True)
_PUBLISH = Transaction(
    "TD2.1", "repository", "urn:ihe:iti:2007:ProvideAndRegisterDocumentSet-b", changes=True, mtom=True
)
_UPDATE = Transaction("TD3.3", "registry", "urn:ihe:iti:2010:UpdateDocumentSet", changes=True)
_MACHINES = (CallerKind.STRUCTURE, CallerKind.APPLICATION)


class SoapGateway(Searches, Habilitations):
    """Implements ``facade.domain.dmp.DmpGateway``. One instance serves all threads of a process.

    ``observer`` is told of every transaction, exchange and circuit; ``turns`` are those of the process, taken to read
    large answers. Construction
    reads the keys and raises ValueError when one is missing, wrong or expired, or the configuration makes no sense.
    """

    def __init__(self, config: DmpConfig, *, observer: Observer | None = None, turns: Turns | None = None) -> None:
        self._config = config
        self._auth = load(config.auth, "AUTH_CLI")
        self._sign = load(config.sign, "SIGN")
        self._http = HttpClient(config)
        self._channel = Channel(config, self._http, AssertionMaker(config, self._sign), observer, turns or Turns())

    def certificate_expiry(self) -> dict[str, datetime]:
        """When our own certificates end, in UTC, by use: ``auth`` and ``sign``."""
        return {
            "auth": self._auth.certificate.not_valid_after_utc,
            "sign": self._sign.certificate.not_valid_after_utc,
        }

    def close(self) -> None:
        """Close the pooled connections."""
        self._http.close()

    def probe(self) -> str | None:
        """Whether a TLS connection can be opened: None when it can, else why not."""
        return self._http.probe()

    def open_circuits(self) -> list[str]:
        """The services of the DMP that are left alone now."""
        return self._channel.open_circuits()

    def diagnose(self) -> list[str]:
        """What is wrong with our certificates, the connection and each service, in words; empty when all is well."""
        return [
            *diagnosis.of_certificates(self._auth, self._sign, datetime.now(UTC)),
            *diagnosis.of_services(self._config, self._http.context),
        ]

    def check_access(self, session: DmpSession) -> Dossier:
        """TD0.2. A professional, patient or representative asks in INDIRECTE_RENFORCEE, a machine in INDIRECTE."""
        return self._existence(_EXISTENCE, hl7v3.EXISTENCE, session)

    def read_administrative_data(self, session: DmpSession) -> Dossier:
        """TD1.3a: the same question as TD0.2 with another reason, the same answer with every trait."""
        return self._existence(_ADMINISTRATIVE, hl7v3.ADMINISTRATIVE_DATA, session)

    def retrieve(self, session: DmpSession, entries: Sequence[DocumentEntry]) -> tuple[Retrieved, ...]:
        """TD3.2. Every document is compared with its entry before it is returned."""
        if not entries:
            return ()
        repository = self._config.repository_oid
        with self._channel.observed(_RETRIEVE):
            body = retrieve.request(entries, repository, self._config.home_community_oid)
            answer = self._channel.call(_RETRIEVE, Mode.REINFORCED, session, body)
            expect(answer.body, f"{{{xds.XDSB}}}RetrieveDocumentSetResponse")
            status = answer.body.find(f"{{{xds.RS}}}RegistryResponse")
            if status is None:
                raise DmpUnavailable("dmp.answer-invalid", status="200")
            found = read_status(status, changes=False)
            if found.partial and found.warnings:
                raise found.warnings[0]
            return retrieve.documents(answer, entries, repository)

    def publish(self, session: ChangeSession, submission: Submission) -> None:
        """TD2.1: the lot, its documents and its signature, in one MTOM message. Raises ValueError for an empty lot."""
        if not submission.documents:
            raise ValueError("a lot has at least one document")
        with self._channel.observed(_PUBLISH):
            signature = self._signature(submission)
            lot, entries = self._with_ids(submission)
            request = ebrim_write.submission(lot, entries, signature.entry)
            targets = [ebrim_write.object_id(entry, position) for position, entry in enumerate(entries, start=1)]
            parts, documents = _attachments(
                [*zip(targets, submission.documents, strict=True), (ebrim_write.SIGNATURE_ID, signature)]
            )
            body = (
                f'<xds:ProvideAndRegisterDocumentSetRequest xmlns:xds="{xds.XDSB}">{request}{documents}'
                "</xds:ProvideAndRegisterDocumentSetRequest>"
            )
            self._change(_PUBLISH, Mode.INDIRECT, session, body, parts)

    def update_metadata(self, session: ChangeSession, lot: SubmissionSet, updated: DocumentEntry) -> None:
        """TD3.3a/b: ``updated`` becomes the next metadata version of its logical id."""
        with self._channel.observed(_UPDATE):
            body = ebrim_write.metadata_update(lot, updated)
            self._change(_UPDATE, Mode.REINFORCED, session, body)

    def update_status(
        self, session: ChangeSession, lot: SubmissionSet, current: DocumentEntry, new_status: Availability
    ) -> None:
        """TD3.3c/d: archive, unarchive or withdraw. A structure withdraws its own in INDIRECTE (526, note 9)."""
        mode = Mode.INDIRECT if session.caller.kind is CallerKind.STRUCTURE else Mode.REINFORCED
        with self._channel.observed(_UPDATE):
            body = ebrim_write.status_update(lot, current, new_status)
            self._change(_UPDATE, mode, session, body)

    def _existence(self, transaction: Transaction, reason: str, session: DmpSession) -> Dossier:
        mode = Mode.INDIRECT if session.caller.kind in _MACHINES else Mode.REINFORCED
        asked = hl7v3.Asked(session.patient)
        body = hl7v3.existence_request(self._config, asked, datetime.now(UTC), reason)
        with self._channel.observed(transaction):
            return hl7v3.read_existence(self._channel.call(transaction, mode, session, body).body, asked)

    def _with_ids(self, submission: Submission) -> tuple[SubmissionSet, list[DocumentEntry]]:
        """The lot and its entries with the ids they are sent with: none where the DMP gives its own."""
        entries = [document.entry for document in submission.documents]
        if self._config.entry_uuids == "ours":
            return submission.lot, entries
        nameless = [replace(entry, entry_uuid="", logical_id="") for entry in entries]
        return replace(submission.lot, entry_uuid=""), nameless

    def _change(
        self, transaction: Transaction, mode: Mode, session: ChangeSession, body: str, parts: Sequence[Part] = ()
    ) -> None:
        answer = self._channel.call(transaction, mode, session, body, parts).body
        expect(answer, f"{{{xds.RS}}}RegistryResponse", changes=True)
        read_status(answer, changes=True)

    def _signature(self, submission: Submission) -> NewDocument:
        content = xades.sign_lot(submission, self._sign, self._config.lot_signature_hash, datetime.now(UTC))
        unique_id = f"2.25.{uuid.uuid4().int}"
        entry = ebrim_write.signature_entry(submission.lot, submission.documents[0].entry, unique_id)
        return NewDocument(replace(entry, size=len(content)), Content.of(content))


def _attachments(documents: Sequence[tuple[str, NewDocument]]) -> tuple[list[Part], str]:
    """The parts of a message and the Document elements that point at them."""
    parts, elements = [], []
    for target, document in documents:
        cid = f"{uuid.uuid4()}@facade"
        parts.append(Part(cid, document.entry.mime_type, document.content))
        elements.append(f'<xds:Document id="{target}">{soap.include(cid)}</xds:Document>')
    return parts, "".join(elements)
