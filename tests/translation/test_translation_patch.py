"""PATCH bodies, JSON Patch and FHIRPath Patch: the state they ask for, and what they may not touch."""

from __future__ import annotations

from typing import Any

import pytest

from facade.domain.document import Availability, DocumentEntry
from facade.domain.errors import InvalidInput
from facade.domain.masking import Flag, Level, Masking
from facade.translation.patch import TargetState, read_patch
from facade.translation.vocabulary import IS_ARCHIVED, IS_DELETED
from tests.support.translation import TRE_A07, V3, Json, codes_of, entry, tables

MASK, HIDE, REP = Flag.MASKED_TO_PROFESSIONALS, Flag.HIDDEN_FROM_PATIENT, Flag.HIDDEN_FROM_REPRESENTATIVES
NAMED = f"/extension[url:'{IS_ARCHIVED}']/valueBoolean"


def label(code: str) -> Json:
    return {"coding": [{"system": V3 if len(code) == 1 else TRE_A07, "code": code}]}


def masked(*flags: Flag, level: Level = Level.NORMAL, **changes: Any) -> DocumentEntry:
    return entry(masking=Masking(level, frozenset(flags)), **changes)


def apply(body: Any, current: DocumentEntry) -> TargetState:
    return read_patch(body, current, tables())


def json_patch(op: str, path: str, value: Any = None) -> list[Json]:
    return [{"op": op, "path": path} if op == "remove" else {"op": op, "path": path, "value": value}]


def operation(kind: str, path: str, value: Json | None = None, **parts: Json) -> Json:
    found = [{"name": "type", "valueCode": kind}, {"name": "path", "valueString": path}]
    if value is not None:
        found.append({"name": "value", **value})
    found.extend({"name": name, **part} for name, part in parts.items())
    return {"name": "operation", "part": found}


def fhirpath(*operations: Json) -> Json:
    return {"resourceType": "Parameters", "parameter": list(operations)}


def refused(body: Any, current: DocumentEntry | None = None) -> list[str]:
    with pytest.raises(InvalidInput) as error:
        apply(body, current or entry())
    return codes_of(error.value)


@pytest.mark.parametrize(
    ("body", "current", "flags", "level"),
    [
        # PDSm4DMP: the flag is written in the place of the level, the level in the place of the flag.
        (json_patch("replace", "/securityLabel/0", label("MASQUE_PS")), masked(), {MASK}, "N"),
        (json_patch("replace", "/securityLabel/0", label("N")), masked(MASK), set(), "N"),
        (json_patch("replace", "/securityLabel/0", label("N")), masked(HIDE), set(), "N"),
        (json_patch("replace", "/securityLabel/0", label("N")), masked(), set(), "N"),
        (json_patch("replace", "/securityLabel/0", label("INVISIBLE_PATIENT")), masked(MASK), {MASK, HIDE}, "N"),
        (json_patch("replace", "/securityLabel/0", label("MASQUE_PS")), masked(level=Level.RESTRICTED), {MASK}, "R"),
        (json_patch("replace", "/securityLabel/0", label("R")), masked(MASK), {MASK}, "R"),
        # The slices of the newer PDSm.
        (json_patch("add", "/securityLabel/-", label("MASQUE_PS")), masked(HIDE), {MASK, HIDE}, "N"),
        (json_patch("add", "/securityLabel/1", label("MASQUE_PS")), masked(), {MASK}, "N"),
        (json_patch("remove", "/securityLabel/1"), masked(MASK, HIDE), {HIDE}, "N"),
        (
            json_patch("replace", "/securityLabel", [label("N"), label("INVISIBLE_REPRESENTANTS_LEGAUX")]),
            masked(MASK),
            {REP},
            "N",
        ),
        (json_patch("replace", "/securityLabel", [label("N")]), masked(MASK, HIDE), set(), "N"),
        (json_patch("replace", "/securityLabel", [label("MASQUE_PS")]), masked(), {MASK}, "N"),
        (json_patch("remove", "/securityLabel"), masked(MASK), set(), "N"),
        (json_patch("replace", "/securityLabel/0/coding/0/code", "V"), masked(MASK), {MASK}, "V"),
        (
            json_patch("replace", "/securityLabel/1/coding/0", label("INVISIBLE_PATIENT")["coding"][0]),
            masked(MASK),
            {HIDE},
            "N",
        ),
    ],
)
def test_labels_by_json_patch(body: Any, current: DocumentEntry, flags: set[Flag], level: str) -> None:
    state = apply(body, current)
    assert state.masking == Masking(Level(level), frozenset(flags))
    assert state.availability is current.availability


