"""INS: the national health identity of a patient (matricule + OID of its kind).

Source: référentiel INS; OIDs and key rule as in FR Core (fr-core-patient-ins) and CI-SIS "Structuration minimale".
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import Enum

# ASCII and a full match: other digits, or a line end, would make an identity that equals no other.
_SHAPE = re.compile(r"\d{5}(?:\d{2}|2[AB])\d{6}\d{2}", re.ASCII)
_CORSICA = {"2A": "19", "2B": "18"}


class InsKind(Enum):
    """The identity a matricule belongs to, by its assigning authority."""

    NIR = "1.2.250.1.213.1.4.8"
    NIA = "1.2.250.1.213.1.4.9"
    TEST = "1.2.250.1.213.1.4.10"
    DEMO = "1.2.250.1.213.1.4.11"

    @property
    def is_test(self) -> bool:
        """Test and demonstration identities exist only outside production."""
        return self in (InsKind.TEST, InsKind.DEMO)


def ins_key(body: str) -> int:
    """Return the control key of a 13-character matricule body: 97 - (N mod 97), Corsica 2A as 19 and 2B as 18."""
    department = body[5:7].upper()
    number = body[:5] + _CORSICA.get(department, department) + body[7:]
    return 97 - int(number) % 97


@dataclass(frozen=True, slots=True)
class INS:
    """A matricule INS of 15 characters and its kind. Its value never appears in a repr, a log or an error."""

    kind: InsKind
    value: str = field(repr=False)

    def __post_init__(self) -> None:
        if not _SHAPE.fullmatch(self.value):
            raise ValueError("a matricule INS is 13 characters and a key of 2 digits")

    @property
    def key_is_right(self) -> bool:
        """Whether the two last digits are the key of the thirteen before them."""
        return ins_key(self.value[:13]) == int(self.value[13:])

    @property
    def system(self) -> str:
        """The FHIR identifier system, ``urn:oid:...``."""
        return f"urn:oid:{self.kind.value}"

    @property
    def cx(self) -> str:
        """The XDS patientId (CX): ``matricule^^^&OID&ISO^NH``."""
        return f"{self.value}^^^&{self.kind.value}&ISO^NH"

    @classmethod
    def of(cls, oid: str, value: str) -> INS:
        """Build from an OID (with or without ``urn:oid:``) and a matricule.

        Raises ValueError when the OID is not one of an INS or the matricule has not its shape.
        """
        return cls(InsKind(oid.removeprefix("urn:oid:")), value.strip().upper())
