"""One of every kind of resource that leaves a running facade, by a name that says where it came from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from facade.embedded.sample import HOSPITAL
from facade.records.alerts import Alerts, Reached
from facade.records.engine import open_database
from tests.support.api import AUTHOR, PS_IDNAT, Resource, submission
from tests.support.demo import FHIR_JSON, MASKS, RunningDemo, pdf
from tests.support.mail import send_parameters
from tests.support.tasks import ordered, task

WRITER, READER = "author-doctor", "treating-doctor"
_CONSENT = {
    "resourceType": "Consent",
    "status": "active",
    "scope": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}]},
    "policyRule": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "OPTOUT"}]},
}


def consent(demo: RunningDemo, patient: str, category: str = "opposition-feeding") -> Resource:
    """A Consent as a client writes it."""
    coding = {"system": "urn:dmp-facade:consent-category", "code": category}
    return _CONSENT | {"category": [{"coding": [coding]}], "patient": {"identifier": demo.patients[patient]}}


def outbound(demo: RunningDemo) -> dict[str, Resource]:
    """Publish, mask, replace, refuse and record, and keep every answer. The Consent made for it is withdrawn."""
    found = {f"documents: {name}": each for name, each in _documents(demo)}
    found |= {f"records: {name}": each for name, each in _records(demo)}
    found |= {f"tasks: {name}": each for name, each in _tasks(demo)}
    found["alerts"] = _alerts(demo)
    return found | {f"conformance: {name}": each for name, each in _conformance(demo)}


def _alerts(demo: RunningDemo) -> Resource:
    """What supervision tells of somebody who is nobody here."""
    now = datetime.now(UTC)
    database = open_database(f"sqlite:///{demo.data / 'facade.db'}")
    Alerts(database).note([Reached("refusals", "medium", "899700099999", HOSPITAL.id, now, now, 25)], now)
    database.close()
    return _json(demo.call(WRITER, "GET", "/Flag"))


def _documents(demo: RunningDemo) -> Iterator[tuple[str, Resource]]:
    def get(path: str, **sent: Any) -> Resource:
        return _json(demo.call(READER, "GET", path, **sent))

    old = demo.publish(WRITER, "adult")
    by_id = [{"code": "replaces", "target": {"reference": f"DocumentReference/{old['id']}"}}]
    new = demo.publish(WRITER, "adult", relatesTo=by_id, description="remplace")
    yield "created", old
    yield "replacing", new
    yield "masked", _json(demo.label(WRITER, new["id"], "MASQUE_PS"))
    yield "superseded", get(f"/DocumentReference/{old['id']}")
    yield "read", get(f"/DocumentReference/{new['id']}")
    yield "transaction", _json(demo.post(WRITER, "", submission(demo, "adult", pdf(), pdf())))
    outcome = {"Prefer": "return=OperationOutcome"}
    yield "what was filled", _json(demo.post(WRITER, "/DocumentReference", demo.document("adult", pdf()), **outcome))
    yield "transaction with outcome", _json(demo.post(WRITER, "", submission(demo, "adult"), **outcome))
    for status in ("current", "superseded"):
        yield f"search {status}", _json(demo.search(READER, "adult", status=status, _count="20"))
    yield "page", _json(demo.search(READER, "adult", _count="1", _offset="1", unknown="x"))
    yield "count", _json(demo.search(READER, "adult", _summary="count"))
    yield "binary", get(f"/Binary/{new['id']}", headers={"Accept": FHIR_JSON})
    sent = _json(demo.post(WRITER, "/DocumentReference/$send", send_parameters(new["id"], patient=True)))
    yield "sent", sent
    yield "task", _json(demo.call(WRITER, "GET", f"/Task/{sent['entry'][0]['resource']['id']}"))
    yield "task for a colleague", _json(demo.call("nurse", "GET", f"/Task/{sent['entry'][0]['resource']['id']}"))
    yield "tasks", _json(demo.call(WRITER, "GET", "/Task", params={"code": "send", "_count": "1"}))
    hidden = [{"coding": [{"system": MASKS, "code": "INVISIBLE_PATIENT"}]}]
    demo.publish(WRITER, "adult", securityLabel=hidden)
    yield "still hidden", _json(demo.call(WRITER, "GET", "/DocumentReference/$still-hidden"))
    yield "nothing hidden", _json(demo.call("other-doctor", "GET", "/DocumentReference/$still-hidden"))


def _records(demo: RunningDemo) -> Iterator[tuple[str, Resource]]:
    def get(persona: str, path: str, parameter: str, patient: str) -> Resource:
        return _json(demo.call(persona, "GET", path, params={parameter: demo.ins(patient)}))

    for patient in ("adult", "closed", "absent"):
        yield f"patient {patient}", get(READER, "/Patient", "identifier", patient)
    written = _json(demo.post(WRITER, "/Consent", consent(demo, "minor")))
    yield "consent", written
    yield "consents", get(WRITER, "/Consent", "patient.identifier", "minor")
    yield "withdrawn consent", _json(demo.call(WRITER, "DELETE", f"/Consent/{written['id']}"))
    yield "consent history", _json(demo.call(WRITER, "GET", f"/Consent/{written['id']}/_history"))
    yield "consents of the DMP", get(READER, "/Consent", "patient.identifier", "adult")
    reason = {"Purpose-Of-Use": "bris_de_glace", "Purpose-Of-Use-Reason": "urgence"}
    demo.search("unauthorised-doctor", "adult", headers=reason)
    yield "history", get("patient-adult", "/AuditEvent", "patient.identifier", "adult")
    fed = {"patient.identifier": demo.ins("adult"), "_count": "20"}
    for persona in (WRITER, READER):
        yield (
            f"fed by the structure of {persona}",
            _json(demo.call(persona, "GET", "/DocumentReference/$fed", params=fed)),
        )
    duties = {"type": "11502-2", "context": "hospital-stay"}
    yield "obligations", _json(demo.call("", "GET", "/DocumentReference/$obligations", params=duties))
    yield "not found", _json(demo.call(READER, "GET", "/DocumentReference/none"))
    yield "refused by a rule", get("patient-adult", "/Patient", "identifier", "minor")
    yield "no token", _json(demo.call("", "GET", "/Patient"))
    yield "invalid", _json(demo.post(WRITER, "/DocumentReference", {"resourceType": "DocumentReference"}))


def _tasks(demo: RunningDemo) -> Iterator[tuple[str, Resource]]:
    demo.publish(WRITER, "minor")
    start, author = {"start": "2020-01", "end": "2090-12-31"}, {"system": PS_IDNAT, "value": AUTHOR}
    asked = ordered(demo, WRITER, "minor", content=True, maximum=2, created=start, author=author)
    yield "ordered", asked
    yield "fetched", _json(demo.call(WRITER, "POST", f"/Task/{asked['id']}/$run"))
    held = _json(demo.call(WRITER, "GET", f"/Task/{asked['id']}/$preloaded"))
    yield "preloaded", held
    url = held["entry"][0]["resource"]["content"][0]["attachment"]["url"]
    yield "preloaded content", _json(demo.call(WRITER, "GET", url, headers={"Accept": FHIR_JSON}))
    yield "tasks", _json(demo.call(WRITER, "GET", "/Task", params={"code": "preload", "unknown": "x"}))
    yield "ended", _json(demo.call(WRITER, "POST", f"/Task/{asked['id']}/$end"))
    yield "not ordered", _json(demo.post(WRITER, "/Task", task(demo, maximum=11, content=True)))


def _conformance(demo: RunningDemo) -> Iterator[tuple[str, Resource]]:
    get: Callable[[str], Resource] = lambda path: _json(demo.call("", "GET", path))  # noqa: E731
    yield "capabilities", get("/metadata")
    for kind in ("CodeSystem", "OperationDefinition", "SearchParameter", "StructureDefinition", "ValueSet"):
        yield kind, get(f"/{kind}")


def _json(answer: Any) -> Resource:
    resource: Resource = answer.json()
    return resource


def inside(value: Any) -> Iterator[Resource]:
    """Every resource in a JSON value: itself, those of a Bundle, contained ones."""
    if isinstance(value, dict) and "resourceType" in value:
        yield value
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from inside(each)
