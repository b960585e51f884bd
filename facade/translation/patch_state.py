"""The four things a patch may change, and the small set of ways it may change them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from facade.domain.errors import InvalidInput, Problem
from facade.translation.problems import shown
from facade.translation.tables import Json
from facade.translation.vocabulary import IS_ARCHIVED, IS_DELETED

FLAGS = {IS_ARCHIVED: "archived", IS_DELETED: "deleted"}
# A PATCH addresses extensions by number too: this is their order in the resource a patch is applied to.
FLAG_ORDER = (IS_ARCHIVED, IS_DELETED)


@dataclass
class PatchState:
    """The document as far as a patch may touch it. ``labels`` is the securityLabel list, in FHIR form."""

    labels: list[Any]
    status: str
    archived: bool = False
    deleted: bool = False

    def set_flag(self, url: str, value: object) -> None:
        """Set isArchived or isDeleted; a boolean written as text is understood."""
        setattr(self, FLAGS[url], truth(value))


def truth(value: object) -> bool:
    """A boolean, also as the text ``"true"`` that the examples of PDSm carry. Raises ``patch.malformed``."""
    text = str(value).strip().lower() if isinstance(value, (bool, str)) else ""
    if text not in ("true", "false"):
        raise malformed("value")
    return text == "true"


def code_of(value: object) -> str:
    """A status code without the trailing blank of PDSm's example. Raises ``patch.malformed``."""
    if not isinstance(value, str) or not value.strip():
        raise malformed("value")
    return value.strip()


def concept_of(value: object) -> Json:
    """A CodeableConcept, or a Coding alone. Raises ``patch.malformed``."""
    codings = value.get("coding") if isinstance(value, dict) else None
    if isinstance(codings, list) and codings and all(isinstance(coding, dict) for coding in codings):
        return {"coding": codings}
    if isinstance(value, dict) and isinstance(value.get("code"), str):
        return {"coding": [value]}
    raise malformed("value")


def concepts_of(value: object) -> list[Json]:
    """A list of CodeableConcepts. Raises ``patch.malformed``."""
    if not isinstance(value, list):
        raise malformed("value")
    return [concept_of(item) for item in value]


def malformed(operation: object) -> InvalidInput:
    """The patch itself cannot be understood (400)."""
    return InvalidInput(Problem("patch.malformed", ("Patch",), {"operation": shown(operation)}))


def not_allowed(path: object) -> InvalidInput:
    """The patch touches an element that may not change (405)."""
    return InvalidInput(Problem("patch.element-not-allowed", (shown(path, 120),), {"path": shown(path, 120)}))


def test_failed(path: object) -> InvalidInput:
    """A ``test`` operation does not hold (422)."""
    return InvalidInput(Problem("patch.test-failed", (shown(path, 120),), {"path": shown(path, 120)}))
