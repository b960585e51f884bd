"""Addresses of the MSSanté space: one spelling only, and only domains of the white list.

Far fewer addresses are accepted than RFC 5321 allows: no quoted local part, no comment, no literal, no source route
(``%``, ``!``), nothing but ASCII. What one program would read as a trusted domain and another as something else is not
an address here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})+", re.ASCII)
_LOCAL = re.compile(r"[A-Za-z0-9_+'-]+(?:\.[A-Za-z0-9_+'-]+)*", re.ASCII)
_LONGEST, _LONGEST_LOCAL, _LONGEST_DOMAIN = 254, 64, 253
_SCHEME = "mailto:"


class NotAnAddress(ValueError):
    """The text is not an address in the one accepted spelling."""


@dataclass(frozen=True, slots=True)
class Address:
    """A mailbox. The domain is in lower case; the local part as given, and compared without case."""

    local: str = field(repr=False)
    domain: str

    def __str__(self) -> str:
        return f"{self.local}@{self.domain}"

    @property
    def key(self) -> str:
        """The same for two spellings of one box."""
        return str(self).lower()


def read_address(text: str) -> Address:
    """An address, ``mailto:`` before it or not. Raises NotAnAddress; nothing is trimmed, decoded or guessed."""
    stated = text[len(_SCHEME) :] if text[: len(_SCHEME)].lower() == _SCHEME else text
    local, at, domain = stated.partition("@")
    domain = domain.lower() if domain.isascii() else ""
    fits = len(stated) <= _LONGEST and len(local) <= _LONGEST_LOCAL and len(domain) <= _LONGEST_DOMAIN
    if not (at and fits and _LOCAL.fullmatch(local) and is_domain(domain)):
        raise NotAnAddress("not an address of the accepted form")
    return Address(local, domain)


def is_domain(text: str) -> bool:
    """Whether this is a domain name of two labels or more, in lower case, without a final dot; an address is none."""
    return bool(_DOMAIN.fullmatch(text)) and not text.rpartition(".")[2].isdigit()


class WhiteList:
    """Domains that may be written to: ``name`` is that domain alone, ``*.name`` every domain below it, not itself."""

    def __init__(self, patterns: Iterable[str]) -> None:
        """Raises ValueError for a pattern that is neither, or that would open a whole top-level domain."""
        self._exact: set[str] = set()
        self._below: set[str] = set()
        for pattern in patterns:
            name = pattern.removeprefix("*.")
            if not is_domain(name):
                raise ValueError("a domain of the white list is name.tld or *.name.tld, in lower case")
            (self._below if pattern.startswith("*.") else self._exact).add(name)

    def admits(self, address: Address) -> bool:
        """Whether the domain of an address is on the list: whole labels are compared, never the end of a text."""
        if address.domain in self._exact:
            return True
        labels = address.domain.split(".")
        return any(".".join(labels[start:]) in self._below for start in range(1, len(labels)))
