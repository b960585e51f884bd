"""_lastUpdated on DocumentReference: the incremental search of PDSm4DMP, by the lots that touched a document."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime

import pytest

from tests.support.api import LETTER, transactions
from tests.support.demo import JSON_PATCH, RunningDemo, codes_of, ids_of

ARCHIVED = "https://interop.esante.gouv.fr/ig/fhir/pdsm/StructureDefinition/pdsm-ext-is-archived"
WRITER, READER, PATIENT = "author-doctor", "treating-doctor", "objector"


def now() -> str:
    """This second; what follows is in a later one, which is as exactly as XDS knows a time."""
    moment = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    time.sleep(1.1)
    return moment


def found(demo: RunningDemo, *values: str, who: str = READER, **params: str) -> set[str]:
    query = [("patient.identifier", demo.ins(PATIENT)), ("_count", "200"), ("status", "current"), *params.items()]
    query += [("_lastUpdated", value) for value in values]
    answer = demo.call(who, "GET", "/DocumentReference", params=query, headers={"Prefer": "handling=strict"})
    assert answer.status_code == 200, answer.text
    assert answer.json()["total"] == len(ids_of(answer.json()))
    return set(ids_of(answer.json()))


def test_only_what_is_new_or_changed_since_is_found(demo: RunningDemo) -> None:
    old, masked, archived = (demo.publish(WRITER, PATIENT)["id"] for _ in range(3))
    since = now()
    new = demo.publish(WRITER, PATIENT)["id"]
    assert demo.label(WRITER, masked, "MASQUE_PS").status_code == 200
    patch = json.dumps([{"op": "replace", "path": f"/extension[url:'{ARCHIVED}']/valueBoolean", "value": True}])
    done = demo.call(
        WRITER, "PATCH", f"/DocumentReference/{archived}", data=patch, headers={"Content-Type": JSON_PATCH}
    )
    assert done.status_code == 200, done.text
    assert found(demo, f"gt{since}") == {new, masked, archived}
    # Who may not see the masked one is not told that it changed.
    assert found(demo, f"gt{since}", who="other-doctor") == {new, archived}
    assert old in found(demo, f"le{since}")
    assert not {new, masked, archived} & found(demo, f"le{since}")
    assert found(demo, f"gt{since}", "lt2999") == {new, masked, archived}
    assert found(demo, f"gt{since}", type=LETTER) == set()
    assert found(demo, "lt1900,gt2999") == set()
    assert {old, new} <= found(demo, "lt2000,gt2001")


@pytest.mark.parametrize("value", ["gt2999", "gt2001", "lt2001"])
def test_the_dmp_is_asked_as_often_whatever_is_found(demo: RunningDemo, value: str) -> None:
    since = len(demo.log())
    found(demo, value)
    assert transactions(demo, since) == ["TD0.2", "TD3.1", "TD3.1", "TD3.1"]


def test_what_is_no_date_is_refused(demo: RunningDemo) -> None:
    answer = demo.search(READER, PATIENT, _lastUpdated="yesterday")
    assert (answer.status_code, codes_of(answer)) == (400, ["search.value-malformed"])
