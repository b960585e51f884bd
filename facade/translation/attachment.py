"""Attachments: their bytes taken out of a parsed body, decoded, and compared with what the request says of them.

The base64 text never goes through the models (it would be decoded and copied several times).
Source: MHD 4.2.3 (attachment.hash is the SHA-1, attachment.size the bytes before base64).
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping
from typing import Any

from facade.domain.errors import InvalidInput, Problem
from facade.translation.base64_file import Base64File
from facade.translation.resources import child, objects
from facade.translation.tables import Json

_SHA1_BYTES, _SHA1_HEX = 20, 40


def take_out(body: Json) -> dict[int, Any]:
    """Remove the base64 texts from a DocumentReference, a Binary or a Bundle, and return them by entry number.

    A single resource has the number 0. What stands in place of a text is returned as it is: ``decode`` refuses it.
    """
    if body.get("resourceType") != "Bundle":
        found = _take(body)
        return {} if found is None else {0: found}
    taken: dict[int, Any] = {}
    entries = body.get("entry")
    for number, entry in enumerate(entries if isinstance(entries, list) else []):
        found = _take(child(entry, "resource")) if isinstance(entry, dict) else None
        if found is not None:
            taken[number] = found
    return taken


def put_back(taken: Mapping[int, Any], files: Mapping[str, Base64File]) -> dict[int, Any] | None:
    """``taken`` with the files that were cut out of the body in place of their marks; None when one is missing."""
    found = {number: files.get(data, data) if isinstance(data, str) else data for number, data in taken.items()}
    return found if sum(isinstance(data, Base64File) for data in found.values()) == len(files) else None


def decode(data: object, expression: str = "DocumentReference.content.attachment.data") -> Base64File:
    """The file of a base64 text. Raises InvalidInput ``attachment.not-base64`` or ``attachment.empty``."""
    if isinstance(data, Base64File):
        return data
    if not isinstance(data, str):
        raise InvalidInput.of("attachment.not-base64", expression)
    try:
        file = base64_file(data)
    except ValueError:
        raise InvalidInput.of("attachment.not-base64", expression) from None
    if not len(file):
        raise InvalidInput.of("attachment.empty", expression)
    return file


def check_attachment(
    attachment: Json, content: Base64File, expression: str = "DocumentReference.content.attachment"
) -> tuple[str, int]:
    """The SHA-1 (hex) and size of the content, compared with the attachment's own where it gives them.

    The hash may be written as base64 of the bytes (MHD), as hex, or as base64 of the hex (IHE's examples).
    Raises InvalidInput with ``attachment.hash-mismatch`` and/or ``attachment.size-mismatch``.
    """
    digest = content.digest("sha1").hex()
    problems: list[Problem] = []
    given_hash, given_size = attachment.get("hash"), attachment.get("size")
    if given_hash is not None and _hex_of(given_hash) != digest:
        problems.append(Problem("attachment.hash-mismatch", (f"{expression}.hash",)))
    if given_size is not None and str(given_size) != str(len(content)):
        values = {"given": str(given_size)[:20], "actual": str(len(content))}
        problems.append(Problem("attachment.size-mismatch", (f"{expression}.size",), values))
    if problems:
        raise InvalidInput(problems)
    return digest, len(content)


def base64_file(data: str) -> Base64File:
    """The file of a base64 text, which may be folded with blanks. Raises ValueError for anything else."""
    try:
        return Base64File.read(data)
    except ValueError:
        # FHIR R4 lets a base64Binary be folded with blanks; only then is the text copied without them.
        folded = "".join(data.split())
        if len(folded) == len(data):
            raise
        return Base64File.read(folded)


def _take(resource: Json) -> Any:
    kind = resource.get("resourceType")
    if kind == "Binary":
        return resource.pop("data", None)
    if kind == "DocumentReference":
        for content in objects(resource, "content"):
            found = child(content, "attachment").pop("data", None)
            if found is not None:
                return found
    return None


def _hex_of(given: object) -> str:
    """The hex SHA-1 a hash stands for in any of its three spellings, empty when it is none of them."""
    text = str(given).strip()
    if len(text) == _SHA1_HEX:
        return text.lower()
    try:
        raw = b64decode(text, validate=True)
    except ValueError:
        return ""
    if len(raw) == _SHA1_BYTES:
        return raw.hex()
    return raw.decode("ascii", "replace").lower() if len(raw) == _SHA1_HEX else ""
