"""A mask holds for every metadata version: ITI-57 leaves the version before it, unmasked, under status Deprecated."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from tests.leaks.routes import absent_like, existing, find
from tests.leaks.test_leaks_routes import labels
from tests.support.demo import RunningDemo, pdf

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


def _asked(demo: RunningDemo, **params: str) -> list[str]:
    since = len(demo.log())
    answer = find(demo, "other-doctor", "adult", params)
    assert answer.json()["total"] == 0, answer.text
    return sorted(line["transaction"] for line in demo.log()[since:])


@pytest.mark.parametrize("status", ["current", "superseded"])
@pytest.mark.parametrize("way", ["uuid", "oid", "_id"])
def test_the_dmp_is_asked_as_much_for_a_hidden_document_as_for_none(demo: RunningDemo, way: str, status: str) -> None:
    """Published under a UUID, which is then its uniqueId; masked, and replaced by another that is masked."""
    name, other = uuid.uuid4(), uuid.uuid4()
    master = {"system": "urn:ietf:rfc:3986", "value": f"urn:uuid:{name}"}
    hidden = demo.publish("author-doctor", "adult", masterIdentifier=master, securityLabel=labels("MASQUE_PS"))
    if status == "superseded":
        relation = [{"code": "replaces", "target": {"reference": f"DocumentReference/{hidden['id']}"}}]
        demo.publish("author-doctor", "adult", relatesTo=relation, securityLabel=labels("MASQUE_PS"))
    values = {"uuid": (f"urn:uuid:{name}", f"urn:uuid:{other}"), "oid": (f"urn:oid:2.25.{name.int}", "urn:oid:2.25.1")}
    if way == "_id":
        values["_id"] = (hidden["id"], absent_like(demo, existing("adult", hidden)).id)
    there, not_there = values[way]
    parameter = "_id" if way == "_id" else "identifier"
    asked = [_asked(demo, **{parameter: value, "status": status}) for value in (there, not_there)]
    assert asked[0] == asked[1]


def test_the_dmp_is_asked_as_much_where_only_hidden_documents_match(demo: RunningDemo) -> None:
    hidden = demo.document("adult", pdf(), securityLabel=labels("MASQUE_PS"))
    hidden["content"][0]["attachment"]["creation"] = "1971-01-01"
    published = demo.post("author-doctor", "/DocumentReference", hidden).json()
    relation = [{"code": "replaces", "target": {"reference": f"DocumentReference/{published['id']}"}}]
    demo.publish("author-doctor", "adult", relatesTo=relation, securityLabel=labels("MASQUE_PS"))
    for status in ("superseded", "current,superseded"):
        asked = [_asked(demo, status=status, date=year) for year in ("1971", "1972")]
        assert asked[0] == asked[1], status
