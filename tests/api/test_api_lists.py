"""ITI-66: lots are found by each parameter and read, and they are what their visible documents are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

import pytest
import requests

from facade.translation.fhir_xml import to_dict
from tests.support.api import LIST_TYPES, URI, Resource, matches, part, submission, transactions, valid
from tests.support.demo import MASKS, RunningDemo, codes_of, ids_of, pdf

WRITER, READER, PATIENT = "author-doctor", "nurse", "objector"
MHD = "https://profiles.ihe.net/ITI/MHD/StructureDefinition"
SOURCE = "1.2.250.1.999.66"
CONTENT_TYPES = "urn:oid:1.2.250.1.213.2.2"
Lots = dict[str, Resource]


def _masked(*flags: str) -> list[Resource]:
    return [{"coding": [{"system": MASKS, "code": flag}]} for flag in flags]


def _publish(demo: RunningDemo, patient: str, number: int = 1, **changes: Any) -> tuple[str, list[str]]:
    """A lot of some documents: its id and theirs. ``changes`` go to the List."""
    bundle = submission(demo, patient, *(pdf() for _ in range(number)))
    part(bundle, "List")["resource"].update(changes)
    return _sent(demo, bundle)


def _sent(demo: RunningDemo, bundle: Resource) -> tuple[str, list[str]]:
    answer = demo.post(WRITER, "", bundle)
    assert answer.status_code == 200, answer.text
    locations = [each["response"].get("location", "") for each in answer.json()["entry"]]
    ids = {
        kind: [each.split("/")[-1] for each in locations if f"{kind}/" in each]
        for kind in ("List", "DocumentReference")
    }
    return ids["List"][0], ids["DocumentReference"]


def _of_two(demo: RunningDemo, patient: str, first: list[Resource], second: list[Resource]) -> tuple[str, list[str]]:
    bundle = submission(demo, patient, pdf(), pdf())
    for number, labels in enumerate((first, second)):
        if not labels:
            continue
        part(bundle, "DocumentReference", number)["resource"]["securityLabel"] = labels
    part(bundle, "List")["resource"]["title"] = "Deux documents"
    return _sent(demo, bundle)


def _search(demo: RunningDemo, who: str = READER, patient: str = PATIENT, **params: str) -> requests.Response:
    query = {"patient.identifier": demo.ins(patient), "code": "submissionset", "status": "current", **params}
    return demo.call(who, "GET", "/List", params={"_count": "200", **query})


def _items(lot: Resource) -> list[str]:
    return [each["item"]["reference"].removeprefix("DocumentReference/") for each in lot.get("entry", [])]


@pytest.fixture(scope="module")
def lots(demo: RunningDemo) -> Lots:
    """Three lots of years nothing else is from."""
    source = {"url": f"{MHD}/ihe-sourceId", "valueIdentifier": {"system": URI, "value": f"urn:oid:{SOURCE}"}}
    made = {
        "A": _publish(demo, PATIENT, date="1991-03-05T10:15:00Z", title="Été à l'hôpital"),
        "B": _publish(demo, PATIENT, 2, date="1992-06-01T00:00:00Z", extension=[source]),
        "C": _publish(demo, PATIENT, date="1993-01-01T00:00:00Z", note=[{"text": "Remarque"}]),
    }
    return {name: demo.call(WRITER, "GET", f"/List/{lot}").json() for name, (lot, _) in made.items()}


def _found(demo: RunningDemo, lots: Lots, **params: str) -> str:
    by_id = {lot["id"]: name for name, lot in lots.items()}
    return "".join(sorted(by_id[lot["id"]] for lot in matches(_search(demo, **params)) if lot["id"] in by_id))


SEARCHES: dict[str, tuple[dict[str, str], str]] = {
    "all": ({}, "ABC"),
    "code with its system": ({"code": f"{LIST_TYPES}|submissionset"}, "ABC"),
    "folders, which the DMP has none of": ({"code": f"{LIST_TYPES}|folder"}, ""),
    "both codes": ({"code": "folder,submissionset"}, "ABC"),
    "a status no lot has": ({"status": "superseded"}, ""),
    "both statuses": ({"status": "current,superseded"}, "ABC"),
    "date": ({"date": "1991-03-05"}, "A"),
    "a year": ({"date": "1992"}, "B"),
    "from": ({"date": "ge1992-06-01"}, "BC"),
    "after": ({"date": "gt1992-06-01T00:00:00Z"}, "C"),
    "before": ({"date": "lt1992-06"}, "A"),
    "until": ({"date": "le1992-06"}, "AB"),
    "starting after": ({"date": "sa1991"}, "BC"),
    "ending before": ({"date": "eb1993"}, "AB"),
    "not": ({"date": "ne1991"}, "BC"),
    "about": ({"date": "ap1991-03-06"}, "A"),
    "either": ({"date": "1991,1993"}, "AC"),
    "last updated, which is when it was submitted": ({"_lastUpdated": "1991"}, "A"),
    "designationType": ({"designationType": f"{CONTENT_TYPES}|97"}, "ABC"),
    "designationType, code alone": ({"designationType": "97"}, "ABC"),
    "another designationType": ({"designationType": f"{CONTENT_TYPES}|03"}, ""),
    "PDSm's spelling": ({"DesignationType": "97", "date": "1991"}, "A"),
    "sourceId": ({"sourceId": f"{URI}|urn:oid:{SOURCE}"}, "B"),
    "sourceId bare": ({"SourceId": SOURCE}, "B"),
    "another sourceId": ({"sourceId": "urn:oid:1.2.3"}, ""),
    "source.family": ({"source.family": "bertin"}, "ABC"),
    "source.family, typed": ({"source:PractitionerRole.practitioner.family": "BERT"}, "ABC"),
    "another family": ({"source.family": "dumas"}, ""),
    "source.given": ({"source.given": "xyz"}, ""),
    "source.name": ({"source.name": "bertin"}, "ABC"),
    "the patient as source": ({"source:Patient.family": "bertin"}, ""),
    "source": ({"source": "urn:oid:1.2.250.1.71.4.2.1|899700000021"}, "ABC"),
    "another source": ({"source:identifier": "899700000099"}, ""),
    "authorOrg": ({"authorOrg:identifier": "urn:oid:1.2.250.1.71.4.2.2|1990000028"}, "ABC"),
    "another authorOrg": ({"authorOrg": "1990000099"}, ""),
    "title, without accents": ({"title": "ete a"}, "A"),
    "a title from its middle": ({"title": "hopital"}, ""),
    "archived, which no lot is": ({"isArchived": "true"}, ""),
    "not archived": ({"isArchived": "false"}, "ABC"),
    "several": ({"date": "ge1991-06", "sourceId": SOURCE, "source.family": "bertin"}, "B"),
    "_include of what is contained": ({"_include": "List:source", "date": "1991"}, "A"),
}


@pytest.mark.parametrize("case", SEARCHES)
def test_each_parameter_finds_what_it_says(demo: RunningDemo, lots: Lots, case: str) -> None:
    params, expected = SEARCHES[case]
    params = {"date": "lt1994", **params}
    assert _found(demo, lots, **params) == expected


def test_every_identifier_finds_its_lot_alone_and_with_others(demo: RunningDemo, lots: Lots) -> None:
    named = [f"{each['system']}|{each['value']}" for each in lots["A"]["identifier"]]
    assert len(named) == 2
    for identifier in (*named, named[0].partition("|")[2]):
        assert _found(demo, lots, identifier=identifier) == "A"
        assert _found(demo, lots, identifier=identifier, date="1992") == ""
    both = f"{named[0]},{URI}|{lots['C']['identifier'][0]['value']}"
    assert _found(demo, lots, identifier=both) == "AC"
    assert _found(demo, lots, identifier=f"{URI}|urn:oid:2.25.1") == ""
    assert _found(demo, lots, _id=lots["A"]["id"]) == "A"
    assert _found(demo, lots, _id=f"{lots['A']['id']},{lots['B']['id']}") == "AB"
    assert _found(demo, lots, _id="none") == ""


def test_a_lot_is_read_as_it_was_submitted(demo: RunningDemo, lots: Lots) -> None:
    lot = valid(demo.call(READER, "GET", f"/List/{lots['B']['id']}"), "List")
    assert lot == lots["B"] == matches(_search(demo, sourceId=SOURCE))[0]
    assert (lot["date"], len(lot["entry"])) == ("1992-06-01T00:00:00Z", 2)
    for document in _items(lot):
        assert demo.call(READER, "GET", f"/DocumentReference/{document}").status_code == 200
    assert lots["C"]["note"] == [{"text": "Remarque"}]
    assert lots["A"]["title"] == "Été à l'hôpital"
    assert [each["url"] for each in lot["source"]["extension"]] == [f"{MHD}/ihe-authorOrg"]


def test_lots_are_answered_in_xml(demo: RunningDemo, lots: Lots) -> None:
    headers = {"Accept": "application/fhir+xml"}
    read = demo.call(READER, "GET", f"/List/{lots['A']['id']}", headers=headers)
    assert (read.status_code, read.headers["Content-Type"].split(";")[0]) == (200, "application/fhir+xml")
    assert to_dict(read.content) == lots["A"]
    params = {"patient.identifier": demo.ins(PATIENT), "date": "1991"}
    found = demo.call(READER, "GET", "/List", params=params, headers=headers)
    assert [each["resource"] for each in to_dict(found.content)["entry"]] == [lots["A"]]


def test_post_finds_what_get_finds(demo: RunningDemo, lots: Lots) -> None:
    params = {"patient.identifier": demo.ins(PATIENT), "code": "submissionset", "status": "current", "date": "lt1994"}
    got = demo.call(READER, "GET", "/List", params=params)
    posted = demo.call(READER, "POST", "/List/_search", data=params)
    assert posted.json() == got.json()
    assert got.json()["total"] == 3


def test_pages_order_and_links(demo: RunningDemo, lots: Lots) -> None:
    order = [lots[name]["id"] for name in "CBA"]
    first = valid(_search(demo, date="lt1994", _count="2"), "Bundle")
    following = next(link["url"] for link in first["link"] if link["relation"] == "next")
    second = valid(demo.call(READER, "GET", following), "Bundle")
    assert (ids_of(first), ids_of(second)) == (order[:2], order[2:])
    assert (first["total"], second["total"]) == (3, 3)
    assert ids_of(_search(demo, date="lt1994", _sort="date").json()) == order[::-1]
    links = unquote(" ".join(link["url"] for link in (*first["link"], *second["link"])))
    assert demo.patients[PATIENT]["value"] not in links
    counted = valid(_search(demo, date="lt1994", _summary="count"), "Bundle")
    assert (counted["total"], "entry" in counted) == (3, False)


@pytest.mark.parametrize("params", [{"_elements": "date"}, {"_summary": "true"}, {"_summary": "text"}])
def test_a_shortened_lot_is_valid_and_says_so(demo: RunningDemo, lots: Lots, params: dict[str, str]) -> None:
    (lot,) = matches(_search(demo, date="1991", **params))
    assert [tag["code"] for tag in lot["meta"]["tag"]] == ["DMP", "SUBSETTED"]
    assert not {"entry", "extension", "identifier"} & set(lot)
    assert ("source" in lot, "contained" in lot) == (
        (True, True) if params.get("_summary") == "true" else (False, False)
    )


REFUSED: dict[str, tuple[dict[str, str], str]] = {
    "an unknown code": ({"code": "worklist"}, "search.code-unknown"),
    "a code of another system": ({"code": "urn:x|submissionset"}, "search.code-unknown"),
    "an unknown status": ({"status": "draft"}, "search.code-unknown"),
    "an unknown designationType": ({"designationType": "9999"}, "search.code-unknown"),
    "a source that is no OID": ({"sourceId": "me"}, "search.value-malformed"),
    "a date that is none": ({"date": "1991-13"}, "search.value-malformed"),
    "neither true nor false": ({"isArchived": "perhaps"}, "search.value-malformed"),
    "an order that is none": ({"_sort": "title"}, "search.value-malformed"),
    "a source by address": ({"source": "Practitioner/1"}, "search.reference-literal"),
    "a modifier": ({"title:exact": "x"}, "search.modifier-unsupported"),
    "a modifier of what all searches know": ({"identifier:of-type": "x"}, "search.modifier-unsupported"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_value_that_cannot_be_is_refused_before_the_dmp_is_asked(demo: RunningDemo, case: str) -> None:
    params, code = REFUSED[case]
    sent = len(demo.log())
    answer = _search(demo, **params)
    assert (answer.status_code, codes_of(answer)) == (400, [code]), answer.text
    assert len(demo.log()) == sent


def test_an_unknown_parameter_is_ignored_or_refused_as_the_client_prefers(demo: RunningDemo, lots: Lots) -> None:
    for name in ("colour", "_include", "_revinclude"):
        bundle = valid(_search(demo, date="1991", **{name: "List:item"}), "Bundle")
        (told,) = [each["resource"] for each in bundle["entry"] if each["search"]["mode"] == "outcome"]
        assert [issue["expression"] for issue in told["issue"]] == [[name]]
        params = {"patient.identifier": demo.ins(PATIENT), name: "List:item"}
        refused = demo.call(READER, "GET", "/List", params=params, headers={"Prefer": "handling=strict"})
        assert (refused.status_code, codes_of(refused)) == (400, ["search.parameter-unknown"])


# Who may not see a document of the adult, and by which flag.
READERS: dict[str, tuple[str, str, str]] = {
    "masked": ("other-doctor", "adult", "MASQUE_PS"),
    "hidden from its patient": ("patient-adult", "adult", "INVISIBLE_PATIENT"),
    "hidden from a representative": ("representative-minor", "minor", "INVISIBLE_REPRESENTANTS_LEGAUX"),
}


@pytest.mark.parametrize("case", READERS)
def test_a_lot_of_which_nothing_may_be_seen_does_not_exist(demo: RunningDemo, case: str) -> None:
    reader, patient, flag = READERS[case]
    before = _search(demo, reader, patient, _count="0").json()["total"]
    hidden, documents = _of_two(demo, patient, _masked(flag), _masked(flag))
    assert _items(demo.call(WRITER, "GET", f"/List/{hidden}").json()) == documents
    assert _search(demo, reader, patient, _count="0").json()["total"] == before
    identifiers = demo.call(WRITER, "GET", f"/List/{hidden}").json()["identifier"]
    ways = [{"_id": hidden}, {"title": "Deux documents"}, *({"identifier": each["value"]} for each in identifiers)]
    for way in ways:
        found = _search(demo, reader, patient, **way)
        assert hidden not in [lot["id"] for lot in matches(found)], way
    answer = demo.call(reader, "GET", f"/List/{hidden}")
    assert (answer.status_code, codes_of(answer)) == (404, ["lot.unknown"])
    forged = demo.call(reader, "GET", "/List/none")
    assert forged.json() == answer.json()


@pytest.mark.parametrize("case", READERS)
def test_a_lot_shows_only_the_documents_its_reader_may_see(demo: RunningDemo, case: str) -> None:
    reader, patient, flag = READERS[case]
    lot, (hidden, plain) = _of_two(demo, patient, _masked(flag), [])
    seen = valid(demo.call(reader, "GET", f"/List/{lot}"), "List")
    assert (_items(seen), seen["title"]) == ([plain], "Deux documents")
    assert hidden not in _search(demo, reader, patient).text
    assert _items(demo.call(WRITER, "GET", f"/List/{lot}").json()) == [hidden, plain]
    assert demo.label(WRITER, hidden).status_code == 200
    assert _items(demo.call(reader, "GET", f"/List/{lot}").json()) == [hidden, plain], "shown again"


@pytest.mark.parametrize("end", ["masked", "withdrawn"])
def test_a_lot_that_lost_its_documents_is_gone_whatever_became_of_them(demo: RunningDemo, end: str) -> None:
    lot, (document,) = _publish(demo, "adult", title=f"Bientôt {end}")
    assert demo.call("other-doctor", "GET", f"/List/{lot}").status_code == 200
    if end == "masked":
        assert demo.label(WRITER, document, "MASQUE_PS").status_code == 200
    else:
        assert demo.call(WRITER, "DELETE", f"/DocumentReference/{document}").status_code == 200
    answer = demo.call("other-doctor", "GET", f"/List/{lot}")
    assert (answer.status_code, codes_of(answer)) == (404, ["lot.unknown"])
    assert matches(_search(demo, "other-doctor", "adult", title=f"Bientôt {end}")) == []


@pytest.mark.parametrize("reader", ["author-doctor", "treating-doctor", "other-doctor", "patient-adult"])
def test_no_lot_tells_who_changed_a_mask_and_when(demo: RunningDemo, reader: str) -> None:
    lot, (document,) = _publish(demo, "adult")
    before = _search(demo, reader, "adult", _count="0").json()["total"]
    for flags in (("MASQUE_PS",), ()):
        assert demo.label(WRITER, document, *flags).status_code == 200
    of_document = [each["id"] for each in matches(_search(demo, reader, "adult")) if document in _items(each)]
    assert (of_document, _search(demo, reader, "adult", _count="0").json()["total"]) == ([lot], before)


PROBES: dict[str, Callable[[Resource], dict[str, str]]] = {
    "title": lambda lot: {"title": lot["title"]},
    "date": lambda lot: {"date": lot["date"]},
    "sourceId": lambda lot: {"sourceId": lot["extension"][1]["valueIdentifier"]["value"]},
    "identifier": lambda lot: {"identifier": lot["identifier"][0]["value"]},
    "entryUUID": lambda lot: {"identifier": lot["identifier"][1]["value"]},
    "_id": lambda lot: {"_id": lot["id"]},
}


@pytest.mark.parametrize("probe", PROBES)
def test_the_dmp_is_asked_as_much_for_a_hidden_lot_as_for_none(demo: RunningDemo, probe: str) -> None:
    source = {"url": f"{MHD}/ihe-sourceId", "valueIdentifier": {"system": URI, "value": "urn:oid:1.2.250.1.999.67"}}
    bundle = submission(demo, "adult", securityLabel=_masked("MASQUE_PS"))
    part(bundle, "List")["resource"].update(
        title=f"Lot {probe}", date=f"1981-01-0{len(probe) % 9 + 1}", extension=[source]
    )
    lot = demo.call(WRITER, "GET", f"/List/{_sent(demo, bundle)[0]}").json()
    none: dict[str, Any] = {
        "title": "Lot d'ailleurs",
        "date": "1980-01-01",
        "extension": [{}, {"valueIdentifier": {"value": "1.2.250.1.999.68"}}],
        "identifier": [{"value": "urn:oid:2.25.11"}, {"value": "urn:uuid:11111111-1111-4111-8111-111111111111"}],
        "id": lot["id"][:-2] + ("AA" if lot["id"][-2:] != "AA" else "BA"),
    }
    asked = []
    for named in (lot, none):
        since = len(demo.log())
        assert matches(_search(demo, "other-doctor", "adult", **PROBES[probe](named))) == []
        asked.append(transactions(demo, since))
    assert asked[0] == asked[1]
    assert asked[0].count("TD3.1") > 1


def test_a_lot_of_another_record_is_not_found_by_its_id(demo: RunningDemo, lots: Lots) -> None:
    assert _search(demo, READER, "adult", _id=lots["A"]["id"]).json()["total"] == 0
    value = lots["A"]["identifier"][0]["value"]
    assert _search(demo, READER, "adult", identifier=value).json()["total"] == 0


def test_who_may_not_read_the_record_reads_no_lot(demo: RunningDemo, lots: Lots) -> None:
    for who in ("unauthorised-doctor", "structure", "patient-adult"):
        listed, read = _search(demo, who), demo.call(who, "GET", f"/List/{lots['A']['id']}")
        assert (listed.status_code, read.status_code) == (403, 403), (who, read.text)
