"""$send and sending with a publication, against a real submission server with STARTTLS and client certificates."""

from __future__ import annotations

import base64
import json
import os
import signal
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from lxml import etree

from tests.support.api import LETTER, TraceBook, cda, cda_document, oid, submission, typed
from tests.support.cda import in_order, pages
from tests.support.demo import MASKS, RunningDemo, codes_of, pdf
from tests.support.mail import (
    RIM,
    SEND,
    archive,
    attachments,
    boxes,
    business,
    metadata,
    reason,
    received,
    send_parameters,
    settled,
    task,
    tasks_of,
)

WRITER, READER = "author-doctor", "treating-doctor"
_REFERENCE = {"reference": "DocumentReference/x"}
DOCUMENT = "DocumentReference"
INTENDED = "https://interop.esante.gouv.fr/ig/fhir/pdsm/StructureDefinition/pdsm-ext-intended-recipient"
SEND_TO, SEND_TO_PATIENT = "urn:dmp-facade:send-to", "urn:dmp-facade:send-to-patient"


def box(name: str = "dr") -> str:
    """An address nobody else writes to."""
    return f"{name}.{uuid.uuid4().hex[:12]}@tests.mssante.fr"


def hidden(*flags: str) -> list[dict[str, Any]]:
    return [{"coding": [{"system": MASKS, "code": flag}]} for flag in flags]


def rules(answer: Any) -> list[str]:
    """Every code of the issues of an answer."""
    return [coding["code"] for issue in answer.json()["issue"] for coding in issue["details"]["coding"]]


def send(demo: RunningDemo, persona: str, *documents: str, **what: Any) -> Any:
    return demo.post(persona, SEND, send_parameters(*documents, **what))


def test_a_document_reaches_a_colleague_with_its_archive_and_its_copy(demo: RunningDemo) -> None:
    content, to = pdf(), box()
    document = demo.publish(WRITER, "adult", content)
    (sent,) = tasks_of(send(demo, READER, document["id"], recipients=[to]))
    assert sent["status"] == "requested"
    done = settled(demo, READER, sent["id"])
    assert (done["status"], business(done)) == ("completed", "sent")
    (mail,) = received(demo, to)
    assert mail.sender == "messagerie@rocheval.mssante.fr"
    files = attachments(mail)
    assert next(iter(files)) == "IHE_XDM.zip"
    (copy,) = [each for name, each in files.items() if name.endswith(".pdf")]
    assert copy == content
    package = archive(files["IHE_XDM.zip"])
    assert set(package) == {"INDEX.HTM", "README.TXT", "IHE_XDM/SUBSET01/METADATA.XML", "IHE_XDM/SUBSET01/DOC00001.XML"}
    cda = demo.call(READER, "GET", f"/Binary/{document['id']}", headers={"Accept": "application/xml"}).content
    assert package["IHE_XDM/SUBSET01/DOC00001.XML"] == cda
    message = mail.message
    assert str(message["Subject"]).startswith(
        "XDM/1.0/DDM+CR ou fiche de consultation ou de visite PAT-TROIS DOMINIQUE"
    )
    assert (message["X-MSS-INS"], message["X-MSS-CODECDA"], message["X-MSS-MES"]) == ("O", "11488-4", None)


def _structured(demo: RunningDemo, text: str, **changes: Any) -> dict[str, Any]:
    unique_id = oid()
    section = f"<component><section><title>Motif</title><text>{text}</text></section></component>"
    content = cda(demo.patients["adult"]["value"], unique_id, body=f"<structuredBody>{section}</structuredBody>")
    return cda_document(demo, content, unique_id, **changes)


def _copies(demo: RunningDemo, to: str) -> list[bytes]:
    return [each for mail in received(demo, to) for name, each in attachments(mail).items() if name.endswith(".pdf")]


