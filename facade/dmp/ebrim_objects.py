"""Registry objects of ebRIM as they lie on the wire, gathered in one pass over the children of each.

An answer may hold thousands of objects of which many name the same persons, structures and codes: each text is
understood once per answer, and what was understood is forgotten with it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from lxml import etree

from facade.dmp import xds
from facade.dmp.datatypes import read_coded, read_cx, read_dtm, read_xcn, read_xon
from facade.domain.document import Author, Coded, Institution, Person, XdsTime
from facade.domain.ins import INS

_RIM = f"{{{xds.RIM}}}"
_SLOT, _NAME, _DESCRIPTION = f"{_RIM}Slot", f"{_RIM}Name", f"{_RIM}Description"
_CLASSIFICATION, _IDENTIFIER, _VERSION = (
    f"{_RIM}Classification",
    f"{_RIM}ExternalIdentifier",
    f"{_RIM}VersionInfo",
)
_AUTHORS = frozenset({xds.DOC_AUTHOR, xds.LOT_AUTHOR})
_NOBODY = Person()
_OF_AUTHOR = ("authorPerson", "authorInstitution", "authorRole", "authorSpecialty")
_NONE: list[str] = []
_SIGNATURE = [xds.SIGNATURE_LANGUAGE]
T = TypeVar("T")


class Incomplete(Exception):
    """An object without something every object of its kind has."""


class LotSignature(Exception):
    """The object is the signature document of a lot, which nobody reads."""


class _Understood(dict[str, T], Generic[T]):
    """What texts mean, by text."""

    def __init__(self, read: Callable[[str], T]) -> None:
        super().__init__()
        self._read = read

    def __missing__(self, text: str) -> T:
        value = self[text] = self._read(text)
        return value


class Texts:
    """The meanings of the texts of one answer. They name persons: never kept longer than the answer is read."""

    def __init__(self) -> None:
        self.person: _Understood[Person] = _Understood(read_xcn)
        self.institution: _Understood[Institution] = _Understood(read_xon)
        self.specialty: _Understood[Coded] = _Understood(read_coded)
        self.time: _Understood[XdsTime | None] = _Understood(read_dtm)
        self._codes: dict[tuple[str, str, str], Coded] = {}
        self._authors: dict[tuple[tuple[str, ...], ...], Author] = {}
        self._patients: dict[str, INS | None] = {}

    def code(self, code: str, scheme: str, display: str) -> Coded:
        """A code with its scheme."""
        key = code, scheme, display
        found = self._codes.get(key)
        if found is None:
            found = self._codes[key] = Coded(code, scheme, display)
        return found

    def author(self, slots: tuple[tuple[str, ...], ...]) -> Author:
        """An author from the values of its slots, in the order of ``_OF_AUTHOR``."""
        found = self._authors.get(slots)
        if found is None:
            persons, institutions, roles, specialties = slots
            found = self._authors[slots] = Author(
                person=self.person[persons[0]] if persons else _NOBODY,
                institutions=tuple([self.institution[value] for value in institutions]),
                roles=roles,
                specialties=tuple([self.specialty[value] for value in specialties]),
            )
        return found

    def patient(self, cx: str, asked: INS) -> INS:
        """The patient of a CX. Under an identifier that is no INS (an old INS-C) it is ``asked``'s.

        Raises Incomplete when there is no identifier at all.
        """
        if cx not in self._patients:
            identifier, authority = read_cx(cx)
            if not identifier:
                raise Incomplete
            try:
                self._patients[cx] = INS.of(authority, identifier)
            except ValueError:
                self._patients[cx] = None
        return self._patients[cx] or asked


@dataclass(slots=True)
class RegistryObject:
    """An ExtrinsicObject or a RegistryPackage: everything below it that anybody asks for."""

    texts: Texts
    slots: dict[str, list[str]] = field(default_factory=dict)
    codes: dict[str, list[Coded]] = field(default_factory=dict)
    authors: list[Author] = field(default_factory=list)
    identifiers: dict[str, str] = field(default_factory=dict)
    node: str = ""
    name: str = ""
    description: str = ""
    version: int = 1

    def one(self, name: str) -> str:
        """The first value of a slot, or nothing."""
        values = self.slots.get(name)
        return values[0] if values else ""

    def time(self, name: str) -> XdsTime | None:
        """A slot as a time; one that cannot be read counts as absent."""
        values = self.slots.get(name)
        return self.texts.time[values[0]] if values else None

    def code(self, scheme: str) -> Coded:
        """The classification every object of its kind has exactly one of. Raises Incomplete without it."""
        found = self.codes.get(scheme)
        if not found or not found[0].code:
            raise Incomplete
        return found[0]

    def oid(self, scheme: str) -> str:
        """An external identifier that is an OID, without the prefix of a URN."""
        return self.identifiers.get(scheme, "").removeprefix("urn:oid:")


def gather(element: etree._Element, texts: Texts) -> RegistryObject:
    """Everything the children of a registry object say. What is not known is passed over.

    Raises LotSignature as soon as that is seen: every second entry of a record may be one.
    """
    found = RegistryObject(texts)
    slots, identifiers = found.slots, found.identifiers
    for child in element:
        tag = child.tag
        if tag == _SLOT:
            name = child.get("name", "")
            values = slots[name] = _values(child)
            if name == "languageCode" and values[:1] == _SIGNATURE:
                raise LotSignature
        elif tag == _CLASSIFICATION:
            _gather_classification(child, found)
        elif tag == _IDENTIFIER:
            identifiers[child.get("identificationScheme", "")] = child.get("value", "").strip()
        elif tag == _NAME:
            found.name = _localized(child)
        elif tag == _DESCRIPTION:
            found.description = _localized(child)
        elif tag == _VERSION:
            digits = child.get("versionName", "1").partition(".")[0]
            found.version = int(digits) if digits.isdecimal() and digits.isascii() else 1
    return found


def _gather_classification(element: etree._Element, found: RegistryObject) -> None:
    scheme = element.get("classificationScheme")
    if scheme is None:
        found.node = element.get("classificationNode", "")
    elif scheme in _AUTHORS:
        found.authors.append(_author(element, found.texts))
    else:
        coding_scheme = display = ""
        for child in element:
            tag = child.tag
            if tag == _NAME:
                display = _localized(child)
            elif tag == _SLOT and child.get("name") == "codingScheme":
                coding_scheme = next(iter(_values(child)), "")
        code = found.texts.code(element.get("nodeRepresentation", "").strip(), coding_scheme, display)
        known = found.codes.get(scheme)
        if known is None:
            found.codes[scheme] = [code]
        else:
            known.append(code)


def _values(slot: etree._Element) -> list[str]:
    if not len(slot):
        return []
    values = slot[0]
    if len(values) == 1:  # nearly every slot there is
        text = (values[0].text or "").strip()
        return [text] if text else []
    return [text for value in values if (text := (value.text or "").strip())]


def _localized(element: etree._Element) -> str:
    return element[0].get("value", "") if len(element) else ""


def _author(element: etree._Element, texts: Texts) -> Author:
    slots = {slot.get("name", ""): _values(slot) for slot in element if slot.tag == _SLOT}
    return texts.author(tuple([tuple(slots.get(name, _NONE)) for name in _OF_AUTHOR]))
