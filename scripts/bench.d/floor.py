"""A program: one operation the facade is compared with, repeated as often as it is told.

Arguments: the operation, the folder of recorded exchanges, the folder of the test PKI, the port of the sink. It says
``ready`` (one line of JSON), then for each number read from standard input repeats the operation that many times and
writes what it cost. One process for each operation: memory and processor time are nobody else's.

A new comparison is one more entry of ``OPERATIONS`` and one more ``Against`` in ``scenarios``.
"""

from __future__ import annotations

import base64
import hashlib
import json
import sys
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import naive
import orjson
import processes
import pybase64
import requests
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from floor_map import Codings, bundle, differences, references
from lxml import etree

from facade import knowledge
from facade.domain.document import Coded
from facade.translation.tables import CodeTables

_CHUNK = 1024 * 1024
_DS = "http://www.w3.org/2000/09/xmldsig#"
_EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"
_LEVELS = "2.16.840.1.113883.5.25"
FILE, FILE_END = b'representation="B64">', b"</text></nonXMLBody>"


@dataclass(frozen=True, slots=True)
class Material:
    """What an operation works on: recorded exchanges, keys loaded once, one session over mutual TLS."""

    recorded: Path
    pki: Path
    sink: str

    def bytes_of(self, name: str) -> bytes:
        """A recorded body."""
        return (self.recorded / name).read_bytes()

    def text_of(self, name: str) -> str:
        """A recorded text."""
        return (self.recorded / name).read_text()

    def session(self) -> requests.Session:
        """As the facade is connected to the DMP: our certificate, our authority, connections kept open."""
        session = requests.Session()
        session.trust_env = False
        session.cert = (str(self.pki / "auth_cli.pem"), str(self.pki / "auth_cli.key"))
        session.verify = str(self.pki / "ca.pem")
        return session

    def signer(self) -> Signer:
        """The ORG SIGN key."""
        key = serialization.load_pem_private_key((self.pki / "sign.key").read_bytes(), None)
        if not isinstance(key, rsa.RSAPrivateKey):
            raise TypeError("the test PKI signs with RSA")
        return Signer(key, self.text_of("assertion.xml"))


class Signer:
    """A VIHF and nothing else: exclusive c14n, SHA-256, RSA, written with text."""

    def __init__(self, key: rsa.RSAPrivateKey, recorded: str) -> None:
        self._key = key
        root = etree.fromstring(recorded)
        signature = root.find(f"{{{_DS}}}Signature")
        if signature is not None:
            root.remove(signature)
        self._id = root.get("ID", "")
        self._unsigned = etree.tostring(root, encoding="unicode")

    def assertion(self) -> str:
        """A signed assertion with an ID of its own."""
        identifier = f"_{uuid.uuid4()}"
        text = self._unsigned.replace(self._id, identifier)
        canonical = etree.tostring(etree.fromstring(text), method="c14n", exclusive=True)
        digest = base64.b64encode(hashlib.sha256(canonical).digest()).decode()
        info = (
            f'<ds:SignedInfo xmlns:ds="{_DS}"><ds:CanonicalizationMethod Algorithm="{_EXCLUSIVE}">'
            '</ds:CanonicalizationMethod><ds:SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#rsa-'
            f'sha256"></ds:SignatureMethod><ds:Reference URI="#{identifier}"><ds:Transforms><ds:Transform Algorithm='
            f'"{_DS}enveloped-signature"></ds:Transform><ds:Transform Algorithm="{_EXCLUSIVE}"></ds:Transform>'
            '</ds:Transforms><ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"></ds:DigestMethod>'
            f"<ds:DigestValue>{digest}</ds:DigestValue></ds:Reference></ds:SignedInfo>"
        )
        head, issuer, tail = text.partition("</saml2:Issuer>")
        value = base64.b64encode(self.sign(info.encode())).decode()
        signature = (
            f'<ds:Signature xmlns:ds="{_DS}">{info}<ds:SignatureValue>{value}</ds:SignatureValue></ds:Signature>'
        )
        return f"{head}{issuer}{signature}{tail}"

    def sign(self, data: bytes) -> bytes:
        """RSA-2048 with SHA-256."""
        return self._key.sign(data, padding.PKCS1v15(), hashes.SHA256())


Operation = Callable[[], object]


def search_floor(material: Material) -> Operation:
    answer, known, signer = material.bytes_of("search.bin"), codings(), material.signer()

    def run() -> None:
        signer.assertion()
        orjson.dumps(bundle(answer, known))

    return run


def search_naive(material: Material) -> Operation:
    return naive.search(material.recorded, material.pki, material.sink, codings())


def search_models(material: Material) -> Operation:
    from fhir.resources.R4B.bundle import Bundle  # noqa: PLC0415 - only this operation pays for it

    answer, known, signer = material.bytes_of("search.bin"), codings(), material.signer()

    def run() -> None:
        signer.assertion()
        Bundle.model_validate(bundle(answer, known)).model_dump_json()

    return run


