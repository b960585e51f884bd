"""$changes: what is new, replaced, made visible or archived since then, and nothing about what may not be seen."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote

import pytest
import requests

from facade.translation.fhir_xml import to_dict
from tests.support.api import Resource, part, submission, transactions, valid
from tests.support.demo import JSON_PATCH, MASKS, RunningDemo, codes_of

WRITER, READER, PATIENT = "author-doctor", "other-doctor", "objector"
TAG = "urn:dmp-facade:document-change-code"
ARCHIVE = (
    '[{"op": "add", "path": "/extension/-", "value": {"url": "https://interop.esante.gouv.fr/ig/fhir/pdsm/'
    'StructureDefinition/pdsm-ext-is-archived", "valueBoolean": true}}]'
)


def _ago(days: int) -> str:
    """A day that long ago, within the two years that are told."""
    return f"{datetime.now(UTC) - timedelta(days=days):%Y-%m-%d}"


def _masked(flag: str) -> list[Resource]:
    return [{"coding": [{"system": MASKS, "code": flag}]}]


def _published(demo: RunningDemo, date: str = "", patient: str = PATIENT, **changes: Any) -> str:
    """A document of a lot submitted then: its id."""
    bundle = submission(demo, patient, **changes)
    if date:
        part(bundle, "List")["resource"]["date"] = date
    answer = demo.post(WRITER, "", bundle)
    assert answer.status_code == 200, answer.text
    location: str = answer.json()["entry"][1]["response"]["location"]
    return location.split("DocumentReference/")[1].split("/", maxsplit=1)[0]


def _replaces(document: str) -> list[Resource]:
    return [{"code": "replaces", "target": {"reference": f"DocumentReference/{document}"}}]


def _archive(demo: RunningDemo, document: str) -> None:
    path, headers = f"/DocumentReference/{document}", {"Content-Type": JSON_PATCH}
    answer = demo.call(WRITER, "PATCH", path, data=ARCHIVE, headers=headers)
    assert answer.status_code == 200, answer.text


def _ask(demo: RunningDemo, who: str = READER, patient: str = PATIENT, **params: Any) -> requests.Response:
    query = {"patient.identifier": demo.ins(patient), **params}
    return demo.call(who, "GET", "/DocumentReference/$changes", params=query)


def _told(answer: requests.Response) -> dict[str, str]:
    """Document -> how it changed."""
    told = {}
    for entry in valid(answer, "Bundle").get("entry", []):
        if "resource" in entry:
            (tag,) = (each for each in entry["resource"]["meta"]["tag"] if each["system"] == TAG)
            told[entry["resource"]["id"]] = tag["code"]
        elif entry["request"]["method"] == "DELETE":
            told[entry["request"]["url"].removeprefix("DocumentReference/")] = "gone"
    return told


def _entry(answer: requests.Response, document: str) -> Resource:
    found: Resource = next(each for each in answer.json()["entry"] if each.get("resource", {}).get("id") == document)
    return found


def test_new_documents_are_told_with_the_time_of_their_lot(demo: RunningDemo) -> None:
    document = _published(demo)
    answer = _ask(demo)
    entry = _entry(answer, document)
    assert _told(answer)[document] == "new"
    assert entry["request"] == {"method": "POST", "url": "DocumentReference"}
    read = demo.call(READER, "GET", f"/DocumentReference/{document}").json()
    entry["resource"]["meta"]["tag"] = [each for each in entry["resource"]["meta"]["tag"] if each["system"] != TAG]
    assert (entry["resource"], entry["fullUrl"]) == (read, f"{demo.fhir}/DocumentReference/{document}")
    changed = datetime.fromisoformat(entry["response"]["lastModified"])
    assert abs(datetime.now(UTC) - changed) < timedelta(minutes=2)


def test_changes_are_answered_in_xml(demo: RunningDemo) -> None:
    document = _published(demo)
    params = {"patient.identifier": demo.ins(PATIENT), "known": "none"}
    headers = {"Accept": "application/fhir+xml"}
    answer = demo.call(READER, "GET", "/DocumentReference/$changes", params=params, headers=headers)
    entries = to_dict(answer.content)["entry"]
    (entry,) = [each for each in entries if each.get("resource", {}).get("id") == document]
    assert entry == _entry(_ask(demo), document)
    assert entries[-1]["request"] == {"method": "DELETE", "url": "DocumentReference/none"}


def test_later_openings_are_told_only_what_is_newer(demo: RunningDemo) -> None:
    one, other, next_day = _ago(240), _ago(200), _ago(199)
    first = _published(demo, f"{one}T10:00:00Z")
    second = _published(demo, f"{other}T10:00:00Z")
    for since, expected in (
        (one, {first, second}),
        (f"{one}T10:00:00Z", {first, second}),
        (f"{one}T12:00:00+02:00", {first, second}),
        (f"{one}T10:00:01Z", {second}),
        (other, {second}),
        (next_day, set()),
    ):
        told = _told(_ask(demo, since=since))
        assert set(told) & {first, second} == expected, since


def test_a_first_opening_looks_back_two_years_at_most(demo: RunningDemo) -> None:
    today = datetime.now(UTC)
    old = _published(demo, f"{today.year - 3}-{today.month:02}-01")
    young = _published(demo, f"{today.year - 1}-{today.month:02}-01")
    told = _told(_ask(demo))
    assert (told.get(young), old in told) == ("new", False)
    limited = _ask(demo, since="2001")
    assert (_told(limited).get(young), old in _told(limited)) == ("new", False)
    outcome = limited.json()["entry"][-1]["response"]["outcome"]
    assert [issue["details"]["coding"][0]["code"] for issue in outcome["issue"]] == ["changes.window-limited"]


def test_the_next_opening_is_named_without_the_ins_and_misses_nothing(demo: RunningDemo) -> None:
    first = valid(_ask(demo), "Bundle")
    links = {link["relation"]: link["url"] for link in first["link"]}
    assert demo.patients[PATIENT]["value"] not in unquote(" ".join(links.values()))
    document = _published(demo)
    following = demo.call(READER, "GET", links["next-opening"])
    assert _told(following)[document] == "new"
    assert document in _told(demo.call(READER, "GET", links["self"]))


def test_a_chain_of_replacements_is_followed(demo: RunningDemo) -> None:
    first = _published(demo, _ago(600))
    second = _published(demo, relatesTo=_replaces(first))
    third = _published(demo, relatesTo=_replaces(second))
    answer = _ask(demo, since=_ago(300))
    told = _told(answer)
    assert (told[first], told[second], told[third]) == ("replaced", "new", "new")
    statuses = [_entry(answer, each)["resource"]["status"] for each in (first, second, third)]
    assert statuses == ["superseded", "superseded", "current"]
    for document, before in ((third, second), (second, first)):
        (relation,) = _entry(answer, document)["resource"]["relatesTo"]
        assert relation == {"code": "replaces", "target": {"reference": f"DocumentReference/{before}"}}


def test_a_changed_visibility_is_told_apart_from_a_new_document(demo: RunningDemo) -> None:
    shown = _published(demo, _ago(600), patient="adult", securityLabel=_masked("MASQUE_PS"))
    archived = _published(demo, _ago(600), patient="adult")
    assert not {shown, archived} & set(_told(_ask(demo, patient="adult", since=_ago(300))))
    assert demo.label(WRITER, shown).status_code == 200
    _archive(demo, archived)
    answer = _ask(demo, patient="adult", since=_ago(300))
    assert (_told(answer)[shown], _told(answer)[archived]) == ("visibility", "availability")
    assert _entry(answer, shown)["request"] == {"method": "PATCH", "url": f"DocumentReference/{shown}"}
    new = _published(demo, patient="adult")
    demo.label(WRITER, new, "MASQUE_PS")
    assert _told(_ask(demo, "treating-doctor", "adult"))[new] == "new", "new first of all"


READERS = {
    "MASQUE_PS": ("other-doctor", "adult"),
    "INVISIBLE_PATIENT": ("patient-adult", "adult"),
    "INVISIBLE_REPRESENTANTS_LEGAUX": ("representative-minor", "minor"),
}


@pytest.mark.parametrize("flag", READERS)
def test_hidden_withdrawn_and_absent_are_told_alike(demo: RunningDemo, flag: str) -> None:
    reader, patient = READERS[flag]
    hidden, withdrawn, never_shown = (
        _published(demo, patient=patient),
        _published(demo, patient=patient),
        _published(demo, patient=patient, securityLabel=_masked(flag)),
    )
    elsewhere = _published(demo)
    seen = _told(_ask(demo, reader, patient))
    assert (seen[hidden], seen[withdrawn], never_shown in seen) == ("new", "new", False)
    assert demo.label(WRITER, hidden, flag).status_code == 200
    assert demo.call(WRITER, "DELETE", f"/DocumentReference/{withdrawn}").status_code == 200
    after = _ask(demo, reader, patient)
    assert not {hidden, withdrawn, never_shown} & set(_told(after))
    named = (hidden, withdrawn, never_shown, elsewhere, "none")
    answers = [_ask(demo, reader, patient, known=each) for each in named]
    for document, answer in zip(named, answers, strict=True):
        assert _told(answer)[document] == "gone"
        entry = next(each for each in answer.json()["entry"] if document in each["request"]["url"])
        assert str(entry).replace(document, "x") == str(
            {
                "fullUrl": f"{demo.fhir}/DocumentReference/x",
                "request": {"method": "DELETE", "url": "DocumentReference/x"},
                "response": {"status": "404"},
            }
        )
    assert all(hidden not in link["url"] for link in answers[0].json()["link"])
    kept = _told(_ask(demo, WRITER, patient, known=f"{hidden},{withdrawn}"))
    assert (kept[hidden], kept[withdrawn]) == ("new", "gone"), "its author still sees it"


def test_a_document_that_is_still_there_is_never_called_gone(demo: RunningDemo) -> None:
    document = _published(demo, _ago(600))
    assert document not in _told(_ask(demo, since=_ago(300), known=document))
    demo.label(WRITER, document, "INVISIBLE_PATIENT")
    assert _told(_ask(demo, since=_ago(300), known=document))[document] == "visibility"


def test_what_a_hidden_document_replaced_is_superseded_and_no_more_is_told(demo: RunningDemo) -> None:
    first = _published(demo, _ago(600), patient="adult")
    second = _published(demo, patient="adult", relatesTo=_replaces(first), securityLabel=_masked("MASQUE_PS"))
    answer = _ask(demo, patient="adult", since=_ago(300), known=second)
    assert (_told(answer)[first], _told(answer)[second]) == ("replaced", "gone")
    assert "lastModified" not in _entry(answer, first)["response"]
    third = _published(demo, patient="adult", relatesTo=_replaces(second))
    answer = _ask(demo, patient="adult", since=_ago(300))
    (relation,) = _entry(answer, third)["resource"]["relatesTo"]
    assert relation["target"]["reference"] == f"DocumentReference/{first}", "the hidden one is passed over"
    assert second not in answer.text


@pytest.mark.parametrize("what", ["published hidden", "hidden since", "withdrawn"])
def test_a_window_with_nothing_visible_in_it_is_as_an_empty_one(demo: RunningDemo, what: str) -> None:
    later = (datetime.now(UTC) + timedelta(days=400)).strftime("%Y-%m-%d")
    empty = (datetime.now(UTC) + timedelta(days=800)).strftime("%Y-%m-%d")
    if what == "published hidden":
        document = _published(demo, later, patient="adult", securityLabel=_masked("MASQUE_PS"))
    elif what == "withdrawn":
        document = _published(demo, later, patient="adult")
        assert demo.call(WRITER, "DELETE", f"/DocumentReference/{document}").status_code == 200
    else:
        document = _published(demo, later, patient="adult")
        assert demo.label(WRITER, document, "MASQUE_PS").status_code == 200
    asked = []
    for since in (later, empty):
        sent = len(demo.log())
        bundle = valid(_ask(demo, patient="adult", since=since), "Bundle")
        asked.append((transactions(demo, sent), bundle["total"], bundle.get("entry")))
    assert asked[0] == asked[1] == (["TD0.2", *["TD3.1"] * 5], 0, None)


REFUSED = {
    "a time that is none": ({"since": "yesterday"}, 400, "search.value-malformed"),
    "a time without its zone": ({"since": "2026-01-01T10:00:00"}, 400, "search.value-malformed"),
    "two patients": ({"patient:identifier": "OTHER"}, 400, "search.patient-several"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_asked_is_refused_before_the_dmp_is_asked(demo: RunningDemo, case: str) -> None:
    params, status, code = REFUSED[case]
    sent = len(demo.log())
    asked = {name: demo.ins("adult") if value == "OTHER" else value for name, value in params.items()}
    answer = _ask(demo, **asked)
    assert (answer.status_code, codes_of(answer), len(demo.log())) == (status, [code], sent)


def test_who_may_not_read_the_record_is_told_nothing(demo: RunningDemo) -> None:
    for who in ("unauthorised-doctor", "structure", "patient-adult"):
        assert _ask(demo, who).status_code == 403, who
    assert demo.call(READER, "GET", "/DocumentReference/$changes").status_code == 400


def test_a_parameter_that_is_none_of_its_own_is_ignored_or_refused(demo: RunningDemo) -> None:
    for name in ("_id", "status", "_count"):
        bundle = valid(_ask(demo, since=_ago(0), **{name: "1"}), "Bundle")
        (issue,) = bundle["entry"][-1]["response"]["outcome"]["issue"]
        assert issue["expression"] == [name]
        params = {"patient.identifier": demo.ins(PATIENT), name: "1"}
        refused = demo.call(
            READER, "GET", "/DocumentReference/$changes", params=params, headers={"Prefer": "handling=strict"}
        )
        assert (refused.status_code, codes_of(refused)) == (400, ["search.parameter-unknown"])
