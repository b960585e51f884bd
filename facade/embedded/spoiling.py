"""Answers spoilt on order: what each kind of misbehaviour does to an answer once its transaction is done.

The kinds are those of ``facade.embedded.misbehaviour``. None means that the answer has nothing of the kind in it.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import replace
from hashlib import sha1
from threading import Lock

import sqlalchemy as sa
from lxml import etree

from facade.embedded import ebrim, store
from facade.embedded.ebrim import Refusal, RegistryObject
from facade.embedded.misbehaviour import Fault
from facade.embedded.sample import INS_TEST_OID
from facade.embedded.service import PARTIAL, Draft, Reply, error_list, query_response
from facade.embedded.store import Row, Store
from facade.embedded.strictxml import QUERY, RIM, RS, XDS, XOP, children, parse, serialise, tag, text
from facade.embedded.vihf import User

_KEPT_BYTES = 1024 * 1024
_REQUIRED = (
    "creationTime",
    "hash",
    "size",
    "languageCode",
    "repositoryUniqueId",
    "serviceStartTime",
    "sourcePatientId",
)
# A made-up INS with a right key: the one the holder had before.
FORMER_INS = "158029999900690"
_MANY = 2000
_HTML = b"<!DOCTYPE html>\n<html><head><title>500</title></head><body><h1>Internal Server Error</h1></body></html>\n"
_SIGNATURE_LANGUAGE = "art"

Attachments = Mapping[str, tuple[str, bytes]]


class Spoiler:
    """Spoils answers; remembers some to mix them up."""

    def __init__(self, records: Store) -> None:
        self._records = records
        self._recent: dict[tuple[str, str], tuple[Draft, ...]] = {}
        self._lock = Lock()

    def remember(self, transaction: str, user: User | None, draft: Draft) -> None:
        """Keep the last two answers to a transaction on a record, unless they are large."""
        size = len(draft.body) + sum(len(content) for _, content in draft.attachments.values())
        if user is None or draft.status != 200 or size > _KEPT_BYTES:  # noqa: PLR2004 - HTTP's own OK
            return
        with self._lock:
            key = (transaction, user.ins)
            self._recent[key] = (draft, *self._recent.pop(key, ()))[:2]

    def draft(self, fault: Fault, draft: Draft, transaction: str, user: User | None) -> Draft | None:
        """The answer spoilt in what it says."""
        if fault.kind == "wrong-relates-to":
            return replace(draft, relates_to=uuid.uuid4().urn)
        if user is None:
            return None
        if fault.kind in ("other-answer", "other-body"):
            other = self._other(transaction, user, draft)
            as_it_was = fault.kind == "other-answer"
            return other if other is None or as_it_was else replace(other, relates_to=draft.relates_to)
        with self._records.reading() as db:
            spoil = {"TD3.1": _spoil_query, "TD3.2": _spoil_documents}.get(transaction, _spoil_response)
            return spoil(fault, draft, db, user)

    def _other(self, transaction: str, user: User, draft: Draft) -> Draft | None:
        """The last answer to the same transaction on another record, else an earlier one on this record."""
        with self._lock:
            same = self._recent.get((transaction, user.ins), ())
            others = [kept for (name, ins), kept in self._recent.items() if name == transaction and ins != user.ins]
        candidates = [*(kept[0] for kept in reversed(others)), *same]
        return next((kept for kept in candidates if kept.body != draft.body), None)

    def reply(self, fault: Fault, reply: Reply) -> Reply | None:
        """The answer spoilt on the wire."""
        if fault.kind in ("close-before", "close-after"):
            return replace(reply, closes_after=0)
        if fault.kind == "close-mid":
            return replace(reply, closes_after=max(1, len(reply.body) // 2))
        if fault.kind in ("http-500-before", "http-500-after"):
            return Reply(500, "text/html; charset=utf-8", _HTML)
        boundary = re.search(r'boundary="([^"]+)"', reply.content_type)
        if boundary is None:
            return None
        if fault.kind == "wrong-boundary":
            other = f"uuid:{uuid.uuid4()}"
            return replace(reply, content_type=reply.content_type.replace(boundary[1], other))
        return _truncated(reply, boundary[1].encode()) if fault.kind == "truncated-mtom" else None


def _truncated(reply: Reply, boundary: bytes) -> Reply:
    """A package that ends in the middle of its last part, complete for HTTP."""
    end = reply.body.rindex(b"\r\n--" + boundary + b"--")
    start = reply.body.rindex(b"--" + boundary, 0, end)
    return replace(reply, body=reply.body[: (start + end) // 2])


def _spoil_response(fault: Fault, draft: Draft, _db: sa.Connection, _user: User) -> Draft | None:
    """A RegistryResponse that says PartialSuccess, with an error."""
    root = parse(draft.body)
    if fault.kind != "partial-success" or root.tag != tag(RS, "RegistryResponse") or not _succeeded(root):
        return None
    _say_partial(root, "XDSRegistryBusy")
    return replace(draft, body=serialise(root))


def _say_partial(response: etree._Element, code: str) -> None:
    response.set("status", PARTIAL)
    errors = error_list([Refusal(code, "réponse partielle commandée")])
    response.insert(
        0, etree.fromstring(errors.replace("<rs:RegistryErrorList>", f'<rs:RegistryErrorList xmlns:rs="{RS}">'))
    )


def _succeeded(response: etree._Element | None) -> bool:
    return response is not None and response.get("status", "").endswith(":Success")


def _spoil_query(fault: Fault, draft: Draft, db: sa.Connection, user: User) -> Draft | None:
    root = parse(draft.body)
    objects = root.find(tag(RIM, "RegistryObjectList"))
    if root.tag != tag(QUERY, "AdhocQueryResponse") or not _succeeded(root) or objects is None:
        return None
    status, errors = root.get("status", ""), []
    found: list[etree._Element] = list(objects)
    entries = [RegistryObject(node) for node in found if node.tag == tag(RIM, "ExtrinsicObject")]
    changed: list[bytes] | None = None
    if fault.kind == "partial-success":
        status, errors = PARTIAL, [Refusal("XDSRegistryBusy", "réponse partielle commandée")]
        changed = [serialise(node) for node in found[: (len(found) + 1) // 2]]
    elif fault.kind == "duplicate-entries" and found:
        changed = [serialise(node) for node in found for _ in range(2)]
    elif fault.kind == "other-document":
        changed = _with_another(db, user, found)
    elif fault.kind == "many-results":
        changed = _many(db, user, found, int(fault.options.get("count", _MANY)))
    elif fault.kind in _ENTRY_CHANGES and _ENTRY_CHANGES[fault.kind](fault, entries):
        changed = [serialise(node) for node in found]
    return None if changed is None else replace(draft, body=query_response(status, changed, errors))


def _signs(entry: RegistryObject) -> bool:
    """Whether it is the entry of a lot's signature, which readers leave out."""
    return entry.single("languageCode") == _SIGNATURE_LANGUAGE


