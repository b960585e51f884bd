"""A file wrapped into a CDA and unwrapped, a CDA compared with its metadata, and the documents ANS publishes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from facade.domain.document import Author, Coded, DocumentEntry, Person, SourcePatient, XdsTime
from facade.domain.dossier import Traits
from facade.domain.errors import InvalidInput
from facade.domain.ins import INS, InsKind
from facade.domain.masking import Level, Masking
from facade.translation.base64_file import Base64File
from facade.translation.cda_metadata import document_from_cda
from facade.translation.cda_read import check_against, is_cda, read_header, unwrap
from facade.translation.cda_write import wrap
from facade.translation.validation import validate_resource
from tests.support.translation import OTHER_PATIENT, PATIENT, TRAITS, author, codes_of, entry, examples, known, tables

PDF = b"%PDF-1.7\n" + bytes(range(256)) * 8
NS = {"v3": "urn:hl7-org:v3"}


def wrapped(made: DocumentEntry | None = None, **options: Any) -> bytes:
    return bytes(wrap(made or entry(), Base64File.of(PDF), "application/pdf", **options))


def values(document: bytes, path: str) -> list[str]:
    found = etree.fromstring(document).xpath(path, namespaces=NS)
    assert isinstance(found, list)
    return [str(value) for value in found]


def test_a_wrapped_file_comes_back() -> None:
    document = wrapped()
    assert is_cda(document)
    assert unwrap(document) == ("application/pdf", Base64File.of(PDF))
    assert unwrap(memoryview(document)) == ("application/pdf", Base64File.of(PDF))


@settings(max_examples=40)
@given(st.binary(min_size=1, max_size=300), st.text(max_size=30), st.text(max_size=30))
def test_any_text_and_any_bytes_make_a_cda(content: bytes, title: str, family: str) -> None:
    made = entry(title=title, source_patient=SourcePatient(PATIENT.cx, family, "A"))
    file = Base64File.of(content)
    assert unwrap(bytes(wrap(made, file, "application/pdf"))) == ("application/pdf", file)


def test_the_header_agrees_with_the_metadata_it_is_made_from() -> None:
    made = entry(service_stop=XdsTime("20260612083000"), masking=Masking(Level.VERY_RESTRICTED))
    header = read_header(wrapped(made))
    assert check_against(header, made) == []
    assert header.unique_id == made.unique_id
    assert header.type == made.type_code
    assert header.created == made.creation_time
    assert (header.service_start, header.service_stop) == (made.service_start, made.service_stop)
    assert header.confidentiality == "V"
    assert (header.facility, header.practice) == (made.facility, made.practice)
    assert header.templates == ("2.16.840.1.113883.2.8.2.1", "1.2.250.1.213.1.1.1.1", "1.3.6.1.4.1.19376.1.2.20")
    assert header.patients == ((PATIENT.kind.value, PATIENT.value),)
    assert (header.set_id, header.version_number, header.replaced) == (made.unique_id, 1, ())
    assert header.body_media_type == "application/pdf"
    assert header.title == made.title


def test_identity_traits_are_those_ci_sis_asks_for() -> None:
    document = wrapped(traits=replace(TRAITS, family="DUPONT"))
    name = "//v3:recordTarget//v3:patient/v3:name"
    assert values(document, f"{name}/v3:family[@qualifier='BR']/text()") == ["PAT-TROIS"]
    assert values(document, f"{name}/v3:family[@qualifier='CL']/text()") == ["DUPONT"]
    assert values(document, f"{name}/v3:given[@qualifier='BR']/text()") == ["DOMINIQUE"]
    assert values(document, f"{name}/v3:given[not(@qualifier)]/text()") == ["DOMINIQUE MARIE-LOUISE"]
    assert values(document, "//v3:administrativeGenderCode/@code") == ["F"]
    assert values(document, "//v3:birthTime/@value") == ["19790328"]


def test_traits_of_the_dmp_serve_where_the_source_gave_none() -> None:
    document = wrapped(entry(source_patient=SourcePatient(PATIENT.cx)), traits=TRAITS)
    assert values(document, "//v3:patient/v3:name/v3:family[@qualifier='BR']/text()") == ["PAT-TROIS"]
    bare = wrapped(entry(source_patient=SourcePatient()), traits=Traits())
    assert values(bare, "//v3:birthTime/@nullFlavor") == ["UNK"]


def test_local_number_is_a_second_id() -> None:
    made = entry(source_patient=SourcePatient("IPP-42^^^&1.2.3.4&ISO^PI", "A", "B"))
    assert values(wrapped(made), "//v3:patientRole/v3:id/@extension") == [PATIENT.value, "IPP-42"]
    assert check_against(read_header(wrapped(made)), made) == []


def test_order_of_the_header_is_the_schemas() -> None:
    document = wrapped(replaced_unique_id="1.2.3")
    tags = [etree.QName(child).localname for child in etree.fromstring(document)]
    assert tags == [
        *("realmCode", "typeId", "templateId", "templateId", "templateId", "id", "code", "title", "effectiveTime"),
        *("confidentialityCode", "languageCode", "setId", "versionNumber", "recordTarget", "author", "custodian"),
        *("legalAuthenticator", "documentationOf", "relatedDocument", "componentOf", "component"),
    ]


def test_replacement_keeps_the_set_and_names_its_parent() -> None:
    header = read_header(wrapped(replaced_unique_id="1.2.3", version_number=2))
    assert (header.set_id, header.version_number, header.replaced) == ("1.2.3", 2, ("1.2.3",))
    assert read_header(wrapped(set_id="1.2.9", replaced_unique_id="1.2.3")).set_id == "1.2.9"


def test_a_system_as_author() -> None:
    device = Author(Person("app-1", "EDITEUR", "Carnet", "1.2.3", name_type="U", id_type="RI"))
    document = wrapped(entry(authors=(device,), legal_authenticator=device.person))
    assert values(document, "//v3:assignedAuthoringDevice/v3:softwareName/text()") == ["Carnet"]
    assert values(document, "//v3:custodian//v3:id/@root") == ["1.2.250.1.213.4.1"]
    assert values(document, "//v3:legalAuthenticator") == []
    role = replace(author(), roles=("Médecin traitant",))
    assert values(wrapped(entry(authors=(role,))), "//v3:functionCode/v3:originalText/text()") == ["Médecin traitant"]


@pytest.mark.parametrize(
    ("changes", "codes", "shown"),
    [
        ({"patient": OTHER_PATIENT}, ["cda.patient-mismatch"], {}),
        ({"patient": INS(InsKind.NIR, PATIENT.value)}, ["cda.patient-mismatch"], {}),
        (
            {"unique_id": "1.2.3"},
            ["cda.contradiction"],
            {"element": "id", "cda": "1.2.250.1.999.7", "metadata": "1.2.3"},
        ),
        ({"type_code": Coded("34133-9", "2.16.840.1.113883.6.1")}, ["cda.contradiction"], {"element": "code"}),
        ({"creation_time": XdsTime("20260614")}, ["cda.contradiction"], {"cda": "20260612", "metadata": "20260614"}),
        ({"masking": Masking(Level.RESTRICTED)}, ["cda.contradiction"], {"cda": "N", "metadata": "R"}),
    ],
)
def test_a_contradiction_is_named_with_both_values(changes: Any, codes: list[str], shown: dict[str, str]) -> None:
    problems = check_against(read_header(wrapped()), entry(**changes))
    assert [problem.code for problem in problems] == codes
    assert shown.items() <= problems[0].values.items()
    assert PATIENT.value not in repr(problems)
    assert OTHER_PATIENT.value not in repr(problems)


@pytest.mark.parametrize("day", ["20210108", "20210107", "202101", "20210107233000"])
def test_the_day_may_be_local_or_utc(day: str) -> None:
    document = wrapped().replace(
        b'<effectiveTime value="20260612080000+0000"/>', b'<effectiveTime value="20210108003000+0100"/>'
    )
    assert check_against(read_header(document), entry(creation_time=XdsTime(day))) == []


def test_what_is_missing_in_a_cda_is_told() -> None:
    empty = read_header(b'<?xml version="1.0"?><ClinicalDocument xmlns="urn:hl7-org:v3"/>')
    codes = [problem.code for problem in check_against(empty, entry())]
    assert codes == ["cda.patient-missing"] + ["cda.element-missing"] * 4


def test_an_id_with_an_extension_and_a_separate_stylesheet() -> None:
    extended = wrapped().replace(b'<id root="1.2.250.1.999.7"/>', b'<id root="1.2.250.1.999.7" extension="1"/>')
    assert [problem.code for problem in check_against(read_header(extended), entry())] == ["identifier.oid-extension"]
    styled = wrapped().replace(b"\n<Clin", b'\n<?xml-stylesheet type="text/xsl" href="../a.xsl"?><Clin')
    assert [problem.code for problem in check_against(read_header(styled), entry())] == ["cda.stylesheet"]
    own = wrapped().replace(b"\n<Clin", b'\n<?xml-stylesheet type="text/xsl" href="#own"?><Clin')
    assert check_against(read_header(own), entry()) == []


@pytest.mark.parametrize(
    ("document", "code"),
    [
        (b"<ClinicalDocument", "cda.malformed"),
        (b"%PDF-1.7", "cda.malformed"),
        (b"", "cda.malformed"),
        (b'<ClinicalDocument xmlns="urn:other"/>', "cda.not-a-document"),
        (b'<Bundle xmlns="http://hl7.org/fhir"/>', "cda.not-a-document"),
        (
            b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><ClinicalDocument xmlns="urn:hl7-org:v3"/>',
            "cda.unsafe",
        ),
    ],
)
def test_what_is_not_a_cda(document: bytes, code: str) -> None:
    for read in (read_header, unwrap):
        with pytest.raises(InvalidInput) as error:
            read(document)
        assert codes_of(error.value) == [code]


def test_is_cda_looks_past_comments() -> None:
    assert is_cda(b'\xef\xbb\xbf<?xml version="1.0"?>\n<!-- <Other/> -->\n<ClinicalDocument xmlns="urn:hl7-org:v3">')
    assert is_cda(b'<cda:ClinicalDocument xmlns:cda="urn:hl7-org:v3"/>')
    assert not is_cda(b"%PDF-1.7 <ClinicalDocument ")
    assert not is_cda(b"<ClinicalDocuments/>")


def test_bodies_that_hold_no_file() -> None:
    assert unwrap(b'<ClinicalDocument xmlns="urn:hl7-org:v3"/>') is None
    body = b"<component><nonXMLBody><text>caf\xc3\xa9</text></nonXMLBody></component>"
    text = b'<ClinicalDocument xmlns="urn:hl7-org:v3">' + body + b"</ClinicalDocument>"
    assert unwrap(text) == ("text/plain", "café".encode())
    broken = wrapped().replace(b'representation="B64">', b'representation="B64">*')
    with pytest.raises(InvalidInput) as error:
        unwrap(broken)
    assert codes_of(error.value) == ["cda.body-malformed"]


def test_folded_base64_is_unwrapped() -> None:
    folded = wrapped().replace(b"</text>", b"\n  </text>").replace(b'"B64">', b'"B64">\n')
    assert unwrap(folded) == ("application/pdf", Base64File.of(PDF))


def test_metadata_of_a_cda() -> None:
    resource = document_from_cda(read_header(wrapped()), tables())
    validate_resource(resource, "DocumentReference")
    assert resource["type"]["coding"][0]["code"] == "11488-4"
    assert resource["category"][0]["coding"][0]["code"] == "10"
    assert resource["content"][0]["format"]["code"] == "urn:ihe:iti:xds-sd:pdf:2008"
    assert resource["context"]["facilityType"]["coding"][0]["code"] == "SA01"
    assert "PAT-TROIS" not in repr(resource)


CDA = examples("cda")
DOCUMENTS = sorted(CDA.glob("*.xml")) if CDA else []
FORMATS = {
    "cr-biologie-n3.xml": "urn:ihe:lab:xd-lab:2008",
    "lettre-liaison-sortie-n3.xml": "urn:asip:ci-sis:ldl-ses:2017",
    "prescription-n3.xml": "urn:ihe:pharm:pre:2010",
    "vsm-n3.xml": "urn:asip:ci-sis:vsm:2012",
    "cr-imagerie-n1-pdf.xml": "urn:ihe:iti:xds-sd:pdf:2008",
    "document-n1-pdf.xml": "urn:ihe:iti:xds-sd:pdf:2008",
}


@pytest.mark.skipif(not DOCUMENTS, reason="the CDA examples of ANS are not beside the checkout")
@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_the_documents_of_ans(path: Path) -> None:
    content = path.read_bytes()
    assert is_cda(content)
    header = read_header(content)
    type_code = known(header.type)
    assert tables().types.find(type_code.scheme, type_code.code) is not None
    assert (PATIENT.kind.value, PATIENT.value) in header.patients
    assert header.stylesheet
    resource = document_from_cda(header, tables())
    validate_resource(resource, "DocumentReference")
    assert resource["content"][0]["format"]["code"] == FORMATS[path.name]
    assert header.created is not None
    made = entry(unique_id=header.unique_id, type_code=type_code, creation_time=header.created)
    # Their one fault for the DMP is the stylesheet they ask for.
    assert [problem.code for problem in check_against(header, made)] == ["cda.stylesheet"]
    body = unwrap(content)
    assert (body is not None) is ("n1" in path.name)
    if body is not None:
        assert body[0] == "application/pdf"
        assert bytes(body[1]).startswith(b"%PDF")
