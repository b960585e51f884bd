"""What the embedded DMP received for each act: the right transaction, mode, signature and MTOM."""

from __future__ import annotations

from typing import Any

from tests.support.demo import RunningDemo, pdf


def _received(demo: RunningDemo, since: int) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for line in demo.log()[since:]:
        found.setdefault(line["transaction"], []).append(line)
    return found


def test_a_publication_is_one_signed_mtom_lot_in_plain_indirecte(demo: RunningDemo) -> None:
    since = len(demo.log())
    demo.publish("author-doctor", "adult")
    received = _received(demo, since)
    (lot,) = received["TD2.1"]
    assert (lot["vihf"]["mode"], lot["mtom"], lot["signature_ok"], lot["result"]) == (
        "INDIRECTE",
        True,
        True,
        "success",
    )
    assert lot["patient"] == demo.patients["adult"]["value"]
    assert lot["vihf"]["name_id"] == "899700000021"
    assert lot["vihf"]["roles"][:2] == ["10", "SM26"]
    assert set(received) == {"TD0.2", "TD2.1"}, "no automatic search after feeding (EX_3.1-2030)"


def test_a_search_is_td02_and_td31_in_the_reinforced_mode(demo: RunningDemo) -> None:
    since = len(demo.log())
    assert demo.search("nurse", "adult").status_code == 200
    received = _received(demo, since)
    assert sorted(received) == ["TD0.2", "TD3.1"]
    lines = [line for each in received.values() for line in each]
    assert {line["vihf"]["mode"] for line in lines} == {"INDIRECTE_RENFORCEE"}
    assert all(line["signature_ok"] and line["result"] == "success" for line in lines)


def test_masking_is_a_new_metadata_version_and_the_id_stays(demo: RunningDemo) -> None:
    created = demo.publish("author-doctor", "adult")
    since = len(demo.log())
    masked = demo.label("author-doctor", created["id"], "MASQUE_PS")
    assert masked.json()["id"] == created["id"]
    before, after = (_entry_uuid(resource) for resource in (created, masked.json()))
    assert before != after
    (update,) = _received(demo, since)["TD3.3a"]
    assert (update["vihf"]["mode"], update["result"]) == ("INDIRECTE_RENFORCEE", "success")
    assert masked.headers["ETag"] == 'W/"2"'


def test_a_retrieval_in_an_emergency_says_so_to_the_dmp(demo: RunningDemo) -> None:
    document = demo.publish("author-doctor", "adult")["id"]
    since = len(demo.log())
    headers = {"Purpose-Of-Use": "bris_de_glace", "Purpose-Of-Use-Reason": "urgence vitale"}
    assert demo.call("other-doctor", "GET", f"/Binary/{document}", headers=headers).status_code == 200
    lines = demo.log()[since:]
    assert {line["transaction"] for line in lines} == {"TD0.2", "TD3.1", "TD3.2"}
    assert {line["vihf"]["purpose"] for line in lines} == {"bris_de_glace"}


def test_a_structure_feeds_as_an_automate(demo: RunningDemo) -> None:
    since = len(demo.log())
    demo.publish("structure", "adult", pdf())
    (lot,) = _received(demo, since)["TD2.1"]
    assert lot["vihf"]["roles"][0] == "AUTOMATE"


def _entry_uuid(resource: dict[str, Any]) -> str:
    return str(next(each["value"] for each in resource["identifier"] if each.get("use") == "official"))
