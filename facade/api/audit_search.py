"""The parameters of an AuditEvent search: one patient, a period, the purpose of use, and the page.

FHIR R4 search.html; IHE ATNA ITI-81 (date). ``_before`` is this server's own and stands in its links only: the history
grows with each reading of it, and its pages must not move meanwhile.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from facade.api.exchange import services
from facade.api.search_values import (
    PATIENT,
    SUMMARIES,
    Params,
    intersection,
    not_understood,
    number,
    one_patient,
    several,
    tokens,
)
from facade.domain.access import Purpose
from facade.domain.errors import InvalidInput, Problem
from facade.transactions.history import Wanted
from facade.translation.problems import shown
from facade.translation.search_dates import DateFilter

_PAGE = {"_count", "_offset", "_before", "_summary", "_format", "_pretty"}
_UNDERSTOOD = {*PATIENT, "date", "purpose", *_PAGE}
_DEFAULT_COUNT = 50
_EARLIEST = datetime.min.replace(tzinfo=UTC)
_LATEST = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class AuditSearch:
    """What is wanted, and the names of the parameters that were ignored."""

    wanted: Wanted
    ignored: tuple[str, ...]


def read_search(params: Params) -> AuditSearch:
    """Read the parameters. Raises InvalidInput: no patient, several, a value outside its set, an unknown name."""
    problems: list[Problem] = []
    ignored = not_understood(params, _UNDERSTOOD, problems)
    purposes = tokens(params, "purpose", tuple(purpose.value for purpose in Purpose), problems)
    summary = tokens(params, "_summary", SUMMARIES, problems)
    since, until = _period(params, problems)
    if problems:
        raise InvalidInput(problems)
    total_only = any("count" in values for values in summary)
    count = min(number(params, "_count", _DEFAULT_COUNT), services().settings.max_page)
    wanted = Wanted(
        patient=one_patient(params),
        since=since,
        until=until,
        purposes=intersection(purposes),
        before=_before(params),
        offset=number(params, "_offset", 0),
        count=0 if total_only else count,
    )
    return AuditSearch(wanted, ignored)


def _period(params: Params, problems: list[Problem]) -> tuple[datetime | None, datetime | None]:
    """From when, and until before when. An event is an instant: of a date, it falls before, within or after it."""
    since, until = _EARLIEST, _LATEST
    for values in several(params, "date"):
        try:
            (value,) = values
            date = DateFilter.read(value)
            bounds = {
                "eq": (date.start, date.end),
                "ap": (date.start, date.end),
                "ge": (date.start, _LATEST),
                "gt": (date.end, _LATEST),
                "sa": (date.end, _LATEST),
                "le": (_EARLIEST, date.end),
                "lt": (_EARLIEST, date.start),
                "eb": (_EARLIEST, date.start),
            }[date.prefix]
        except (ValueError, KeyError):
            problems.append(Problem("search.value", ("date",), {"name": "date", "value": shown(",".join(values), 40)}))
            continue
        since, until = max(since, bounds[0]), min(until, bounds[1])
    return None if since == _EARLIEST else since, None if until == _LATEST else until


def _before(params: Params) -> datetime | None:
    value = next((value for name, value in params if name == "_before"), "")
    if not value:
        return None
    try:
        return datetime.fromisoformat(value).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise InvalidInput.of("search.value", "_before", name="_before", value=shown(value, 40)) from error
