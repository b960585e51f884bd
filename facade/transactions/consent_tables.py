"""The tables of Consent, read once."""

from __future__ import annotations

from functools import cache

from facade import knowledge
from facade.translation.consent_tables import ConsentTables


@cache
def tables() -> ConsentTables:
    """The tables of mappings/consent."""
    return ConsentTables.from_rows(knowledge.rows)