def test_a_structured_cda_is_sent_with_a_copy_that_says_what_its_sections_say(demo: RunningDemo) -> None:
    to = box()
    table = "<table><tr><th>Température</th><td>38,5 °C ≥ la veille</td></tr></table>"
    document = demo.post(WRITER, "/DocumentReference", _structured(demo, f"Toux sèche{table}"))
    assert document.status_code == 201, document.text
    (sent,) = tasks_of(send(demo, READER, document.json()["id"], recipients=[to]))
    assert business(settled(demo, READER, sent["id"])) == "sent"
    (page,) = pages(*_copies(demo, to))
    matricule = demo.patients["adult"]["value"]
    said = ["Consultation", matricule, "Motif", "Toux sèche", "Température", "38,5 °C ≥ la veille", "Page 1 / 1"]
    assert in_order(said, page) is None
    original = demo.call(READER, "GET", f"/Binary/{document.json()['id']}", headers={"Accept": "application/xml"})
    package = archive(attachments(received(demo, to)[0])["IHE_XDM.zip"])
    assert package["IHE_XDM/SUBSET01/DOC00001.XML"] == original.content


def test_a_copy_that_would_leave_something_out_is_not_sent_and_says_where(demo: RunningDemo) -> None:
    to = box()
    document = demo.post(WRITER, "/DocumentReference", _structured(demo, "Toux ☑ fièvre")).json()
    answer = send(demo, WRITER, document["id"], recipients=[to])
    assert (answer.status_code, codes_of(answer)) == (422, ["mail.copy-character"])
    (issue,) = answer.json()["issue"]
    assert issue["expression"] == ["ClinicalDocument.component.structuredBody.component[0].section.text"]
    for told in ("U+2611", document["masterIdentifier"]["value"].removeprefix("urn:oid:")):
        assert told in issue["details"]["text"]
    assert "fièvre" not in answer.text
    assert received(demo, to) == []


def test_a_publication_whose_copy_cannot_be_made_is_not_published(demo: RunningDemo) -> None:
    asked = [{"url": SEND_TO, "valueUrl": f"mailto:{box()}"}]
    picture = '<renderMultiMedia referencedObject="ailleurs"/>'
    sent = len(demo.log())
    answer = demo.post(WRITER, "/DocumentReference", _structured(demo, picture, extension=asked))
    assert (answer.status_code, codes_of(answer)) == (422, ["mail.copy-media"])
    assert not [line for line in demo.log()[sent:] if line["transaction"].startswith("TD2")]


def test_a_text_has_a_copy_too_and_a_body_of_another_kind_is_refused(demo: RunningDemo) -> None:
    to = box()
    text = demo.publish(WRITER, "adult", b"Hb\t12,3 g/dL\nK  4,1", content_type="text/plain")["id"]
    (sent,) = tasks_of(send(demo, WRITER, text, recipients=[to]))
    settled(demo, WRITER, sent["id"])
    (page,) = pages(*_copies(demo, to))
    assert in_order(["Hb", "12,3 g/dL", "K", "4,1"], page) is None
    rich = demo.publish(WRITER, "adult", rb"{\rtf1 texte}", content_type="text/rtf")["id"]
    assert codes_of(send(demo, WRITER, rich, recipients=[to])) == ["mail.no-pdf"]


_LOCAL = ("id", "registryObject", "classifiedObject", "lid", "home", "status")


def _said(element: etree._Element) -> set[str]:
    """Everything a registry object says, but for the ids that only hold a message together and the file's name."""
    found = set()
    for each in element.iter():
        told = sorted((name, value) for name, value in each.attrib.items() if name not in _LOCAL)
        found.add(f"{each.tag}{told}{(each.text or '').strip()}")
    return found


def _objects(message: Any) -> dict[str, set[str]]:
    lot = metadata(archive(attachments(message)["IHE_XDM.zip"]))
    return {name: _said(lot.find(f".//{RIM}{name}")) for name in ("ExtrinsicObject", "RegistryPackage")}  # type: ignore[arg-type]


