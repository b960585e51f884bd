"""The values of search parameters that several resources share: one patient, tokens, counts.

FHIR R4 search.html: the values of one parameter are alternatives, its occurrences add up.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from facade.api.exchange import services, strict
from facade.api.named_patient import named_patient
from facade.domain.errors import InvalidInput, Problem
from facade.domain.ins import INS
from facade.translation.problems import shown

Params = Sequence[tuple[str, str]]
PATIENT = ("patient", "patient.identifier")
SUMMARIES = ("count", "false")


def one_patient(params: Params) -> INS:
    """The patient every ``patient`` and ``patient.identifier`` names. Raises InvalidInput: none, several, refused."""
    named = [(name, value) for name, value in params if name in PATIENT]
    patients = {named_patient([each], services().subjects, "patient.identifier") for each in named}
    if not patients:
        raise InvalidInput.of("search.patient-missing", "patient.identifier")
    if len(patients) > 1:
        raise InvalidInput.of("search.patient-several", "patient.identifier")
    return patients.pop()


def not_understood(params: Params, understood: Collection[str], problems: list[Problem]) -> tuple[str, ...]:
    """The names of the parameters that are ignored; modifiers, and under handling=strict these too, are problems."""
    problems += [
        Problem("search.modifier-unsupported", (shown(name),), {"parameter": shown(name)})
        for name, _ in params
        if ":" in name and name.partition(":")[0] in understood
    ]
    ignored = tuple(shown(name, 40) for name, _ in params if name not in understood)
    if strict():
        problems += [Problem("search.parameter-unknown", (name,), {"parameter": name}) for name in ignored]
    return ignored


def several(params: Params, name: str) -> list[frozenset[str]]:
    """One set for each occurrence of a parameter: the values of one are alternatives, occurrences add up."""
    return [frozenset(value.split(",")) for given, value in params if given == name]


def tokens(params: Params, name: str, codes: tuple[str, ...], problems: list[Problem]) -> list[frozenset[str]]:
    """Codes of a token parameter, whatever the system beside them; those it has not are noted in ``problems``."""
    found = [frozenset(value.rpartition("|")[2] for value in values) for values in several(params, name)]
    problems += [
        Problem("search.value", (name,), {"name": name, "value": shown(code, 40)})
        for values in found
        for code in sorted(values - set(codes))
    ]
    return found


def intersection(found: list[frozenset[str]]) -> frozenset[str] | None:
    """What every occurrence of a parameter lets through; None without the parameter: everything."""
    return frozenset.intersection(*found) if found else None


def number(params: Params, name: str, default: int) -> int:
    """A count or an offset. Raises InvalidInput ``search.value``."""
    value = next((value for given, value in params if given == name), str(default))
    if not (value.isascii() and value.isdigit() and len(value) <= 9):  # noqa: PLR2004 - fits any counter
        raise InvalidInput.of("search.value", name, name=name, value=shown(value, 20))
    return int(value)
