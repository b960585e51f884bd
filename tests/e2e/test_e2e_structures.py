"""A structure feeds, replaces and withdraws its own documents, and never reads one (PDT-INF-526, notes 4, 5 and 9)."""

from __future__ import annotations

import json

import pytest
import requests

from tests.leaks.routes import URI, WITHDRAWAL, absent_like, existing
from tests.support.api import TraceBook
from tests.support.demo import JSON_PATCH, MASKS, RunningDemo, codes_of, pdf

_MASK = [{"op": "add", "path": "/securityLabel/-", "value": {"coding": [{"system": MASKS, "code": "MASQUE_PS"}]}}]
_READER = "treating-doctor"


def _patch(demo: RunningDemo, path: str, patch: object = WITHDRAWAL, **params: str) -> requests.Response:
    headers = {"Content-Type": JSON_PATCH}
    return demo.call("structure", "PATCH", path, params=params, data=json.dumps(patch), headers=headers)


def _replacing(document: str) -> list[dict[str, object]]:
    return [{"code": "replaces", "target": {"reference": f"DocumentReference/{document}"}}]


@pytest.mark.parametrize("publisher", ["structure", "author-doctor"])
@pytest.mark.parametrize("way", ["DELETE", "PATCH", "conditional"])
def test_a_structure_withdraws_its_own_document_and_reads_nothing(demo: RunningDemo, publisher: str, way: str) -> None:
    content = pdf()
    document = demo.publish(publisher, "adult", content)
    assert demo.sees(_READER, "adult", document["id"])
    traces, sent = TraceBook(demo), len(demo.log())
    path = f"/DocumentReference/{document['id']}"
    if way == "DELETE":
        answer = demo.call("structure", "DELETE", path)
    elif way == "PATCH":
        answer = _patch(demo, path)
    else:
        answer = _patch(demo, "/DocumentReference", identifier=f"{URI}|{document['masterIdentifier']['value']}")
    assert answer.status_code in (200, 204), answer.text
    asked = [(line["transaction"], line["vihf"]["mode"]) for line in demo.log()[sent:]]
    assert asked == [("TD0.2", "INDIRECTE"), ("TD3.1", "INDIRECTE"), ("TD3.3c", "INDIRECTE")]
    assert traces.acts() == [("withdraw", "TD3.3c", "success")]
    assert "Compte rendu" not in answer.text
    assert "ETag" not in answer.headers, "a structure is told no version"
    assert not demo.sees(_READER, "adult", document["id"])
    assert demo.post(publisher, "/DocumentReference", demo.document("adult", content)).status_code == 201


def test_a_structure_replaces_its_own_document(demo: RunningDemo) -> None:
    old = demo.publish("structure", "adult")
    new = demo.publish("structure", "adult", relatesTo=_replacing(old["id"]))
    shown = demo.call(_READER, "GET", f"/DocumentReference/{old['id']}").json()
    assert shown["status"] == "superseded"
    assert demo.sees(_READER, "adult", new["id"])


def test_a_structure_neither_withdraws_nor_replaces_what_another_published(demo: RunningDemo) -> None:
    document = demo.publish("other-doctor", "adult")
    answer = demo.call("structure", "DELETE", f"/DocumentReference/{document['id']}")
    assert (answer.status_code, codes_of(answer)) == (404, ["document.unknown"])
    replacing = demo.document("adult", pdf(), relatesTo=_replacing(document["id"]))
    refused = demo.post("structure", "/DocumentReference", replacing)
    assert (refused.status_code, codes_of(refused)) == (422, ["replace.target-unknown"])
    assert demo.sees(_READER, "adult", document["id"])


def test_what_is_hidden_answers_a_structure_as_what_is_not_there(demo: RunningDemo) -> None:
    there = existing("adult", demo.publish("other-doctor", "adult"))
    answers = []
    for target in (there, absent_like(demo, there)):
        body = demo.document("adult", pdf("same"), relatesTo=_replacing(target.id))
        sent = len(demo.log())
        answer = demo.post("structure", "/DocumentReference", body, X_Request_Id="the-same-for-both")
        answers.append((answer.status_code, answer.text, [line["transaction"] for line in demo.log()[sent:]]))
    assert answers[0] == answers[1]


def test_a_structure_changes_nothing_else(demo: RunningDemo) -> None:
    path = f"/DocumentReference/{demo.publish('structure', 'adult')['id']}"
    masking = _patch(demo, path, _MASK)
    assert (masking.status_code, codes_of(masking)) == (403, ["right.not-for-this-caller"])
    nothing = _patch(demo, path, [{"op": "replace", "path": "/status", "value": "current"}])
    assert (nothing.status_code, codes_of(nothing)) == (403, ["structure.never-reads"])
    assert demo.call(_READER, "GET", path).json()["meta"]["versionId"] == "1"


def test_a_version_a_structure_cannot_know_is_not_taken_for_the_present_one(demo: RunningDemo) -> None:
    document = demo.publish("structure", "adult")["id"]
    answer = demo.call("structure", "DELETE", f"/DocumentReference/{document}", headers={"If-Match": 'W/"1"'})
    assert (answer.status_code, codes_of(answer)) == (412, ["version.not-known"])
    assert demo.sees(_READER, "adult", document)


def test_the_correction_of_ones_own_document_needs_no_authorisation(demo: RunningDemo) -> None:
    """Feeding never does: authorisations concern reading only."""
    old = demo.publish("unauthorised-doctor", "adult")
    answer = demo.post(
        "unauthorised-doctor", "/DocumentReference", demo.document("adult", pdf(), relatesTo=_replacing(old["id"]))
    )
    assert answer.status_code == 201, answer.text
    assert demo.call(_READER, "GET", f"/DocumentReference/{old['id']}").json()["status"] == "superseded"


def test_a_blocked_author_replaces_nothing_that_may_be_masked(demo: RunningDemo) -> None:
    """What a blocked professional published may have been masked since, and the DMP does not say."""
    old = demo.publish("blocked-doctor", "adult")["id"]
    assert demo.label(_READER, old, "MASQUE_PS").status_code == 200
    refused = demo.post(
        "blocked-doctor", "/DocumentReference", demo.document("adult", pdf(), relatesTo=_replacing(old))
    )
    assert refused.status_code in (403, 422), refused.text
    assert demo.call(_READER, "GET", f"/DocumentReference/{old}").json()["status"] == "current"