def test_what_is_sent_later_says_what_was_sent_to_the_dmp(demo: RunningDemo) -> None:
    """With its publication a document is sent under the metadata of the lot itself; later under what the DMP holds."""
    with_it, later = box(), box()
    published = demo.post(WRITER, "/DocumentReference", _with(demo, to=[with_it], description="Un commentaire"))
    settled(demo, WRITER, published.headers["Link"].partition(">")[0].rpartition("/")[2])
    (sent,) = tasks_of(send(demo, READER, published.json()["id"], recipients=[later]))
    settled(demo, READER, sent["id"])
    first, second = (_objects(received(demo, each)[0]) for each in (with_it, later))
    assert first == second
    assert "DOC00001.XML" in str(first["ExtrinsicObject"])
    assert "Un commentaire" in str(first["ExtrinsicObject"])


def test_the_patient_gets_it_in_the_box_of_the_matricule(demo: RunningDemo) -> None:
    document = demo.publish(WRITER, "adult")
    (sent,) = tasks_of(send(demo, WRITER, document["id"], patient=True))
    assert settled(demo, WRITER, sent["id"])["status"] == "completed"
    address = f"{demo.patients['adult']['value']}@patient.mssante.fr"
    assert sent["input"][0]["valueUrl"] == f"mailto:{address}"
    mails = [each for each in received(demo, address) if each.message["Message-ID"] == f"<{_message_id(sent)}>"]
    assert [mail.message["X-MSS-MES"] for mail in mails] == ["FIN"]


def _message_id(found: dict[str, Any]) -> str:
    return str(next(each["valueString"] for each in found["output"] if "valueString" in each))


def test_one_message_for_each_recipient_and_none_twice(demo: RunningDemo) -> None:
    first, second = box(), box()
    document = demo.publish(WRITER, "adult")["id"]
    answer = send(demo, WRITER, document, recipients=[first, second, first.upper()], patient=True)
    assert len(tasks_of(answer)) == 3
    for each in tasks_of(answer):
        settled(demo, WRITER, each["id"])
    for address in (first, second):
        (mail,) = received(demo, address)
        assert str(mail.message["To"]) == address


@pytest.mark.parametrize(
    ("flag", "rule"),
    [
        ("INVISIBLE_PATIENT", "sending.patient.hidden-by-professional"),
        ("INVISIBLE_REPRESENTANTS_LEGAUX", "sending.patient.secret-of-minor"),
    ],
)
def test_what_is_hidden_is_not_sent_to_the_box_of_a_minor(demo: RunningDemo, flag: str, rule: str) -> None:
    document = demo.publish(WRITER, "minor", securityLabel=hidden(flag))["id"]
    answer = send(demo, WRITER, document, patient=True)
    assert answer.status_code == 403
    assert rule in rules(answer)


def test_what_is_hidden_from_the_patient_goes_to_a_colleague_and_a_mixed_request_is_refused_whole(
    demo: RunningDemo,
) -> None:
    to = box()
    document = demo.publish(WRITER, "adult", securityLabel=hidden("INVISIBLE_PATIENT"))["id"]
    answer = send(demo, WRITER, document, recipients=[to], patient=True)
    assert answer.status_code == 403
    assert "sending.patient.hidden-by-professional" in rules(answer)
    (sent,) = tasks_of(send(demo, WRITER, document, recipients=[to]))
    settled(demo, WRITER, sent["id"])
    assert len(received(demo, to)) == 1


def test_what_is_masked_to_professionals_goes_to_none_and_does_not_exist_for_those_it_is_masked_to(
    demo: RunningDemo,
) -> None:
    document = demo.publish(WRITER, "adult", securityLabel=hidden("MASQUE_PS"))["id"]
    own = send(demo, WRITER, document, recipients=[box()])
    assert "sending.professional.masked-by-holder" in rules(own)
    assert send(demo, "other-doctor", document, recipients=[box()]).status_code == 404


@pytest.mark.parametrize("persona", ["structure", "patient-adult", "representative-minor", "catalogue-app"])
def test_nobody_but_a_professional_sends_from_the_record(demo: RunningDemo, persona: str) -> None:
    document = demo.publish(WRITER, "adult")["id"]
    assert send(demo, persona, document, recipients=[box()]).status_code in (403, 501)


