"""No route goes around the choke point: without a token nothing, with one exactly one trace for each act."""

from __future__ import annotations

import ast
import base64
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from flask import Flask

import facade
from facade.api.declared import Declaration, declares
from facade.api.security import PUBLIC
from facade.domain.dmp import DmpGateway
from tests.leaks.routes import GENERATORS, declared_routes
from tests.support.api import URI, TraceBook, application, cda, submission
from tests.support.demo import FHIR_JSON, JSON_PATCH, MASKS, RunningDemo, pdf
from tests.support.mail import send_parameters
from tests.support.tasks import ordered, task

WRITER = "author-doctor"
HOUSE = Path(facade.__file__).parent
Call = Callable[[RunningDemo, str], requests.Response]
Routes = list[tuple[str, str]]
MASK = json.dumps(
    [{"op": "add", "path": "/securityLabel/-", "value": {"coding": [{"system": MASKS, "code": "MASQUE_PS"}]}}]
)


def _routes() -> Routes:
    """Every method of every route that is not public."""
    return sorted(_guarded(application()))


def _guarded(app: Flask) -> set[tuple[str, str]]:
    return {
        (method, rule.rule)
        for rule in app.url_map.iter_rules()
        if rule.endpoint not in PUBLIC
        for method in (rule.methods or set()) - {"OPTIONS"}
    }


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


def _statement(demo: RunningDemo) -> dict[str, Any]:
    """An information given to the patient: of all statements the one that changes nothing for the other tests."""
    return {
        "resourceType": "Consent",
        "status": "active",
        "scope": {
            "coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}]
        },
        "category": [{"coding": [{"code": "information-given"}]}],
        "patient": {"identifier": demo.patients["adult"]},
        "extension": [{"url": "urn:dmp-facade:information-channel", "valueCode": "face-to-face"}],
    }


def _on_consent(suffix: str = "") -> Call:
    def call(demo: RunningDemo, method: str) -> requests.Response:
        made = demo.post("nurse", "/Consent", _statement(demo)).json()
        sent = {"data": json.dumps(made), "headers": {"Content-Type": FHIR_JSON}} if method == "PUT" else {}
        return demo.call(WRITER, method, f"/Consent/{made['id']}{suffix}", **sent)

    return call


def _post(path: str, make: Callable[[RunningDemo], dict[str, Any]]) -> Call:
    return lambda demo, method: demo.call(
        WRITER, method, path, data=json.dumps(make(demo)), headers={"Content-Type": FHIR_JSON}
    )


def _question(demo: RunningDemo) -> dict[str, Any]:
    return {
        "resourceType": "Parameters",
        "parameter": [{"name": "patient", "valueIdentifier": demo.patients["adult"]}],
    }


def _cda(demo: RunningDemo) -> dict[str, Any]:
    content = cda(demo.patients["adult"]["value"], "1.2.250.1.999.77")
    return {"resourceType": "Binary", "contentType": "text/xml", "data": base64.b64encode(content).decode()}


def _lot(demo: RunningDemo, method: str) -> requests.Response:
    published = demo.post("nurse", "", submission(demo, "adult"))
    location = published.json()["entry"][0]["response"]["location"]
    return demo.call(WRITER, method, f"/List/{location.split('List/')[1].split('/')[0]}")


def _sending(demo: RunningDemo) -> dict[str, Any]:
    document = demo.publish("nurse", "adult")["id"]
    return send_parameters(document, recipients=("confrere@choke.mssante.fr",), patient=True)


def _messages(demo: RunningDemo, method: str) -> requests.Response:
    sent = {"code": "send", "patient.identifier": demo.ins("adult")}
    return demo.call(WRITER, method, "/Task/_search", data=sent)


def _on_task(suffix: str = "") -> Call:
    """On a preload of its own for each call."""
    return lambda demo, method: demo.call(WRITER, method, f"/Task/{ordered(demo, WRITER)['id']}{suffix}")


def _preloaded(demo: RunningDemo) -> dict[str, Any]:
    """A preload that holds the content of one document."""
    demo.publish(WRITER, "adult")
    made = ordered(demo, WRITER, content=True, maximum=1)
    assert demo.call(WRITER, "POST", f"/Task/{made['id']}/$run").status_code == 200
    return made


