"""TD2.1: a signed lot of documents.

Sources: ITI TF-2 3.41 and 3.42, DMP interface (lot signature, metadata, MTOM, replacement by current entryUUID),
CI-SIS "Structuration minimale" (document header), ITI TF-3 table 4.2.4.1-2 (error codes).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha1
from typing import Any

import sqlalchemy as sa

from facade.embedded import ebrim, metadata, store
from facade.embedded.cda import check_cda
from facade.embedded.ebrim import Refusal, RegistryObject, Submitted
from facade.embedded.entries import REPOSITORY, association_row, document_fragment, facets, final_ids, lot_fragment
from facade.embedded.multipart import BadMultipart, content_id
from facade.embedded.rights import Access
from facade.embedded.service import SUCCESS, Answer, Dmp, Trail, registry_response
from facade.embedded.signature import BadSignature, Trust, WrongCertificate, check_manifest, verify_lot
from facade.embedded.soap import Message, SoapFault
from facade.embedded.store import Row
from facade.embedded.strictxml import LCM, RIM, XDS, XOP, children, only, tag
from facade.embedded.vihf import User

ERROR = metadata.ERROR


@dataclass(frozen=True, slots=True)
class Lot:
    """A lot taken apart: its objects, which document signs it, and the bytes by submitted id."""

    objects: Submitted
    signature: RegistryObject
    documents: tuple[RegistryObject, ...]
    contents: dict[str, bytes] = field(repr=False)
    replaced: dict[str, str] = field(default_factory=dict)


def provide(dmp: Dmp, user: User, message: Message, trail: Trail) -> Answer:
    """Check a lot and store it whole. Raises Refusal, or SoapFault when it does not come as MTOM."""
    if not message.mtom:
        raise SoapFault("Sender", "l'alimentation se fait en MTOM (EX_2.1-1260)")
    with dmp.store.reading() as db:
        dmp.access(db, user).require("TD2.1")
    lot = _read(message)
    metadata.check_lot(lot.objects.lot, user, dmp.sets)
    metadata.check_signature_entry(lot.signature, user)
    for document in lot.documents:
        metadata.check_document(document, user, dmp.sets)
        metadata.check_times(lot.objects.lot, document)
    trail.signature_ok = False
    _check_signature(lot, dmp.trust)
    trail.signature_ok = True
    with dmp.store.writing() as db:
        access = dmp.access(db, user)
        for document in (*lot.documents, lot.signature):
            _check_new(db, document, lot.contents[document.id])
        for document in lot.documents:
            target = _replaced(db, lot, document, user)
            check_cda(lot.contents[document.id], document, user, "" if target is None else target.unique_id)
        _store(db, lot, access)
    return Answer(registry_response(SUCCESS).encode())


def _read(message: Message) -> Lot:
    """Take the request apart. Raises Refusal."""
    if message.body.tag != tag(XDS, "ProvideAndRegisterDocumentSetRequest"):
        raise Refusal("XDSRepositoryError", "ProvideAndRegisterDocumentSetRequest est attendu")
    submit = only(message.body, LCM, "SubmitObjectsRequest")
    objects = ebrim.read_objects(only(submit, RIM, "RegistryObjectList"))
    signing = [link for link in objects.of_type(ebrim.SIGNS) if link.target == objects.lot.id]
    signature = next((item for item in objects.documents if signing and item.id == signing[0].source), None)
    if signature is None or len(signing) != 1:
        raise Refusal(ERROR, "le lot n'est pas signé: association signs absente", objects.lot.id)
    documents = tuple(item for item in objects.documents if item is not signature)
    if not documents:
        raise Refusal(ERROR, "le lot ne contient aucun document", objects.lot.id)
    _check_members(objects)
    contents = _contents(message, objects)
    return Lot(objects, signature, documents, contents, _replacements(objects, documents))


def _check_members(objects: Submitted) -> None:
    """Each object is an original member of the lot, and no association has a type that may not be submitted."""
    members = [link for link in objects.of_type(ebrim.HAS_MEMBER) if link.source == objects.lot.id]
    if any(link.slot("SubmissionSetStatus") != "Original" for link in members):
        raise Refusal(ERROR, "SubmissionSetStatus n'est pas Original", objects.lot.id)
    if sorted(link.target for link in members) != sorted(item.id for item in objects.documents):
        raise Refusal(ERROR, "chaque document a une association HasMember avec le lot", objects.lot.id)
    allowed = (ebrim.HAS_MEMBER, ebrim.SIGNS, ebrim.REPLACES)
    if any(link.type not in allowed for link in objects.associations):
        raise Refusal(ERROR, "type d'association non accepté en alimentation", objects.lot.id)


def _replacements(objects: Submitted, documents: tuple[RegistryObject, ...]) -> dict[str, str]:
    """The entryUUID each new document replaces, by submitted id."""
    links = objects.of_type(ebrim.REPLACES)
    found = {link.source: link.target for link in links}
    if len(found) != len(links) or len(set(found.values())) != len(links):
        raise Refusal(ERROR, "un document remplace, ou est remplacé, deux fois", objects.lot.id)
    if not set(found) <= {document.id for document in documents}:
        raise Refusal(ERROR, "RPLC part d'un document du lot", objects.lot.id)
    return found


def _contents(message: Message, objects: Submitted) -> dict[str, bytes]:
    """The bytes of each document, by submitted id."""
    found: dict[str, bytes] = {}
    for node in children(message.body, XDS, "Document"):
        include = only(node, XOP, "Include")
        if include is None or node.get("id", "") in found:
            raise Refusal("XDSRepositoryError", "un Document a un seul xop:Include, et un id à lui")
        try:
            content = message.parts[content_id(include.get("href", ""))]
        except (KeyError, BadMultipart) as error:
            raise Refusal("XDSRepositoryError", "xop:Include ne désigne aucune partie du message") from error
        if not content:
            raise Refusal("XDSRepositoryError", "document vide (EX_GEN-1060)", node.get("id", ""))
        found[node.get("id", "")] = bytes(content)
    identifiers = {document.id for document in objects.documents}
    for missing in identifiers - set(found):
        raise Refusal("XDSMissingDocument", "métadonnées sans document", missing)
    for extra in set(found) - identifiers:
        raise Refusal("XDSMissingDocumentMetadata", "document sans métadonnées", extra)
    return found


def _check_signature(lot: Lot, trust: Trust) -> None:
    """The manifest names the lot and its documents, no more, and their digests are right."""
    try:
        manifest = verify_lot(lot.contents[lot.signature.id], trust)
        by_uri = {f"urn:oid:{item.external(ebrim.DOCUMENT_UNIQUE_ID)}": item for item in lot.documents}
        lot_uri = f"urn:oid:{lot.objects.lot.external(ebrim.LOT_UNIQUE_ID)}"
        check_manifest(manifest, lot_uri, {uri: lot.contents[item.id] for uri, item in by_uri.items()})
    except WrongCertificate as error:
        raise Refusal("DMPInvalidCertificate", str(error), lot.signature.id) from error
    except BadSignature as error:
        raise Refusal("XDSRepositoryError", f"signature du lot invalide: {error}", lot.signature.id) from error


def _check_new(db: sa.Connection, document: RegistryObject, content: bytes) -> None:
    """Its uniqueId and entryUUID are new, a stated hash and size are right."""
    digest, unique_id = sha1(content, usedforsecurity=False).hexdigest(), document.external(ebrim.DOCUMENT_UNIQUE_ID)
    known = store.document(db, unique_id)
    if known is not None and known.hash != digest:
        raise Refusal("XDSNonIdenticalHash", f"uniqueId={unique_id}", document.id)
    if known is not None:
        raise Refusal("XDSDuplicateUniqueIdInRegistry", f"uniqueId={unique_id}", document.id)
    if store.entry(db, document.id) is not None:
        raise Refusal(ERROR, "entryUUID déjà utilisé", document.id)
    hashed, size = document.single("hash").lower(), document.single("size")
    if hashed not in ("", digest) or size not in ("", str(len(content))):
        raise Refusal("XDSRepositoryMetadataError", "hash ou size ne sont pas ceux du document", document.id)


def _replaced(db: sa.Connection, lot: Lot, document: RegistryObject, user: User) -> Row | None:
    """The entry this document replaces: the current one of a document of the same record. Raises Refusal."""
    target = lot.replaced.get(document.id)
    if target is None:
        return None
    row = store.entry(db, target)
    if row is None:
        raise Refusal("UnresolvedReferenceException", "le document à remplacer est inconnu", target)
    if row.ins != user.ins:
        raise Refusal("XDSPatientIdDoesNotMatch", "le document à remplacer est d'un autre patient", target)
    if not store.is_current(row):
        raise Refusal("XDSRegistryDeprecatedDocumentError", "le document à remplacer n'est plus en vigueur", target)
    return row


def _store(db: sa.Connection, lot: Lot, access: Access) -> None:
    """Write the lot, its entries, its associations and its bytes; what is replaced becomes deprecated."""
    ids = final_ids([lot.objects.lot, *lot.objects.documents])
    register_lot(db, lot.objects.lot, ids, access)
    for document in lot.objects.documents:
        content = lot.contents[document.id]
        digest = sha1(content, usedforsecurity=False).hexdigest()
        computed = {"repositoryUniqueId": REPOSITORY, "size": str(len(content)), "hash": digest}
        unique_id = document.external(ebrim.DOCUMENT_UNIQUE_ID)
        entry_uuid = ids[document.id]
        register_entry(
            db,
            document,
            ids,
            access,
            {"logical_id": entry_uuid, "version": 1, "status": ebrim.APPROVED, "computed": computed},
            is_signature=document is lot.signature,
        )
        db.execute(
            sa.insert(store.documents).values(unique_id=unique_id, mime_type="text/xml", hash=digest, content=content)
        )
    for target in lot.replaced.values():
        row = store.entry(db, target)
        if row is not None:
            store.set_status(db, row, ebrim.DEPRECATED)
    register_associations(db, lot.objects, ids)


def register_lot(db: sa.Connection, lot: RegistryObject, ids: dict[str, str], access: Access) -> None:
    """Write a submission set. Raises Refusal XDSDuplicateUniqueIdInRegistry."""
    unique_id = lot.external(ebrim.LOT_UNIQUE_ID)
    known = db.execute(sa.select(store.lots.c.unique_id).where(store.lots.c.unique_id == unique_id)).first()
    if known is not None:
        raise Refusal("XDSDuplicateUniqueIdInRegistry", f"uniqueId={unique_id}", lot.id)
    db.execute(
        sa.insert(store.lots).values(
            entry_uuid=ids[lot.id],
            unique_id=unique_id,
            ins=access.user.ins,
            submission_time=lot.single("submissionTime"),
            fragment=lot_fragment(lot, ids),
        )
    )


def register_entry(
    db: sa.Connection,
    document: RegistryObject,
    ids: dict[str, str],
    access: Access,
    state: dict[str, Any],
    *,
    is_signature: bool = False,
) -> None:
    """Write one metadata version. ``state``: logical_id, version, status, computed (hash, size, repository).

    The patientId is answered as the DMP holds it, with the day the record was opened behind it (CX component 7).
    """
    patient = f"{access.user.ins}^^^&{access.user.ins_oid}&ISO^NH^^{access.record.opened_on:%Y%m%d}"
    fragment = document_fragment(document, ids, patient=patient, **state)
    db.execute(
        sa.insert(store.entries).values(
            entry_uuid=ids[document.id],
            logical_id=state["logical_id"],
            version=state["version"],
            ins=access.user.ins,
            unique_id=document.external(ebrim.DOCUMENT_UNIQUE_ID),
            status=state["status"],
            is_signature=is_signature,
            facets=facets(document),
            fragment=fragment,
        )
    )


def register_associations(db: sa.Connection, objects: Submitted, ids: dict[str, str]) -> None:
    """Write the associations of a submission."""
    rows = [association_row(link, ids) for link in objects.associations]
    if rows:
        db.execute(sa.insert(store.associations), rows)
