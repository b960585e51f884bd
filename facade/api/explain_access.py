"""POST /DocumentReference/$explain-access: why the caller may do something, or may not."""

from __future__ import annotations

from flask import Response
from flask_smorest import Blueprint

from facade.api.declared import Declaration
from facade.api.exchange import JSON, XML, actor, body_resource, fhir, language, services
from facade.api.interactions import interaction
from facade.transactions.explain_access import explain_access
from facade.translation import validation
from facade.translation.explain_access import explanation, read_question

blueprint = Blueprint("explain-access", __name__, description="What the caller may do, and why")
_OPERATION = Declaration("", "DocumentReference", body=f"{JSON} {XML}")


@interaction(blueprint, "POST", "/DocumentReference/$explain-access", _OPERATION, 200)
def explain() -> Response:
    """The decision on the caller's own access, the rule and its legal basis: TD0.2, and TD3.1 for a document."""
    parameters = body_resource("Parameters")
    validation.validate_resource(parameters, "Parameters")
    act, decision = explain_access(services(), actor(), read_question(parameters, services().subjects))
    return fhir(explanation(act, decision, language()))
