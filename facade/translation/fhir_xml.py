"""FHIR XML, both ways, through the R4B models (their DocumentReference, Bundle... equal those of R4 4.0.1).

The bytes pass the facade's one XML parser first: a DOCTYPE or an entity never reaches the models' own reader.
"""

from __future__ import annotations

from typing import Any

from fhir.resources.R4B import get_fhir_model_class
from lxml import etree
from pydantic import ValidationError

from facade import xmlsafe
from facade.domain.errors import InvalidInput

_MAX_TAGS = 40_000
_MAX_DEPTH = 60
_FHIR = "{http://hl7.org/fhir}"


def to_dict(data: bytes | bytearray) -> dict[str, Any]:
    """Read a resource in FHIR XML as the dict its JSON would give.

    Raises InvalidInput ``body.unsafe-xml``, ``body.not-xml`` or ``fhir.invalid``.
    """
    if data.count(b"<") > _MAX_TAGS:
        raise InvalidInput.of("body.too-many-elements", limit=str(_MAX_TAGS // 2))
    try:
        root = xmlsafe.parse(data, huge_text=True)
    except xmlsafe.UnsafeXml as error:
        raise InvalidInput.of("body.unsafe-xml") from error
    except xmlsafe.MalformedXml as error:
        raise InvalidInput.of("body.not-xml") from error
    if _depth(root) > _MAX_DEPTH:
        raise InvalidInput.of("body.too-deep", limit=str(_MAX_DEPTH))
    name = str(root.tag)
    if not name.startswith(_FHIR):
        raise InvalidInput.of("body.not-a-resource")
    try:
        model = get_fhir_model_class(name.removeprefix(_FHIR))
        # The models' reader turns attributes it does not know into errors of many kinds: all mean the same here.
        resource = model.model_validate_xml(etree.tostring(root, encoding="UTF-8"))
    except ValidationError as error:
        raise InvalidInput.of("fhir.invalid", name.removeprefix(_FHIR), detail=str(error.error_count())) from error
    except (KeyError, ValueError, TypeError, AttributeError, LookupError) as error:
        raise InvalidInput.of("body.not-a-resource") from error
    found: dict[str, Any] = resource.model_dump(mode="json")
    return found


def from_dict(resource: dict[str, Any], *, pretty: bool = False) -> bytes:
    """Write a resource, given as the dict of its JSON, in FHIR XML."""
    model = get_fhir_model_class(resource["resourceType"]).model_validate(resource)
    data: bytes | str = model.model_dump_xml(pretty_print=pretty)
    return data if isinstance(data, bytes) else data.encode()


def _depth(root: etree._Element) -> int:
    """How deep the elements are nested, looking no deeper than the limit."""
    level, here = 0, [root]
    while here and level <= _MAX_DEPTH:
        level += 1
        here = [child for element in here for child in element]
    return level
