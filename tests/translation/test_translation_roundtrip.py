"""DocumentEntry -> DocumentReference -> DocumentEntry: the identity on what FHIR carries, and valid FHIR in between."""

from __future__ import annotations

import string
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from facade.domain.document import Coded, DocumentEntry, ReferenceId, SourcePatient, XdsTime
from facade.domain.masking import Flag, Level, Masking
from facade.translation.document_in import read_document_reference
from facade.translation.document_out import document_reference
from facade.translation.subject_in import read_subject
from facade.translation.times import from_fhir, from_hl7, to_fhir, to_hl7
from facade.translation.validation import validate_resource
from tests.support.translation import PATIENT, RULES, author, context, entry, tables

TEXT = (
    st.text(string.ascii_letters + string.digits + "éàùÉ-'& <>\"", min_size=1, max_size=40).map(str.strip).filter(bool)
)
OIDS = st.lists(st.integers(0, 99999), min_size=2, max_size=8).map(lambda arcs: "1.2." + ".".join(map(str, arcs)))
MOMENTS = st.datetimes().filter(lambda moment: moment.year >= 1900).map(lambda moment: moment.strftime("%Y%m%d%H%M%S"))
TIMES = st.builds(lambda digits, length: XdsTime(digits[:length]), MOMENTS, st.sampled_from([4, 6, 8, 14]))
MASKINGS = st.builds(Masking, st.sampled_from(list(Level)), st.frozensets(st.sampled_from(list(Flag))))
EVENTS = st.builds(
    Coded,
    st.text(string.ascii_uppercase + string.digits, min_size=3, max_size=8),
    st.sampled_from(["1.2.250.1.213.2.5"]),
)
REFERENCES = st.builds(ReferenceId, st.uuids().map(str), OIDS, st.sampled_from(sorted(tables().reference_types)))


@st.composite
def entries(draw: st.DrawFn) -> DocumentEntry:
    """Entries as the facade registers them: any codes of the value sets, any labels, any texts."""
    found = tables()
    type_code = draw(st.sampled_from([coded for coded in found.types if coded.scheme != "ASTM"]))
    class_code = found.class_of(type_code)
    assert class_code is not None
    person = replace(author().person, family=draw(TEXT), given=draw(TEXT))
    start = draw(TIMES)
    return entry(
        unique_id=draw(OIDS),
        type_code=type_code,
        class_code=class_code,
        format_code=draw(st.sampled_from(list(found.formats))),
        facility=draw(st.sampled_from(list(found.facilities))),
        practice=draw(st.sampled_from(list(found.practices))),
        authors=(replace(author(), person=person, roles=tuple(draw(st.lists(TEXT, max_size=1)))),),
        legal_authenticator=person,
        masking=draw(MASKINGS),
        title=draw(TEXT),
        comments=draw(st.just("") | TEXT),
        creation_time=draw(TIMES),
        service_start=start,
        service_stop=draw(st.none() | st.just(start)),
        language=draw(st.sampled_from(["fr-FR", "en-US"])),
        events=tuple(draw(st.lists(EVENTS, max_size=3))),
        references=tuple(draw(st.lists(REFERENCES, max_size=2))),
    )


@settings(max_examples=60, deadline=None)
@given(entries())
def test_what_fhir_carries_comes_back(original: DocumentEntry) -> None:
    resource = document_reference(original, id="d1", patient_id="p1", base="https://example.org/fhir", tables=tables())
    validate_resource(resource, "DocumentReference")
    read = read_document_reference(resource, read_subject(resource, {}, RULES), context()).entry
    # What FHIR cannot carry: the registry's own attributes, and the traits, which are never written.
    comparable = replace(
        read,
        hash=original.hash,
        size=original.size,
        source_patient=original.source_patient,
    )
    assert comparable == original


@given(TIMES)
def test_a_time_comes_back_from_fhir_and_from_hl7(time: XdsTime) -> None:
    assert from_fhir(to_fhir(time)) == time
    assert from_hl7(to_hl7(time)) == time


@settings(max_examples=30, deadline=None)
@given(entries())
def test_no_trait_of_the_patient_leaves(original: DocumentEntry) -> None:
    marked = replace(original, source_patient=SourcePatient(PATIENT.cx, "NOM-SECRET", "PRENOM-SECRET", "19010203", "F"))
    written = repr(document_reference(marked, id="d1", patient_id="p1", base="b", tables=tables()))
    for trait in ("NOM-SECRET", "PRENOM-SECRET", "19010203", "1901-02-03"):
        assert trait not in written
