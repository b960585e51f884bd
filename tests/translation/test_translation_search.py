"""Searches: what is asked of the DMP, what is tested here, and that the two agree."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facade.domain.document import Availability, Coded, ReferenceId, XdsTime
from facade.domain.errors import InvalidInput
from facade.domain.masking import Flag, Level, Masking
from facade.translation.search_dates import DateFilter
from facade.translation.search_in import SearchRequest, search_query
from tests.support.translation import (
    LOINC,
    OTHER_PATIENT,
    PATIENT,
    RULES,
    TRE_A07,
    UUID_ENTRY,
    author,
    codes_of,
    entry,
    tables,
)

TOKEN = f"{PATIENT.system}|{PATIENT.value}"
R02 = "https://mos.esante.gouv.fr/NOS/TRE_R02-SecteurActivite/FHIR/TRE-R02-SecteurActivite"


def search(*params: tuple[str, str], strict: bool = False) -> SearchRequest:
    return search_query([("patient.identifier", TOKEN), *params], tables=tables(), rules=RULES, strict=strict)


def refused(*params: tuple[str, str], strict: bool = False) -> list[str]:
    with pytest.raises(InvalidInput) as error:
        search(*params, strict=strict)
    return codes_of(error.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("patient.identifier", TOKEN),
        ("patient:identifier", TOKEN),
        ("patient", TOKEN),
        ("patient", f"Patient?identifier={TOKEN}"),
    ],
)
def test_the_patient(name: str, value: str) -> None:
    assert search_query([(name, value)], tables=tables(), rules=RULES).patient == PATIENT


def test_a_search_is_about_one_patient() -> None:
    with pytest.raises(InvalidInput) as error:
        search_query([("status", "current")], tables=tables(), rules=RULES)
    assert codes_of(error.value) == ["search.patient-missing"]
    assert refused(("patient", f"{OTHER_PATIENT.system}|{OTHER_PATIENT.value}")) == ["search.patient-several"]
    assert refused(("patient", "Patient/forged")) == ["patient.unresolved"]
    assert search(("patient", TOKEN)).patient == PATIENT


A, D, R = Availability.APPROVED, Availability.DEPRECATED, Availability.ARCHIVED


@pytest.mark.parametrize(
    ("params", "statuses"),
    [
        ([], {A, R}),
        ([("status", "current")], {A, R}),
        ([("status", "current"), ("isArchived", "false")], {A}),
        ([("isArchived", "true")], {R}),
        ([("PDSm_isArchived", "true")], {R}),
        ([("status", "superseded")], {D}),
        ([("status", "current,superseded")], {A, D, R}),
        ([("status", "superseded"), ("isArchived", "true")], set()),
        ([("status", "current"), ("status", "superseded")], set()),
        ([("status", "entered-in-error")], set()),
        ([("isArchived", "true"), ("isArchived", "false")], set()),
    ],
)
def test_statuses(params: list[tuple[str, str]], statuses: set[Availability]) -> None:
    request = search(*params)
    if not statuses:
        assert request.empty
        return
    assert set(request.query.statuses) == statuses
    for availability in Availability:
        assert request.matches(entry(availability=availability)) is (availability in statuses)


def test_deleted_documents_and_signatures_are_never_found() -> None:
    request = search(("status", "current,superseded"))
    assert Availability.DELETED not in request.query.statuses
    assert not request.matches(entry(availability=Availability.DELETED))
    assert not request.matches(entry(is_signature=True))


@pytest.mark.parametrize(
    ("params", "found"),
    [
        ([("type", f"{LOINC}|11488-4")], True),
        ([("type", "11488-4")], True),
        ([("type", "|11488-4")], True),
        ([("type", f"{LOINC}|")], True),
        ([("type", f"{LOINC}|34133-9")], False),
        ([("type", f"{LOINC}|34133-9,{LOINC}|11488-4")], True),
        ([("type", f"{LOINC}|34133-9"), ("type", f"{LOINC}|11488-4")], False),
        ([("category", "10")], True),
        ([("category", "11")], False),
        ([("facility", f"{R02}|SA01")], True),
        ([("facility", "SA05")], False),
        ([("setting", "ETABLISSEMENT")], True),
        ([("format", "urn:ihe:iti:xds-sd:pdf:2008")], True),
        ([("format", "urn:ihe:lab:xd-lab:2008")], False),
        ([("author.family", "mar")], True),
        ([("author.family", "tin")], False),
        ([("author.given", "Anné")], True),
        ([("author.family", "martin"), ("author.given", "paul")], False),
        ([("author.identifier", "urn:oid:1.2.250.1.71.4.2.1|899700000015")], True),
        ([("author:identifier", "899700000023")], False),
        ([("period", "ge2026-06-12")], True),
        ([("period", "lt2026-06-12")], False),
        ([("period-start", "2026-06-12")], True),
        ([("period-end", "ge2000")], False),
        ([("date", "2026-06")], True),
        ([("creation", "gt2026-06-12")], False),
        ([("event", "urn:oid:1.2.250.1.213.2.5|ABCD001")], True),
        ([("event", "ABCD001"), ("event", "EFGH002")], True),
        ([("event", "urn:oid:1.2.250.1.213.2.5|ABCD001"), ("event", "urn:oid:1.2.250.1.213.2.5|EFGH002")], True),
        ([("event", "IJKL003")], False),
        ([("related:identifier", "urn:oid:1.2.3|ACC-1")], True),
        ([("related:identifier", "ACC-1")], True),
        ([("related:identifier", "urn:oid:1.2.4|ACC-1")], False),
    ],
)
def test_filters(params: list[tuple[str, str]], found: bool) -> None:
    events = tuple(Coded(code, "1.2.250.1.213.2.5") for code in ("ABCD001", "EFGH002"))
    references = (ReferenceId("ACC-1", "1.2.3", "urn:ihe:iti:xds:2013:accession"),)
    one = entry(events=events, references=references)
    request = search(*params)
    assert (request.matches(one) and not request.empty) is found


@pytest.mark.parametrize(
    ("value", "masking", "found"),
    [
        ("N", Masking(), True),
        (f"{TRE_A07}|MASQUE_PS", Masking(), False),
        (f"{TRE_A07}|MASQUE_PS", Masking(Level.NORMAL, frozenset({Flag.MASKED_TO_PROFESSIONALS})), True),
        ("N", Masking(Level.NORMAL, frozenset({Flag.MASKED_TO_PROFESSIONALS})), True),
        ("R,V", Masking(), False),
    ],
)
def test_security_labels(value: str, masking: Masking, found: bool) -> None:
    assert search(("security-label", value)).matches(entry(masking=masking)) is found


@pytest.mark.parametrize(
    ("params", "codes"),
    [
        ([("type", f"{LOINC}|99999-9")], ["search.code-unknown"]),
        ([("type", "http://snomed.info/sct|11488-4")], ["search.code-unknown"]),
        ([("facility", "XX"), ("setting", "YY")], ["search.code-unknown", "search.code-unknown"]),
        ([("security-label", "MASQUE_PT")], ["search.code-unknown"]),
        ([("status", "draft")], ["search.code-unknown"]),
        ([("event", "http://example.org|A")], ["search.code-unknown"]),
        ([("date", "hier")], ["search.value-malformed"]),
        ([("date", "ge2026-13")], ["search.value-malformed"]),
        ([("isArchived", "oui")], ["search.value-malformed"]),
        ([("_count", "dix")], ["search.value-malformed"]),
        ([("_sort", "title")], ["search.value-malformed"]),
        ([("_summary", "all")], ["search.value-malformed"]),
        ([("type:not", "11488-4")], ["search.modifier-unsupported"]),
        ([("related:identifier", "http://x|1")], ["search.value-malformed"]),
    ],
)
def test_values_that_are_refused_before_the_dmp_is_asked(params: list[tuple[str, str]], codes: list[str]) -> None:
    assert refused(*params) == codes


def test_unknown_parameters_are_ignored_unless_strict() -> None:
    assert search(("custodian", "x"), ("type", "")).ignored == ("custodian", "type")
    assert refused(("custodian", "x"), strict=True) == ["search.parameter-unknown"]
    assert search(("_format", "json"), strict=True).ignored == ()


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("urn:ietf:rfc:3986|urn:oid:1.2.250.1.999.7", True),
        ("urn:oid:1.2.250.1.999.7", True),
        ("urn:ietf:rfc:3986|urn:oid:1.2.3,urn:oid:1.2.250.1.999.7", True),
        (f"urn:ietf:rfc:3986|urn:uuid:{UUID_ENTRY}", True),
        (f"urn:uuid:{UUID_ENTRY.upper()}", True),
        ("urn:oid:1.2.3", False),
    ],
)
def test_identifiers(value: str, found: bool) -> None:
    request = search(("identifier", value))
    assert request.by_identifier
    assert request.matches(entry()) is found


def test_an_identifier_no_document_can_have_finds_nothing() -> None:
    assert search(("identifier", "urn:oid:1.2.3|42")).empty
    assert search(("identifier", "urn:oid:1.2.3"), ("identifier", "urn:oid:1.2.4")).empty


def test_sealed_ids_are_handed_over() -> None:
    request = search(("_id", "a,b"), ("_id", "b,c"))
    assert request.ids == ("b",)
    assert request.by_identifier
    assert search(("_id", "a"), ("_id", "c")).empty


def test_what_is_asked_of_the_dmp() -> None:
    query = search(("type", "11488-4"), ("category", "10,11"), ("date", "ge2026-06-12"), ("date", "lt2026-07")).query
    assert [coded.code for coded in query.type_codes] == ["11488-4"]
    assert [coded.code for coded in query.class_codes] == ["10", "11"]
    assert query.creation_from == XdsTime("20260101000000")
    assert query.creation_to == XdsTime("20260701000000")
    twice = search(("category", "10,11"), ("category", "11,31")).query
    assert [coded.code for coded in twice.class_codes] == ["11"]
    assert search(("category", "10"), ("category", "11")).empty


def test_several_dates_as_alternatives_are_not_asked_of_the_dmp() -> None:
    request = search(("date", "2025,2026"))
    assert request.query.creation_from is None
    assert request.matches(entry())
    assert not request.matches(entry(creation_time=XdsTime("20240101")))


def test_order_is_newest_first_and_stable() -> None:
    entries = [
        entry(unique_id=f"1.2.{number}", creation_time=XdsTime(f"2026010{number % 3 + 1}")) for number in range(6)
    ]
    newest = search().ordered(entries)
    assert [found.creation_time.digits for found in newest] == ["20260103"] * 2 + ["20260102"] * 2 + ["20260101"] * 2
    assert search(("_sort", "-date")).ordered(reversed(entries)) == newest
    oldest = search(("_sort", "date")).ordered(entries)
    assert oldest[0].creation_time.digits == "20260101"


def test_results_parameters() -> None:
    request = search(("_count", "5000"), ("_summary", "count"), ("_elements", "id,status"), ("_sort", "date"))
    assert (request.count, request.summary, request.elements, request.sort) == (
        1000,
        "count",
        ("id", "status"),
        ("date",),
    )
    assert search().count is None


MOMENTS = st.datetimes(
    min_value=XdsTime("1990").start.replace(tzinfo=None), max_value=XdsTime("2090").start.replace(tzinfo=None)
)
TIMES = st.builds(
    lambda moment, length: XdsTime(moment.strftime("%Y%m%d%H%M%S")[:length]), MOMENTS, st.sampled_from([4, 6, 8, 14])
)


def dated(prefix: str, time: XdsTime) -> str:
    start = time.start
    formats = {4: "%Y", 6: "%Y-%m", 8: "%Y-%m-%d", 14: "%Y-%m-%dT%H:%M:%SZ"}
    return prefix + start.strftime(formats[len(time.digits)])


@given(st.sampled_from(["", "ge", "gt", "le", "lt", "sa", "eb", "ap", "eq"]), TIMES, TIMES)
def test_the_dmp_is_never_asked_for_less_than_what_matches(prefix: str, wanted: XdsTime, kept: XdsTime) -> None:
    found = DateFilter.read(dated(prefix, wanted))
    lower, upper = found.bounds()
    if found.matches(kept, kept):
        assert lower is None or lower.start <= kept.start
        assert upper is None or kept.start < upper.start


@given(TIMES, TIMES)
def test_prefixes_are_consistent(wanted: XdsTime, kept: XdsTime) -> None:
    def matches(prefix: str) -> bool:
        return DateFilter.read(dated(prefix, wanted)).matches(kept, kept)

    assert matches("eq") is not matches("ne")
    assert matches("eq") <= (matches("ge") and matches("le"))
    assert matches("sa") <= matches("gt") <= matches("ge")
    assert matches("eb") <= matches("lt") <= matches("le")
    assert not (matches("sa") and matches("eb"))


@pytest.mark.parametrize(
    ("value", "kept", "found"),
    [
        ("2026-06-12T10:00:00+02:00", "20260612080000", True),
        ("2026-06-12T10:00", "20260612100030", True),
        ("2026-06-12T10:00 02:00", "20260612080030", True),
        ("ge2026-06-12T08:00:01", "20260612080000", False),
        ("ap2026-06-12", "20260613120000", True),
        ("eq2026", "20260612", True),
        ("2026-06-12", "2026", False),
        ("ne2026", "20250101", True),
        ("lt2026-12-31", "20261230235959", True),
    ],
)
def test_dates(value: str, kept: str, found: bool) -> None:
    assert DateFilter.read(value).matches(XdsTime(kept), XdsTime(kept)) is found


def test_a_period_that_has_not_ended_lasts() -> None:
    future = DateFilter.read(f"gt{(XdsTime('2026').start + timedelta(days=36500)).year}")
    assert future.matches(XdsTime("2026"), None)
    assert not DateFilter.read("eq2026").matches(XdsTime("2026"), None)


def test_an_author_is_not_found_by_another_authors_first_name() -> None:
    assert search(("author.family", "MARTIN")).matches(entry(authors=(author(),)))
