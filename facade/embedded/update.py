"""TD3.3: a new metadata version that changes visibility (a, b), or a new availability (c, d).

Sources: ITI TF-2 3.57 (UpdateDocumentSet; PreviousVersion, OriginalStatus, NewStatus), ITI TF-3 table 4.2.4.1-2,
JDV_J52 (Archived and Deleted of the DMP), PDT-INF-606.
"""

from __future__ import annotations

import sqlalchemy as sa
from lxml import etree

from facade.embedded import ebrim, metadata, store
from facade.embedded.ebrim import Association, Refusal, RegistryObject, Submitted
from facade.embedded.entries import FROZEN, REPOSITORY, facets, final_ids
from facade.embedded.rights import Access
from facade.embedded.service import SUCCESS, Answer, Dmp, Trail, registry_response
from facade.embedded.soap import Message
from facade.embedded.store import Row
from facade.embedded.strictxml import LCM, RIM, only, tag
from facade.embedded.submission import register_associations, register_entry, register_lot
from facade.embedded.vihf import User

_MASK = "MASQUE_PS"
_STATUS_CHANGES = {
    (ebrim.APPROVED, ebrim.ARCHIVED): "TD3.3d",
    (ebrim.ARCHIVED, ebrim.APPROVED): "TD3.3d",
    (ebrim.APPROVED, ebrim.DELETED): "TD3.3c",
    (ebrim.ARCHIVED, ebrim.DELETED): "TD3.3c",
    # Assumed: no public text says whether a replaced document is withdrawn with its successor or by itself.
    (ebrim.DEPRECATED, ebrim.DELETED): "TD3.3c",
}


def transaction_of(body: etree._Element) -> str:
    """TD3.3c or d by the new status asked for, TD3.3a for a new metadata version (a or b, by what it will change)."""
    for link in body.iter(tag(RIM, "Association")):
        if link.get("associationType") == ebrim.UPDATE_STATUS:
            change = ebrim.Association(ebrim.UPDATE_STATUS, "", "", link)
            return _STATUS_CHANGES.get((ebrim.APPROVED, change.slot("NewStatus")), "TD3.3d")
    return "TD3.3a"


def update(dmp: Dmp, user: User, message: Message, trail: Trail) -> Answer:
    """Change one document. Raises Refusal."""
    if message.body.tag != tag(LCM, "SubmitObjectsRequest"):
        raise Refusal("XDSRegistryError", "SubmitObjectsRequest est attendu")
    objects = ebrim.read_objects(only(message.body, RIM, "RegistryObjectList"))
    changes = objects.of_type(ebrim.UPDATE_STATUS)
    if changes and objects.documents:
        raise Refusal("XDSMetadataUpdateError", "un changement de statut ne porte pas de document")
    with dmp.store.writing() as db:
        access = dmp.access(db, user)
        metadata.check_lot(objects.lot, user, dmp.sets)
        if changes:
            ids = _change_status(db, access, objects, changes)
        else:
            ids = _change_metadata(db, access, dmp, objects, trail)
        register_lot(db, objects.lot, ids, access)
        register_associations(db, objects, ids)
    return Answer(registry_response(SUCCESS).encode())


def _change_status(db: sa.Connection, access: Access, objects: Submitted, changes: list[Association]) -> dict[str, str]:
    """OriginalStatus must be the present one, and the change one the DMP knows."""
    for change in changes:
        if change.source != objects.lot.id:
            raise Refusal("XDSRegistryMetadataError", "UpdateAvailabilityStatus part du lot", change.target)
        row = _of_record(store.entry(db, change.target), access, change.target)
        new_status = change.slot("NewStatus")
        transaction = _STATUS_CHANGES.get((row.status, new_status))
        if row.status == ebrim.DEPRECATED and store.current(db, "logical_id", row.logical_id) != row:
            transaction = None  # an older metadata version has no life of its own
        if change.slot("OriginalStatus") != row.status or transaction is None:
            raise Refusal(
                "XDSMetadataUpdateError",
                "OriginalStatus n'est pas le statut présent, ou changement interdit",
                change.target,
            )
        access.require(transaction, row)
        store.set_status(db, row, new_status)
    return final_ids([objects.lot])


