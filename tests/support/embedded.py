"""A raw client of the embedded DMP: messages written by hand, signed with xmlsec, sent over mutual TLS.

It shares no code with the facade's own speaker nor with the server's reader: lxml, xmlsec and requests only.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import requests

from facade.embedded.world import World
from tests.support.embedded_answer import TD02_BODY, Received, mtom, take_apart
from tests.support.embedded_lot import (
    HAS_MEMBER,
    RPLC,
    SIGNS,
    UPDATE_STATUS,
    Document,
    Lot,
    association,
    lot_signature,
    signature_entry,
    slot,
)
from tests.support.embedded_vihf import Vihf, signer
from tests.support.embedded_words import INDIRECT, NS, TD02, TD21, TD31, TD32, TD33, WSSE, cx, oid


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def running(data: Path, kind: str, port: int, *extra: str) -> Iterator[subprocess.Popen[bytes]]:
    """One of the two servers as a child process, ready for connections; stopped by SIGTERM."""
    command = [sys.executable, "-m", "facade.embedded", kind, "--data", str(data), "--port", str(port), *extra]
    child = subprocess.Popen(command, env={**os.environ, "PYTHONUNBUFFERED": "1"})
    try:
        deadline = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 0.2).close()
                break
            except OSError:
                assert child.poll() is None, "the server stopped"
                assert time.monotonic() < deadline, "the server does not listen"
                time.sleep(0.05)
        yield child
    finally:
        child.send_signal(signal.SIGTERM)
        child.wait(10)


class RawClient:
    """Speaks to a running embedded DMP."""

    def __init__(self, world: World, port: int, log: Path) -> None:
        self.world = world
        self.log = log
        self.port = port
        self.url = f"https://127.0.0.1:{port}/si-dmp-server/v2/services"
        self.signer = signer(world.pki.sign, world.pki.sign_key)
        self.wrong_signer = signer(world.pki.auth_cli, world.pki.auth_cli_key)
        self.sent = b""
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.verify = str(world.pki.ca)
        self.session.cert = (str(world.pki.auth_cli), str(world.pki.auth_cli_key))

    def close(self) -> None:
        """Close the connections."""
        self.session.close()

    def assertion(self, vihf: Vihf) -> bytes:
        """A signed assertion."""
        return self.signer.sign(vihf.xml(self.signer.subject))

    def envelope(self, action: str, body: str, assertion: bytes, message_id: str | None = None) -> bytes:
        """A SOAP request."""
        identifier = uuid.uuid4().urn if message_id is None else message_id
        head = (
            f'<soap:Envelope xmlns:soap="{NS["soap"]}"><soap:Header>'
            + (f'<Action xmlns="{NS["wsa"]}">{action}</Action>' if action else "")
            + (f'<MessageID xmlns="{NS["wsa"]}">{identifier}</MessageID>' if identifier else "")
            + f'<ReplyTo xmlns="{NS["wsa"]}"><Address>{NS["wsa"]}/anonymous</Address></ReplyTo>'
            + f'<To xmlns="{NS["wsa"]}"/>'
        )
        security = (
            f'<wsse:Security xmlns:wsse="{WSSE}">'.encode() + assertion + b"</wsse:Security>" if assertion else b""
        )
        return head.encode() + security + f"</soap:Header><soap:Body>{body}</soap:Body></soap:Envelope>".encode()

    def post(self, service: str, data: Any, content_type: str = "application/soap+xml; charset=UTF-8") -> Received:
        """Send bytes as they are (an iterator is sent in chunks)."""
        self.sent = data if isinstance(data, bytes) else b""
        return take_apart(
            self.session.post(f"{self.url}/{service}", data=data, headers={"Content-Type": content_type}, timeout=20)
        )

    def call(self, service: str, action: str, body: str, vihf: Vihf) -> Received:
        """One plain SOAP call."""
        return self.post(service, self.envelope(action, body, self.assertion(vihf)))

    def existence(
        self, vihf: Vihf | None = None, *, asked: str | None = None, change: tuple[str, str] = ("", "")
    ) -> Received:
        """TD0.2 (TD1.3a by its reason), one text of the message changed."""
        vihf = vihf or Vihf()
        body = TD02_BODY.format(ins=asked or vihf.patient, oid=vihf.patient_oid).replace(*change)
        return self.call("patients", TD02, body, vihf)

    def query(
        self, identifier: str, parameters: Mapping[str, Any], vihf: Vihf | None = None, returns: str = "LeafClass"
    ) -> Received:
        """TD3.1."""
        slots = "".join(
            slot(name, *([value] if isinstance(value, str) else value)) for name, value in parameters.items()
        )
        body = (
            f'<query:AdhocQueryRequest xmlns:query="{NS["query"]}" xmlns:rim="{NS["rim"]}"><query:ResponseOption'
            f' returnType="{returns}" returnComposedObjects="true"/><rim:AdhocQuery id="{identifier}">{slots}'
            "</rim:AdhocQuery></query:AdhocQueryRequest>"
        )
        return self.call("registry", TD31, body, vihf or Vihf())

    def find(self, vihf: Vihf | None = None, **parameters: Any) -> Received:
        """FindDocuments, Approved unless said otherwise; parameters without their prefix."""
        vihf = vihf or Vihf()
        given = {
            "$XDSDocumentEntryPatientId": f"'{cx(vihf.patient)}'",
            "$XDSDocumentEntryStatus": "('urn:oasis:names:tc:ebxml-regrep:StatusType:Approved')",
        }
        given |= {f"$XDSDocumentEntry{name}": value for name, value in parameters.items()}
        wanted = {name: value for name, value in given.items() if value is not None}
        return self.query("urn:uuid:14d4debf-8f97-4251-9a74-a90016b0af0d", wanted, vihf)

    def get(self, vihf: Vihf | None = None, returns: str = "LeafClass", **parameters: Any) -> Received:
        """GetDocuments."""
        named = {
            f"${name}" if name == "MetadataLevel" else f"$XDSDocumentEntry{name}": value
            for name, value in parameters.items()
        }
        return self.query("urn:uuid:5c4f972b-d56b-40ac-a5fc-c8ca9b40b9d4", named, vihf, returns)

    def retrieve(
        self, unique_ids: Sequence[str], vihf: Vihf | None = None, repository: str = "1.2.250.1.213.4.1.1.1.2"
    ) -> Received:
        """TD3.2."""
        requests_ = "".join(
            f"<xds:DocumentRequest><xds:RepositoryUniqueId>{repository}</xds:RepositoryUniqueId>"
            f"<xds:DocumentUniqueId>{unique_id}</xds:DocumentUniqueId></xds:DocumentRequest>"
            for unique_id in unique_ids
        )
        body = f'<xds:RetrieveDocumentSetRequest xmlns:xds="{NS["xds"]}">{requests_}</xds:RetrieveDocumentSetRequest>'
        return self.call("repository", TD32, body, vihf or Vihf())

    def submission(
        self,
        documents: Sequence[Document],
        vihf: Vihf | None = None,
        *,
        lot: Lot | None = None,
        replaces: Mapping[str, str] | None = None,
        signature: bytes | None = None,
        objects: str = "",
        parts: Mapping[str, bytes] | None = None,
        leave_out: str = "",
    ) -> tuple[str, bytes]:
        """The Content-Type and the bytes of a TD2.1."""
        vihf = vihf or Vihf(mode=INDIRECT)
        lot = lot or Lot(patient=vihf.patient)
        signature_id = oid()
        if signature is None:
            signature = lot_signature(self.signer, lot.unique_id, {d.unique_id: d.bytes for d in documents})
        members = [*(document.id for document in documents), "Signature01"]
        associations = [
            *(association(HAS_MEMBER, "SubmissionSet01", member, SubmissionSetStatus="Original") for member in members),
            association(SIGNS, "Signature01", "SubmissionSet01", SubmissionSetStatus="Original"),
            *(association(RPLC, source, target) for source, target in (replaces or {}).items()),
        ]
        contents = parts or {**{document.id: document.bytes for document in documents}, "Signature01": signature}
        cids = {identifier: f"{uuid.uuid4()}@raw" for identifier in contents}
        includes = "".join(
            f'<xds:Document id="{identifier}"><xop:Include xmlns:xop="{NS["xop"]}" href="cid:{cid}"/></xds:Document>'
            for identifier, cid in cids.items()
        )
        registry_objects = (
            lot.xml()
            + "".join(document.xml() for document in documents)
            + signature_entry(signature_id, vihf.patient)
            + "".join(associations)
            + objects
        )
        if leave_out:
            registry_objects = registry_objects.replace(leave_out, "", 1)
        body = (
            f'<xds:ProvideAndRegisterDocumentSetRequest xmlns:xds="{NS["xds"]}" xmlns:rim="{NS["rim"]}">'
            f'<lcm:SubmitObjectsRequest xmlns:lcm="{NS["lcm"]}"><rim:RegistryObjectList>{registry_objects}'
            f"</rim:RegistryObjectList></lcm:SubmitObjectsRequest>{includes}</xds:ProvideAndRegisterDocumentSetRequest>"
        )
        envelope = self.envelope(TD21, body, self.assertion(vihf))
        return mtom(envelope, {cids[identifier]: content for identifier, content in contents.items()})

    def provide(self, *documents: Document, vihf: Vihf | None = None, **options: Any) -> Received:
        """TD2.1."""
        content_type, data = self.submission(documents, vihf, **options)
        return self.post("repository", data, content_type)

    def update(self, objects: str, vihf: Vihf | None = None, *, lot: Lot | None = None) -> Received:
        """TD3.3."""
        vihf = vihf or Vihf()
        lot = lot or Lot(patient=vihf.patient, author=vihf.name_id, institution=vihf.structure)
        body = (
            f'<lcm:SubmitObjectsRequest xmlns:lcm="{NS["lcm"]}" xmlns:rim="{NS["rim"]}"><rim:RegistryObjectList>'
            f"{lot.xml()}{objects}</rim:RegistryObjectList></lcm:SubmitObjectsRequest>"
        )
        return self.call("registry", TD33, body, vihf)

    def mask(self, document: Document, version: int, vihf: Vihf | None = None) -> Received:
        """TD3.3a/b: ``document`` holds the new metadata, ``lid`` included."""
        link = association(
            HAS_MEMBER, "SubmissionSet01", document.id, SubmissionSetStatus="Original", PreviousVersion=str(version)
        )
        return self.update(document.xml() + link, vihf)

    def change_status(self, target: str, old: str, new: str, vihf: Vihf | None = None) -> Received:
        """TD3.3c/d."""
        link = association(UPDATE_STATUS, "SubmissionSet01", target, OriginalStatus=old, NewStatus=new)
        return self.update(link, vihf)

    def lines(self) -> list[dict[str, Any]]:
        """The journal."""
        return [json.loads(line) for line in self.log.read_text().splitlines()]
