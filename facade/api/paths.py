"""What a variable part of an address may be: a FHIR id, so that no operation or search is taken for a resource."""

from __future__ import annotations

from werkzeug.routing import BaseConverter


class FhirId(BaseConverter):
    """FHIR R4 ``id``: 1 to 64 letters, digits, ``-`` and ``.``."""

    part_isolating = True
    regex = r"[A-Za-z0-9.-]{1,64}"

    def described(self) -> dict[str, str]:
        """The same for the OpenAPI document."""
        return {"type": "string", "pattern": f"^{self.regex}$"}