def _without_slots(fault: Fault, entries: list[RegistryObject]) -> bool:
    readable = [entry for entry in entries if not _signs(entry)]
    for entry in readable[:1]:
        for slot in children(entry.element, RIM, "Slot"):
            if slot.get("name") in fault.options.get("slots", _REQUIRED):
                entry.element.remove(slot)
    return bool(readable)


def _with_another_ins(fault: Fault, entries: list[RegistryObject]) -> bool:
    ins = fault.options.get("ins", FORMER_INS)
    for entry in entries:
        for node in children(entry.element, RIM, "ExternalIdentifier"):
            if node.get("identificationScheme") == ebrim.DOCUMENT_PATIENT:
                node.set("value", f"{ins}^^^&{INS_TEST_OID}&ISO^NH")
    return bool(entries)


def _with_wrong_hash(_fault: Fault, entries: list[RegistryObject]) -> bool:
    hashes = [
        value
        for entry in entries
        for slot in children(entry.element, RIM, "Slot")
        if slot.get("name") == "hash"
        for value in slot.iter(tag(RIM, "Value"))
    ]
    for value in hashes:
        value.text = sha1(text(value).encode(), usedforsecurity=False).hexdigest()
    return bool(hashes)


_ENTRY_CHANGES: dict[str, Callable[[Fault, list[RegistryObject]], bool]] = {
    "missing-slots": _without_slots,
    "other-ins": _with_another_ins,
    "wrong-hash": _with_wrong_hash,
}


