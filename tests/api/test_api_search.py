"""ITI-67: each parameter alone and together, both verbs, pages, and what is refused before the DMP is asked."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

import pytest
import requests

from tests.support.api import (
    LETTER,
    URI,
    Resource,
    attachment_of,
    flags_of,
    master,
    matches,
    oid,
    transactions,
    typed,
    valid,
)
from tests.support.demo import LOINC, RunningDemo, codes_of, ids_of, pdf

WRITER, READER, PATIENT = "author-doctor", "nurse", "objector"
CLASSES = "https://mos.esante.gouv.fr/NOS/TRE_A03-ClasseDocument/FHIR/TRE-A03-ClasseDocument"
FACILITIES = "https://mos.esante.gouv.fr/NOS/TRE_R02-SecteurActivite/FHIR/TRE-R02-SecteurActivite"
PRACTICES = "https://mos.esante.gouv.fr/NOS/TRE_A01-CadreExercice/FHIR/TRE-A01-CadreExercice"
ACCESSION = "urn:ihe:iti:xds:2013:accession"
DATES = {"A": "2001-03-05T10:15:00Z", "B": "2002-06", "C": "2003-01-01T00:00:00Z"}
Shelf = dict[str, Resource]


def _dated(demo: RunningDemo, creation: str, **changes: Any) -> Resource:
    document = demo.document(PATIENT, pdf(), **changes)
    attachment_of(document)["creation"] = creation
    return valid(demo.post(WRITER, "/DocumentReference", document), "DocumentReference", 201)


@pytest.fixture(scope="module")
def shelf(demo: RunningDemo) -> Shelf:
    """Three documents of years nothing else is from, each with something of its own."""
    related = {
        "identifier": {
            "type": {"coding": [{"system": URI, "code": ACCESSION}]},
            "system": "urn:oid:1.2.250.1.999.5",
            "value": "ACC-1",
        }
    }
    event = {"coding": [{"system": "urn:oid:1.2.250.1.213.2.5", "code": "DEQP003"}]}
    context = {"event": [event], "related": [related], "period": {"start": "2002-06-01", "end": "2002-06-03"}}
    restricted = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}]}
    return {
        "A": _dated(demo, DATES["A"]),
        "B": _dated(demo, DATES["B"], type=typed(LETTER), context=context),
        "C": _dated(demo, DATES["C"], securityLabel=[restricted]),
    }


def _search(demo: RunningDemo, who: str = READER, **params: str) -> requests.Response:
    return demo.search(who, PATIENT, None, **params)


def _found(demo: RunningDemo, shelf: Shelf, **params: str) -> str:
    answer = _search(demo, **params)
    assert answer.status_code == 200, answer.text
    by_id = {document["id"]: name for name, document in shelf.items()}
    return "".join(sorted(by_id[found["id"]] for found in matches(answer) if found["id"] in by_id))


DATE_SEARCHES = {
    "2001-03-05": "A",
    "eq2001-03-05": "A",
    "2001-03": "A",
    "2001": "A",
    "2002-06": "B",
    "2002-06-10": "",
    "2001-03-05T10:15:00Z": "A",
    "2001-03-05T11:15:00+01:00": "A",
    "2001-03-05T10:15Z": "A",
    "ge2001-03-05T10:15:00Z": "ABC",
    "gt2001-03-05T10:15:00Z": "BC",
    "ge2001-03-05": "ABC",
    "gt2001-03-05": "BC",
    "gt2001": "BC",
    "lt2002": "A",
    "le2002-06": "AB",
    "lt2002-06": "A",
    "le2003-01-01": "ABC",
    "sa2001": "BC",
    "sa2002-06": "C",
    "eb2003": "AB",
    "eb2002-06": "A",
    "ne2001": "BC",
    "ap2001-03-06": "A",
    "2001,2003": "AC",
}


@pytest.mark.parametrize("value", DATE_SEARCHES)
@pytest.mark.parametrize("name", ["date", "creation"])
def test_dates_know_every_prefix_and_precision(demo: RunningDemo, shelf: Shelf, name: str, value: str) -> None:
    assert _found(demo, shelf, **{name: value}) == DATE_SEARCHES[value]


def test_two_dates_are_an_interval(demo: RunningDemo, shelf: Shelf) -> None:
    url = f"/DocumentReference?date=ge2001-06&date=lt2003&status=current&patient.identifier={demo.ins(PATIENT)}"
    assert ids_of(demo.call(READER, "GET", url).json()) == [shelf["B"]["id"]]


TOKEN_SEARCHES: dict[str, tuple[dict[str, str], str]] = {
    "type": ({"type": f"{LOINC}|{LETTER}"}, "B"),
    "type, code alone": ({"type": LETTER}, "B"),
    "type, any system": ({"type": f"|{LETTER}"}, "B"),
    "type, a whole system": ({"type": f"{LOINC}|"}, "ABC"),
    "two types": ({"type": f"{LETTER},{LOINC}|11488-4"}, "ABC"),
    "category": ({"category": f"{CLASSES}|10"}, "ABC"),
    "another category": ({"category": f"{CLASSES}|11"}, ""),
    "facility": ({"facility": f"{FACILITIES}|SA01"}, "ABC"),
    "another facility": ({"facility": f"{FACILITIES}|SA05"}, ""),
    "setting": ({"setting": f"{PRACTICES}|ETABLISSEMENT"}, "ABC"),
    "format": ({"format": "urn:ihe:iti:xds-sd:pdf:2008"}, "ABC"),
    "another format": ({"format": "urn:ihe:iti:xds-sd:text:2008"}, ""),
    "event": ({"event": "urn:oid:1.2.250.1.213.2.5|DEQP003"}, "B"),
    "security-label": ({"security-label": "R"}, "C"),
    "related": ({"related:identifier": "urn:oid:1.2.250.1.999.5|ACC-1"}, "B"),
    "author": ({"author.family": "bertin"}, "ABC"),
    "another author": ({"author.family": "dumas"}, ""),
    "author, typed": ({"author:Practitioner.family": "BERTIN"}, "ABC"),
    "author, through the role": ({"author:PractitionerRole.practitioner.family": "bert"}, "ABC"),
    "author.given": ({"author.given": "XYZ"}, ""),
    "author.name": ({"author.name": "bertin"}, "ABC"),
    "author by identifier": ({"author": "urn:oid:1.2.250.1.71.4.2.1|899700000021"}, "ABC"),
    "author by another identifier": ({"author:identifier": "899700000099"}, ""),
    "related, MHD's spelling": ({"related": "urn:oid:1.2.250.1.999.5|ACC-1"}, "B"),
    "related, number alone": ({"related": "ACC-1"}, "B"),
    "another related": ({"related": "urn:oid:1.2.250.1.999.6|ACC-1"}, ""),
    "related and type": ({"related": "ACC-1", "type": "11488-4"}, ""),
    "period-start": ({"period-start": "2002-06-01"}, "B"),
    "period-start from": ({"period-start": "ge2002", "date": "lt2004"}, "BC"),
    "period-end": ({"period-end": "2002-06-03"}, "B"),
    "period-end before": ({"period-end": "lt2002-06-03"}, ""),
    "PDSm's names": (
        {
            "PDSm_isArchived": "false",
            "PDSm_DocumentReference_period-start": "2002-06-01",
            "PDSm_DocumentReference_period-end": "2002-06-03",
        },
        "B",
    ),
    "_include of what is contained": ({"_include": "DocumentReference:author", "date": "2001"}, "A"),
    "_include with its type": ({"_include": "DocumentReference:author:PractitionerRole", "date": "2001"}, "A"),
    "period": ({"period": "2002-06-02"}, ""),
    "period around": ({"period": "2002-06"}, "B"),
    "type and date": ({"type": "11488-4", "date": "ge2002"}, "C"),
    "type and category that differ": ({"type": LETTER, "category": f"{CLASSES}|11"}, ""),
    "everything": ({"type": LETTER, "category": "10", "date": "2002-06", "facility": "SA01", "event": "DEQP003"}, "B"),
    "not archived": ({"isArchived": "false"}, "ABC"),
    "archived": ({"isArchived": "true"}, ""),
    "superseded": ({"status": "superseded"}, ""),
    "both statuses": ({"status": "current,superseded"}, "ABC"),
    "an error status, which no document has": ({"status": "entered-in-error"}, ""),
}


@pytest.mark.parametrize("case", TOKEN_SEARCHES)
def test_each_filter_and_their_combinations(demo: RunningDemo, shelf: Shelf, case: str) -> None:
    params, expected = TOKEN_SEARCHES[case]
    assert _found(demo, shelf, **params) == expected


def test_every_identifier_of_a_document_finds_it(demo: RunningDemo, shelf: Shelf) -> None:
    document = shelf["A"]
    named = [document["masterIdentifier"], *document["identifier"]]
    for identifier in named:
        assert _found(demo, shelf, identifier=f"{identifier['system']}|{identifier['value']}") == "A"
    both = ",".join(f"{URI}|{shelf[name]['masterIdentifier']['value']}" for name in "AB")
    assert _found(demo, shelf, identifier=both) == "AB"
    assert _found(demo, shelf, identifier=both, type=LETTER) == "B"
    assert _found(demo, shelf, identifier=both, date="2001") == "A"
    assert _found(demo, shelf, identifier=f"{URI}|urn:oid:2.25.1") == ""
    assert _found(demo, shelf, _id=document["id"]) == "A"


def test_the_patient_may_be_named_in_four_ways(demo: RunningDemo, shelf: Shelf) -> None:
    reference = shelf["A"]["subject"]["reference"]
    sealed = reference.removeprefix("Patient/")
    ways = (
        {"patient.identifier": demo.ins(PATIENT)},
        {"patient:identifier": demo.ins(PATIENT)},
        {"patient": reference},
        {"patient": sealed},
        {"subject:identifier": demo.ins(PATIENT)},
        {"patient": f"Patient?identifier={demo.ins(PATIENT)}"},
    )
    for way in ways:
        answer = demo.call(READER, "GET", "/DocumentReference", params={**way, "date": "2001"})
        assert ids_of(valid(answer, "Bundle")) == [shelf["A"]["id"]], way


def test_post_finds_what_get_finds(demo: RunningDemo, shelf: Shelf) -> None:
    params = {"patient.identifier": demo.ins(PATIENT), "status": "current", "date": "ge2001-03", "type": "11488-4"}
    got = demo.call(READER, "GET", "/DocumentReference", params=params)
    posted = demo.call(READER, "POST", "/DocumentReference/_search", data=params)
    assert posted.json() == got.json()
    mixed = demo.call(READER, "POST", "/DocumentReference/_search?status=current&type=11488-4", data=params)
    assert ids_of(mixed.json()) == ids_of(got.json())
    refused = demo.post(READER, "/DocumentReference/_search", params)
    assert (refused.status_code, codes_of(refused)) == (415, ["body.media-type"])


def _pages(demo: RunningDemo, first: requests.Response) -> list[Resource]:
    pages = [valid(first, "Bundle")]
    while following := [link["url"] for link in pages[-1]["link"] if link["relation"] == "next"]:
        assert len(pages) < 20, "the pages have an end"
        pages.append(valid(demo.call(READER, "GET", following[0]), "Bundle"))
    return pages


LEAKS: dict[str, dict[str, str]] = {
    "as PDSm4DMP asks": {},
    "again, as an unknown parameter": {"lookup": "INS"},
    "again, as a document identifier": {"identifier": "SYSTEM|INS"},
    "again, under subject": {"subject:identifier": "SYSTEM|INS"},
    "again, under patient": {"patient:Patient": "Patient?identifier=SYSTEM|INS"},
}


@pytest.mark.parametrize("case", LEAKS)
def test_no_link_carries_the_ins_however_it_was_sent(demo: RunningDemo, shelf: Shelf, case: str) -> None:
    identity = demo.patients[PATIENT]
    extra = {
        name: value.replace("SYSTEM", identity["system"]).replace("INS", identity["value"])
        for name, value in LEAKS[case].items()
    }
    bundle = valid(_search(demo, _count="1", **extra), "Bundle")
    links = unquote(" ".join(link["url"] for link in bundle["link"]))
    assert identity["value"] not in links
    assert "/DocumentReference?patient=" in links


def test_the_pages_hold_everything_once_and_in_order(demo: RunningDemo, shelf: Shelf) -> None:
    whole = ids_of(_search(demo, date="lt2004").json())
    first = _search(demo, date="lt2004", _count="2")
    pages = _pages(demo, first)
    assert [found for page in pages for found in ids_of(page)] == whole
    assert {page["total"] for page in pages} == {len(whole)}
    assert all(len(ids_of(page)) <= 2 for page in pages)
    assert whole[:3] == [shelf[name]["id"] for name in "CBA"], "newest first"
    back = next(link["url"] for link in pages[-1]["link"] if link["relation"] == "previous")
    assert ids_of(demo.call(READER, "GET", back).json()) == ids_of(pages[-2])
    assert ids_of(demo.call(READER, "GET", pages[0]["link"][0]["url"]).json()) == ids_of(pages[0]), "self is itself"


def test_sort_turns_the_order_around(demo: RunningDemo, shelf: Shelf) -> None:
    for sort, order in (("date", "ABC"), ("-date", "CBA")):
        found = ids_of(_search(demo, date="lt2004", _sort=sort).json())
        assert [each for each in found if each in {document["id"] for document in shelf.values()}] == [
            shelf[name]["id"] for name in order
        ]


@pytest.mark.parametrize("params", [{"_summary": "count"}, {"_count": "0"}])
def test_a_count_has_no_entries_and_no_next_page(demo: RunningDemo, shelf: Shelf, params: dict[str, str]) -> None:
    bundle = valid(_search(demo, date="2001", **params), "Bundle")
    assert (bundle["total"], "entry" in bundle) == (1, False)
    assert [link["relation"] for link in bundle.get("link", [])] in ([], ["self"])


def test_elements_shorten_and_say_so(demo: RunningDemo, shelf: Shelf) -> None:
    (found,) = matches(_search(demo, date="2001", _elements="date,type"))
    assert {"date", "type", "status", "content", "id"} <= set(found)
    assert not {"author", "context", "category", "subject"} & set(found)
    assert [tag["code"] for tag in found["meta"]["tag"]] == ["DMP", "SUBSETTED"]


# A and C began and have no end: they last.
PERIODS = {
    "2002-06": "B",
    "eq2002-06-02": "",
    "ne2002-06": "AC",
    "gt2002-06-02": "ABC",
    "ge2002-06-03": "AC",
    "ge2002-06": "ABC",
    "lt2002-06-02": "AB",
    "le2002-06": "AB",
    "le2002-06-01": "A",
    "sa2002-06-02": "C",
    "sa2002-05": "BC",
    "eb2002-06-02": "",
    "eb2002-07": "B",
    "ap2002-06-04": "AB",
}


@pytest.mark.parametrize("value", PERIODS)
def test_a_period_knows_every_prefix(demo: RunningDemo, shelf: Shelf, value: str) -> None:
    assert _found(demo, shelf, period=value, date="lt2004") == PERIODS[value]


def test_two_bounds_find_what_overlaps_them(demo: RunningDemo, shelf: Shelf) -> None:
    url = "/DocumentReference?period=ge2002-06-02&period=lt2002-06-03&date=ge2002&patient.identifier="
    found = ids_of(demo.call(READER, "GET", url + demo.ins(PATIENT)).json())
    assert (shelf["B"]["id"] in found, shelf["C"]["id"] in found) == (True, False)


def _replacement(demo: RunningDemo, document: Resource, **changes: Any) -> Resource:
    relation = [{"code": "replaces", "target": {"reference": f"DocumentReference/{document['id']}"}}]
    return demo.publish(WRITER, PATIENT, relatesTo=relation, **changes)


def test_what_replaced_a_document_is_found_by_it(demo: RunningDemo) -> None:
    old = _dated(demo, "2007-07-07")
    uuids = [each["value"] for each in old["identifier"]]
    new = _replacement(demo, old)
    ways = [f"DocumentReference/{old['id']}", old["id"], *uuids, old["masterIdentifier"]["value"]]
    for way in ways:
        assert ids_of(_search(demo, relatesto=way).json()) == [new["id"]], way
    assert ids_of(_search(demo, relatesTo=f"{URI}|{uuids[1]}", type="11488-4").json()) == [new["id"]]
    assert ids_of(_search(demo, relatesto=ways[0], type=LETTER).json()) == []
    assert ids_of(_search(demo, relatesto=ways[0], status="superseded").json()) == []
    assert ids_of(_search(demo, relatesto=f"DocumentReference/{new['id']}").json()) == []
    demo.label(WRITER, new["id"], "INVISIBLE_PATIENT")
    assert ids_of(_search(demo, relatesto=ways[0]).json()) == [new["id"]], "whatever its version"


def test_what_replaced_a_hidden_document_is_not_found_by_it(demo: RunningDemo) -> None:
    hidden = demo.publish(WRITER, PATIENT)
    assert demo.label(WRITER, hidden["id"], "MASQUE_PS").status_code == 200
    new = _replacement(demo, hidden)
    uuid = hidden["identifier"][1]["value"]
    asked = []
    for way in (uuid, "urn:uuid:" + "7" * 8 + uuid[len("urn:uuid:") + 8 :]):
        since = len(demo.log())
        assert _search(demo, relatesto=way).json()["total"] == 0
        asked.append(transactions(demo, since))
    assert asked[0] == asked[1]
    assert ids_of(_search(demo, WRITER, relatesto=uuid).json()) == [new["id"]]


@pytest.mark.parametrize("summary", ["true", "text", "data", "false"])
def test_each_summary_is_valid_and_says_what_it_left_out(demo: RunningDemo, shelf: Shelf, summary: str) -> None:
    (found,) = matches(_search(demo, date="2001", _summary=summary))
    if summary in ("data", "false"):
        assert found == shelf["A"]
        return
    assert [tag["code"] for tag in found["meta"]["tag"]] == ["DMP", "SUBSETTED"]
    if summary == "text":
        assert set(found) == {"resourceType", "id", "meta", "status", "content"}
    else:
        assert set(shelf["A"]) - set(found) == {"extension", "custodian", "authenticator"}


def test_elements_keep_what_they_point_at(demo: RunningDemo, shelf: Shelf) -> None:
    (found,) = matches(_search(demo, date="2001", _elements="author"))
    kinds = sorted(each["resourceType"] for each in found["contained"])
    assert kinds == ["Organization", "Practitioner", "PractitionerRole"]


@pytest.mark.parametrize("name", ["_include", "_revinclude", "_has:List:item:_id"])
def test_what_would_have_to_be_added_is_not_and_is_told(demo: RunningDemo, shelf: Shelf, name: str) -> None:
    bundle = valid(_search(demo, date="2001", **{name: "DocumentReference:subject"}), "Bundle")
    (told,) = [entry["resource"] for entry in bundle["entry"] if entry["search"]["mode"] == "outcome"]
    assert ([issue["expression"] for issue in told["issue"]], bundle["total"]) == ([[name]], 1)
    strict = demo.search(READER, PATIENT, {"Prefer": "handling=strict"}, **{name: "DocumentReference:subject"})
    assert (strict.status_code, codes_of(strict)) == (400, ["search.parameter-unknown"])


@pytest.mark.parametrize("value", ["-1", "many", "1.5"])
@pytest.mark.parametrize("name", ["_count", "_offset"])
def test_a_page_that_is_no_number_is_refused(demo: RunningDemo, name: str, value: str) -> None:
    answer = _search(demo, **{name: value})
    assert answer.status_code == 400, answer.text
    valid(answer, "OperationOutcome", 400)


@pytest.mark.parametrize("value", ["²", "9" * 5000], ids=["superscript", "endless"])
def test_an_offset_that_only_looks_like_a_number_is_refused(demo: RunningDemo, value: str) -> None:
    answer = _search(demo, _offset=value)
    assert (answer.status_code, codes_of(answer)) == (400, ["search.value"])


def test_a_page_beyond_the_end_is_empty(demo: RunningDemo, shelf: Shelf) -> None:
    bundle = valid(_search(demo, date="2001", _offset="50"), "Bundle")
    assert (bundle["total"], "entry" in bundle) == (1, False)


def test_an_unknown_parameter_is_ignored_or_refused_as_the_client_prefers(demo: RunningDemo, shelf: Shelf) -> None:
    bundle = valid(_search(demo, date="2001", colour="blue"), "Bundle")
    told = [entry["resource"] for entry in bundle["entry"] if entry["search"]["mode"] == "outcome"]
    assert [issue["expression"] for issue in told[0]["issue"]] == [["colour"]]
    assert (bundle["total"], "colour" in bundle["link"][0]["url"]) == (1, False)
    sent = len(demo.log())
    refused = demo.search(READER, PATIENT, {"Prefer": "handling=strict"}, colour="blue")
    assert (refused.status_code, codes_of(refused)) == (400, ["search.parameter-unknown"])
    assert len(demo.log()) == sent
    accepted = demo.search(READER, PATIENT, {"Prefer": "handling=strict"}, date="2001", _sort="date", _format="json")
    assert accepted.status_code == 200, accepted.text


STATUSES = ("current", "superseded", "current,superseded")


@pytest.mark.parametrize("status", STATUSES)
def test_the_metadata_a_document_had_before_it_was_masked_show_nothing(demo: RunningDemo, status: str) -> None:
    document = _dated(demo, "2009-09-09")
    demo.label(WRITER, document["id"], "MASQUE_PS")
    identifiers = [document["masterIdentifier"], document["identifier"][0]]
    ways = [{"identifier": f"{each['system']}|{each['value']}"} for each in identifiers]
    for way in ({"date": "2009"}, {"_id": document["id"]}, *ways):
        found = valid(_search(demo, status=status, **way), "Bundle")
        shown = [each["id"] for each in matches(_search(demo, status=status, **way))]
        assert (document["id"] in shown, found["total"]) == (False, len(shown)), way
        by_author = [
            each for each in matches(_search(demo, WRITER, status=status, **way)) if each["id"] == document["id"]
        ]
        if by_author:
            assert flags_of(by_author[0]) == ["N", "MASQUE_PS"]
    for _ in range(2):
        demo.label(WRITER, document["id"])
        demo.label(WRITER, document["id"], "INVISIBLE_PATIENT")
    again = [each["id"] for each in matches(_search(demo, status="current,superseded", date="2009"))]
    assert again.count(document["id"]) == 1, "one document, whatever the number of its versions"


def test_what_is_not_in_the_record_is_an_empty_answer(demo: RunningDemo) -> None:
    since = len(demo.log())
    bundle = valid(_search(demo, date="1999"), "Bundle")
    assert (bundle["total"], "entry" in bundle, bundle["type"]) == (0, False, "searchset")
    assert transactions(demo, since) == ["TD0.2", "TD3.1"]


def test_a_document_of_another_record_is_not_found_by_its_identifier(demo: RunningDemo) -> None:
    unique_id = oid()
    demo.publish(WRITER, "adult", masterIdentifier=master(unique_id))
    assert _search(demo, identifier=f"{URI}|urn:oid:{unique_id}").json()["total"] == 0
    assert demo.search(READER, "adult", identifier=f"{URI}|urn:oid:{unique_id}").json()["total"] == 1


def test_each_entry_has_an_address_that_can_be_read(demo: RunningDemo, shelf: Shelf) -> None:
    bundle = valid(_search(demo, date="2001"), "Bundle")
    (entry,) = bundle["entry"]
    assert demo.call(READER, "GET", entry["fullUrl"]).json() == entry["resource"] == shelf["A"]
