"""The sample bundles of tests/bundles: each is published as it stands, found again, and read back byte for byte."""

from __future__ import annotations

import base64
import csv
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.api import URI, Resource, attachment_of, flags_of, transactions, valid
from tests.support.demo import RunningDemo, codes_of, ids_of
from tests.support.translation import examples

SAMPLES = Path(__file__).parents[1] / "bundles"
MAKE = Path(__file__).parents[2] / "scripts" / "bundles.d" / "make.py"
# | `file` | what it shows | types | source | token of |
ROW = re.compile(
    r"^\| `(?P<file>[\w-]+\.json)` \|(?P<shows>[^|]+)\|(?P<types>[^|]+)\|(?P<source>[^|]+)\|(?P<who>[^|]+)\|$"
)
TABLE = [match for line in (SAMPLES / "README.md").read_text().splitlines() if (match := ROW.match(line))]
FILES = [row["file"] for row in TABLE]
WHO = {row["file"]: row["who"].strip() for row in TABLE}
MATRICES = examples("matrices")
FLAGS = ("MASQUE_PS", "INVISIBLE_PATIENT", "INVISIBLE_REPRESENTANTS_LEGAUX")
Sample = list[tuple[Resource, bytes]]


def load(name: str) -> Resource:
    found: Resource = json.loads((SAMPLES / name).read_text(encoding="utf-8"))
    return found


def documents_of(resource: Resource) -> Sample:
    """The DocumentReferences of a sample in their order, each with its bytes."""
    if resource["resourceType"] == "DocumentReference":
        return [(resource, base64.b64decode(attachment_of(resource)["data"]))]
    by_url = {entry["fullUrl"]: entry["resource"] for entry in resource["entry"]}
    documents = [found for found in by_url.values() if found["resourceType"] == "DocumentReference"]
    return [(found, base64.b64decode(by_url[attachment_of(found)["url"]]["data"])) for found in documents]


def code_of(concept: Resource) -> tuple[str, str]:
    return concept["coding"][0]["system"], concept["coding"][0]["code"]


@pytest.fixture(scope="module")
def demo(shared_demo: RunningDemo) -> RunningDemo:
    """With the records the demonstration began with: the samples name them."""
    return shared_demo


@pytest.fixture(scope="module")
def published(demo: RunningDemo) -> dict[str, list[str]]:
    """Every sample published once, in the order of the table: the ids of its documents."""
    ids = {}
    for name in FILES:
        resource, since = load(name), len(demo.log())
        address = "" if resource["resourceType"] == "Bundle" else "/DocumentReference"
        answer = demo.post(WHO[name], address, resource)
        assert answer.status_code == (201 if address else 200), (name, answer.text)
        assert transactions(demo, since).count("TD2.1") == 1, f"{name} is one lot"
        body = answer.json()
        found = [each["response"].get("location", "") for each in body.get("entry", [])]
        ids[name] = [each.partition("/")[2] for each in found if each.startswith("DocumentReference/")] or [body["id"]]
        assert len(ids[name]) == len(documents_of(resource))
    return ids


@pytest.mark.parametrize("name", FILES)
def test_a_sample_is_found_again_with_what_it_said(
    demo: RunningDemo, published: dict[str, list[str]], name: str
) -> None:
    for number, (sent, content) in enumerate(documents_of(load(name))):
        read = valid(demo.call(WHO[name], "GET", f"/DocumentReference/{published[name][number]}"), "DocumentReference")
        assert code_of(read["type"]) == code_of(sent["type"])
        assert attachment_of(read)["title"] == attachment_of(sent)["title"]
        assert demo.call(WHO[name], "GET", attachment_of(read)["url"]).content == content
        if "masterIdentifier" not in sent:
            continue
        assert attachment_of(read)["hash"] == attachment_of(sent)["hash"]
        assert code_of(read["category"][0]) == code_of(sent["category"][0])
        assert [code_of(label) for label in read["securityLabel"]] == [code_of(each) for each in sent["securityLabel"]]
        patient = "minor" if sent["subject"]["identifier"]["value"] == demo.patients["minor"]["value"] else "adult"
        unique_id, status = sent["masterIdentifier"]["value"], read["status"]
        found = demo.search(WHO[name], patient, identifier=f"{URI}|{unique_id}", status=status).json()
        assert ids_of(found) == [published[name][number]]


