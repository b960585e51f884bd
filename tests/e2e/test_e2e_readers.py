"""The main job over HTTP: publish, find, read, mask, and each kind of reader sees what the law lets it see."""

from __future__ import annotations

import pytest

from tests.support.demo import RunningDemo, codes_of, ids_of, pdf

GLASS = {"Purpose-Of-Use": "bris_de_glace", "Purpose-Of-Use-Reason": "patient inconscient"}
CENTRE_15 = {"Purpose-Of-Use": "centre_15", "Purpose-Of-Use-Reason": "appel au centre 15"}
MASKED, HIDDEN, SECRET = "MASQUE_PS", "INVISIBLE_PATIENT", "INVISIBLE_REPRESENTANTS_LEGAUX"
AUTHORISED_READERS = ("treating-doctor", "author-doctor", "other-doctor", "nurse", "patient-adult")


@pytest.mark.parametrize("reader", AUTHORISED_READERS)
def test_every_authorised_reader_gets_the_published_pdf_byte_for_byte(demo: RunningDemo, reader: str) -> None:
    content = pdf()
    created = demo.publish("author-doctor", "adult", content)
    assert created["id"] in ids_of(demo.search(reader, "adult").json())
    got = demo.call(reader, "GET", f"/Binary/{created['id']}", headers={"Accept": "application/pdf"})
    assert (got.status_code, got.headers["Content-Type"], got.content) == (200, "application/pdf", content)


def test_masked_by_its_author_a_document_exists_only_for_author_treating_doctor_and_patient(demo: RunningDemo) -> None:
    document = demo.publish("author-doctor", "adult")["id"]
    assert demo.label("author-doctor", document, MASKED).status_code == 200
    seen = {who: demo.sees(who, "adult", document) for who in AUTHORISED_READERS}
    assert seen == {
        "treating-doctor": True,
        "author-doctor": True,
        "other-doctor": False,
        "nurse": False,
        "patient-adult": True,
    }


def test_a_reader_from_whom_all_is_hidden_is_told_a_total_of_zero(demo: RunningDemo) -> None:
    document = demo.publish(
        "author-doctor", "objector", type={"coding": [{"system": "http://loinc.org", "code": "34112-3"}]}
    )
    assert demo.label("author-doctor", document["id"], MASKED).status_code == 200
    found = demo.search("other-doctor", "objector", type="http://loinc.org|34112-3").json()
    assert (found["total"], found.get("entry", [])) == (0, [])


def test_unmasking_gives_the_document_back(demo: RunningDemo) -> None:
    document = demo.publish("author-doctor", "adult")["id"]
    demo.label("author-doctor", document, MASKED)
    assert not demo.sees("nurse", "adult", document)
    assert demo.label("author-doctor", document).status_code == 200
    assert demo.sees("nurse", "adult", document)


def test_break_glass_shows_a_masked_document_unless_the_holder_objected(demo: RunningDemo) -> None:
    masked = {patient: demo.publish("author-doctor", patient)["id"] for patient in ("adult", "objector")}
    for document in masked.values():
        assert demo.label("author-doctor", document, MASKED).status_code == 200
    assert demo.sees("other-doctor", "adult", masked["adult"], GLASS)
    refused = demo.search("other-doctor", "objector", GLASS)
    assert (refused.status_code, codes_of(refused)) == (403, ["emergency.objected"])


def test_centre_15_is_for_the_regulator_only(demo: RunningDemo) -> None:
    document = demo.publish("author-doctor", "adult")["id"]
    assert demo.sees("regulator", "adult", document, CENTRE_15)
    assert demo.search("other-doctor", "adult", CENTRE_15).status_code == 403
    assert demo.search("regulator", "objector", CENTRE_15).status_code == 403


def test_an_emergency_without_a_reason_is_refused(demo: RunningDemo) -> None:
    answer = demo.search("other-doctor", "adult", {"Purpose-Of-Use": "bris_de_glace"})
    assert (answer.status_code, codes_of(answer)) == (400, ["emergency.reason-missing"])