def test_blocked_unauthorised_and_in_an_emergency_nothing_is_sent(demo: RunningDemo) -> None:
    document = demo.publish(WRITER, "adult")["id"]
    assert send(demo, "blocked-doctor", document, recipients=[box()]).status_code == 404
    assert "record.not-authorised" in rules(send(demo, "unauthorised-doctor", document, recipients=[box()]))
    glass = {"Purpose_Of_Use": "bris_de_glace", "Purpose_Of_Use_Reason": "test"}
    answer = demo.post("other-doctor", SEND, send_parameters(document, recipients=[box()]), **glass)
    assert "right.not-in-this-mode" in rules(answer)


@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("x@gmail.com", "mail.recipient-domain"),
        ("x@mssante.fr.evil.org", "mail.recipient-domain"),
        ("x@medecin.mssante.fr\r\nBcc: y@evil.org", "mail.recipient-address"),
        ("x@medecin.mssante.fr?cc=y@evil.org", "mail.recipient-address"),
        ("x@médecin.mssante.fr", "mail.recipient-address"),
        ("112059999900268@patient.mssante.fr", "mail.recipient-not-the-patient"),
    ],
)
def test_an_address_outside_the_space_or_of_another_patient_is_refused(
    demo: RunningDemo, address: str, code: str
) -> None:
    document = demo.publish(WRITER, "adult")["id"]
    before = len(list(boxes(demo).all()))
    answer = send(demo, WRITER, document, recipients=[address])
    assert answer.status_code == 422
    assert codes_of(answer) == [code]
    assert address not in answer.text
    assert len(list(boxes(demo).all())) == before


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"parameter": [{"name": "patient", "valueBoolean": True}]}, "mail.document-missing"),
        (
            {"parameter": [{"name": "document", "valueReference": {"reference": "DocumentReference/x"}}]},
            "mail.recipient-missing",
        ),
        ({"parameter": [{"name": "copies", "valueInteger": 3}]}, "mail.parameter"),
        ({"parameter": [{"name": "patient", "valueString": "yes"}]}, "mail.value"),
    ],
)
def test_a_request_that_is_not_understood_names_what_is_wrong(
    demo: RunningDemo, parameters: dict[str, Any], code: str
) -> None:
    answer = demo.post(WRITER, SEND, {"resourceType": "Parameters", **parameters})
    assert answer.status_code == 422
    assert code in codes_of(answer)


def test_documents_of_two_patients_are_not_put_into_one_message(demo: RunningDemo) -> None:
    documents = [demo.publish(WRITER, patient)["id"] for patient in ("adult", "minor")]
    assert codes_of(send(demo, WRITER, *documents, recipients=[box()])) == ["mail.one-patient"]


def test_a_repeated_request_is_not_sent_twice(demo: RunningDemo) -> None:
    to, key = box(), uuid.uuid4().hex
    document = demo.publish(WRITER, "adult")["id"]
    body = send_parameters(document, recipients=[to])
    answers = [demo.post(WRITER, SEND, body, Idempotency_Key=key) for _ in range(2)]
    first, second = (tasks_of(answer)[0]["id"] for answer in answers)
    assert first == second
    other = demo.post(WRITER, SEND, send_parameters(document, recipients=[box()]), Idempotency_Key=key)
    assert codes_of(other) == ["publication.idempotency-mismatch"]
    settled(demo, WRITER, first)
    assert len(received(demo, to)) == 1


