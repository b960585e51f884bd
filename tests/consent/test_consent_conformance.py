"""What the facade publishes about its Consent, without a token, and the notices to show."""

from __future__ import annotations

import pytest
from fhir.resources.R4B import get_fhir_model_class

from facade import knowledge
from facade.records.consents import Category, Channel
from facade.translation.conformance import conformance
from facade.translation.consent_tables import ConsentTables
from tests.support.demo import RunningDemo, codes_of

RESOURCES = conformance(knowledge.rows, date="2026-11-22")
TABLES = ConsentTables.from_rows(knowledge.rows)


@pytest.mark.parametrize("key", sorted(RESOURCES), ids="/".join)
def test_each_is_valid_and_served_without_a_token(demo: RunningDemo, key: tuple[str, str]) -> None:
    kind, name = key
    get_fhir_model_class(kind).model_validate(RESOURCES[key])
    answer = demo.call("", "GET", f"/{kind}/{name}")
    assert (answer.status_code, answer.json()) == (200, RESOURCES[key])
    found = demo.call("", "GET", f"/{kind}", params={"url": RESOURCES[key]["url"]}).json()
    get_fhir_model_class("Bundle").model_validate(found)
    assert [entry["fullUrl"] for entry in found["entry"]] == [f"{demo.fhir}/{kind}/{name}"]
    as_xml = demo.call("", "GET", f"/{kind}/{name}", headers={"Accept": "application/fhir+xml"})
    assert as_xml.headers["Content-Type"].startswith("application/fhir+xml")


def test_every_reference_between_them_leads_somewhere() -> None:
    urls = {resource["url"] for resource in RESOURCES.values()}
    assert len(urls) == len(RESOURCES)
    named = set()
    for resource in RESOURCES.values():
        for element in resource.get("differential", {}).get("element", []):
            named |= {element["binding"]["valueSet"]} if "binding" in element else set()
            named |= {url for each in element.get("type", []) for url in each.get("profile", [])}
        named |= {each["system"] for each in resource.get("compose", {}).get("include", [])}
    assert named
    assert named <= urls


def test_an_unknown_one_does_not_exist(demo: RunningDemo) -> None:
    answer = demo.call("", "GET", "/CodeSystem/unknown")
    assert (answer.status_code, codes_of(answer)) == (404, ["resource.unknown"])
    assert demo.call("", "GET", "/CodeSystem", params={"url": "urn:unknown"}).json()["total"] == 0


def test_the_capability_statement_names_the_profile(demo: RunningDemo) -> None:
    served = {each["type"]: each for each in demo.call("", "GET", "/metadata").json()["rest"][0]["resource"]}
    assert served["Consent"]["supportedProfile"] == ["urn:dmp-facade:consent"]
    codes = {each["code"] for each in served["Consent"]["interaction"]}
    assert codes == {"create", "read", "vread", "history-instance", "update", "delete", "search-type"}
    for kind in ("CodeSystem", "StructureDefinition", "ValueSet"):
        assert [each["code"] for each in served[kind]["interaction"]] == ["read", "search-type"]


@pytest.mark.parametrize("case", ["1", "2", "3"])
def test_a_notice_is_text_to_show(demo: RunningDemo, case: str) -> None:
    answer = demo.call("", "GET", "/Consent/$information-notice", params={"case": case})
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/plain; charset=utf-8")
    assert answer.headers["Content-Language"] == "fr"
    assert "Mon espace santé" in answer.content.decode("utf-8")


def test_the_three_notices_differ_as_the_cases_do() -> None:
    first, second, third = (TABLES.notices[case] for case in ("1", "2", "3"))
    assert "dire non" in first, "case 1 presumes consent, so it must tell how to object"
    assert "motif légitime" in first
    assert "34 22" in first
    for consent in (second, third):
        assert "[ ] J'accepte" in consent, "cases 2 and 3 gather consent"
        assert "retiriez" in consent
    assert "identité du professionnel" in third


@pytest.mark.parametrize("case", ["", "4", "1 "])
def test_another_case_is_refused(demo: RunningDemo, case: str) -> None:
    answer = demo.call("", "GET", "/Consent/$information-notice", params={"case": case})
    assert (answer.status_code, codes_of(answer)) == (400, ["notice.case"])


def test_the_tables_and_the_records_know_the_same_codes() -> None:
    here = {code for code, category in TABLES.categories.items() if category.held_here}
    assert here == {category.value for category in Category}
    assert set(TABLES.channels) == {channel.value for channel in Channel}
    assert set(TABLES.notices) == TABLES.cases == {"1", "2", "3"}
    assert len(TABLES.categories) == 6


def test_every_row_names_its_source() -> None:
    for path in sorted((knowledge.folder() / "consent").glob("*.csv")):
        rows = knowledge.rows(f"consent/{path.name}")
        assert rows
        assert all(row["source"] for row in rows), path.name