# Who of these sees what each sample is masked from; the author always does.
READERS = {
    "masked-to-professionals.json": {"treating-doctor": True, "nurse": False, "patient-adult": True},
    "hidden-from-patient.json": {"treating-doctor": True, "nurse": True, "patient-adult": False},
    "hidden-from-representatives.json": {"nurse": True, "patient-minor": True, "representative-minor": False},
    "every-masking.json": {
        "treating-doctor": True,
        "nurse": False,
        "patient-minor": False,
        "representative-minor": False,
    },
}


@pytest.mark.parametrize("name", READERS)
def test_a_masking_is_for_the_right_readers(demo: RunningDemo, published: dict[str, list[str]], name: str) -> None:
    patient = "adult" if "patient-adult" in READERS[name] else "minor"
    expected = {WHO[name]: True, **READERS[name]}
    assert {who: demo.sees(who, patient, published[name][0]) for who in expected} == expected


def test_the_samples_hold_every_masking_alone_and_together() -> None:
    shown = {frozenset(flags_of(each)[1:]) for name in READERS for each, _ in documents_of(load(name))}
    assert shown == {*(frozenset([flag]) for flag in FLAGS), frozenset(FLAGS)}


def test_the_replacement_replaces(demo: RunningDemo, published: dict[str, list[str]]) -> None:
    old, new = (published[name][0] for name in ("replaced.json", "replacement.json"))
    read = {each: demo.call("nurse", "GET", f"/DocumentReference/{each}").json() for each in (old, new)}
    assert [read[each]["status"] for each in (old, new)] == ["superseded", "current"]
    of_status = {
        status: ids_of(demo.search("nurse", "adult", type="http://loinc.org|11490-0", status=status).json())
        for status in ("current", "superseded")
    }
    assert (old in of_status["superseded"], old in of_status["current"]) == (True, False)
    assert (new in of_status["superseded"], new in of_status["current"]) == (False, True)


def test_the_lot_of_three_is_three_documents(published: dict[str, list[str]]) -> None:
    assert len(set(published["lot-of-three.json"])) == 3


def test_a_sample_sent_twice_is_one_document(demo: RunningDemo, published: dict[str, list[str]]) -> None:
    answer = demo.post("author-doctor", "", load("feeding-prescription.json"))
    assert (answer.status_code, codes_of(answer)) == (409, ["publication.duplicate-unique-id"])


def test_the_table_names_every_sample_and_its_types() -> None:
    assert sorted(FILES) == sorted(path.name for path in SAMPLES.glob("*.json"))
    for row in TABLE:
        types = [document["type"]["coding"][0]["code"] for document, _ in documents_of(load(row["file"]))]
        assert row["types"].replace("`", "").split(",") == [f" {code}" for code in types[:-1]] + [f" {types[-1]} "]


def test_the_samples_are_what_the_script_writes(tmp_path: Path) -> None:
    subprocess.run([sys.executable, str(MAKE), str(tmp_path)], check=True)
    written = {path.name: path.read_bytes() for path in tmp_path.glob("*.json")}
    assert written == {path.name: path.read_bytes() for path in SAMPLES.glob("*.json")}


@pytest.mark.skipif(MATRICES is None, reason="the table of feeding obligations is not beside the checkout")
def test_every_feeding_obligation_has_a_sample() -> None:
    assert MATRICES is not None
    with (MATRICES / "obligations-alimentation.csv").open(encoding="utf-8") as table:
        due = [row["typeCode"] for row in csv.DictReader(table) if row["dmp"] == "X"]
    shown: list[Any] = []
    for name in FILES:
        if name.startswith("feeding-"):
            shown += [document["type"]["coding"][0]["code"] for document, _ in documents_of(load(name))]
    assert sorted(shown) == sorted(due)
