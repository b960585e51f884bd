"""Date parameters of FHIR search: prefix and partial date -> a test on times, and the bounds XDS can be asked for.

Source: FHIR R4 search (prefixes eq ne ge gt le lt sa eb ap; a date stands for the whole of its precision).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from facade.domain.document import XdsTime
from facade.translation.times import LATEST, end_of, from_fhir

_VALUE = re.compile(r"^(eq|ne|ge|gt|le|lt|sa|eb|ap)?(.+)$")
_MINUTES = re.compile(r"^(\d{4}-\d{2}-\d{2}T\d{2}:\d{2})(Z|[+-]\d{2}:\d{2})?$")
_SECONDS = re.compile(r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?$")


@dataclass(frozen=True, slots=True)
class DateFilter:
    """One value of a date parameter: everything from ``start`` up to but not including ``end``."""

    prefix: str
    start: datetime
    end: datetime

    @classmethod
    def read(cls, value: str) -> DateFilter:
        """Read ``ge2024-01`` and the like. A time of search may leave out seconds and zone (then UTC).

        Raises ValueError when it is not a date.
        """
        match = _VALUE.match(value.strip().replace(" ", "+"))
        if not match:
            raise ValueError("not a date")
        prefix, text = match.group(1) or "eq", match.group(2)
        minutes = _MINUTES.match(text)
        if minutes:
            start = from_fhir(f"{minutes.group(1)}:00{minutes.group(2) or 'Z'}").start
            return cls._near(prefix, start, start + timedelta(minutes=1))
        time = from_fhir(f"{text}Z" if _SECONDS.match(text) else text)
        return cls._near(prefix, time.start, end_of(time))

    @classmethod
    def _near(cls, prefix: str, start: datetime, end: datetime) -> DateFilter:
        if prefix != "ap":
            return cls(prefix, start, end)
        # "Approximately" is a tenth of the gap to now in FHIR's advice; without a clock it is a day on each side.
        try:
            return cls("ap", start - timedelta(days=1), end + timedelta(days=1))
        except OverflowError:
            raise ValueError("a date beyond the calendar") from None

    def matches(self, low: XdsTime | None, high: XdsTime | None) -> bool:
        """Whether a time or period compares so. A period without an end lasts; one without a start matches nothing."""
        if low is None:
            return False
        first, last = low.start, LATEST if high is None else end_of(high)
        return {
            "eq": self.start <= first and last <= self.end,
            "ne": not (self.start <= first and last <= self.end),
            "gt": last > self.end,
            "ge": last > self.end or (self.start <= first and last <= self.end),
            "lt": first < self.start,
            "le": first < self.start or (self.start <= first and last <= self.end),
            "sa": first >= self.end,
            "eb": last <= self.start,
            "ap": first < self.end and last > self.start,
        }[self.prefix]

    def bounds(self) -> tuple[XdsTime | None, XdsTime | None]:
        """The inclusive lower and exclusive upper bound XDS is asked for: never narrower than ``matches``.

        A registry may keep a time by its year alone, so the lower bound is the start of its year.
        """
        lower = self.start.replace(month=1, day=1, hour=0, minute=0, second=0)
        after = XdsTime.at(lower) if self.prefix in ("eq", "ge", "gt", "sa", "ap") else None
        if self.prefix in ("lt", "eb"):
            return after, XdsTime.at(self.start)
        return after, XdsTime.at(self.end) if self.prefix in ("eq", "le", "ap") else None
