"""FHIR dates <-> DTM of XDS (UTC digits, precision kept).

Source: FHIR R4 datatypes (date, dateTime, instant); ITI TF-3 table 4.2.3.1.7-2; EX_3.1-1070 (UTC).
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from facade.domain.document import XdsTime

_PARTIAL = re.compile(r"^(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?$")
_FULL = re.compile(r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:\d{2})$")
_HL7 = re.compile(r"^(\d{4}(?:\d{2}){0,5})(?:\.\d+)?([+-]\d{4})?$")
_DAY, _MONTH, _YEAR = 8, 6, 4
_ZONE_MATTERS = 10
_LASTS = {8: timedelta(days=1), 10: timedelta(hours=1), 12: timedelta(minutes=1), 14: timedelta(seconds=1)}
LATEST = datetime.max.replace(tzinfo=UTC)


def from_fhir(text: object) -> XdsTime:
    """Read a FHIR date, dateTime or instant. A time without its zone is not FHIR.

    Raises ValueError for anything else.
    """
    if not isinstance(text, str):
        raise ValueError("not a FHIR dateTime")  # noqa: TRY004 - one kind of error for one kind of refusal
    partial = _PARTIAL.match(text)
    if partial:
        return XdsTime("".join(part for part in partial.groups() if part))
    if not _FULL.match(text):
        raise ValueError("not a FHIR dateTime")
    return _utc(datetime.fromisoformat(text))


def to_fhir(time: XdsTime) -> str:
    """Write a FHIR dateTime: to the day as it is, finer than that to the second in UTC."""
    digits = time.digits
    if len(digits) == _YEAR:
        return digits
    if len(digits) == _MONTH:
        return f"{digits[:4]}-{digits[4:]}"
    if len(digits) == _DAY:
        return f"{digits[:4]}-{digits[4:6]}-{digits[6:]}"
    return to_instant(time)


def to_instant(time: XdsTime) -> str:
    """Write a FHIR instant: the first second the time stands for, in UTC."""
    full = time.digits + "00000101000000"[len(time.digits) :]
    return f"{full[:4]}-{full[4:6]}-{full[6:8]}T{full[8:10]}:{full[10:12]}:{full[12:]}Z"


def from_hl7(text: str) -> XdsTime:
    """Read a TS of HL7 v3 (``20210108111700+0100``): moved to UTC where it has an hour and a zone.

    A time without a zone is taken as UTC. Raises ValueError when it is not a TS.
    """
    match = _HL7.match(text.strip())
    if not match:
        raise ValueError("not a TS of HL7 v3")
    digits, zone = match.groups()
    time = XdsTime(digits)
    if zone is None or len(digits) < _ZONE_MATTERS:
        return time
    moment = datetime.strptime(time.start.strftime("%Y%m%d%H%M%S") + zone, "%Y%m%d%H%M%S%z")
    return XdsTime(_utc(moment).digits[: len(digits)])


def to_hl7(time: XdsTime) -> str:
    """Write a TS of HL7 v3; its zone is UTC where it has an hour."""
    return f"{time.digits}+0000" if len(time.digits) >= _ZONE_MATTERS else time.digits


def end_of(time: XdsTime) -> datetime:
    """The first instant after everything a time of partial precision stands for."""
    digits, start = time.digits, time.start
    try:
        if len(digits) == _YEAR:
            return start.replace(year=start.year + 1)
        if len(digits) == _MONTH:
            return start.replace(year=start.year + start.month // 12, month=start.month % 12 + 1)
        return start + _LASTS[len(digits)]
    except (ValueError, OverflowError):
        # 9999 is how some write "without end".
        return LATEST


def _utc(moment: datetime) -> XdsTime:
    try:
        return XdsTime.at(moment)
    except OverflowError:
        raise ValueError("a time beyond the calendar") from None