def test_what_is_masked_between_the_request_and_its_leaving_does_not_leave(demo: RunningDemo) -> None:
    to = box()
    with halted(demo):
        document = demo.publish(WRITER, "adult")["id"]
        other = demo.publish(WRITER, "adult")["id"]
        (masked,) = tasks_of(send(demo, "other-doctor", document, recipients=[to]))
        (withdrawn,) = tasks_of(send(demo, WRITER, other, recipients=[to]))
        assert demo.label(WRITER, document, "MASQUE_PS").status_code == 200
        assert demo.call(WRITER, "DELETE", f"/DocumentReference/{other}").status_code == 200
    # To the one who asked it no longer exists: neither that it was masked nor that it is there is told.
    for persona, asked in (("other-doctor", masked), (WRITER, withdrawn)):
        found = settled(demo, persona, asked["id"])
        assert (found["status"], business(found), reason(found)) == ("failed", "not-sent", "mail.document-unknown")
    colleague = task(demo, "nurse", withdrawn["id"])
    assert reason(colleague) == "mail.not-sent"
    assert received(demo, to) == []


def test_a_change_that_still_allows_it_is_not_sent_under_metadata_that_are_no_longer_true(
    demo: RunningDemo,
) -> None:
    to = box()
    with halted(demo):
        document = demo.publish(WRITER, "adult")["id"]
        (asked,) = tasks_of(send(demo, WRITER, document, recipients=[to]))
        published = demo.post("structure", "/DocumentReference", _with(demo, to=[to]))
        assert published.status_code == 201, published.text
        for each in (document, published.json()["id"]):
            assert demo.label(WRITER, each, "INVISIBLE_PATIENT").status_code in (200, 403)
    assert reason(settled(demo, WRITER, asked["id"])) == "mail.document-changed"


