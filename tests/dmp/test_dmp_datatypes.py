from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facade.dmp import datatypes as d
from facade.domain.document import Coded, Institution, Person, ReferenceId, SourcePatient, XdsTime
from tests.support import dmp_entries as make


@given(make.persons)
def test_xcn_round_trip(person: Person) -> None:
    assert d.read_xcn(d.write_xcn(person)) == person


@given(make.institutions)
def test_xon_round_trip(institution: Institution) -> None:
    assert d.read_xon(d.write_xon(institution)) == institution


@given(make.codes)
def test_coded_round_trip_keeps_the_display(code: Coded) -> None:
    read = d.read_coded(d.write_coded(code))
    assert (read.code, read.scheme, read.display) == (code.code, code.scheme, code.display)


@given(make.references)
def test_cxi_round_trip(reference: ReferenceId) -> None:
    assert d.read_cxi(d.write_cxi(reference)) == reference


@given(make.sources)
def test_source_patient_round_trip(patient: SourcePatient) -> None:
    assert d.read_source_patient(patient.id, d.write_source_patient(patient)) == patient


@given(st.text())
def test_escape_round_trip_and_no_delimiter_survives(text: str) -> None:
    escaped = d.escape(text)
    assert d.unescape(escaped) == text
    assert not set(escaped) & set("^&~|")


@given(st.text())
def test_reading_never_fails(text: str) -> None:
    d.read_xcn(text)
    d.read_xon(text)
    d.read_cx(text)
    d.read_cxi(text)
    d.read_coded(text)
    d.read_dtm(text)
    d.read_source_patient("", [text])


def test_xcn_as_the_dmp_writes_it() -> None:
    person = Person("899900063480", "NOM", "PRENOM", "1.2.250.1.71.4.2.1")
    assert d.write_xcn(person) == "899900063480^NOM^PRENOM^^^^^^&1.2.250.1.71.4.2.1&ISO^D^^^IDNPS"


def test_xon_as_the_dmp_writes_it() -> None:
    institution = Institution("NOM", "10B0127189", "1.2.250.1.71.4.2.2")
    assert d.write_xon(institution) == "NOM^^^^^&1.2.250.1.71.4.2.2&ISO^IDNST^^^10B0127189"


@pytest.mark.parametrize(
    ("text", "person"),
    [
        ("", Person(name_type="", id_type="")),
        ("^DUPONT^JEAN", Person(family="DUPONT", given="JEAN", name_type="", id_type="")),
        ("SYS^^^^^^^^&1.2.3&ISO^U^^^RI", Person("SYS", authority="1.2.3", name_type="U", id_type="RI")),
        ("1^A\\T\\B^C", Person("1", "A&B", "C", name_type="", id_type="")),
    ],
)
def test_degenerate_xcn(text: str, person: Person) -> None:
    assert d.read_xcn(text) == person


@pytest.mark.parametrize(
    ("text", "institution"),
    [
        ("CABINET SEUL", Institution("CABINET SEUL", id_type="")),
        ("X^^^^^&1.2&ISO", Institution("X", authority="1.2", id_type="")),
        ("X^^^^^^^^^1.2.3", Institution("X", "1.2.3", id_type="")),
    ],
)
def test_degenerate_xon(text: str, institution: Institution) -> None:
    assert d.read_xon(text) == institution


def test_cx_with_the_extra_components_of_the_dmp() -> None:
    text = "279035121518989^^^&1.2.250.1.213.1.4.8&ISO^NH^^20240101"
    assert d.read_cx(text) == ("279035121518989", "1.2.250.1.213.1.4.8")


@pytest.mark.parametrize(
    ("text", "digits"),
    [
        ("2026", "2026"),
        ("20260131235959", "20260131235959"),
        ("20260131235959.123", "20260131235959"),
        ("20260101003000+0200", "20251231223000"),
        ("202601010030-0100", "202601010130"),
        ("20260101120000Z", "20260101120000"),
        ("202613", None),
        ("hier", None),
        ("", None),
        ("20260101003000+9900", None),
    ],
)
def test_dtm(text: str, digits: str | None) -> None:
    assert d.read_dtm(text) == (XdsTime(digits) if digits else None)


def test_the_legal_name_wins_over_the_usual_one() -> None:
    read = d.read_source_patient("x", ["PID-5|USAGE^ANNE^^^^^D~NAISSANCE^ANNE^^^^^L", "PID-8|F", "PID-99|?"])
    assert (read.family, read.given, read.sex) == ("NAISSANCE", "ANNE", "F")
