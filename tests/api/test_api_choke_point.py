"""No route goes around the choke point: without a token nothing, with one exactly one trace for each act."""

from __future__ import annotations

import ast
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

import facade
from facade.api.security import PUBLIC
from facade.domain.dmp import DmpGateway
from tests.support.api import URI, TraceBook, application, submission
from tests.support.demo import FHIR_JSON, JSON_PATCH, MASKS, RunningDemo, pdf

WRITER = "author-doctor"
HOUSE = Path(facade.__file__).parent
Call = Callable[[RunningDemo, str], requests.Response]
Routes = list[tuple[str, str]]
MASK = json.dumps(
    [{"op": "add", "path": "/securityLabel/-", "value": {"coding": [{"system": MASKS, "code": "MASQUE_PS"}]}}]
)


def _routes() -> Routes:
    """Every method of every route under /fhir that is not public."""
    rules = [rule for rule in application().url_map.iter_rules() if rule.rule.startswith("/fhir")]
    return sorted(
        (method, rule.rule)
        for rule in rules
        if rule.endpoint not in PUBLIC
        for method in (rule.methods or set()) - {"OPTIONS"}
    )


def _get(path: str, parameter: str = "", patient: str = "adult") -> Call:
    def call(demo: RunningDemo, method: str) -> requests.Response:
        params = {parameter: demo.ins(patient)} if parameter else {}
        return demo.call(WRITER, method, path, params=params)

    return call


def _form(path: str, parameter: str) -> Call:
    return lambda demo, method: demo.call(WRITER, method, path, data={parameter: demo.ins("adult")})


def _on_document(kind: str, **sent: Any) -> Call:
    def call(demo: RunningDemo, method: str) -> requests.Response:
        document = demo.publish("nurse" if method in ("GET", "HEAD") else WRITER, "adult")["id"]
        return demo.call(WRITER, method, f"/{kind}/{document}", **sent)

    return call


def _conditional(demo: RunningDemo, method: str) -> requests.Response:
    document = demo.publish(WRITER, "adult")
    params = {"identifier": f"{URI}|{document['masterIdentifier']['value']}"}
    return demo.call(
        WRITER, method, "/DocumentReference", params=params, data=MASK, headers={"Content-Type": JSON_PATCH}
    )


def _post(path: str, make: Callable[[RunningDemo], dict[str, Any]]) -> Call:
    return lambda demo, method: demo.call(
        WRITER, method, path, data=json.dumps(make(demo)), headers={"Content-Type": FHIR_JSON}
    )


def _lot(demo: RunningDemo, method: str) -> requests.Response:
    published = demo.post("nurse", "", submission(demo, "adult"))
    location = published.json()["entry"][0]["response"]["location"]
    return demo.call(WRITER, method, f"/List/{location.split('List/')[1].split('/')[0]}")


DOCUMENT, ONE_DOCUMENT = "/fhir/DocumentReference", "/fhir/DocumentReference/<id>"
_PATCHED = {"data": MASK, "headers": {"Content-Type": JSON_PATCH}}
# How each route is called, and the acts its traces must then name. Consent's routes are called in test_api_records.
CALLS: dict[tuple[str, str], tuple[Call, list[str]]] = {
    ("POST", "/fhir"): (_post("", lambda demo: submission(demo, "adult")), ["publish"]),
    ("POST", DOCUMENT): (_post("/DocumentReference", lambda demo: demo.document("adult", pdf())), ["publish"]),
    ("GET", DOCUMENT): (_get("/DocumentReference", "patient.identifier"), ["search"]),
    ("HEAD", DOCUMENT): (_get("/DocumentReference", "patient.identifier"), ["search"]),
    ("PATCH", DOCUMENT): (_conditional, ["mask"]),
    ("POST", f"{DOCUMENT}/_search"): (_form("/DocumentReference/_search", "patient.identifier"), ["search"]),
    ("GET", ONE_DOCUMENT): (_on_document("DocumentReference"), ["read"]),
    ("HEAD", ONE_DOCUMENT): (_on_document("DocumentReference"), ["read"]),
    ("PATCH", ONE_DOCUMENT): (_on_document("DocumentReference", **_PATCHED), ["mask"]),
    ("DELETE", ONE_DOCUMENT): (_on_document("DocumentReference"), ["withdraw"]),
    ("GET", f"{DOCUMENT}/$changes"): (_get("/DocumentReference/$changes", "patient.identifier"), ["search"]),
    ("GET", "/fhir/List"): (_get("/List", "patient.identifier"), ["search"]),
    ("HEAD", "/fhir/List"): (_get("/List", "patient.identifier"), ["search"]),
    ("POST", "/fhir/List/_search"): (_form("/List/_search", "patient.identifier"), ["search"]),
    ("GET", "/fhir/List/<id>"): (_lot, ["read"]),
    ("HEAD", "/fhir/List/<id>"): (_lot, ["read"]),
    ("GET", "/fhir/Binary/<id>"): (_on_document("Binary"), ["retrieve"]),
    ("HEAD", "/fhir/Binary/<id>"): (_on_document("Binary"), ["retrieve"]),
    ("GET", "/fhir/Patient"): (_get("/Patient", "identifier"), ["check"]),
    ("HEAD", "/fhir/Patient"): (_get("/Patient", "identifier"), ["check"]),
    ("POST", "/fhir/Patient/_search"): (_form("/Patient/_search", "identifier"), ["check"]),
    ("GET", "/fhir/AuditEvent"): (_get("/AuditEvent", "patient.identifier"), ["read-traces"]),
    ("HEAD", "/fhir/AuditEvent"): (_get("/AuditEvent", "patient.identifier"), ["read-traces"]),
    ("GET", "/fhir/Consent"): (_get("/Consent", "patient.identifier"), ["list-authorisations", "read-consent"]),
    ("HEAD", "/fhir/Consent"): (_get("/Consent", "patient.identifier"), ["list-authorisations", "read-consent"]),
}


