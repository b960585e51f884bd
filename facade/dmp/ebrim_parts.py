"""The building blocks of ebRIM 3.0 as strings: slots, names, classifications, identifiers, associations.

Templates, because they cost a fifth of building trees (a lot is written for every publication).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import count

from facade.dmp import xds
from facade.dmp.datatypes import write_coded, write_xcn, write_xon
from facade.dmp.xmltext import attribute, text
from facade.domain.document import Author, Coded, Person


class Ids:
    """Ids of the objects inside one message that nobody refers to (classifications, identifiers, associations)."""

    def __init__(self) -> None:
        self._numbers = count(1)

    def next(self, kind: str) -> str:
        """A new one, e.g. ``cl7``."""
        return f"{kind}{next(self._numbers)}"


def slot(name: str, values: Iterable[str]) -> str:
    """A Slot with its values; nothing at all when there are none."""
    inner = "".join(f"<rim:Value>{text(value)}</rim:Value>" for value in values)
    return f'<rim:Slot name="{name}"><rim:ValueList>{inner}</rim:ValueList></rim:Slot>' if inner else ""


def localized(element: str, value: str) -> str:
    """A Name or a Description; nothing when empty."""
    if not value:
        return ""
    return f'<rim:{element}><rim:LocalizedString xml:lang="fr-FR" value="{attribute(value)}"/></rim:{element}>'


def coded(scheme: str, target: str, value: Coded, ids: Ids) -> str:
    """The classification of ``target`` by a code. XDS wants a display name: the code where there is none."""
    return (
        f'<rim:Classification id="{ids.next("cl")}" objectType="{xds.CLASSIFICATION_TYPE}" '
        f'classificationScheme="{scheme}" classifiedObject="{target}" nodeRepresentation="{attribute(value.code)}">'
        f"{slot('codingScheme', [value.scheme])}{localized('Name', value.display or value.code)}</rim:Classification>"
    )


def author(scheme: str, target: str, value: Author, ids: Ids) -> str:
    """The classification of ``target`` by an author."""
    person = write_xcn(value.person) if value.person != Person() else ""
    return (
        f'<rim:Classification id="{ids.next("cl")}" objectType="{xds.CLASSIFICATION_TYPE}" '
        f'classificationScheme="{scheme}" classifiedObject="{target}" nodeRepresentation="">'
        f"{slot('authorPerson', [person] if person else [])}"
        f"{slot('authorInstitution', [write_xon(institution) for institution in value.institutions])}"
        f"{slot('authorRole', value.roles)}"
        f"{slot('authorSpecialty', [write_coded(specialty) for specialty in value.specialties])}"
        "</rim:Classification>"
    )


def identifier(scheme: str, target: str, name: str, value: str, ids: Ids) -> str:
    """An ExternalIdentifier of ``target``."""
    return (
        f'<rim:ExternalIdentifier id="{ids.next("ei")}" objectType="{xds.EXTERNAL_IDENTIFIER_TYPE}" '
        f'registryObject="{target}" identificationScheme="{scheme}" value="{attribute(value)}">'
        f"{localized('Name', name)}</rim:ExternalIdentifier>"
    )


def association(kind: str, source: str, target: str, slots: Mapping[str, str], ids: Ids) -> str:
    """An Association from ``source`` to ``target``."""
    inner = "".join(slot(name, [value]) for name, value in slots.items())
    return (
        f'<rim:Association id="{ids.next("as")}" objectType="{xds.ASSOCIATION_TYPE}" associationType="{kind}" '
        f'sourceObject="{source}" targetObject="{target}">{inner}</rim:Association>'
    )
