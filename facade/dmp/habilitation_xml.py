"""TD0.3, TD1.6 and TD0.4: authorisations, in the DMP's own XML (namespaces ``urn:si-dmp-…``).

The patient of TD0.3 and TD1.6 stands in the VIHF, not in the message. Answers are read by the local names of their
elements, under every name the sources give to a field. Source: DMP interface (TD0.3, TD0.4, TD1.6).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from lxml import etree

from facade.dmp.datatypes import read_dtm
from facade.domain.dmp import (
    AuthorisationChange,
    AuthorisationList,
    AuthorisedRecord,
    ProfessionalAuthorisation,
    RecordDate,
)
from facade.domain.document import XdsTime
from facade.domain.errors import DmpRefused, DmpUnavailable
from facade.domain.ins import INS

HABILITATIONS = "urn:si-dmp-habilitations"
PATIENTS = "urn:si-dmp-patients"
_TREATING_DOCTOR = "MEDECIN_TRAITANT"
_STRUCTURES = "1.2.250.1.71.4.2.2"  # the authority of Struct_IdNat
_CHANGES = {
    AuthorisationChange.DECLARE: "<action>AJOUT</action>",
    AuthorisationChange.REMOVE: "<action>SUPPRESSION</action>",
    AuthorisationChange.STOP_BEING_TREATING_DOCTOR: f"<action>SUPPRESSION</action><role>{_TREATING_DOCTOR}</role>",
}
_BLOCKED = {"ACTIVE": False, "VALIDE": False, "INTERDITE": True, "INTERDIT": True}
_NEITHER = ("EXPIRE", "NON_EXISTE")
_PERSON = ("nationalid", "professionalid", "psid", "idps", "psidnat", "idnatps")
_STRUCTURE = ("structureid", "structid", "structidnat")
_STATE = ("mode", "state", "status")
_SINCE = ("startofauthorization", "date", "startdate")
_RIGHTS = ("specificright", "role")
_FIRST_OF_YEAR = "00000101000000"
_Fields = Mapping[str, list[str]]


def change_request(change: AuthorisationChange) -> str:
    """The body of a TD0.3 request."""
    return f'<setAuthorization xmlns="{HABILITATIONS}">{_CHANGES[change]}</setAuthorization>'


def list_request(which: AuthorisationList) -> str:
    """The body of a TD1.6 request."""
    return (
        f'<listAuthorizationByPatient xmlns="{HABILITATIONS}"><mode>{which.value}</mode></listAuthorizationByPatient>'
    )


def records_request(since: XdsTime, by: RecordDate) -> str:
    """The body of a TD0.4 request; a partial time is its first second."""
    start = since.digits + _FIRST_OF_YEAR[len(since.digits) :]
    return (
        f'<patientList xmlns="{PATIENTS}"><startDate>{start}</startDate><dateType>{by.value}</dateType></patientList>'
    )


def read_output(answer: etree._Element, expected: str, *, changes: bool = False) -> etree._Element:
    """The ``output`` of an answer with the local name ``expected``, once its status is DMPOk.

    Raises DmpRefused (channel ``status``) for any other status, DmpUnavailable when there is none.
    """
    output = next((child for child in _elements(answer) if _local(child) == "output"), None)
    fields = {} if output is None else _fields(output)
    status = _first(fields, ("status",))
    if _local(answer) != expected.lower() or output is None or not status:
        raise DmpUnavailable("dmp.answer-invalid", outcome_unknown=changes, status="200")
    if status != "DMPOk":
        raise DmpRefused(status, _first(fields, ("context",)), "status")
    return output


def read_authorisations(output: etree._Element, which: AuthorisationList) -> tuple[ProfessionalAuthorisation, ...]:
    """The professionals of a TD1.6 answer, each once. Raises DmpUnavailable when the state of one is not known."""
    found = (_authorisation(_fields(element), which) for element in _elements(output) if len(element))
    return tuple(dict.fromkeys(each for each in found if each is not None))


def read_records(output: etree._Element) -> tuple[tuple[AuthorisedRecord, ...], int]:
    """The records of a TD0.4 answer, each once, and how many have no INS to name them by."""
    found = [_record(element) for element in _elements(output) if len(element)]
    records = dict.fromkeys(record for record in found if record is not None)
    return tuple(records), found.count(None)


def _authorisation(fields: _Fields, which: AuthorisationList) -> ProfessionalAuthorisation | None:
    state = _first(fields, _STATE).upper()
    if not state and which is not AuthorisationList.ALL:
        state = which.value
    if state in _NEITHER:
        return None
    if state not in _BLOCKED:
        raise DmpUnavailable("dmp.answer-invalid", status="200")
    person, structure = _first(fields, _PERSON), _first(fields, _STRUCTURE)
    if _first(fields, ("nationalidtype",)) == _STRUCTURES:
        person, structure = "", structure or person
    return ProfessionalAuthorisation(
        person_id=person,
        structure_id=structure,
        blocked=_BLOCKED[state],
        treating_doctor=any(_TREATING_DOCTOR in fields.get(name, ()) for name in _RIGHTS),
        since=read_dtm(_first(fields, _SINCE)),
        person_name=" ".join(filter(None, (_first(fields, ("lastname",)), _first(fields, ("firstname",))))),
    )


def _record(element: etree._Element) -> AuthorisedRecord | None:
    identifiers = (_fields(child) for child in _elements(element) if len(child))
    patient = next(filter(None, map(_ins, identifiers)), None)
    if patient is None:
        return None
    fields = _fields(element)
    return AuthorisedRecord(
        patient=patient,
        treating_doctor=_first(fields, ("mt",)).lower() in ("true", "1"),
        last_access=read_dtm(_first(fields, ("lastaccessdate",))),
        last_update=read_dtm(_first(fields, ("lastupdatedate",))),
        last_addition=read_dtm(_first(fields, ("lastadddate",))),
    )


def _ins(identifier: _Fields) -> INS | None:
    """The INS of one identifier, None for another kind of identifier (an old INS-C stands beside it)."""
    try:
        return INS.of(_first(identifier, ("nationalidtype",)), _first(identifier, ("nationalid",)))
    except ValueError:
        return None


def _elements(parent: etree._Element) -> Iterator[etree._Element]:
    return (child for child in parent if isinstance(child.tag, str))


def _local(element: etree._Element) -> str:
    return str(etree.QName(element).localname).lower()


def _fields(element: etree._Element) -> dict[str, list[str]]:
    """The texts of the leaves directly below, by lower-case local name."""
    found: dict[str, list[str]] = {}
    for child in _elements(element):
        if not len(child) and (text := (child.text or "").strip()):
            found.setdefault(_local(child), []).append(text)
    return found


def _first(fields: _Fields, names: tuple[str, ...]) -> str:
    return next((fields[name][0] for name in names if name in fields), "")
