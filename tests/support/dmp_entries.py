"""Document entries, lots and submissions for the tests of the DMP room, plain ones and hypothesis strategies."""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import strategies as st

from facade.domain.content import Content
from facade.domain.document import (
    Author,
    Availability,
    Coded,
    DocumentEntry,
    Institution,
    NewDocument,
    Person,
    ReferenceId,
    SourcePatient,
    Submission,
    SubmissionSet,
    XdsTime,
)
from facade.domain.ins import INS, InsKind
from facade.domain.masking import Flag, Level, Masking

PATIENT = INS.of("1.2.250.1.213.1.4.10", "279035121518989")
AUTHOR = Author(
    Person("899700000015", "MARTIN", "ALICE", "1.2.250.1.71.4.2.1"),
    (Institution("HOPITAL TEST", "1750712184", "1.2.250.1.71.4.2.2"),),
    ("Médecin traitant",),
    (Coded("G15_10/SM26", "1.2.250.1.213.1.1.4.5", "Médecin - Généraliste"),),
)
ENTRY = DocumentEntry(
    unique_id="1.2.250.1.999.1.42",
    patient=PATIENT,
    type_code=Coded("11488-4", "2.16.840.1.113883.6.1", "CR consultation"),
    class_code=Coded("10", "1.2.250.1.213.1.1.4.1", "Compte rendu"),
    format_code=Coded("urn:ihe:iti:xds-sd:pdf:2008", "1.3.6.1.4.1.19376.1.2.3", "PDF"),
    facility=Coded("SA01", "1.2.250.1.71.4.2.4", "Etablissement public"),
    practice=Coded("ETABLISSEMENT", "1.2.250.1.213.1.1.4.9", "Etablissement de santé"),
    authors=(AUTHOR,),
    masking=Masking(),
    title="CR de consultation",
    creation_time=XdsTime("20260101120000"),
    service_start=XdsTime("20260101113000"),
    legal_authenticator=AUTHOR.person,
    source_patient=SourcePatient("IPP1^^^&1.2.3&ISO^PI", "PAT-TROIS", "DOMINIQUE", "19790301", "F"),
    entry_uuid="11111111-2222-4333-8444-555555555555",
)
CDA = '<ClinicalDocument xmlns="urn:hl7-org:v3"><title>Accentué é</title></ClinicalDocument>'.encode()
LOT = SubmissionSet(
    "1.2.250.1.999.1.7",
    "1.2.250.1.999.1",
    PATIENT,
    Coded("04", "1.2.250.1.213.2.2", "Hospitalisation de jour"),
    (AUTHOR,),
    XdsTime.at(datetime.now(UTC)),
    title="Lot",
)
SUBMISSION = Submission(LOT, (NewDocument(ENTRY, Content.of(CDA)),))


def submission_of(*contents: bytes, mime_type: str = "text/xml", replaces: str = "") -> Submission:
    """A lot with one document for each content."""
    documents = tuple(
        NewDocument(
            replace(
                ENTRY,
                unique_id=f"{ENTRY.unique_id}.{number}",
                entry_uuid=str(uuid.uuid4()),
                mime_type=mime_type,
                replaces=replaces,
                hash=hashlib.sha1(content, usedforsecurity=False).hexdigest(),
                size=len(content),
            ),
            Content.of(content),
        )
        for number, content in enumerate(contents, start=1)
    )
    return Submission(LOT, documents)


# What XML can hold, without the white space around a value that reading takes off.
_chars = st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff")
texts = st.text(_chars, max_size=20).map(str.strip)
words = st.text(_chars, min_size=1, max_size=12).map(str.strip).filter(bool)
oids = st.from_regex(r"[12](\.[1-9][0-9]{0,3}){2,6}", fullmatch=True)
uuids = st.uuids(version=4).map(str)
codes = st.builds(Coded, words, oids, words)
persons = st.builds(
    Person,
    words,
    texts,
    texts,
    st.one_of(st.just(""), oids),
    st.sampled_from(["", "D", "U"]),
    st.sampled_from(["", "IDNPS", "EI"]),
)
institutions = st.builds(
    Institution, words, texts, st.one_of(st.just(""), oids), st.sampled_from(["", "IDNST", "SIREN"])
)
authors = st.builds(
    Author,
    persons,
    st.lists(institutions, max_size=2).map(tuple),
    st.lists(words, max_size=2).map(tuple),
    st.lists(codes, max_size=2).map(tuple),
)
times = st.builds(
    lambda seconds, size: XdsTime(XdsTime.at(datetime.fromtimestamp(seconds, UTC)).digits[:size]),
    st.integers(-2_000_000_000, 7_000_000_000),
    st.sampled_from([4, 6, 8, 10, 12, 14]),
)
patients = st.builds(INS, st.sampled_from(InsKind), st.from_regex(r"[12][0-9]{14}", fullmatch=True))
sources = st.builds(
    SourcePatient,
    st.one_of(st.just(""), st.builds("IPP{}^^^&{}&ISO^PI".format, st.integers(0, 999), oids)),
    texts,
    texts,
    st.sampled_from(["", "19790301"]),
    st.sampled_from(["", "F", "M", "U"]),
)
maskings = st.builds(
    Masking,
    st.sampled_from(Level),
    st.sets(st.sampled_from(Flag)).map(frozenset),
    st.sets(st.sampled_from(["X1", "SECRET"])).map(frozenset),
)
references = st.builds(ReferenceId, words, oids, st.just("urn:ihe:iti:xds:2013:accession"))
entries = st.builds(
    DocumentEntry,
    unique_id=oids,
    patient=patients,
    type_code=codes,
    class_code=codes,
    format_code=codes,
    facility=codes,
    practice=codes,
    authors=st.lists(authors, max_size=3).map(tuple),
    masking=maskings,
    title=texts,
    creation_time=times,
    language=st.sampled_from(["fr-FR", "en"]),
    mime_type=st.sampled_from(["text/xml", "application/pdf"]),
    service_start=st.one_of(st.none(), times),
    service_stop=st.one_of(st.none(), times),
    legal_authenticator=st.one_of(st.none(), persons),
    source_patient=sources,
    comments=texts,
    events=st.lists(codes, max_size=2).map(tuple),
    references=st.lists(references, max_size=2).map(tuple),
    availability=st.sampled_from(Availability),
    entry_uuid=uuids,
    logical_id=uuids,
    hash=st.sampled_from(["", "da39a3ee5e6b4b0d3255bfef95601890afd80709"]),
    size=st.one_of(st.none(), st.integers(0, 10**9)),
    repository=st.one_of(st.just(""), oids),
)