@contextmanager
def halted(demo: RunningDemo, part: str = "outbox") -> Iterator[None]:
    """A part of the demonstration does nothing until the block is left."""
    os.kill(demo.pid(part), signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(demo.pid(part), signal.SIGCONT)


def _with(demo: RunningDemo, *, to: list[str], patient: bool = False, **changes: Any) -> dict[str, Any]:
    asked: list[dict[str, Any]] = [{"url": SEND_TO, "valueUrl": f"mailto:{each}"} for each in to]
    if patient:
        asked.append({"url": SEND_TO_PATIENT, "valueBoolean": True})
    return demo.document("adult", pdf(), extension=asked, **changes)


@pytest.mark.parametrize("persona", [WRITER, "structure", "unauthorised-doctor"])
def test_a_publication_may_send_what_it_publishes_and_says_so(demo: RunningDemo, persona: str) -> None:
    to = box()
    answer = demo.post(persona, "/DocumentReference", _with(demo, to=[to], patient=True))
    assert answer.status_code == 201, answer.text
    links = answer.headers["Link"].split(", ")
    assert len(links) == 2
    for link in links:
        found = settled(demo, persona, link.partition(">")[0].rpartition("/")[2])
        assert found["status"] == "completed", found
        assert found["focus"]["reference"] == f"DocumentReference/{answer.json()['id']}"
    (mail,) = received(demo, to)
    lot = metadata(archive(attachments(mail)["IHE_XDM.zip"]))
    unique_id = answer.json()["masterIdentifier"]["value"].removeprefix("urn:oid:")
    assert unique_id in {each.get("value") for each in lot.iter(f"{RIM}ExternalIdentifier")}


PROFESSIONALS, PATIENT = "mssante-professionals", "mssante-patient"


def _left(answer: Any) -> tuple[str | None, str | None]:
    """What an answer says is owed, and what is being sent."""
    assert answer.status_code in (200, 201), answer.text
    return answer.headers.get("Still-Owed"), answer.headers.get("Being-Sent")


def _tasks(answer: Any) -> list[str]:
    """The ids of the Tasks in its Link."""
    links = [link for link in answer.headers["Link"].split(", ") if 'rel="related"' in link]
    return [link.partition(">")[0].rpartition("/")[2] for link in links]


@pytest.mark.parametrize(
    ("to", "patient", "left"),
    [
        (1, False, (PATIENT, PROFESSIONALS)),
        (0, True, (PROFESSIONALS, PATIENT)),
        (2, True, (None, f"{PROFESSIONALS}, {PATIENT}")),
    ],
)
def test_a_duty_whose_message_is_queued_with_the_publication_is_being_sent_and_not_still_owed(
    demo: RunningDemo, to: int, patient: bool, left: tuple[str | None, str | None]
) -> None:
    body = _with(demo, to=[box() for _ in range(to)], patient=patient, type=typed(LETTER))
    with halted(demo):
        answer = demo.post(WRITER, "/DocumentReference", body, Prefer="return=OperationOutcome")
        assert _left(answer) == left
    assert len(_tasks(answer)) == to + patient
    assert 'rel="urn:dmp-facade:operation:obligations"' in answer.headers["Link"]
    told = {
        issue["details"]["coding"][1]["code"]: issue
        for issue in answer.json()["issue"]
        if issue["details"]["coding"][0]["code"] == "publication.being-sent"
    }
    assert ", ".join(told) == left[1]
    texts = "".join(issue["details"]["text"] for issue in told.values())
    for task_id in _tasks(answer):
        assert f"Task/{task_id}" in texts
        assert settled(demo, WRITER, task_id)["status"] == "completed"


def test_what_a_message_that_left_fulfilled_is_owed_no_more_and_what_one_that_failed_did_not_is_owed_again(
    demo: RunningDemo,
) -> None:
    """Asked by the same publication with its key: nothing is sent a second time."""
    good, key = box(), uuid.uuid4().hex
    body = _with(demo, to=[good, box("refuse")], patient=True, type=typed(LETTER))
    with halted(demo):
        first = demo.post(WRITER, "/DocumentReference", body, Idempotency_Key=key)
        assert _left(first) == (None, f"{PROFESSIONALS}, {PATIENT}")
    done = [settled(demo, WRITER, task_id) for task_id in _tasks(first)]
    assert sorted(each["status"] for each in done) == ["completed", "completed", "failed"]
    (failed,) = [each for each in done if each["status"] == "failed"]
    assert [coding["code"] for coding in failed["reasonCode"]["coding"]] == [PROFESSIONALS]
    assert "reasonCode" not in task(demo, "nurse", failed["id"])
    again = demo.post(WRITER, "/DocumentReference", body, Idempotency_Key=key)
    assert (_left(again), _tasks(again)) == ((PROFESSIONALS, None), _tasks(first))
    assert len(received(demo, good)) == 1


def test_a_message_nobody_knows_to_have_left_is_not_called_owed_it_could_be_there_twice(demo: RunningDemo) -> None:
    key = uuid.uuid4().hex
    body = _with(demo, to=[box("cut")], type=typed(LETTER))
    first = demo.post(WRITER, "/DocumentReference", body, Idempotency_Key=key)
    (task_id,) = _tasks(first)
    assert settled(demo, WRITER, task_id)["status"] == "on-hold"
    assert _left(demo.post(WRITER, "/DocumentReference", body, Idempotency_Key=key)) == (PATIENT, PROFESSIONALS)


def test_a_message_of_one_document_of_a_lot_fulfils_nothing_for_another(demo: RunningDemo) -> None:
    bundle = submission(demo, "adult", pdf(), pdf(), type=typed(LETTER))
    sent, other = (each["resource"] for each in bundle["entry"] if each["resource"]["resourceType"] == DOCUMENT)
    sent["extension"] = [*sent.get("extension", []), {"url": SEND_TO_PATIENT, "valueBoolean": True}]
    other.pop("extension", None)
    with halted(demo):
        answer = demo.post(WRITER, "", bundle, Prefer="return=OperationOutcome")
        assert _left(answer) == (f"{PROFESSIONALS}, {PATIENT}", PATIENT)
    duties = [
        [
            coding["code"]
            for issue in entry["response"].get("outcome", {}).get("issue", [])
            if issue["details"]["coding"][0]["code"] == "publication.still-owed"
            for coding in issue["details"]["coding"][1:]
        ]
        for entry in answer.json()["entry"]
    ]
    assert [each for each in duties if each] == [[PROFESSIONALS], [PROFESSIONALS, PATIENT]]


def test_the_task_of_a_publication_is_of_a_kind_that_is_served(demo: RunningDemo) -> None:
    answer = demo.post(WRITER, "/DocumentReference", _with(demo, to=[box()]))
    found = settled(demo, WRITER, _tasks(answer)[0])
    kinds = demo.call("", "GET", "/CodeSystem/task-code").json()
    (coding,) = found["code"]["coding"]
    assert (coding["system"], coding["code"]) == (kinds["url"], "send")
    assert coding["code"] in [each["code"] for each in kinds["concept"]]


def test_a_lot_may_be_sent_whole(demo: RunningDemo) -> None:
    to, bundle = box(), submission(demo, "adult", pdf(), pdf())
    lot = next(entry["resource"] for entry in bundle["entry"] if entry["resource"]["resourceType"] == "List")
    lot["extension"] = [*lot.get("extension", []), {"url": SEND_TO, "valueUrl": f"mailto:{to}"}]
    answer = demo.post(WRITER, "", bundle)
    assert answer.status_code == 200, answer.text
    settled(demo, WRITER, answer.headers["Link"].partition(">")[0].rpartition("/")[2])
    (mail,) = received(demo, to)
    files = attachments(mail)
    assert len([name for name in files if name.endswith(".pdf")]) == 2
    assert len(metadata(archive(files["IHE_XDM.zip"])).findall(f".//{RIM}ExtrinsicObject")) == 2
    assert "2 documents" in str(mail.message["Subject"])


def test_the_recipient_a_lot_names_is_neither_written_to_nor_named_in_the_archive(demo: RunningDemo) -> None:
    """The DMP has no place for it, and what is sent says what was sent to the DMP."""
    to, named, bundle = box(), box("named"), submission(demo, "adult", pdf())
    lot = next(entry["resource"] for entry in bundle["entry"] if entry["resource"]["resourceType"] == "List")
    telecom = [{"system": "email", "value": named}]
    person = {"resourceType": "Practitioner", "id": "zaq", "name": [{"family": "ZAQNOM"}], "telecom": telecom}
    lot["contained"] = [*lot.get("contained", []), person]
    intended = {"url": INTENDED, "valueReference": {"reference": "#zaq"}}
    lot["extension"] = [*lot.get("extension", []), intended, {"url": SEND_TO, "valueUrl": f"mailto:{to}"}]
    answer = demo.post(WRITER, "", bundle)
    assert "submission-set.recipient" in answer.text
    for task_id in _tasks(answer):
        settled(demo, WRITER, task_id)
    (mail,) = received(demo, to)
    written = archive(attachments(mail)["IHE_XDM.zip"])["IHE_XDM/SUBSET01/METADATA.XML"].decode()
    assert "RegistryPackage" in written
    assert not [word for word in ("ZAQNOM", named, "intendedRecipient") if word in written]
    assert received(demo, named) == []


def test_a_publication_whose_sending_is_refused_is_not_published(demo: RunningDemo) -> None:
    sent = len(demo.log())
    answer = demo.post(
        WRITER, "/DocumentReference", _with(demo, to=[], patient=True, securityLabel=hidden("INVISIBLE_PATIENT"))
    )
    assert answer.status_code == 403
    assert "sending.patient.hidden-by-professional" in rules(answer)
    assert not [line for line in demo.log()[sent:] if "TD2.1" in json.dumps(line) or "Provide" in json.dumps(line)]


def test_a_publication_repeated_with_its_key_is_sent_once(demo: RunningDemo) -> None:
    to, key = box(), uuid.uuid4().hex
    body = _with(demo, to=[to])
    answers = [demo.post(WRITER, "/DocumentReference", body, Idempotency_Key=key) for _ in range(2)]
    assert answers[0].headers["Link"] == answers[1].headers["Link"]
    settled(demo, WRITER, answers[0].headers["Link"].partition(">")[0].rpartition("/")[2])
    assert len(received(demo, to)) == 1


def test_a_citizen_who_publishes_sends_nothing(demo: RunningDemo) -> None:
    answer = demo.post("patient-adult", "/DocumentReference", _with(demo, to=[box()]))
    assert answer.status_code in (403, 501), answer.text


def test_a_task_is_whole_for_the_one_who_asked_bare_for_a_colleague_and_nothing_for_others(demo: RunningDemo) -> None:
    to = box()
    document = demo.publish(WRITER, "adult")["id"]
    (sent,) = tasks_of(send(demo, WRITER, document, recipients=[to]))
    own = settled(demo, WRITER, sent["id"])
    assert own["for"]["reference"].startswith("Patient/")
    assert own["focus"] == {"reference": f"DocumentReference/{document}"}
    colleague = task(demo, "nurse", sent["id"])
    assert not {"for", "focus", "input"} & set(colleague)
    assert to not in json.dumps(colleague)
    assert document not in json.dumps(colleague)
    assert demo.call(READER, "GET", f"/Task/{sent['id']}").status_code == 404
    assert demo.call("patient-adult", "GET", f"/Task/{sent['id']}").status_code == 403


def test_tasks_are_searched_by_the_structure_and_by_patient_only_by_who_asked(demo: RunningDemo) -> None:
    document = demo.publish(WRITER, "minor")["id"]
    (sent,) = tasks_of(send(demo, WRITER, document, recipients=[box()]))
    settled(demo, WRITER, sent["id"])

    def ids(persona: str, **params: str) -> list[str]:
        answer = demo.call(persona, "GET", "/Task", params={"code": "send", **params})
        assert answer.status_code == 200, answer.text
        return [entry["resource"]["id"] for entry in answer.json().get("entry", [])]

    assert sent["id"] in ids(WRITER, **{"patient.identifier": demo.ins("minor")})
    assert sent["id"] not in ids("nurse", **{"patient.identifier": demo.ins("minor")})
    assert sent["id"] in ids("nurse", status="completed", _count="200")
    assert sent["id"] not in ids(WRITER, status="failed", _count="200")
    assert sent["id"] not in ids(READER, _count="200")
    page = demo.call(WRITER, "GET", "/Task", params={"code": "send", "_count": "1"}).json()
    assert [link["relation"] for link in page["link"]] == ["self", "next"]


def test_the_trace_says_to_whom_and_the_logs_do_not(demo: RunningDemo) -> None:
    to = box()
    document = demo.publish(WRITER, "adult")["id"]
    traces = TraceBook(demo)
    answer = send(demo, WRITER, document, recipients=[to])
    (sent,) = tasks_of(answer)
    settled(demo, WRITER, sent["id"])
    written = [trace for trace in traces.new() if trace.correlation_id == answer.headers["X-Request-Id"]]
    assert [(trace.act, trace.recipients, trace.outcome) for trace in written] == [("send", to, "success")] * 2
    history = demo.call("patient-adult", "GET", "/AuditEvent", params={"patient.identifier": demo.ins("adult")})
    assert to in history.text
    for name in ("facade", "outbox", "mail"):
        log = (demo.data / f"{name}.log").read_text()
        assert to not in log
        assert demo.patients["adult"]["value"] not in log


def test_nothing_of_a_waiting_message_can_be_read_in_the_database(demo: RunningDemo) -> None:
    to = box()
    with halted(demo):
        marked = uuid.uuid4().hex
        document = demo.publish(WRITER, "adult", pdf(marked))["id"]
        (sent,) = tasks_of(send(demo, WRITER, document, recipients=[to], body={"valueString": f"mot {marked}"}))
        stored = b"".join(path.read_bytes() for path in demo.data.glob("facade.db*"))
        for secret in (marked, base64.b64encode(marked.encode()).decode()[:20]):
            assert secret.encode() not in stored
    settled(demo, WRITER, sent["id"])
    (mail,) = received(demo, to)
    assert marked in mail.message.get_body().get_content()  # type: ignore[union-attr]