def _on_preloaded(demo: RunningDemo, method: str) -> requests.Response:
    return demo.call(WRITER, method, f"/Task/{_preloaded(demo)['id']}/$preloaded")


def _on_preloaded_content(demo: RunningDemo, method: str) -> requests.Response:
    held = demo.call(WRITER, "GET", f"/Task/{_preloaded(demo)['id']}/$preloaded").json()["entry"][0]["resource"]
    return demo.call(WRITER, method, held["content"][0]["attachment"]["url"])


DOCUMENT, ONE_DOCUMENT = "/fhir/DocumentReference", "/fhir/DocumentReference/<id>"
_PATCHED = {"data": MASK, "headers": {"Content-Type": JSON_PATCH}}
WORKLIST, GENERATE = "/fhir/DocumentReference/$still-hidden", "/fhir/DocumentReference/$generate-metadata"
TASK, ONE_TASK = "/fhir/Task", "/fhir/Task/<id>"
# No record is opened: their traces name no patient.
NOBODYS = {
    *((method, route) for method in ("GET", "HEAD") for route in (TASK, WORKLIST, "/fhir/Flag")),
    ("POST", GENERATE),
    ("POST", f"{TASK}/_search"),
}
ONE_CONSENT, VERSIONS = "/fhir/Consent/<id>", "/fhir/Consent/<id>/_history"
# How each route is called, and the acts its traces must then name.
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
    ("HEAD", f"{DOCUMENT}/$changes"): (_get("/DocumentReference/$changes", "patient.identifier"), ["search"]),
    ("POST", GENERATE): (
        _post("/DocumentReference/$generate-metadata", _cda),
        ["generate-metadata"],
    ),
    ("POST", f"{DOCUMENT}/$explain-access"): (_post("/DocumentReference/$explain-access", _question), ["check"]),
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
    ("POST", "/fhir/AuditEvent/_search"): (_form("/AuditEvent/_search", "patient.identifier"), ["read-traces"]),
    ("POST", "/fhir/Consent"): (_post("/Consent", _statement), ["record-consent"]),
    ("POST", "/fhir/Consent/_search"): (
        _form("/Consent/_search", "patient.identifier"),
        ["list-authorisations", "read-consent"],
    ),
    ("GET", ONE_CONSENT): (_on_consent(), ["read-consent"]),
    ("HEAD", ONE_CONSENT): (_on_consent(), ["read-consent"]),
    ("PUT", ONE_CONSENT): (_on_consent(), ["record-consent"]),
    ("DELETE", ONE_CONSENT): (_on_consent(), ["record-consent"]),
    ("GET", VERSIONS): (_on_consent("/_history"), ["read-consent"]),
    ("HEAD", VERSIONS): (_on_consent("/_history"), ["read-consent"]),
    ("GET", f"{VERSIONS}/<version>"): (_on_consent("/_history/1"), ["read-consent"]),
    ("HEAD", f"{VERSIONS}/<version>"): (_on_consent("/_history/1"), ["read-consent"]),
    ("POST", TASK): (_post("/Task", task), ["preload"]),
    ("GET", TASK): (_get("/Task"), ["list-preloads", "read-tasks"]),
    ("HEAD", TASK): (_get("/Task?code=preload"), ["list-preloads"]),
    ("POST", f"{TASK}/_search"): (_messages, ["read-tasks"]),
    ("GET", ONE_TASK): (_on_task(), ["preload"]),
    ("HEAD", ONE_TASK): (_on_task(), ["preload"]),
    ("DELETE", ONE_TASK): (_on_task(), ["end-preload"]),
    # Judged once to begin; then the search, and the limits once it is known what there is.
    ("GET", f"{ONE_TASK}/$preloaded"): (_on_preloaded, ["read"]),
    ("HEAD", f"{ONE_TASK}/$preloaded"): (_on_preloaded, ["read"]),
    ("POST", f"{ONE_TASK}/$run"): (_on_task("/$run"), ["preload", "search", "preload"]),
    ("POST", f"{ONE_TASK}/$end"): (_on_task("/$end"), ["end-preload"]),
    ("GET", f"{ONE_TASK}/$preloaded-content"): (_on_preloaded_content, ["retrieve"]),
    ("HEAD", f"{ONE_TASK}/$preloaded-content"): (_on_preloaded_content, ["retrieve"]),
    ("GET", "/fhir/Flag"): (_get("/Flag"), ["list-alerts"]),
    ("HEAD", "/fhir/Flag"): (_get("/Flag"), ["list-alerts"]),
    ("GET", f"{DOCUMENT}/$fed"): (_get("/DocumentReference/$fed", "patient.identifier"), ["list-fed"]),
    ("HEAD", f"{DOCUMENT}/$fed"): (_get("/DocumentReference/$fed", "patient.identifier"), ["list-fed"]),
    ("POST", f"{DOCUMENT}/$send"): (_post("/DocumentReference/$send", _sending), ["send", "send-to-patient"]),
    ("GET", WORKLIST): (_get("/DocumentReference/$still-hidden"), ["list-still-hidden"]),
    ("HEAD", WORKLIST): (_get("/DocumentReference/$still-hidden"), ["list-still-hidden"]),
}
# What is served without a token. None of it may know a patient: a route is added here for that reason only.
OPEN = {
    "/fhir/CodeSystem",
    "/fhir/CodeSystem/<id>",
    "/fhir/Consent/$information-notice",
    "/fhir/DocumentReference/$obligations",
    "/fhir/OperationDefinition",
    "/fhir/OperationDefinition/<id>",
    "/fhir/SearchParameter",
    "/fhir/SearchParameter/<id>",
    "/fhir/StructureDefinition",
    "/fhir/StructureDefinition/<id>",
    "/fhir/ValueSet",
    "/fhir/ValueSet/<id>",
    "/fhir/metadata",
    "/fhir/.well-known/smart-configuration",
    "/healthz",
    "/readyz",
    "/metrics",
    "/openapi.json",
}


