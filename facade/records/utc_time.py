"""The column type of an instant: UTC with microseconds, alike in both databases."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import DateTime, String, TypeDecorator
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeEngine

UNREADABLE = datetime.min.replace(tzinfo=UTC)


class UtcTime(TypeDecorator[datetime]):
    """An instant. Aware in Python, ``timestamptz`` in PostgreSQL, ISO text of one width (it sorts) in SQLite."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Text for SQLite, which has no type for an instant."""
        return dialect.type_descriptor(String(32) if dialect.name == "sqlite" else DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """To UTC. Raises ValueError for a time without zone: whose time it is would be a guess."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a recorded time must be timezone-aware")
        moment = value.astimezone(UTC)
        return moment.isoformat(timespec="microseconds") if dialect.name == "sqlite" else moment

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """To an aware UTC time. Text that is none was written by somebody else: it is read as ``UNREADABLE``."""
        if value is None:
            return None
        if isinstance(value, datetime):
            return value.astimezone(UTC)
        try:
            return datetime.fromisoformat(value).astimezone(UTC)
        except (TypeError, ValueError, OverflowError):
            return UNREADABLE
