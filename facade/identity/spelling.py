"""Reading claims whose names are spelt in more than one way.

Pro Santé Connect writes ``otherIds`` or ``otherIDs``, ``numeroFinessetablissementJuridique`` with a small ``e``; the
case of a name is therefore never trusted to mean anything. Two spellings of one name: the exact one wins.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def value_of(claims: Mapping[str, Any], name: str) -> object:
    """The value under this name in any case, None when there is none."""
    if name in claims:
        return claims[name]
    folded = name.casefold()
    return next((value for key, value in claims.items() if key.casefold() == folded), None)


def text_of(claims: Mapping[str, Any], name: str) -> str:
    """The text under this name, stripped; empty when there is none."""
    value = value_of(claims, name)
    return value.strip() if isinstance(value, str) else ""


def entries_of(claims: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    """The objects of the array under this name; a lone object counts as an array of one."""
    value = value_of(claims, name)
    found = value if isinstance(value, list) else [value]
    return [entry for entry in found if isinstance(entry, Mapping)]
