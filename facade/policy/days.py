"""The calendar day an instant falls on in France: rights end on a day, and a day begins at midnight there.

Source: directive 2000/84/CE (summer time from the last Sunday of March to the last Sunday of October, 01:00 UTC);
decree 2017-292 (legal time of metropolitan France: UTC+1, UTC+2 in summer).
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache


def legal_day(now: datetime) -> date:
    """The day of an aware datetime in French legal time. Raises ValueError for a naive one."""
    return legal_time(now).date()


def legal_time(now: datetime) -> datetime:
    """An aware datetime as the clocks of metropolitan France show it. Raises ValueError for a naive one."""
    if now.tzinfo is None:
        raise ValueError("a decision needs a time with its zone")
    moment = now.astimezone(UTC)
    summer = _last_sunday(moment.year, 3) <= moment < _last_sunday(moment.year, 10)
    return (moment + timedelta(hours=2 if summer else 1)).replace(tzinfo=None)


@lru_cache
def _last_sunday(year: int, month: int) -> datetime:
    """01:00 UTC on the last Sunday of a month of 31 days."""
    end = datetime(year, month, 31, 1, tzinfo=UTC)
    return end - timedelta(days=end.isoweekday() % 7)
