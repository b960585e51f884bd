"""What a page is about: reader, patient, purpose and language, as the address says; nothing of it is secret."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from flask import Request

from facade.console.cast import Cast, Patient, Reader

_PURPOSES = ("normal", "bris_de_glace", "centre_15")
_LONGEST_REASON = 200


@dataclass(frozen=True, slots=True)
class Choice:
    """``reader`` and ``patient`` are None until they are chosen."""

    language: str
    reader: Reader | None
    patient: Patient | None
    purpose: str
    reason: str

    @classmethod
    def of(cls, request: Request, cast: Cast) -> Choice:
        """Read it from the query or the form. What does not exist is not chosen."""
        said = request.form if request.method == "POST" else request.args
        language = said.get("lang", "") or request.accept_languages.best_match(("fr", "en"), "fr")
        purpose = said.get("purpose", "normal")
        return cls(
            language if language in ("fr", "en") else "fr",
            cast.reader(said.get("reader", "")),
            cast.patient(said.get("patient", "")),
            purpose if purpose in _PURPOSES else "normal",
            said.get("reason", "")[:_LONGEST_REASON],
        )

    def fields(self, **other: str) -> dict[str, str]:
        """The choice as the fields of a form or of an address."""
        found = {
            "lang": self.language,
            "reader": self.reader.name if self.reader else "",
            "patient": self.patient.name if self.patient else "",
            "purpose": self.purpose,
            "reason": self.reason,
        } | other
        return {name: value for name, value in found.items() if value}

    def query(self, **other: str) -> str:
        """The choice as a query string."""
        return urlencode(self.fields(**other))