@pytest.mark.parametrize(("method", "route"), _routes())
def test_a_route_without_a_token_answers_401_and_sends_and_traces_nothing(
    demo: RunningDemo, method: str, route: str
) -> None:
    traces, sent = TraceBook(demo), len(demo.log())
    path = route.replace("<id>", "x").replace("<version>", "1")
    answer = requests.request(method, f"{demo.root}{path}", timeout=20, headers={"Content-Type": FHIR_JSON}, data="{}")
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert (traces.new(), len(demo.log())) == ([], sent)


def test_every_route_about_documents_and_patients_is_called_here() -> None:
    elsewhere = ("/fhir/Consent", "/fhir/DocumentReference/$")
    uncalled = {route for route in _routes() if route not in CALLS and not route[1].startswith(elsewhere)}
    assert not uncalled
    assert set(CALLS) <= set(_routes())


@pytest.mark.parametrize(("method", "route"), CALLS)
def test_each_call_leaves_exactly_the_trace_of_its_act(demo: RunningDemo, method: str, route: str) -> None:
    call, acts = CALLS[method, route]
    traces = TraceBook(demo)
    answer = call(demo, method)
    assert answer.status_code < 300, answer.text
    written = [trace for trace in traces.new() if trace.correlation_id == answer.headers["X-Request-Id"]]
    assert [(trace.act, trace.effect, trace.outcome) for trace in written] == [
        (act, "permit", "success") for act in acts
    ]
    assert {trace.person_id for trace in written} == {"899700000021"}
    assert {trace.patient.value for trace in written if trace.patient} == {demo.patients["adult"]["value"]}


def _refused(demo: RunningDemo) -> Iterator[tuple[str, requests.Response]]:
    masked = demo.publish(WRITER, "adult", securityLabel=[{"coding": [{"system": MASKS, "code": "MASQUE_PS"}]}])
    yield "search", demo.search("unauthorised-doctor", "adult")
    yield "read", demo.call("nurse", "GET", f"/DocumentReference/{masked['id']}")
    yield "retrieve", demo.call("nurse", "GET", f"/Binary/{masked['id']}")
    yield "publish", demo.post(WRITER, "/DocumentReference", demo.document("closed", pdf()))
    yield "check", demo.call("patient-adult", "GET", "/Patient", params={"identifier": demo.ins("minor")})
    yield (
        "read-traces",
        demo.call("patient-adult", "GET", "/AuditEvent", params={"patient.identifier": demo.ins("minor")}),
    )


def test_a_refusal_leaves_its_trace_too(demo: RunningDemo) -> None:
    traces = TraceBook(demo)
    for act, answer in _refused(demo):
        assert answer.status_code in (403, 404), answer.text
        written = [trace for trace in traces.new() if trace.correlation_id == answer.headers["X-Request-Id"]]
        assert [(trace.act, trace.effect, trace.outcome) for trace in written] == [(act, "deny", "refused")]


def test_the_chain_of_traces_is_whole(demo: RunningDemo) -> None:
    from facade.records.engine import open_database
    from facade.records.traces import Traces

    assert Traces(open_database(f"sqlite:///{demo.data / 'facade.db'}")).verify() == []


def _modules(*rooms: str) -> Iterator[tuple[str, ast.Module]]:
    for room in rooms:
        for path in sorted((HOUSE / room).rglob("*.py")):
            yield str(path.relative_to(HOUSE)), ast.parse(path.read_text(encoding="utf-8"))


def _imports(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{name.name}" for name in node.names)


def test_the_http_layer_knows_no_dmp_no_database_and_no_policy() -> None:
    forbidden = ("facade.dmp", "facade.records", "facade.policy", "facade.domain.dmp", "lxml", "sqlalchemy", "requests")
    found = [(name, each) for name, tree in _modules("api") for each in _imports(tree) if each.startswith(forbidden)]
    assert found == []


def test_the_http_layer_touches_no_part_that_only_a_transaction_may() -> None:
    parts = {"gateway", "database", "traces", "publications", "policy", "access"}
    found = [
        (name, node.attr, node.lineno)
        for name, tree in _modules("api")
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr in parts
    ]
    assert found == []


def test_only_transactions_speak_to_the_dmp() -> None:
    methods = {name for name in vars(DmpGateway) if not name.startswith("_")}
    others = [
        room.name for room in HOUSE.iterdir() if room.is_dir() and room.name not in ("transactions", "dmp", "embedded")
    ]
    found = [
        (name, node.func.attr, node.lineno)
        for name, tree in _modules(*others)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in methods
        and ast.unparse(node.func.value).rpartition(".")[2] == "gateway"
    ]
    assert found == []
    assert {"publish", "retrieve", "check_access"} <= methods


def test_every_transaction_that_speaks_to_the_dmp_is_given_a_case_or_opens_one() -> None:
    for name, tree in _modules("transactions"):
        source = ast.unparse(tree)
        if "gateway." in source and name not in ("transactions/readiness.py", "transactions/versions.py"):
            assert "Case" in source, name
