"""A mask holds for every metadata version: ITI-57 leaves the version before it, unmasked, under status Deprecated."""

from __future__ import annotations

from typing import Any

import pytest

from tests.leaks.routes import existing, find
from tests.support.demo import RunningDemo

READERS = (
    ("other-doctor", "adult", "MASQUE_PS"),
    ("patient-adult", "adult", "INVISIBLE_PATIENT"),
    ("representative-minor", "minor", "INVISIBLE_REPRESENTANTS_LEGAUX"),
)


def _masked(demo: RunningDemo, patient: str, flag: str) -> dict[str, Any]:
    document = demo.publish("author-doctor", patient)
    assert demo.label("author-doctor", document["id"], flag).status_code == 200
    return document


@pytest.mark.parametrize(("reader", "patient", "flag"), READERS)
def test_superseded_metadata_of_a_masked_document_is_not_found(
    demo: RunningDemo, reader: str, patient: str, flag: str
) -> None:
    document = existing(patient, _masked(demo, patient, flag))
    asked = ({"status": "superseded"}, {"status": "current,superseded"}, {"status": "superseded", "_id": document.id})
    for params in asked:
        found = find(demo, reader, patient, params).json().get("entry", [])
        assert not [name for name in document.names if name in str(found)]


def test_a_withdrawn_document_leaves_no_old_version_behind(demo: RunningDemo) -> None:
    document = demo.publish("author-doctor", "adult")
    demo.label("author-doctor", document["id"], "MASQUE_PS")
    assert demo.call("author-doctor", "DELETE", f"/DocumentReference/{document['id']}").status_code == 200
    assert document["id"] not in demo.search("treating-doctor", "adult", status="current,superseded").text


def test_metadata_versions_of_a_visible_document_are_not_counted_twice(demo: RunningDemo) -> None:
    document = demo.publish("author-doctor", "adult")
    demo.label("author-doctor", document["id"], "MASQUE_PS")
    answer = demo.search("treating-doctor", "adult", status="current,superseded", _id=document["id"])
    assert answer.json()["total"] == 1
