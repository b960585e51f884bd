"""Text on its way into an XML template: escaped, and free of the characters XML 1.0 cannot hold."""

from __future__ import annotations

import re

_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_SPECIAL = re.compile('[&<>"\t\n\r]')
_TEXT = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"}
_ATTRIBUTE = {**_TEXT, '"': "&quot;", "\t": "&#9;", "\n": "&#10;"}


def text(value: str) -> str:
    """``value`` as character data; what XML cannot hold becomes U+FFFD."""
    return _SPECIAL.sub(lambda match: _TEXT.get(match[0], match[0]), _ILLEGAL.sub("\ufffd", value))


def attribute(value: str) -> str:
    """``value`` inside a double-quoted attribute, its line breaks kept."""
    return _SPECIAL.sub(lambda match: _ATTRIBUTE[match[0]], _ILLEGAL.sub("\ufffd", value))
