"""The marks before the items of a list, by ``listType`` and ``styleCode``. Source: HL7 CDA R2, 4.3.5.5 and 4.3.5.11."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count, repeat

from lxml import etree

_BULLET = "•"
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_ROMAN = ((100, "c"), (90, "xc"), (50, "l"), (40, "xl"), (10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i"))
_LONGEST_ROMAN = 399


def marks(element: etree._Element) -> Iterator[str]:
    """The marks of a list, one after the other, without end."""
    if element.get("listType") != "ordered":
        return repeat(_BULLET)
    codes = element.get("styleCode", "").split()
    written = next((_NUMBERS[code] for code in codes if code in _NUMBERS), str)
    return (f"{written(number)}." for number in count(1))


def _letters(number: int) -> str:
    made = ""
    while number:
        number, rest = divmod(number - 1, len(_LETTERS))
        made = _LETTERS[rest] + made
    return made


def _roman(number: int) -> str:
    if number > _LONGEST_ROMAN:
        return str(number)
    made = ""
    for value, digits in _ROMAN:
        times, number = divmod(number, value)
        made += digits * times
    return made


_NUMBERS: dict[str, Callable[[int], str]] = {
    "Arabic": str,
    "LittleAlpha": _letters,
    "BigAlpha": lambda number: _letters(number).upper(),
    "LittleRoman": _roman,
    "BigRoman": lambda number: _roman(number).upper(),
}
