"""TD3.2: the documents of a record, as MTOM.

Source: ITI TF-2 3.43 (RetrieveDocumentSet, partial success), DMP interface (one repository, no homeCommunityId).
"""

from __future__ import annotations

import uuid

import sqlalchemy as sa
from lxml import etree

from facade.embedded import store
from facade.embedded.ebrim import Refusal
from facade.embedded.entries import REPOSITORY
from facade.embedded.rights import Access
from facade.embedded.service import FAILURE, PARTIAL, SUCCESS, Answer, Dmp, Trail, registry_response
from facade.embedded.soap import Message
from facade.embedded.strictxml import XDS, XOP, attr, children, only, tag, text
from facade.embedded.vihf import User


def retrieve(dmp: Dmp, user: User, message: Message, _trail: Trail) -> Answer:
    """Answer with each document asked for, and an error for each that cannot be given. Raises Refusal."""
    asked = _asked(message.body)
    responses, attachments, errors = [], {}, []
    with dmp.store.reading() as db:
        access = dmp.access(db, user)
        for repository, unique_id in asked:
            try:
                kind, content = _document(db, access, repository, unique_id)
            except Refusal as error:
                errors.append(error)
                continue
            part = f"{uuid.uuid4()}@dmp.test"
            attachments[part] = (kind, content)
            responses.append(
                f"<xds:DocumentResponse><xds:RepositoryUniqueId>{REPOSITORY}</xds:RepositoryUniqueId>"
                f"<xds:DocumentUniqueId>{attr(unique_id)}</xds:DocumentUniqueId><xds:mimeType>{attr(kind)}</xds:mimeType>"
                f'<xds:Document><xop:Include xmlns:xop="{XOP}" href="cid:{part}"/></xds:Document>'
                "</xds:DocumentResponse>"
            )
    if errors and not responses:
        return Answer(_response(FAILURE, errors, ""), result=errors[0].code)
    status, result = (PARTIAL, "partial") if errors else (SUCCESS, "success")
    return Answer(_response(status, errors, "".join(responses)), attachments, result)


def refuse_retrieve(_message: Message, error: Refusal) -> bytes:
    """The refusal of a whole retrieval."""
    return _response(FAILURE, [error], "")


def _response(status: str, errors: list[Refusal], documents: str) -> bytes:
    return (
        f'<xds:RetrieveDocumentSetResponse xmlns:xds="{XDS}">{registry_response(status, errors)}{documents}'
        "</xds:RetrieveDocumentSetResponse>"
    ).encode()


def _asked(body: etree._Element) -> list[tuple[str, str]]:
    """Repository and uniqueId of each document asked for."""
    requests = children(body, XDS, "DocumentRequest")
    if body.tag != tag(XDS, "RetrieveDocumentSetRequest") or not requests:
        raise Refusal("XDSRepositoryError", "RetrieveDocumentSetRequest avec au moins un DocumentRequest est attendu")
    asked = [
        (text(only(request, XDS, "RepositoryUniqueId")), text(only(request, XDS, "DocumentUniqueId")))
        for request in requests
    ]
    if len(set(asked)) != len(asked) or not all(repository and unique_id for repository, unique_id in asked):
        raise Refusal("XDSRepositoryError", "un DocumentRequest est incomplet ou répété")
    return asked


def _document(db: sa.Connection, access: Access, repository: str, unique_id: str) -> tuple[str, bytes]:
    """Media type and bytes of one document. Raises Refusal."""
    if repository != REPOSITORY:
        raise Refusal("XDSUnknownRepositoryId", f"repositoryUniqueId={repository}", unique_id)
    entry, content = store.current(db, "unique_id", unique_id), store.document(db, unique_id)
    if entry is None or content is None or entry.ins != access.user.ins:
        raise Refusal("XDSDocumentUniqueIdError", f"uniqueId={unique_id}", unique_id)
    masked = "MASQUE_PS" in {code for code, _ in entry.facets["confidentiality"]}
    access.require("TD3.2-masked" if masked else "TD3.2-plain", entry)
    return content.mime_type, content.content
