"""The parameters of a Consent search: one patient, category, status, _id, and the page.

FHIR R4 search.html; IHE PCF ITI-108 (patient or patient.identifier is required).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from facade.api.exchange import services
from facade.api.search_values import (
    PATIENT,
    SUMMARIES,
    intersection,
    not_understood,
    number,
    one_patient,
    several,
    tokens,
)
from facade.domain.errors import InvalidInput, Problem
from facade.transactions.consent_tables import tables
from facade.transactions.consents import Wanted

_STATUSES = ("active", "inactive")
_UNDERSTOOD = {*PATIENT, "status", "category", "_id", "_count", "_offset", "_summary", "_format", "_pretty"}
_DEFAULT_COUNT = 50


@dataclass(frozen=True, slots=True)
class ConsentSearch:
    """What is wanted, which page of it (``count`` 0: the total alone), and the parameters that were ignored."""

    wanted: Wanted
    offset: int
    count: int
    ignored: tuple[str, ...]


def read_search(params: Sequence[tuple[str, str]]) -> ConsentSearch:
    """Read the parameters. Raises InvalidInput: no patient, several, a value outside its set, an unknown name."""
    problems: list[Problem] = []
    ignored = not_understood(params, _UNDERSTOOD, problems)
    statuses = tokens(params, "status", _STATUSES, problems)
    categories = tokens(params, "category", tuple(tables().categories), problems)
    summary = tokens(params, "_summary", SUMMARIES, problems)
    if problems:
        raise InvalidInput(problems)
    patient = one_patient(params)
    ids = several(params, "_id")
    wanted = Wanted(patient, intersection(categories), intersection(statuses), intersection(ids))
    count = min(number(params, "_count", _DEFAULT_COUNT), services().settings.max_page)
    total_only = any("count" in values for values in summary)
    return ConsentSearch(wanted, number(params, "_offset", 0), 0 if total_only else count, ignored)
