"""The HL7 v2 datatypes inside XDS metadata: XCN, XON, CX, CXi, CE-like codes, DTM and sourcePatientInfo.

Sources: ITI TF-3 table 4.2.3.1.7-2; formats of the DMP as in CI-SIS. Writing is exact, reading is lenient: a component
that is not there is the empty string, and only what cannot be a value at all is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, timezone

from facade.domain.document import Coded, Institution, Person, ReferenceId, SourcePatient, XdsTime

_ESCAPES = {"\\": "\\E\\", "^": "\\S\\", "&": "\\T\\", "~": "\\R\\", "|": "\\F\\"}
_UNESCAPES = {sequence: char for char, sequence in _ESCAPES.items()}
_TO_ESCAPE = re.compile(r"[\\^&~|]")
_TO_UNESCAPE = re.compile(r"\\[ESTRF]\\")
_DTM = re.compile(r"^(\d{4,14})(?:\.\d+)?(?:([+-])(\d{2})(\d{2})|Z)?$")
_MINUTE = 12


def escape(value: str) -> str:
    """HL7 escape sequences for the delimiters (HL7 v2.5, 2.7)."""
    return _TO_ESCAPE.sub(lambda match: _ESCAPES[match[0]], value)


def unescape(value: str) -> str:
    """The reverse of ``escape``; other sequences stay as they are."""
    return _TO_UNESCAPE.sub(lambda match: _UNESCAPES[match[0]], value) if "\\" in value else value


def _components(value: str, count: int) -> list[str]:
    found = value.split("^")
    return found + [""] * (count - len(found))


def _authority(component: str) -> str:
    """The OID of an HD ``&OID&ISO`` (also ``name&OID&ISO``, or the OID alone)."""
    parts = component.split("&")
    return unescape(parts[1] if len(parts) > 1 else parts[0])


def _hd(oid: str) -> str:
    return f"&{escape(oid)}&ISO" if oid else ""


def write_xcn(person: Person) -> str:
    """``id^family^given^^^^^^&OID&ISO^D^^^IDNPS``."""
    head = "^".join(escape(part) for part in (person.id, person.family, person.given))
    full = f"{head}^^^^^^{_hd(person.authority)}^{escape(person.name_type)}^^^{escape(person.id_type)}"
    return full.rstrip("^")


def read_xcn(value: str) -> Person:
    """A person or a system, as much of it as there is."""
    parts = _components(value.strip(), 13)
    return Person(
        id=unescape(parts[0]),
        family=unescape(parts[1]),
        given=unescape(parts[2]),
        authority=_authority(parts[8]),
        name_type=unescape(parts[9]),
        id_type=unescape(parts[12]),
    )


def write_xon(institution: Institution) -> str:
    """``name^^^^^&OID&ISO^IDNST^^^id``."""
    tail = f"{_hd(institution.authority)}^{escape(institution.id_type)}^^^{escape(institution.id)}"
    return f"{escape(institution.name)}^^^^^{tail}".rstrip("^")


def read_xon(value: str) -> Institution:
    """An institution; a lone name has neither id nor authority."""
    parts = _components(value.strip(), 10)
    return Institution(
        name=unescape(parts[0]),
        id=unescape(parts[9]),
        authority=_authority(parts[5]),
        id_type=unescape(parts[6]),
    )


def read_cx(value: str) -> tuple[str, str]:
    """The value and the assigning authority of a CX; whatever follows (``^NH^^date``) is not looked at."""
    parts = _components(value.strip(), 4)
    return unescape(parts[0]), _authority(parts[3])


def write_cxi(reference: ReferenceId) -> str:
    """``value^^^&OID&ISO^type``."""
    return f"{escape(reference.value)}^^^{_hd(reference.authority)}^{escape(reference.type)}".rstrip("^")


def read_cxi(value: str) -> ReferenceId:
    """A reference identifier."""
    parts = _components(value.strip(), 5)
    return ReferenceId(unescape(parts[0]), _authority(parts[3]), unescape(parts[4]))


def write_coded(coded: Coded) -> str:
    """``code^display^OID``, the form of authorSpecialty."""
    return f"{escape(coded.code)}^{escape(coded.display)}^{escape(coded.scheme)}".rstrip("^")


def read_coded(value: str) -> Coded:
    """The reverse; a text without components is a code without scheme."""
    parts = _components(value.strip(), 3)
    return Coded(unescape(parts[0]), unescape(parts[2]), unescape(parts[1]))


def read_dtm(value: str | None) -> XdsTime | None:
    """A DTM in UTC. Fractions are dropped, a zone (which XDS forbids) is converted; None when it is no time at all."""
    text = (value or "").strip()
    if text.isdecimal():  # what XDS allows, and nearly every time there is
        return _time(text)
    match = _DTM.match(text)
    if match is None:
        return None
    digits, sign, hours, minutes = match.groups()
    time = _time(digits)
    if time is None or sign is None or len(digits) < _MINUTE:
        return time
    offset = timedelta(hours=int(hours), minutes=int(minutes))
    if offset >= timedelta(hours=24):
        return None
    zone = timezone(offset if sign == "+" else -offset)
    moment: datetime = time.start.replace(tzinfo=zone).astimezone(UTC)
    return XdsTime(moment.strftime("%Y%m%d%H%M%S")[: len(digits)])


def _time(digits: str) -> XdsTime | None:
    try:
        return XdsTime(digits)
    except ValueError:
        return None


def write_source_patient(patient: SourcePatient) -> list[str]:
    """The values of the slot sourcePatientInfo: PID-5 (legal name), PID-7, PID-8."""
    values = []
    if patient.family or patient.given:
        values.append(f"PID-5|{escape(patient.family)}^{escape(patient.given)}^^^^^L")
    if patient.birth_date:
        values.append(f"PID-7|{escape(patient.birth_date)}")
    if patient.sex:
        values.append(f"PID-8|{escape(patient.sex)}")
    return values


def read_source_patient(identifier: str, values: Iterable[str]) -> SourcePatient:
    """Read sourcePatientId and the PID fields; of several names the legal one, else the first."""
    family = given = birth_date = sex = ""
    for value in values:
        name, _, content = value.strip().partition("|")
        if name == "PID-5" and content:
            for repetition in content.split("~"):
                parts = _components(repetition, 7)
                if not (family or given) or parts[6] == "L":
                    family, given = unescape(parts[0]), unescape(parts[1])
        elif name == "PID-7":
            birth_date = unescape(content)
        elif name == "PID-8":
            sex = unescape(content)
    return SourcePatient(identifier, family, given, birth_date, sex)