@pytest.mark.parametrize(("method", "route"), _routes())
def test_a_route_without_a_token_answers_401_and_sends_and_traces_nothing(
    demo: RunningDemo, method: str, route: str
) -> None:
    traces, sent = TraceBook(demo), len(demo.log())
    path = route.replace("<id>", "x").replace("<version>", "1")
    assert "<" not in path
    answer = requests.request(method, f"{demo.root}{path}", timeout=20, headers={"Content-Type": FHIR_JSON}, data="{}")
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert (traces.new(), len(demo.log())) == ([], sent)


def test_every_route_is_called_here_and_says_how_it_could_leak() -> None:
    assert set(_routes()) == set(CALLS)
    assert {(method, route) for method, route in CALLS if method != "HEAD"} <= declared_routes() & set(GENERATORS)


def test_what_needs_no_token_is_this() -> None:
    found = {rule.rule for rule in application().url_map.iter_rules() if rule.endpoint in PUBLIC}
    assert {rule for rule in found if not rule.startswith("/docs")} == OPEN
    assert {rule.endpoint for rule in application().url_map.iter_rules()} >= PUBLIC


@pytest.mark.parametrize(
    "rule",
    ["/fhir/Secret", "/fhir/Consent/$everything", "/fhir/DocumentReference/$dump", "/dump", "/docs/dump"],
)
@pytest.mark.parametrize("declared", [True, False])
def test_a_route_that_is_added_is_missed_here(rule: str, declared: bool) -> None:
    app = application()

    def view() -> str:
        return "everything"

    app.add_url_rule(rule, "added", declares(Declaration("read", "Secret"))(view) if declared else view)
    assert _guarded(app) - set(CALLS) == {("GET", rule), ("HEAD", rule)}