def test_hidden_from_the_patient_until_a_professional_shows_it(demo: RunningDemo) -> None:
    labels = [{"coding": [{"code": HIDDEN}]}]
    document = demo.publish("author-doctor", "adult", securityLabel=labels)["id"]
    assert not demo.sees("patient-adult", "adult", document)
    assert demo.sees("nurse", "adult", document)
    assert demo.label("patient-adult", document).status_code == 404
    assert demo.label("nurse", document).status_code == 200
    assert demo.sees("patient-adult", "adult", document)


def test_a_minor_keeps_a_secret_from_the_holder_of_parental_authority(demo: RunningDemo) -> None:
    labels = [{"coding": [{"code": SECRET}]}]
    secret = demo.publish("author-doctor", "minor", securityLabel=labels)["id"]
    plain = demo.publish("author-doctor", "minor")["id"]
    assert demo.sees("patient-minor", "minor", secret)
    assert not demo.sees("representative-minor", "minor", secret)
    assert demo.sees("representative-minor", "minor", plain)


def test_a_parental_mask_on_an_adult_is_refused(demo: RunningDemo) -> None:
    labels = [{"coding": [{"code": SECRET}]}]
    answer = demo.post("author-doctor", "/DocumentReference", demo.document("adult", pdf(), securityLabel=labels))
    assert (answer.status_code, codes_of(answer)) == (422, ["masking.representatives.not-a-minor"])


def test_a_secret_connection_hides_what_is_published(demo: RunningDemo) -> None:
    answer = demo.post("author-doctor", "/DocumentReference", demo.document("minor", pdf()), Connexion_Secrete="true")
    assert answer.status_code == 201, answer.text
    assert not demo.sees("representative-minor", "minor", answer.json()["id"])
    assert demo.sees("patient-minor", "minor", answer.json()["id"])


def test_a_blocked_professional_sees_only_own_documents_that_are_not_masked(demo: RunningDemo) -> None:
    others = demo.publish("author-doctor", "adult")["id"]
    own = demo.publish("blocked-doctor", "adult")["id"]
    own_masked = demo.publish("blocked-doctor", "adult")["id"]
    assert demo.label("treating-doctor", own_masked, MASKED).status_code == 200
    assert not demo.sees("blocked-doctor", "adult", others)
    assert demo.sees("blocked-doctor", "adult", own)
    assert not demo.sees("blocked-doctor", "adult", own_masked)
    assert not demo.sees("blocked-doctor", "adult", others, GLASS)


def test_an_unauthorised_professional_feeds_but_does_not_read(demo: RunningDemo) -> None:
    created = demo.publish("unauthorised-doctor", "adult")
    refused = demo.search("unauthorised-doctor", "adult")
    assert refused.status_code == 403
    assert not demo.sees("unauthorised-doctor", "adult", created["id"])


def test_a_structure_feeds_and_never_reads(demo: RunningDemo) -> None:
    created = demo.publish("structure", "adult")
    assert demo.search("structure", "adult").status_code == 403
    assert demo.call("structure", "GET", f"/DocumentReference/{created['id']}").status_code == 403
    assert demo.call("structure", "GET", f"/Binary/{created['id']}").status_code == 403
    assert demo.sees("nurse", "adult", created["id"])


def test_a_catalogue_application_feeds_its_patient_only(demo: RunningDemo) -> None:
    created = demo.publish("catalogue-app", "adult")
    assert demo.sees("treating-doctor", "adult", created["id"])
    assert demo.search("catalogue-app", "adult").status_code == 403
    other = demo.post("catalogue-app", "/DocumentReference", demo.document("minor", pdf()))
    assert other.status_code == 403


def test_a_patient_sees_no_other_record(demo: RunningDemo) -> None:
    document = demo.publish("author-doctor", "minor")["id"]
    assert demo.search("patient-adult", "minor").status_code == 403
    assert not demo.sees("patient-adult", "minor", document)


def test_a_patient_masks_and_unmasks_a_document_of_the_record(demo: RunningDemo) -> None:
    document = demo.publish("author-doctor", "adult")["id"]
    assert demo.label("patient-adult", document, MASKED).status_code == 200
    assert not demo.sees("nurse", "adult", document)
    assert demo.label("patient-adult", document).status_code == 200
    assert demo.sees("nurse", "adult", document)