def _with_another(db: sa.Connection, user: User, found: list[etree._Element]) -> list[bytes] | None:
    """The first object replaced by the entry of a document that was not found."""
    known = {node.get("id", "") for node in found}
    other = next((row for row in _strangers(db, user) if row.entry_uuid not in known), None)
    if other is None or not found:
        return None
    first = other.fragment
    if found[0].tag == tag(RIM, "ObjectRef"):
        first = f'<rim:ObjectRef xmlns:rim="{RIM}" id="{other.entry_uuid}"/>'.encode()
    return [first, *(serialise(node) for node in found[1:])]


def _strangers(db: sa.Connection, user: User) -> list[Row]:
    """Entries of documents, those of other records first."""
    table = store.entries
    query = sa.select(table).where(table.c.is_signature.is_(False)).order_by(table.c.ins == user.ins).limit(50)
    return list(db.execute(query))


def _many(db: sa.Connection, user: User, found: list[etree._Element], count: int) -> list[bytes] | None:
    """Copies of the first object, or of an entry of the record, each with identifiers of its own."""
    readable = [node for node in found if not _signs(RegistryObject(node))]
    held = [parse(row.fragment) for row in store.find(db, user.ins) if not row.is_signature][:1]
    one = next(iter([*readable, *held]), None)
    if one is None:
        return None
    entry, fragment = RegistryObject(one), serialise(one)
    identifiers = {entry.id.encode(), one.get("lid", entry.id).encode()}
    unique_id = entry.external(ebrim.DOCUMENT_UNIQUE_ID).encode()
    copies = []
    for _ in range(count):
        copy, fresh = fragment, uuid.uuid4()
        for identifier in identifiers:
            copy = copy.replace(identifier, fresh.urn.encode())
        copies.append(copy.replace(unique_id, f"2.25.{fresh.int}".encode()) if unique_id else copy)
    return copies


def _spoil_documents(fault: Fault, draft: Draft, db: sa.Connection, user: User) -> Draft | None:
    root = parse(draft.body)
    responses = children(root, XDS, "DocumentResponse")
    if not responses:
        return None
    if fault.kind == "wrong-hash":
        return replace(
            draft, attachments={cid: (kind, _altered(data)) for cid, (kind, data) in draft.attachments.items()}
        )
    if fault.kind in ("other-document", "other-bytes"):
        return _another_document(fault, draft, db, user)
    registry = root.find(tag(RS, "RegistryResponse"))
    if fault.kind == "duplicate-entries":
        for response in responses:
            root.append(deepcopy(response))
    elif fault.kind == "partial-success" and registry is not None and _succeeded(registry):
        _say_partial(registry, "XDSRepositoryBusy")
        for response in responses[1:][-1:]:
            root.remove(response)
    else:
        return None
    return replace(draft, body=serialise(root))


def _another_document(fault: Fault, draft: Draft, db: sa.Connection, user: User) -> Draft | None:
    """The first document replaced by another of the store, under its own name or the one asked for."""
    root = parse(draft.body)
    named, included = root.find(f".//{tag(XDS, 'DocumentUniqueId')}"), root.find(f".//{tag(XOP, 'Include')}")
    if named is None or included is None:
        return None
    other = next((row for row in _strangers(db, user) if row.unique_id != text(named)), None)
    content = None if other is None else store.document(db, other.unique_id)
    if content is None:
        return None
    part = included.get("href", "").removeprefix("cid:")
    if fault.kind == "other-document":
        named.text = content.unique_id
    attachments = {**draft.attachments, part: (content.mime_type, content.content)}
    return replace(draft, body=serialise(root), attachments=attachments)


def _altered(content: bytes) -> bytes:
    """One letter or digit near the middle is another; the length stays."""
    place = re.compile(rb"[A-Za-z0-9]").search(content, len(content) // 2)
    if place is None:
        return content + b" "
    other = b"B" if place[0] == b"A" else b"A"
    return content[: place.start()] + other + content[place.end() :]
