"""GET /DocumentReference/$obligations: what the law wants done with a document. It knows no patient: no token."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any
from urllib.parse import quote, urlencode

from flask import Response, request
from flask_smorest import Blueprint

from facade import knowledge
from facade.api.declared import Declaration, Parameter
from facade.api.exchange import error_table, fhir, language, services, wants_xml
from facade.api.open_routes import CACHED, serves
from facade.api.schemas import refusals
from facade.api.search_values import not_understood
from facade.domain.errors import InvalidInput, Problem
from facade.domain.obligations import LeftToDo, Obligation, Obligations
from facade.transactions.obligations import obligations_of
from facade.translation.obligations_in import UNDERSTOOD
from facade.translation.obligations_out import (
    DUTY_SYSTEM,
    ObligationWords,
    obligations_parameters,
    owed_in_words,
)

blueprint = Blueprint("obligations", __name__, description="What is owed for a document. No token.")
_RELATION = "urn:dmp-facade:operation:obligations"
_OPERATION = Declaration(
    "",
    "DocumentReference",
    (
        Parameter("type", "token", "typeCode of the document, JDV_J66: system|code or code", required=True),
        Parameter("date", "date", "The day the document was made, YYYY-MM-DD, or an instant of it; today if left out"),
        Parameter("context", "token", "How it was made: codes of CodeSystem/production-context, with commas"),
    ),
)
_REFUSALS = refusals(
    {
        "400": "A type, day or context that cannot be used (OperationOutcome)",
        "406": "None of the formats of Accept or _format is served",
    }
)


@cache
def _words() -> ObligationWords:
    return ObligationWords.from_rows(knowledge.rows)


@serves(blueprint, "/DocumentReference/$obligations", _OPERATION, "The duties, as Parameters", _REFUSALS)
def what_is_owed() -> Response:
    """What is owed for a document of a type and a day: DMP, messages to professionals and patient, and by which law."""
    wants_xml()
    params = list(request.args.items(multi=True))
    problems: list[Problem] = []
    not_understood(params, UNDERSTOOD, problems)
    if problems:
        raise InvalidInput(problems)
    found = obligations_of(params, services().codes, services().clock())
    headers = CACHED | {"Content-Language": language(), "Vary": "Accept, Accept-Language"}
    return fhir(obligations_parameters(found, _words(), services().codes, language()), headers=headers)


def owed_headers(left: Sequence[LeftToDo]) -> dict[str, str]:
    """What a publication leaves to be done: the codes of the duties, and where the law is quoted. Nothing: no header.

    ``Still-Owed`` and ``Being-Sent`` are lists of tokens (RFC 8941), ``Link`` one address a document (RFC 8288).
    """
    still = dict.fromkeys(obligation.duty.value for each in left for obligation in each.still.owed)
    sent = dict.fromkeys(one.obligation.duty.value for each in left for one in each.being_sent)
    links = dict.fromkeys(
        f'<{_address(each.still)}>; rel="{_RELATION}"' for each in left if each.still.owed or each.being_sent
    )
    told = {"Still-Owed": still, "Being-Sent": sent, "Link": links}
    return {name: ", ".join(values) for name, values in told.items() if values}


def owed_issues(left: Iterable[LeftToDo]) -> list[dict[str, Any]]:
    """The same as issues of an OperationOutcome, each with the code of the duty beside its own."""
    found = []
    for each in left:
        found += [_issue("publication.still-owed", obligation) for obligation in each.still.owed]
        for one in each.being_sent:
            tasks = ", ".join(f"Task/{message}" for message in one.messages)
            found.append(_issue("publication.being-sent", one.obligation, tasks=tasks))
    return found


def _issue(code: str, obligation: Obligation, **more: str) -> dict[str, Any]:
    values = owed_in_words(obligation, _words(), language()) | more
    issue = error_table().issue(Problem(code, ("DocumentReference.type",), values, "information"), language())
    issue["details"]["coding"].append({"system": DUTY_SYSTEM, "code": obligation.duty.value})
    return issue


def _address(found: Obligations) -> str:
    system = services().codes.systems.system_of(found.type_code.scheme)
    query = [("type", f"{system}|{found.type_code.code}"), ("date", found.day.isoformat())]
    query += [("context", context) for context in found.contexts]
    base = f"{services().settings.fhir_base}/DocumentReference/$obligations"
    return f"{base}?{urlencode(query, quote_via=quote, safe='')}"