def read_floor(material: Material) -> Operation:
    answer, known, signer = material.bytes_of("read.bin"), codings(), material.signer()

    def run() -> None:
        signer.assertion()
        orjson.dumps(next(references(answer, known)))

    return run


def publish_raw(material: Material) -> Operation:
    session, body, content_type = material.session(), material.bytes_of("publish.bin"), material.text_of("publish.type")
    return lambda: _send(session, material.sink, (body,), content_type)


def publish_parts(material: Material) -> Operation:
    session, signer, asked = material.session(), material.signer(), material.bytes_of("publish.json")
    head, _, rest = material.bytes_of("publish.bin").partition(FILE)
    start = head.rindex(b"<?xml ")
    message, cda_head = head[:start], head[start:] + FILE
    tail, content_type = rest[rest.index(FILE_END) :], material.text_of("publish.type")

    def run() -> None:
        file = pybase64.b64decode(orjson.loads(asked)["content"][0]["attachment"]["data"], validate=True)
        hashlib.sha1(file, usedforsecurity=False).digest()
        cda = b"".join((cda_head, pybase64.b64encode(file), FILE_END, b"</component></ClinicalDocument>"))
        hashlib.sha1(cda, usedforsecurity=False).digest()
        signer.sign(hashlib.sha256(cda).digest())
        signer.assertion()
        _send(session, material.sink, (message, cda, tail), content_type)

    return run


def retrieve_raw(material: Material) -> Operation:
    session = material.session()
    return lambda: sum(len(chunk) for chunk in _received(session, f"{material.sink}/retrieve"))


def retrieve_parts(material: Material) -> Operation:
    session = material.session()

    def run() -> None:
        body = b"".join(_received(session, f"{material.sink}/retrieve"))
        start = body.rindex(b"\r\n\r\n", 0, body.index(b"<ClinicalDocument")) + 4
        hashlib.sha1(memoryview(body)[start:], usedforsecurity=False).digest()
        start = body.index(FILE, start) + len(FILE)
        pybase64.b64decode(memoryview(body)[start : body.index(FILE_END, start)], validate=True)

    return run


OPERATIONS: dict[str, Callable[[Material], Operation]] = {
    "search-floor": search_floor,
    "search-naive": search_naive,
    "search-models": search_models,
    "read-floor": read_floor,
    "publish-raw": publish_raw,
    "publish-parts": publish_parts,
    "retrieve-raw": retrieve_raw,
    "retrieve-parts": retrieve_parts,
}


def main() -> None:
    name, recorded, pki, port = sys.argv[1:]
    material = Material(Path(recorded), Path(pki), f"https://127.0.0.1:{port}")
    operation = OPERATIONS[name](material)
    operation()
    same = not _differences(material) if name == "search-floor" else True
    print(json.dumps({"ready": True, "same_answer": same}), flush=True)
    for line in sys.stdin:
        count, wall, cpu = int(line), time.perf_counter(), time.process_time()
        for _ in range(count):
            operation()
        cost = {"cpu_s": time.process_time() - cpu, "wall_s": time.perf_counter() - wall}
        print(json.dumps(cost | {"peak_mb": processes.peak_mb(None)}), flush=True)


def _differences(material: Material) -> list[str]:
    """Whether the floor of a search gives what the facade gave for the same answer."""
    return differences(
        bundle(material.bytes_of("search.bin"), codings()), orjson.loads(material.text_of("search.json"))
    )


def codings() -> Codings:
    """The French label of every code, as the facade's tables have them."""
    tables = CodeTables.from_rows(knowledge.rows)
    sets: tuple[Iterable[Coded], ...] = (
        tables.types,
        tables.classes,
        tables.formats,
        tables.facilities,
        tables.practices,
        tables.specialties,
    )
    found: dict[tuple[str, str], Any] = {
        (coded.scheme, coded.code): tables.coding(coded) for members in sets for coded in members
    }
    return found | {(_LEVELS, code): coding for code, coding in tables.label_codings.items()}


def _send(session: requests.Session, url: str, buffers: tuple[bytes, ...], content_type: str) -> None:
    headers = {"Content-Type": content_type, "Content-Length": str(sum(map(len, buffers)))}
    with session.post(url, data=cast("Iterable[bytes]", Buffers(buffers)), headers=headers) as answer:
        answer.raise_for_status()


class Buffers:
    """Buffers sent in turn, their length known: nothing is copied together."""

    def __init__(self, buffers: tuple[bytes, ...]) -> None:
        self._buffers = buffers

    def __len__(self) -> int:
        return sum(map(len, self._buffers))

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._buffers)


def _received(session: requests.Session, url: str) -> Iterator[bytes]:
    with session.get(url, stream=True) as answer:
        answer.raise_for_status()
        while chunk := answer.raw.read(_CHUNK):
            yield chunk


if __name__ == "__main__":
    main()