@pytest.mark.parametrize(("method", "route"), CALLS)
def test_each_call_leaves_exactly_the_trace_of_its_act(demo: RunningDemo, method: str, route: str) -> None:
    call, acts = CALLS[method, route]
    traces = TraceBook(demo)
    answer = call(demo, method)
    assert answer.status_code < 300, answer.text
    written = [trace for trace in traces.new() if trace.correlation_id == answer.headers["X-Request-Id"]]
    expected = [(act, "permit", "success") for act in acts]
    if route.endswith("$send") and len(written) > len(acts):
        # The sender was quick: it judges the message once more, and writes that under the id of the request.
        expected.append(expected[0])
    assert [(trace.act, trace.effect, trace.outcome) for trace in written] == expected
    assert {trace.person_id for trace in written} == {"899700000021"}
    patients = {trace.patient.value for trace in written if trace.patient}
    assert patients == (set() if (method, route) in NOBODYS else {demo.patients["adult"]["value"]})


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


def test_an_order_names_its_patient_and_what_it_held_is_traced_document_by_document(demo: RunningDemo) -> None:
    traces = TraceBook(demo)
    answer = demo.post(WRITER, "/Task", task(demo))
    # Messages of earlier tests may leave meanwhile, with traces of their own.
    ordered = [each for each in traces.new() if each.correlation_id == answer.headers["X-Request-Id"]]
    assert [(each.act, each.effect, each.outcome) for each in ordered] == [("preload", "permit", "success")]
    document = demo.publish(WRITER, "adult")
    assert demo.call(WRITER, "POST", f"/Task/{answer.json()['id']}/$run").status_code == 200
    traces.new()
    shown = demo.call(WRITER, "GET", f"/Task/{answer.json()['id']}/$preloaded")
    held = shown.json()["entry"]
    read = [each for each in traces.new() if each.correlation_id == shown.headers["X-Request-Id"]]
    assert {(each.act, each.effect, each.transaction) for each in read} == {("read", "permit", "local")}
    assert len({each.document for each in read}) == len(read) == len(held)
    assert document["id"] in [each["resource"]["id"] for each in held]


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


def _functions(tree: ast.AST) -> Iterator[ast.FunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


def _calls(tree: ast.AST, name: str) -> bool:
    return any(
        isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name
        for node in ast.walk(tree)
    )


def test_every_function_that_reaches_for_the_dmp_is_given_a_case_or_opens_one() -> None:
    """Or is given the session a Case makes: nobody else makes one. The probes of readiness name no patient."""
    reaching = [
        (name, function)
        for name, tree in _modules("transactions")
        for function in _functions(tree)
        if name != "transactions/readiness.py"
        and any(isinstance(node, ast.Attribute) and node.attr == "gateway" for node in ast.walk(function))
    ]
    assert len(reaching) > 10
    for name, function in reaching:
        given = {argument.arg for argument in function.args.args}
        within = name == "transactions/case.py" or bool(given & {"case", "session"})
        assert within or _calls(function, "Case"), f"{name}: {function.name}"


def test_only_a_case_makes_the_session_a_question_to_the_dmp_needs() -> None:
    rooms = [room.name for room in HOUSE.iterdir() if room.is_dir() and room.name != "embedded"]
    for made in ("DmpSession", "ChangeSession"):
        assert [name for name, tree in _modules(*rooms) if _calls(tree, made)] == ["transactions/case.py"]


def test_a_session_to_change_the_dmp_with_is_made_once_what_it_does_is_kept() -> None:
    """That nothing is changed without one is shown in tests/dmp/test_dmp_intents.py."""
    ((_, tree),) = [each for each in _modules("transactions") if each[0] == "transactions/case.py"]
    making = [function for function in _functions(tree) if _calls(function, "ChangeSession")]
    assert [function.name for function in making] == ["changing"]
    first = next(node for node in making[0].body if not isinstance(getattr(node, "value", None), ast.Constant))
    assert ast.unparse(first) == "self.intend()"


def test_every_function_that_writes_documents_for_a_client_is_within_a_case() -> None:
    writing = [
        (name, function)
        for name, tree in _modules("transactions")
        for function in _functions(tree)
        if any(
            isinstance(node, ast.Attribute)
            and node.attr in ("document", "documents")
            and ast.unparse(node.value) == "render"
            for node in ast.walk(function)
        )
    ]
    assert len(writing) > 3
    for name, function in writing:
        given = {argument.arg for argument in function.args.args}
        assert "case" in given or _calls(function, "Case"), f"{name}: {function.name}"
