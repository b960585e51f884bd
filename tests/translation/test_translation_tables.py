"""The code tables: complete, consistent with each other, and reversible."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest

from facade import knowledge
from facade.domain.document import Coded
from tests.support.translation import LOINC, tables

ROOT = Path(knowledge.__file__).parent
CODE = re.compile(r'(?:\.add|\.of|Problem)\(\s*"([a-z-]+\.[a-z-]+)"')


def test_every_type_of_the_dmp_has_a_class_of_the_dmp() -> None:
    found = tables()
    for type_code in found.types:
        class_code = found.class_of(type_code)
        assert class_code is not None
        assert class_code in found.classes


@pytest.mark.parametrize(
    ("code", "expected"), [("11488-4", "10"), ("34133-9", "11"), ("57833-6", "42"), ("18748-4", "31")]
)
def test_class_follows_from_type(code: str, expected: str) -> None:
    found = tables().types.find(LOINC, code)
    assert found is not None
    class_code = tables().class_of(found)
    assert class_code is not None
    assert class_code.code == expected


def test_same_code_in_two_systems_stays_two_codes() -> None:
    codes = tables().content_types.with_code("11")
    assert {coded.scheme for coded in codes} == {"1.2.250.1.213.2.2", "1.2.250.1.213.1.6.1.128"}


def test_a_system_may_be_written_as_url_oid_or_alias() -> None:
    formats = tables().formats
    names = (
        "https://mos.esante.gouv.fr/NOS/TRE_A11-IheFormatCode/FHIR/TRE-A11-IheFormatCode",
        "urn:oid:1.3.6.1.4.1.19376.1.2.3",
        "1.3.6.1.4.1.19376.1.2.3",
        "http://ihe.net/fhir/ihe.formatcode.fhir/CodeSystem/formatcode",
    )
    found = {formats.find(name, "urn:ihe:iti:xds-sd:pdf:2008") for name in names}
    assert len(found) == 1
    assert None not in found
    assert formats.find("http://snomed.info/sct", "urn:ihe:iti:xds-sd:pdf:2008") is None


def test_preferred_system_and_scheme_are_each_others_reverse() -> None:
    systems = tables().systems
    for row in knowledge.rows("codes/systems.csv"):
        assert systems.oid_of(row["system"]) == row["oid"]
        if row["preferred"] == "yes":
            assert systems.system_of(row["oid"]) == row["system"]
    assert systems.system_of("1.2.3.4") == "urn:oid:1.2.3.4"


def test_each_wrapped_media_type_has_a_format_of_its_own() -> None:
    found = tables()
    media_types = [row["media_type"] for row in knowledge.rows("documents/media_format.csv")]
    formats = {found.format_of_media(each) for each in media_types}
    assert None not in formats
    assert len(formats) == len(media_types)
    assert found.format_of_media("application/zip") is None


def test_every_sector_has_defaults_inside_the_value_sets() -> None:
    found = tables()
    for facility in found.facilities:
        assert found.facility_of_sector(facility.code) == facility
        assert found.practice_of_sector(facility.code) is not None
        assert found.content_type_of_sector(facility.code) is not None
    assert found.practice_of_sector("SA66") is None
    assert found.facility_of_sector("SA66") is None


def test_label_of_a_code_is_ours_and_not_the_one_given() -> None:
    coding = tables().coding(Coded("10", "1.2.250.1.213.1.1.4.1", "Synthèse"))
    assert coding["display"] == "Compte rendu"
    foreign = tables().coding(Coded("X", "1.2.3", "given by the DMP"))
    assert foreign == {"system": "urn:oid:1.2.3", "code": "X", "display": "given by the DMP"}


def test_every_row_names_its_source() -> None:
    folder = knowledge.folder()
    for name in ("codes", "documents"):
        for path in sorted((folder / name).glob("*.csv")):
            rows = knowledge.rows(f"{name}/{path.name}")
            assert all(row["source"] for row in rows), path.name


def test_every_problem_raised_here_has_a_text() -> None:
    raised: set[str] = set()
    for path in (ROOT / "translation").glob("*.py"):
        raised |= set(CODE.findall(path.read_text(encoding="utf-8")))
    assert "code.unknown" in raised
    errors = knowledge.folder() / "errors"
    texts: set[str] = set()
    for path in [errors / "facade.csv"]:
        with path.open(encoding="utf-8", newline="") as lines:
            texts |= {row["code"] for row in csv.DictReader(lines)}
    assert raised <= texts, raised - texts


def test_both_languages_of_an_error_say_the_same_things() -> None:
    errors = knowledge.folder() / "errors"
    for path in [errors / "facade.csv"]:
        with path.open(encoding="utf-8", newline="") as lines:
            for row in csv.DictReader(lines):
                french, english = (set(re.findall(r"{(\w+)}", row[name])) for name in ("text_fr", "text_en"))
                assert french == english, row["code"]
