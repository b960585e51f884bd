"""Flag: the alerts of supervision, for whoever answers for the uses in a structure (RECO 01)."""

from __future__ import annotations

from urllib.parse import urlencode

from flask import Response, request
from flask_smorest import Blueprint

from facade.api.bundles import searchset
from facade.api.declared import Declaration, Parameter
from facade.api.exchange import actor, error_table, fhir, language, services
from facade.api.interactions import interaction
from facade.api.search_values import SUMMARIES, Params, intersection, not_understood, number, several, tokens
from facade.domain.errors import InvalidInput, Problem
from facade.transactions.alerts import WantedAlerts, find_alerts

blueprint = Blueprint("Flag", __name__, description="Alerts of supervision (RECO 01)")
_STATUSES = ("active", "inactive")
_SEARCH = (
    Parameter("status", "token", "active: not released yet; inactive"),
    Parameter("_id", "token", "Ids of alerts, as a webhook was told them"),
)
_UNDERSTOOD = {"status", "_id", "_count", "_offset", "_summary", "_format", "_pretty"}
_DEFAULT_COUNT = 50


@interaction(blueprint, "GET", "/Flag", Declaration("search-type", "Flag", _SEARCH), 200)
def search() -> Response:
    """The alerts on uses in the caller's structure, newest first."""
    params = list(request.args.items(multi=True))
    wanted, ignored = _read(params)
    found = find_alerts(services(), actor(), wanted)
    base = services().settings.fhir_base
    issues = [
        error_table().issue(Problem("search.parameter-ignored", (name,), {"name": name}, "information"), language())
        for name in ignored
    ]
    kept = [(name, value) for name, value in params if name in ("status", "_id", "_summary")]
    links = _links(f"{base}/Flag", kept, wanted, found.total)
    return fhir(searchset(base, found.resources, total=found.total, links=links, issues=issues))


def _read(params: Params) -> tuple[WantedAlerts, tuple[str, ...]]:
    problems: list[Problem] = []
    ignored = not_understood(params, _UNDERSTOOD, problems)
    statuses = intersection(tokens(params, "status", _STATUSES, problems))
    summary = tokens(params, "_summary", SUMMARIES, problems)
    if problems:
        raise InvalidInput(problems)
    count = min(number(params, "_count", _DEFAULT_COUNT), services().settings.max_page)
    wanted = WantedAlerts(
        active=None if statuses is None or len(statuses) == len(_STATUSES) else "active" in statuses,
        ids=intersection(several(params, "_id")),
        offset=number(params, "_offset", 0),
        count=0 if any("count" in values for values in summary) else count,
        language=language(),
    )
    return wanted, ignored


def _links(url: str, kept: Params, wanted: WantedAlerts, total: int) -> list[dict[str, str]]:
    def link(relation: str, start: int) -> dict[str, str]:
        page = [("_count", str(wanted.count))] + ([("_offset", str(start))] if start else [])
        return {"relation": relation, "url": f"{url}?{urlencode([*kept, *page])}"}

    links = [link("self", wanted.offset)]
    if wanted.count and wanted.offset + wanted.count < total:
        links.append(link("next", wanted.offset + wanted.count))
    if wanted.count and wanted.offset:
        links.append(link("previous", max(0, wanted.offset - wanted.count)))
    return links