L = "DocumentReference.securityLabel"


@pytest.mark.parametrize(
    ("step", "flags", "level"),
    [
        (
            operation(
                "add",
                "DocumentReference",
                {"valueCodeableConcept": label("INVISIBLE_PATIENT")},
                name={"valueString": "securityLabel"},
            ),
            {MASK, HIDE},
            "N",
        ),
        (operation("delete", f"{L}[1]"), set(), "N"),
        (operation("delete", f"{L}.where(coding.code='MASQUE_PS')"), set(), "N"),
        (operation("delete", f"{L}.where(coding.where(code='MASQUE_PS').exists())"), set(), "N"),
        (operation("delete", f"{L}.where(coding.exists(system='{TRE_A07}' and code='MASQUE_PS'))"), set(), "N"),
        (operation("delete", f"{L}.coding.where(code = 'MASQUE_PS')"), set(), "N"),
        (operation("delete", f"{L}[7]"), {MASK}, "N"),
        (operation("replace", f"{L}[1]", {"valueCodeableConcept": label("INVISIBLE_PATIENT")}), {HIDE}, "N"),
        (operation("replace", f"{L}.coding.where(system='{V3}').code", {"valueCode": "R"}), {MASK}, "R"),
        (operation("replace", L, {"valueCodeableConcept": label("V")}), set(), "V"),
        (
            operation("insert", L, {"valueCodeableConcept": label("INVISIBLE_PATIENT")}, index={"valueInteger": 1}),
            {MASK, HIDE},
            "N",
        ),
    ],
)
def test_labels_by_fhirpath_patch(step: Json, flags: set[Flag], level: str) -> None:
    assert apply(fhirpath(step), masked(MASK)).masking == Masking(Level(level), frozenset(flags))


def test_an_unknown_label_does_not_hinder_a_patch_of_something_else() -> None:
    current = entry(masking=Masking(unknown=frozenset({"MASQUE_PT"})))
    state = apply(json_patch("replace", NAMED, True), current)
    assert state == TargetState(current.masking, Availability.ARCHIVED)
    assert refused(json_patch("add", "/securityLabel/-", label("MASQUE_PS")), current) == ["security-label.unknown"]


@pytest.mark.parametrize(
    ("body", "before", "after"),
    [
        (json_patch("replace", NAMED, True), Availability.APPROVED, Availability.ARCHIVED),
        (json_patch("replace", NAMED, "true"), Availability.APPROVED, Availability.ARCHIVED),
        (json_patch("replace", NAMED, False), Availability.ARCHIVED, Availability.APPROVED),
        (json_patch("remove", NAMED), Availability.ARCHIVED, Availability.APPROVED),
        (
            json_patch("add", "/extension/-", {"url": IS_ARCHIVED, "valueBoolean": True}),
            Availability.APPROVED,
            Availability.ARCHIVED,
        ),
        (
            json_patch("add", "/extension", [{"url": IS_ARCHIVED, "valueBoolean": True}]),
            Availability.APPROVED,
            Availability.ARCHIVED,
        ),
        (json_patch("replace", "/extension/0/valueBoolean", True), Availability.APPROVED, Availability.ARCHIVED),
        (json_patch("replace", "/status", "current "), Availability.ARCHIVED, Availability.ARCHIVED),
        (json_patch("replace", "/status", "superseded"), Availability.DEPRECATED, Availability.DEPRECATED),
        (
            fhirpath(
                operation(
                    "replace", f"DocumentReference.extension.where(url='{IS_ARCHIVED}').value", {"valueBoolean": True}
                )
            ),
            Availability.APPROVED,
            Availability.ARCHIVED,
        ),
        (
            fhirpath(operation("delete", f"DocumentReference.extension('{IS_ARCHIVED}')")),
            Availability.ARCHIVED,
            Availability.APPROVED,
        ),
    ],
)
def test_archiving(body: Any, before: Availability, after: Availability) -> None:
    assert apply(body, entry(availability=before)).availability is after


def test_withdrawal_takes_both_changes() -> None:
    both = [
        *json_patch("test", "/status", "current"),
        *json_patch("replace", "/status", "superseded"),
        *json_patch("add", "/extension/-", {"url": IS_DELETED, "valueBoolean": True}),
    ]
    assert apply(both, entry()).availability is Availability.DELETED
    assert refused(both[:2]) == ["patch.delete-incomplete"]
    assert refused(both[2:]) == ["patch.delete-incomplete"]
    assert refused(json_patch("replace", "/status", "entered-in-error")) == ["patch.delete-incomplete"]


