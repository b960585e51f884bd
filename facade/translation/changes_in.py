"""The parameters of DocumentReference/$changes: whose record, since when, and which documents the client holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from facade.translation.problems import Problems
from facade.translation.search_params import Asked, Reading, SearchParameters
from facade.translation.subject_in import SubjectRules
from facade.translation.tables import CodeTables
from facade.translation.times import from_fhir


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangesRequest(Asked):
    """``since`` is None at a first opening; ``known`` are sealed ids of documents the client was shown before."""

    since: datetime | None
    known: tuple[str, ...]


def changes_query(
    params: Sequence[tuple[str, str]], *, tables: CodeTables, rules: SubjectRules, strict: bool = False
) -> ChangesRequest:
    """Read the parameters. Raises one InvalidInput with the codes of ``search_query``."""
    reading = _ChangesReading(tables, Problems())
    found = _ChangesParameters(params, reading, rules, strict=strict).read()
    return ChangesRequest(since=reading.since, known=tuple(dict.fromkeys(reading.known)), **found)


class _ChangesReading(Reading):
    def __init__(self, tables: CodeTables, problems: Problems) -> None:
        super().__init__(tables, problems)
        self.since: datetime | None = None
        self.known: list[str] = []


def _since(reading: _ChangesReading, name: str, value: str) -> None:
    try:
        # The plus sign of a zone that was not percent-encoded arrives as a blank.
        since = from_fhir(value.strip().replace(" ", "+")).start
    except ValueError:
        reading.malformed(name, value)
        return
    reading.since = since if reading.since is None else max(since, reading.since)


def _known(reading: _ChangesReading, _: str, value: str) -> None:
    reading.known.extend(token.strip() for token in value.split(",") if token.strip())


class _ChangesParameters(SearchParameters[_ChangesReading]):
    filters: ClassVar = {"since": _since, "_since": _since, "known": _known}
    aliases: ClassVar = {}
    is_search = False