def _change_metadata(db: sa.Connection, access: Access, dmp: Dmp, objects: Submitted, trail: Trail) -> dict[str, str]:
    """One new version of one document: nothing but its confidentiality may change."""
    members = [link for link in objects.of_type(ebrim.HAS_MEMBER) if link.source == objects.lot.id]
    if len(objects.documents) != 1 or len(members) != 1 or members[0].target != objects.documents[0].id:
        raise Refusal("XDSMetadataUpdateError", "une mise à jour porte un document et son association HasMember")
    updated, member = objects.documents[0], members[0]
    old = _current(db, access, updated, member)
    metadata.check_document(updated, access.user, dmp.sets)
    _check_frozen(updated, old)
    for action in _actions(updated, old, trail):
        access.require(action, old)
    ids = final_ids([objects.lot, updated])
    if store.entry(db, ids[updated.id]) is not None:
        raise Refusal("XDSMetadataIdentifierError", "l'id de la nouvelle version est déjà utilisé", updated.id)
    status = old.status
    store.set_status(db, old, ebrim.DEPRECATED)
    content = store.document(db, old.unique_id)
    computed = {"repositoryUniqueId": REPOSITORY}
    if content is not None:
        computed |= {"size": str(len(content.content)), "hash": content.hash}
    state = {"logical_id": old.logical_id, "version": old.version + 1, "status": status, "computed": computed}
    register_entry(db, updated, ids, access, state)
    return ids


def _current(db: sa.Connection, access: Access, updated: RegistryObject, member: Association) -> Row:
    """The version that is replaced: it must be the one PreviousVersion names. Raises Refusal."""
    logical_id = updated.element.get("lid", "")
    old = _of_record(store.current(db, "logical_id", logical_id), access, logical_id)
    if member.slot("SubmissionSetStatus") != "Original" or not member.slot("PreviousVersion"):
        raise Refusal("XDSMetadataUpdateError", "SubmissionSetStatus ou PreviousVersion absent", updated.id)
    if member.slot("PreviousVersion") != str(old.version):
        raise Refusal("XDSMetadataVersionError", "PreviousVersion n'est pas la version présente", updated.id)
    if not store.is_current(old) or old.is_signature:
        raise Refusal("XDSMetadataUpdateError", "le document n'est plus en vigueur", updated.id)
    return old


def _of_record(row: Row | None, access: Access, identifier: str) -> Row:
    """The entry, if it is one of this record. Raises Refusal."""
    if row is None or row.ins != access.user.ins:
        raise Refusal("UnresolvedReferenceException", "document inconnu dans ce DMP", identifier)
    return row


def _check_frozen(updated: RegistryObject, old: Row) -> None:
    now = facets(updated)
    if updated.external(ebrim.DOCUMENT_UNIQUE_ID) != old.unique_id:
        raise Refusal("XDSMetadataUpdateError", "uniqueId ne peut pas changer", updated.id)
    for name in FROZEN:
        if sorted(now[name]) != sorted(old.facets[name]):
            raise Refusal("XDSMetadataUpdateError", f"{name} ne peut pas changer", updated.id)


def _actions(updated: RegistryObject, old: Row, trail: Trail) -> set[str]:
    """The rights the change needs, from the flags that changed; the transaction for the log on the way."""
    before = {code for code, _ in old.facets["confidentiality"]}
    after = {code for code, _ in updated.codes(ebrim.CONFIDENTIALITY)}
    changed = before ^ after
    actions = set()
    if _MASK in changed or not changed:
        actions.add("TD3.3a-mask" if _MASK in after or not changed else "TD3.3a-unmask")
    if changed - {_MASK}:
        actions.add("TD3.3b")
    trail.transaction = "TD3.3b" if actions == {"TD3.3b"} else "TD3.3a"
    return actions
