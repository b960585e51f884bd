"""DocumentEntry -> DocumentReference -> DocumentEntry and the other way: the identity on what FHIR carries."""

from __future__ import annotations

from base64 import b64decode
from dataclasses import replace

from hypothesis import example, given, settings
from hypothesis import strategies as st

from facade.domain.document import Author, DocumentEntry, Institution, Person, SourcePatient, SubmissionSet, XdsTime
from facade.translation.document_in import read_document_reference
from facade.translation.document_out import document_reference
from facade.translation.list_out import submission_list
from facade.translation.people_stated import stated_author, stated_institution, stated_person
from facade.translation.resources import extensions, index_of, resolve
from facade.translation.subject_in import read_subject
from facade.translation.submission_set_in import SubmissionContext, read_submission_set
from facade.translation.times import from_fhir, from_hl7, to_fhir, to_hl7
from facade.translation.validation import validate_resource
from facade.translation.vocabulary import AUTHOR_ORG
from tests.support.metadata import DIGITS, TIMES, authors, entries, lots, own_authors, publications
from tests.support.translation import DOCTOR, NOW, PATIENT, RULES, Json, context, entry, subject, tables

BASE = "https://example.org/fhir"
NAMELESS = Author(Person("899700000015", authority="1.2.250.1.71.4.2.1"))
UNIDENTIFIED = Author(Person("", "MARTIN", "ANNE", id_type=""), (Institution("CABINET", id_type=""),))


def written(original: DocumentEntry) -> Json:
    resource = document_reference(original, id="d1", patient_id="p1", base=BASE, tables=tables())
    validate_resource(resource, "DocumentReference")
    return resource


def read(resource: Json) -> DocumentEntry:
    return read_document_reference(resource, read_subject(resource, {}, RULES), context()).entry


def stated(resource: Json, reference: Json) -> Author:
    """An author as the resource says it."""
    index = index_of(resource, {})
    found = resolve(reference, index)
    assert found is not None
    return stated_author(found, index, tables())


@settings(max_examples=100, deadline=None)
@given(entries())
@example(entry(authors=(NAMELESS,), legal_authenticator=NAMELESS.person))
@example(entry(authors=(UNIDENTIFIED,), legal_authenticator=UNIDENTIFIED.person))
@example(entry(creation_time=XdsTime("2024"), service_start=XdsTime("202403"), service_stop=XdsTime("20240305")))
def test_what_the_dmp_holds_comes_back(original: DocumentEntry) -> None:
    """Whoever its authors are: a publication would complete or refuse them, so they are read as they are stated."""
    resource = written(original)
    by = tuple(stated(resource, reference) for reference in resource.pop("author"))
    signatory = resolve(resource.pop("authenticator"), index_of(resource, {}))
    assert signatory is not None
    draft = read_document_reference(resource, read_subject(resource, {}, RULES), context())
    attachment = resource["content"][0]["attachment"]
    back = replace(
        draft.entry,
        authors=by,
        legal_authenticator=stated_person(signatory, tables()),
        hash=b64decode(attachment["hash"]).hex(),
        size=attachment["size"],
        replaces=draft.replaces.uuid if draft.replaces else "",
        # The traits are never written.
        source_patient=original.source_patient,
    )
    assert back == original


@settings(max_examples=60, deadline=None)
@given(entries(own_authors))
def test_what_the_facade_registered_comes_back_as_a_publication(original: DocumentEntry) -> None:
    # The registry's own attributes, and the traits, which are never written.
    comparable = replace(
        read(written(original)),
        hash=original.hash,
        size=original.size,
        replaces=original.replaces,
        source_patient=original.source_patient,
    )
    assert comparable == original


@settings(max_examples=100, deadline=None)
@given(publications())
def test_a_publication_read_written_and_read_again_is_the_same(sent: Json) -> None:
    validate_resource(sent, "DocumentReference")
    first = read(sent)
    answer = written(first)
    second = read(answer)
    assert replace(second, source_patient=first.source_patient) == first
    assert written(second) == answer


@settings(max_examples=60, deadline=None)
@given(lots())
def test_a_lot_comes_back(original: SubmissionSet) -> None:
    resource = submission_list(original, id="l1", patient_id="p1", tables=tables())
    validate_resource(resource, "List")
    reading = SubmissionContext(DOCTOR, tables(), NOW, original.entry_uuid, "1.2", "1.2")
    # Its author is not read of the List but of its documents: the DMP compares it with the VIHF.
    back, filled = read_submission_set(resource, subject(), reading, original.authors)
    assert (back, filled) == (original, ())
    assert stated(resource, resource["source"]) == original.authors[0]
    places = [each["valueReference"] for each in extensions(resource["source"], AUTHOR_ORG)]
    index = index_of(resource, {})
    assert [stated_institution(place, index, tables()) for place in places] == [*original.authors[0].institutions[:1]]


@given(TIMES)
def test_a_time_comes_back_from_fhir_and_from_hl7(time: XdsTime) -> None:
    assert from_fhir(to_fhir(time)) == time
    assert from_hl7(to_hl7(time)) == time


@given(DIGITS, st.sampled_from([10, 12]))
def test_a_time_to_the_hour_or_minute_becomes_its_first_second(digits: str, length: int) -> None:
    # FHIR R4 dateTime has no precision between the day and the second.
    time = XdsTime(digits[:length])
    assert from_fhir(to_fhir(time)) == XdsTime(digits[:length].ljust(14, "0"))
    assert from_hl7(to_hl7(time)) == time


@settings(max_examples=30, deadline=None)
@given(entries(), authors())
def test_no_trait_of_the_patient_leaves(original: DocumentEntry, by: Author) -> None:
    holder = Person(PATIENT.value, "NOM-SECRET", "PRENOM-SECRET", PATIENT.kind.value, id_type="NH")
    marked = replace(
        original,
        authors=(Author(holder), by),
        legal_authenticator=holder,
        source_patient=SourcePatient(PATIENT.cx, "NOM-SECRET", "PRENOM-SECRET", "19010203", "F"),
    )
    text = repr(written(marked))
    for trait in ("NOM-SECRET", "PRENOM-SECRET", "19010203", "1901-02-03"):
        assert trait not in text
