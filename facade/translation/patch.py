"""PATCH of a DocumentReference -> the state it asks for: labels, and whether it is archived or withdrawn.

Source: PDSm Flux 03 (only status, securityLabel, isArchived, isDeleted may change; 405 otherwise); PDSm drafts after
3.1.1 (FHIRPath Patch first, withdrawal = isDeleted and superseded together); PDSm4DMP TD3.3a to d.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from facade.domain.document import Availability, DocumentEntry
from facade.domain.errors import InvalidInput
from facade.domain.masking import Masking
from facade.translation.labels import read_labels, write_labels
from facade.translation.patch_fhirpath import read_fhirpath_patch
from facade.translation.patch_json import read_json_patch
from facade.translation.patch_state import PatchState
from facade.translation.problems import Problems, shown
from facade.translation.tables import CodeTables


@dataclass(frozen=True, slots=True)
class TargetState:
    """What the document is to become. Compared with the present entry it says which of TD3.3a, b, c, d is meant."""

    masking: Masking
    availability: Availability


def read_patch(body: Any, current: DocumentEntry, tables: CodeTables) -> TargetState:
    """The state a patch asks for, computed by applying it to the present one.

    ``body`` is a list (JSON Patch) or a Parameters resource (FHIRPath Patch). The final list of labels decides; a
    missing level is the present one, so a flag put in the place of the level adds the flag.

    Raises InvalidInput ``patch.malformed`` (400), ``patch.element-not-allowed`` (405), ``patch.test-failed``,
    ``patch.ambiguous``, ``patch.status``, ``patch.delete-incomplete``, ``update.superseded``,
    ``security-label.*`` (422).
    """
    state = PatchState(
        labels=write_labels(current.masking, tables),
        status="superseded" if current.availability is Availability.DEPRECATED else "current",
        archived=current.availability is Availability.ARCHIVED,
    )
    if isinstance(body, list):
        read_json_patch(body, state)
    elif isinstance(body, dict) and body.get("resourceType") == "Parameters":
        read_fhirpath_patch(body, state)
    else:
        raise InvalidInput.of("patch.malformed", "Patch", operation="0")
    problems = Problems()
    availability = _availability(state, current, problems)
    masking = current.masking
    if state.labels != write_labels(masking, tables):
        # A label put in the place of the level (PDSm4DMP) must not lower it: R stays R where no level is left.
        masking = read_labels(state.labels, tables, problems, missing=masking.level)
    problems.check()
    return TargetState(masking, availability)


def _availability(state: PatchState, current: DocumentEntry, problems: Problems) -> Availability:
    """The availabilityStatus of a final status and its two flags.

    ``superseded`` alone is what a replacement does, not a patch; ``entered-in-error`` is no status of a DMP document
    (IHE ITI.MHD issue 274). Both are told how a withdrawal is written.
    """
    was_superseded = current.availability is Availability.DEPRECATED
    if state.deleted and state.status == "superseded":
        return Availability.DELETED
    if state.deleted or state.status == "entered-in-error" or (state.status == "superseded" and not was_superseded):
        problems.add("patch.delete-incomplete", "DocumentReference.status")
        return current.availability
    if state.status not in ("current", "superseded") or (was_superseded and state.status == "current"):
        problems.add("patch.status", "DocumentReference.status", status=shown(state.status))
        return current.availability
    if was_superseded and state.archived:
        problems.add("update.superseded", "DocumentReference.extension")
    if was_superseded:
        return Availability.DEPRECATED
    return Availability.ARCHIVED if state.archived else Availability.APPROVED
