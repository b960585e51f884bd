"""docs/examples.md says of every example of PDSm4DMP and PDSm what the facade answers: this is what it answers."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests

from facade.embedded import sample
from tests.support.api import AUTHOR, HOSPITAL, Resource, attachment_of, entry, master, oid
from tests.support.demo import FHIR_JSON, JSON_PATCH, RunningDemo, codes_of, pdf
from tests.support.translation import examples

FOLDER = examples()
pytestmark = pytest.mark.skipif(FOLDER is None, reason="the published examples are not beside the checkout")
TABLE = Path(__file__).parents[2] / "docs" / "examples.md"
ROW = re.compile(
    r"^\| `(?P<file>[\w/.-]+)` \| (?P<sent>[^|]+) \| (?P<published>[^|]+) \| (?P<adapted>[^|]+) \| (?P<why>[^|]+) \|$"
)
ROWS = [match for line in TABLE.read_text(encoding="utf-8").splitlines() if (match := ROW.match(line))]
WRITER = "author-doctor"
SAMPLE = Path(__file__).parents[1] / "bundles" / "feeding-imaging-report.json"


def load(demo: RunningDemo, name: str, *, adapted: bool) -> Any:
    """An example as it was published, or with the adult, the author and a document of the demonstration in it."""
    assert FOLDER is not None
    text = (FOLDER / name).read_text(encoding="utf-8")
    return json.loads(_with_identities(demo, text) if adapted else text)


def _with_identities(demo: RunningDemo, text: str) -> str:
    """The placeholders of the guides replaced; among them a conditional reference whose matricule they lost."""
    adult = demo.patients["adult"]
    token = f"{adult['system']}|{adult['value']}"
    if _OLD.search(text):
        text = _OLD.sub(f"DocumentReference/{demo.publish(WRITER, 'adult')['id']}", text)
    for pattern, value in (
        (r"Patient\?identifier=urn:oid:1\.2\.250\.1\.213\.1\.4\.8(?=\")", f"Patient?identifier={token}"),
        (r"urn:oid:1\.2\.250\.1\.213\.1\.4\.8(?=[\"|])", adult["system"]),
        (r"123456789012345|180017505600103", adult["value"]),
        (r"Patient/fr-patient-123", f"Patient?identifier={token}"),
        (r"899700218896", AUTHOR),
        (r"1011848351", AUTHOR[1:]),
        (r"2264403106", HOSPITAL),
    ):
        text = re.sub(pattern, value, text)
    return text


def send(demo: RunningDemo, name: str, how: str, *, adapted: bool) -> requests.Response:
    """Send an example as its row says."""
    example = load(demo, name, adapted=adapted)
    if how == "PATCH":
        document = demo.publish(WRITER, "adult")["id"]
        headers = {"Content-Type": JSON_PATCH if isinstance(example, list) else FHIR_JSON}
        return demo.call(WRITER, "PATCH", f"/DocumentReference/{document}", data=json.dumps(example), headers=headers)
    if how == "in a lot":
        return demo.post(WRITER, "", _in_a_lot(demo, example, name.partition("/")[0]))
    return demo.post(WRITER, how.removeprefix("POST ").rstrip("/"), example)


def _in_a_lot(demo: RunningDemo, example: Resource, guide: str) -> Resource:
    """The example in its place in a sample lot of the adult that says everything, whose file is new."""
    text = SAMPLE.read_text(encoding="utf-8").replace(sample.ADULT.ins, demo.patients["adult"]["value"])
    bundle: Resource = json.loads(text)
    lot, document, binary = bundle["entry"]
    binary["resource"]["data"] = base64.b64encode(pdf()).decode()
    document["resource"]["masterIdentifier"], lot["resource"]["identifier"] = master(oid()), [master(oid())]
    for name in ("hash", "size"):
        attachment_of(document["resource"]).pop(name)
    _PLACES[example["resourceType"]](bundle, example, guide)
    return bundle


def _as_binary(bundle: Resource, example: Resource, guide: str) -> None:
    bundle["entry"][2]["resource"] = example
    attachment_of(bundle["entry"][1]["resource"])["contentType"] = example["contentType"]


def _as_document(bundle: Resource, example: Resource, guide: str) -> None:
    """Its attachment.url leads to the guide's own Binary where that is of its type, else to the sample's PDF."""
    assert FOLDER is not None
    document, binary = bundle["entry"][1:]
    document["resource"] = example
    binary["fullUrl"] = attachment_of(example)["url"]
    published = json.loads((FOLDER / guide / _BINARIES[guide]).read_text(encoding="utf-8"))
    if published["contentType"] == attachment_of(example)["contentType"]:
        binary["resource"] = published


def _as_list(bundle: Resource, example: Resource, guide: str) -> None:
    lot = bundle["entry"][0]
    if example["code"]["coding"][0]["code"] == "submissionset":
        lot["resource"] = {**example, "entry": lot["resource"]["entry"]}
    else:
        bundle["entry"].append(entry(example))
        lot["resource"]["entry"].append({"item": {"reference": bundle["entry"][-1]["fullUrl"]}})


def _as_patient(bundle: Resource, example: Resource, guide: str) -> None:
    bundle["entry"].append(entry(example))
    for each in bundle["entry"][:2]:
        each["resource"]["subject"] = {"reference": bundle["entry"][-1]["fullUrl"]}


def _as_contained(bundle: Resource, example: Resource, guide: str) -> None:
    contained, kind = bundle["entry"][1]["resource"]["contained"], example["resourceType"]
    contained[:] = [{**example, "id": each["id"]} if each["resourceType"] == kind else each for each in contained]


_OLD = re.compile("DocumentReference/(doc-x-id|doc-old)")
_BINARIES = {"pdsm": "Binary.json", "pdsm4dmp": "Binary-cda.json"}
_PLACES: dict[str, Callable[[Resource, Resource, str], None]] = {
    "Binary": _as_binary,
    "DocumentReference": _as_document,
    "List": _as_list,
    "Organization": _as_contained,
    "Patient": _as_patient,
}


def told(answer: requests.Response) -> str:
    """An answer as the table writes it."""
    if answer.ok:
        statuses = [each["response"]["status"][:3] for each in answer.json().get("entry", [])]
        refused = sorted({status for status in statuses if not status.startswith("2")})
        return f"accepted {answer.status_code}" + (f", entries {', '.join(refused)}" if refused else "")
    codes = list(dict.fromkeys(codes_of(answer)))
    return f"refused {answer.status_code} " + ", ".join(f"`{code}`" for code in codes)


def test_the_table_has_a_row_for_every_example() -> None:
    assert FOLDER is not None
    published = sorted(str(path.relative_to(FOLDER)) for path in FOLDER.glob("pdsm*/*.json"))
    assert sorted(row["file"] for row in ROWS) == published
    assert all(row["why"].strip() for row in ROWS)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["file"])
def test_an_example_is_answered_as_the_table_says(demo: RunningDemo, row: re.Match[str]) -> None:
    name, how = row["file"], row["sent"]
    assert told(send(demo, name, how, adapted=False)) == row["published"]
    expected = row["published"] if row["adapted"] == "the same" else row["adapted"]
    if load(demo, name, adapted=True) != load(demo, name, adapted=False):
        assert told(send(demo, name, how, adapted=True)) == expected
    else:
        assert row["adapted"] == "the same"
