"""TD3.2 (ITI-43): the request, and the comparison of what came with what was asked for.

A document that is not the one asked for must never reach a reader: every answer is checked by its ids, hash and size.
Source: ITI TF-2 3.43, DMP interface TD3.2.
"""

from __future__ import annotations

import binascii
import hashlib
from collections.abc import Mapping, Sequence

import pybase64
from lxml import etree

from facade.dmp import xds
from facade.dmp.multipart import normal_cid
from facade.dmp.soap import XOP, SoapAnswer
from facade.dmp.xmltext import text
from facade.domain.content import Buffer
from facade.domain.dmp import Retrieved
from facade.domain.document import DocumentEntry
from facade.domain.errors import DmpUnavailable

_X = f"{{{xds.XDSB}}}"
_Key = tuple[str, str]


def request(entries: Sequence[DocumentEntry], default_repository: str, home_community: str = "") -> str:
    """The RetrieveDocumentSetRequest of these entries, each once."""
    home = f"<xds:HomeCommunityId>urn:oid:{text(home_community)}</xds:HomeCommunityId>" if home_community else ""
    keys = dict.fromkeys(_key(entry, default_repository) for entry in entries)
    documents = "".join(
        f"<xds:DocumentRequest>{home}<xds:RepositoryUniqueId>{text(repository)}</xds:RepositoryUniqueId>"
        f"<xds:DocumentUniqueId>{text(unique_id)}</xds:DocumentUniqueId></xds:DocumentRequest>"
        for repository, unique_id in keys
    )
    return f'<xds:RetrieveDocumentSetRequest xmlns:xds="{xds.XDSB}">{documents}</xds:RetrieveDocumentSetRequest>'


def documents(answer: SoapAnswer, entries: Sequence[DocumentEntry], default_repository: str) -> tuple[Retrieved, ...]:
    """The documents of ``entries``, in their order.

    Raises DmpUnavailable ``dmp.document-mismatched`` when one was not asked for, comes twice or is missing, or has
    another hash or size than its entry announces; ``dmp.answer-invalid`` when its bytes are not in the answer.
    """
    asked = {_key(entry, default_repository) for entry in entries}
    found: dict[_Key, tuple[str, Buffer]] = {}
    for response in answer.body.iterfind(f"{_X}DocumentResponse"):
        key = _text(response, "RepositoryUniqueId"), _text(response, "DocumentUniqueId")
        if key not in asked or key in found:
            raise DmpUnavailable("dmp.document-mismatched")
        found[key] = _text(response, "mimeType"), _content(response, answer.parts)
    return tuple(_checked(entry, found.get(_key(entry, default_repository))) for entry in entries)


def _key(entry: DocumentEntry, default_repository: str) -> _Key:
    return entry.repository or default_repository, entry.unique_id


def _text(response: etree._Element, name: str) -> str:
    return (response.findtext(f"{_X}{name}") or "").strip()


def _content(response: etree._Element, parts: Mapping[str, Buffer]) -> Buffer:
    document = response.find(f"{_X}Document")
    if document is None:
        raise DmpUnavailable("dmp.answer-invalid", status="200")
    include = document.find(f"{{{XOP}}}Include")
    if include is not None:
        content = parts.get(normal_cid(include.get("href", "")))
        if content is None:
            raise DmpUnavailable("dmp.answer-invalid", status="200")
        return content
    try:
        return pybase64.b64decode("".join((document.text or "").split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise DmpUnavailable("dmp.answer-invalid", status="200") from error


def _checked(entry: DocumentEntry, found: tuple[str, Buffer] | None) -> Retrieved:
    if found is None:
        raise DmpUnavailable("dmp.document-mismatched")
    mime_type, content = found
    wrong_size = entry.size is not None and entry.size != len(content)
    digest = hashlib.sha1(content, usedforsecurity=False).hexdigest() if entry.hash else ""
    if wrong_size or digest != entry.hash.lower():
        raise DmpUnavailable("dmp.document-mismatched")
    view = content if isinstance(content, memoryview) else memoryview(content)
    return Retrieved(entry, mime_type or entry.mime_type, view)
