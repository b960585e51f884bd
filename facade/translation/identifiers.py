"""Document identifiers: uniqueId (OID), ``urn:uuid:`` (entryUUID, logicalId), and the ways FHIR names a document.

Source: ITI TF-3 4.2.3.2.26 (uniqueId, OID form); ITU-T X.667 (UUID under the arc 2.25); MHD 4.2.3 identifiers.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote
from uuid import UUID

from facade.domain.errors import InvalidInput

URI_SYSTEM = "urn:ietf:rfc:3986"
MAX_OID = 64
_OID = re.compile(r"^[0-2](?:\.(?:0|[1-9]\d*))+\Z")
_UUID = re.compile(r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\Z")
_ID = re.compile(r"^[A-Za-z0-9\-.]{1,64}\Z")
_REFERENCE = re.compile(r"(?:^|/)DocumentReference/([^/?#]+)(?:/_history/[^/?#]+)?\Z")


@dataclass(frozen=True, slots=True)
class DocumentTarget:
    """A document named in a request by exactly one of: sealed id, uniqueId (bare OID), or uuid.

    ``uuid`` is a bare lower-case UUID: an entryUUID or a logicalId, which the request does not tell apart; where
    ``unique_id`` is filled beside it, the same ``urn:uuid:`` may also be a uniqueId in its 2.25 form.
    """

    id: str = ""
    unique_id: str = ""
    uuid: str = ""


def is_oid(text: str) -> bool:
    """Whether this is an OID a uniqueId may be: at most 64 characters, without extension."""
    return len(text) <= MAX_OID and bool(_OID.match(text))


def unique_id_of_uuid(uuid: str) -> str:
    """The OID of a UUID, always the same: ``2.25.`` and the UUID as a decimal number (X.667). Raises ValueError."""
    text = uuid.lower().removeprefix("urn:uuid:")
    if not _UUID.match(text):
        raise ValueError("not a UUID")
    return f"2.25.{UUID(text).int}"


def read_unique_id(value: str, expression: str) -> str:
    """The bare OID of a masterIdentifier or submission set identifier (``urn:oid:`` or ``urn:uuid:``).

    Raises InvalidInput ``identifier.oid-extension`` or ``identifier.not-unique-id``.
    """
    text = value.strip()
    if "^" in text:
        raise InvalidInput.of("identifier.oid-extension", expression)
    if text.startswith("urn:uuid:"):
        try:
            return unique_id_of_uuid(text)
        except ValueError:
            raise InvalidInput.of("identifier.not-unique-id", expression) from None
    oid = text.removeprefix("urn:oid:")
    if oid == text or not is_oid(oid):
        raise InvalidInput.of("identifier.not-unique-id", expression)
    return oid


def read_document_identifier(system: str, value: str, expression: str = "identifier") -> DocumentTarget:
    """The document named by ``system|value`` of a search, a conditional PATCH or a logical reference.

    Raises InvalidInput ``identifier.not-a-document`` when it is none of urn:oid:, urn:uuid: or a bare OID or UUID.
    """
    text = value.strip()
    if system.startswith("urn:oid:") and text:
        # An OID^extension written as system and value: the DMP holds none, so nothing can be found by it.
        raise InvalidInput.of("identifier.oid-extension", expression)
    bare = text.removeprefix("urn:oid:").removeprefix("urn:uuid:").lower()
    if system not in ("", URI_SYSTEM):
        raise InvalidInput.of("identifier.not-a-document", expression)
    if _UUID.match(bare):
        return DocumentTarget(unique_id=unique_id_of_uuid(bare), uuid=bare)
    if is_oid(bare):
        return DocumentTarget(unique_id=bare)
    raise InvalidInput.of("identifier.not-a-document", expression)


def read_document_link(reference: str, expression: str) -> DocumentTarget:
    """The document of a reference: ``DocumentReference/x``, absolute, or ``DocumentReference?identifier=sys|val``.

    Raises InvalidInput ``reference.not-a-document``.
    """
    path, _, query = reference.partition("?")
    if query:
        given = [value for name, value in parse_qsl(query) if name == "identifier"]
        if path.rsplit("/", 1)[-1] == "DocumentReference" and len(given) == 1:
            system, _, value = given[0].rpartition("|")
            return read_document_identifier(system, value, expression)
        raise InvalidInput.of("reference.not-a-document", expression)
    if reference.startswith(("urn:oid:", "urn:uuid:")):
        return read_document_identifier(URI_SYSTEM, reference, expression)
    match = _REFERENCE.search(unquote(path))
    if not match or not _ID.match(match.group(1)):
        raise InvalidInput.of("reference.not-a-document", expression)
    return DocumentTarget(id=match.group(1))