def test_a_replaced_version_does_not_come_back() -> None:
    old = entry(availability=Availability.DEPRECATED)
    assert refused(json_patch("replace", "/status", "current"), old) == ["patch.status"]
    assert refused(json_patch("replace", "/status", "draft")) == ["patch.status"]


def test_lifting_a_mask_among_several_must_say_which() -> None:
    body = json_patch("replace", "/securityLabel/0", label("N"))
    assert refused(body, masked(MASK, HIDE)) == ["patch.ambiguous"]


@pytest.mark.parametrize(
    "body",
    [
        json_patch("replace", "/content/0/attachment/title", "x"),
        json_patch("remove", "/status"),
        json_patch("replace", "/subject", {}),
        json_patch("add", "/extension/-", {"url": "http://example.org", "valueBoolean": True}),
        json_patch("replace", "/extension[url:'http://example.org']/valueBoolean", True),
        json_patch("replace", "/extension/5/valueBoolean", True),
        json_patch("replace", "/extensionX", True),
        json_patch("replace", "/securityLabelX", []),
        fhirpath(operation("replace", "DocumentReference.type", {"valueCode": "x"})),
        fhirpath(operation("add", "DocumentReference", {"valueString": "x"}, name={"valueString": "description"})),
        fhirpath(operation("add", "DocumentReference.content", {"valueString": "x"}, name={"valueString": "format"})),
        fhirpath(operation("delete", "DocumentReference.status")),
        fhirpath(
            operation(
                "replace", "DocumentReference.extension.where(url='http://example.org').value", {"valueBoolean": True}
            )
        ),
    ],
)
def test_any_other_element_is_405(body: Any) -> None:
    assert refused(body) == ["patch.element-not-allowed"]


@pytest.mark.parametrize(
    "body",
    [
        [],
        {},
        "text",
        {"resourceType": "DocumentReference"},
        ["x"],
        [{"op": "move", "path": "/status", "from": "/type"}],
        [{"op": "replace", "path": "/status"}],
        [{"op": "replace", "value": "x"}],
        json_patch("replace", "status", "current"),
        json_patch("replace", "/status", True),
        json_patch("replace", NAMED, "oui"),
        json_patch("replace", "/securityLabel", "restricted"),
        json_patch("replace", "/securityLabel/9", label("N")),
        json_patch("remove", "/securityLabel/-"),
        json_patch("add", "/securityLabel/9", label("N")),
        json_patch("add", "/securityLabel/-", {"text": "x"}),
        json_patch("replace", "/securityLabel/0/coding/1/code", "R"),
        json_patch("add", "/extension/-", {"url": IS_ARCHIVED}),
        fhirpath(),
        fhirpath({"name": "operation", "part": []}),
        fhirpath(operation("move", "DocumentReference.status")),
        fhirpath(operation("replace", "DocumentReference.status")),
        fhirpath(operation("replace", "Patient.status", {"valueCode": "x"})),
        fhirpath(operation("replace", f"{L}.where(coding.display='x')", {"valueCodeableConcept": label("N")})),
        fhirpath(operation("replace", f"{L}[9]", {"valueCodeableConcept": label("N")})),
        fhirpath(operation("insert", L, {"valueCodeableConcept": label("N")}, index={"valueInteger": 9})),
    ],
)
def test_bodies_that_cannot_be_understood(body: Any) -> None:
    assert refused(body) == ["patch.malformed"]


@pytest.mark.parametrize(
    ("path", "good", "bad"),
    [
        ("/status", "current", "superseded"),
        ("/securityLabel/0", label("N"), label("R")),
        ("/securityLabel", [label("N")], [label("N"), label("MASQUE_PS")]),
        ("/securityLabel/0/coding/0/code", "N", "R"),
        (NAMED, False, True),
    ],
)
def test_the_test_operation(path: str, good: Any, bad: Any) -> None:
    assert apply(json_patch("test", path, good), entry()) == TargetState(Masking(), Availability.APPROVED)
    assert refused(json_patch("test", path, bad)) == ["patch.test-failed"]


def test_a_patch_that_fails_changes_nothing() -> None:
    current = masked(MASK)
    refused([*json_patch("remove", "/securityLabel/1"), *json_patch("test", "/status", "superseded")], current)
    assert current.masking.flags == {MASK}
