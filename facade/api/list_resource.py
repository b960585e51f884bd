"""List: the lots of a record (submission sets). ITI-66, GET and POST, and read."""

from __future__ import annotations

from flask import Response, request
from flask_smorest import Blueprint

from facade.api import searching
from facade.api.declared import Declaration, Parameter
from facade.api.exchange import FORM, actor, fhir, posted_parameters, services
from facade.api.interactions import interaction
from facade.transactions.find_lots import find_lots, read_lot
from facade.translation.lot_search import lot_query

blueprint = Blueprint("List", __name__, description="Lots of a record (submission sets)")
_PROFILES = ("https://interop.esante.gouv.fr/ig/fhir/pdsm/StructureDefinition/pdsm-submissionset-comprehensive",)
_SEARCH = (
    Parameter("patient.identifier", "token", "INS of the patient: system|value. This or patient is required"),
    Parameter("patient", "reference", "Patient/{id} as this server gave it"),
    Parameter("code", "token", "submissionset (default); folder finds nothing, the DMP has none"),
    Parameter("status", "token", "current (default), the only status a lot has"),
    Parameter("date", "date", "submissionTime"),
    Parameter("identifier", "token", "uniqueId or entryUUID"),
    Parameter("designationType", "token", "contentTypeCode, JDV_J59"),
    Parameter("sourceId", "token", "sourceId, an OID"),
    Parameter("source", "reference", "National identifier of the person who is the author: system|value"),
    Parameter("source.family", "string", "Family name of the author, from its beginning"),
    Parameter("source.given", "string", "Given name of the author, from its beginning"),
    Parameter("source.name", "string", "Either name of the author, from its beginning (PDSm)"),
    Parameter("authorOrg", "reference", "National identifier of the author's structure: system|value (PDSm)"),
    Parameter("title", "string", "Title, from its beginning (PDSm)"),
    Parameter("isArchived", "token", "true finds nothing: the DMP archives no lot (PDSm)"),
    Parameter("_id", "token", "Ids as this server gave them"),
    Parameter("_lastUpdated", "date", "submissionTime: a lot does not change"),
)
_FIND = Declaration("search-type", "List", _SEARCH, _PROFILES, includes=("List:source",))


@interaction(blueprint, "GET", "/List", _FIND, 200)
def search() -> Response:
    """Search the lots of one record (ITI-66): TD0.2 and TD3.1."""
    return _search(list(request.args.items(multi=True)))


@interaction(blueprint, "POST", "/List/_search", Declaration("search-type", "List", body=FORM), 200)
def search_by_post() -> Response:
    """Search with the parameters in a form body."""
    return _search(posted_parameters())


@interaction(blueprint, "GET", "/List/<id>", Declaration("read", "List"), 200)
def read(id: str) -> Response:  # noqa: A002 - FHIR's own name
    """Read one lot, with those of its documents this caller may see."""
    return fhir(read_lot(services(), actor(), id))


def _search(params: list[tuple[str, str]]) -> Response:
    return searching.search(params, "List", lot_query, find_lots)
