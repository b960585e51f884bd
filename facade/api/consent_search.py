"""The parameters of a Consent search: one patient, category, status, _id, and the page.

FHIR R4 search.html; IHE PCF ITI-108 (patient or patient.identifier is required).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from facade.api.exchange import services, strict
from facade.api.named_patient import named_patient
from facade.domain.errors import InvalidInput, Problem
from facade.transactions.consent_tables import tables
from facade.transactions.consents import Wanted
from facade.translation.problems import shown

_STATUSES = ("active", "inactive")
_PATIENT = ("patient", "patient.identifier")
_UNDERSTOOD = {*_PATIENT, "status", "category", "_id", "_count", "_offset", "_format", "_pretty"}
_DEFAULT_COUNT = 50


@dataclass(frozen=True, slots=True)
class ConsentSearch:
    """What is wanted, which page of it, and the names of the parameters that were ignored."""

    wanted: Wanted
    offset: int
    count: int
    ignored: tuple[str, ...]


def read_search(params: Sequence[tuple[str, str]]) -> ConsentSearch:
    """Read the parameters. Raises InvalidInput: no patient, several, a value outside its set, an unknown name."""
    parts = services()
    problems = [
        Problem("search.modifier-unsupported", (shown(name),), {"parameter": shown(name)})
        for name, _ in params
        if ":" in name and name.partition(":")[0] in _UNDERSTOOD
    ]
    ignored = tuple(shown(name, 40) for name, _ in params if name not in _UNDERSTOOD)
    if strict():
        problems += [Problem("search.parameter-unknown", (name,), {"parameter": name}) for name in ignored]
    statuses = _tokens(params, "status", _STATUSES, problems)
    categories = _tokens(params, "category", tuple(tables().categories), problems)
    if problems:
        raise InvalidInput(problems)
    patients = {named_patient([(name, value)], parts.subjects, "patient.identifier") for name, value in _named(params)}
    if not patients:
        raise InvalidInput.of("search.patient-missing", "patient.identifier")
    if len(patients) > 1:
        raise InvalidInput.of("search.patient-several", "patient.identifier")
    ids = _several(params, "_id")
    wanted = Wanted(patients.pop(), _intersection(categories), _intersection(statuses), _intersection(ids))
    count = min(_number(params, "_count", _DEFAULT_COUNT), parts.settings.max_page)
    return ConsentSearch(wanted, _number(params, "_offset", 0), count, ignored)


def _named(params: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(name, value) for name, value in params if name in _PATIENT]


def _several(params: Sequence[tuple[str, str]], name: str) -> list[frozenset[str]]:
    """One set for each occurrence of a parameter: the values of one are alternatives, occurrences add up."""
    return [frozenset(value.split(",")) for given, value in params if given == name]


def _tokens(
    params: Sequence[tuple[str, str]], name: str, codes: tuple[str, ...], problems: list[Problem]
) -> list[frozenset[str]]:
    """Codes of a token parameter, whatever the system beside them."""
    found = [frozenset(value.rpartition("|")[2] for value in values) for values in _several(params, name)]
    problems += [
        Problem("search.value", (name,), {"name": name, "value": shown(code, 40)})
        for values in found
        for code in sorted(values - set(codes))
    ]
    return found


def _intersection(found: list[frozenset[str]]) -> frozenset[str] | None:
    return frozenset.intersection(*found) if found else None


def _number(params: Sequence[tuple[str, str]], name: str, default: int) -> int:
    value = next((value for given, value in params if given == name), str(default))
    if not (value.isascii() and value.isdigit() and len(value) <= 9):  # noqa: PLR2004 - fits any counter
        raise InvalidInput.of("search.value", name, name=name, value=shown(value, 20))
    return int(value)
