"""GET /DocumentReference/$changes: what became of the documents of a record since it was last opened."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import quote, urlencode

from flask import Response, request
from flask_smorest import Blueprint

from facade.api.bundles import used_parameters
from facade.api.declared import Declaration, Parameter
from facade.api.exchange import actor, error_table, fhir, language, services, strict
from facade.api.interactions import interaction
from facade.api.outcomes import outcome
from facade.api.searching import issues
from facade.domain.errors import Problem
from facade.transactions.changes import Changes, find_changes
from facade.translation.changes_in import changes_query
from facade.translation.changes_out import changes_bundle

blueprint = Blueprint("changes", __name__, description="What became of the documents of a record")
_OPERATION = Declaration(
    "",
    "DocumentReference",
    (
        Parameter("patient.identifier", "token", "INS of the patient: system|value. This or patient is required"),
        Parameter("patient", "reference", "Patient/{id} as this server gave it"),
        Parameter("since", "date", "When the record was last opened; left out, or older: two years ago"),
        Parameter("known", "token", "Ids of documents the client holds: those that are not there any more are named"),
    ),
)
# A submissionTime is the sender's clock, and a lot may be sent hours after it was made: a day is looked at again.
_OVERLAP = timedelta(days=1)


@interaction(blueprint, "GET", "/DocumentReference/$changes", _OPERATION, 200)
def changes() -> Response:
    """New and replaced documents, changed visibility and availability since then: TD0.2 and TD3.1."""
    parts = services()
    params = list(request.args.items(multi=True))
    asked = [(name, value) for name, value in params if name not in ("_format", "_pretty")]
    wanted = changes_query(asked, tables=parts.codes, rules=parts.subjects, strict=strict())
    found = find_changes(parts, actor(), wanted)
    told = issues(found.warnings, wanted.ignored)
    if found.limited:
        told.append(
            error_table().issue(Problem("changes.window-limited", ("since",), severity="information"), language())
        )
    used = [each for each in used_parameters(params, wanted.ignored, found.patient) if each[0] in ("since", "_since")]
    return fhir(
        changes_bundle(
            found.changes,
            found.gone,
            base=parts.settings.fhir_base,
            asked_at=found.asked_at,
            links=_links(found, used),
            outcome=outcome(told) if told else None,
        )
    )


def _links(found: Changes, used: list[tuple[str, str]]) -> list[dict[str, str]]:
    """Where this came from, and what to ask at the next opening; no link carries an INS."""
    parts = services()
    following = (found.asked_at - _OVERLAP).strftime("%Y-%m-%dT%H:%M:%SZ")

    def link(relation: str, params: list[tuple[str, str]]) -> dict[str, str]:
        query = urlencode([("patient", parts.ids.seal_patient(found.patient)), *params], quote_via=quote)
        return {"relation": relation, "url": f"{parts.settings.fhir_base}/DocumentReference/$changes?{query}"}

    return [link("self", used), link("next-opening", [("since", following)])]
