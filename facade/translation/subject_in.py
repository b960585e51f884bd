"""Reference(Patient) -> INS: every way a request may name its patient, and what makes an identity unusable.

Source: référentiel DMP EXI 06 (qualified identity only); FR Core (INS systems, identity reliability);
PDSm4DMP (``Patient?identifier=system|value`` as a reference).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote

from facade.domain.document import SourcePatient
from facade.domain.errors import InvalidInput
from facade.domain.ins import INS, InsKind
from facade.translation.problems import shown
from facade.translation.resources import Index, child, extensions, given_names, index_of, objects, resolve, text
from facade.translation.tables import Json
from facade.translation.vocabulary import IDENTITY_RELIABILITY

# FR Core v2-0445: VALI is a validated identity, QUAL one that is validated and retrieved from INSi. A request that
# carries a matricule INS claims the latter; either statement is compatible with it, PROV and RECUP are not (RNIV).
_RELIABLE = {"VALI", "QUAL"}
_PATIENT_ID = re.compile(r"(?:^|/)Patient/([A-Za-z0-9\-.]{1,64})(?:/_history/[^/]+)?\Z")
_SEX = {"male": "M", "female": "F", "other": "U", "unknown": "U"}


def _no_patient(_: str) -> INS | None:
    return None


@dataclass(frozen=True, slots=True)
class SubjectRules:
    """What an identity must be here.

    ``test_identities`` accepts the OIDs of test and demonstration; ``check_test_keys`` also checks the key of those;
    ``reliability_required`` refuses a patient whose reliability is not stated; ``open_patient_id`` opens a sealed
    patient id and answers None for anything else.
    """

    test_identities: bool
    reliability_required: bool = False
    check_test_keys: bool = True
    open_patient_id: Callable[[str], INS | None] = _no_patient


@dataclass(frozen=True, slots=True)
class Subject:
    """The patient of a request. ``source`` are the traits the request gave, for XDS and CDA only: never shown."""

    ins: INS
    source: SourcePatient | None = None
    reliability: str = ""


def read_patient_token(system: str, value: str, rules: SubjectRules, expression: str) -> INS:
    """The INS of an identifier ``system|value``.

    Raises InvalidInput ``identity.not-qualified`` (not an INS system), ``identity.ins-shape``, ``identity.ins-key`` or
    ``identity.test-refused``. No error repeats the value.
    """
    try:
        kind = InsKind(system.removeprefix("urn:oid:"))
    except ValueError:
        raise InvalidInput.of("identity.not-qualified", expression, system=shown(system)) from None
    if kind.is_test and not rules.test_identities:
        raise InvalidInput.of("identity.test-refused", expression, system=shown(system))
    try:
        ins = INS(kind, value.strip().upper())
    except ValueError:
        raise InvalidInput.of("identity.ins-shape", expression) from None
    if not ins.key_is_right and (rules.check_test_keys or not kind.is_test):
        raise InvalidInput.of("identity.ins-key", expression)
    return ins


def read_subject(resource: Json, index: Index, rules: SubjectRules, *, element: str = "subject") -> Subject:
    """The patient of a resource's ``element`` (a Reference).

    Accepted: ``Patient?identifier=system|value`` (percent-encoded or not), a logical reference (identifier), a
    contained or bundled Patient, ``Patient/<sealed id>``. Raises InvalidInput with an ``identity.`` code,
    ``patient.missing``, ``patient.unresolved`` or ``patient.mismatch``.
    """
    path = f"{resource.get('resourceType', 'Resource')}.{element}"
    reference = child(resource, element)
    if not reference:
        raise InvalidInput.of("patient.missing", path)
    patient = resolve(reference, index_of(resource, index))
    if patient is not None:
        return read_patient(patient, rules, path)
    ins = read_named(reference, rules, path)
    if rules.reliability_required:
        raise InvalidInput.of("identity.reliability-missing", path)
    return Subject(ins)


def read_patient(patient: Json, rules: SubjectRules, path: str) -> Subject:
    """The identity and traits of a Patient resource of the request. Raises as ``read_subject``."""
    if patient.get("resourceType") != "Patient":
        kind = shown(patient.get("resourceType", ""))
        raise InvalidInput.of("reference.wrong-type", path, expected="Patient", found=kind)
    if patient.get("deceasedBoolean") is True or patient.get("deceasedDateTime"):
        raise InvalidInput.of("identity.deceased", path)
    reliability = _reliability(patient)
    if reliability and reliability not in _RELIABLE:
        raise InvalidInput.of("identity.not-reliable", path, status=shown(reliability))
    if rules.reliability_required and not reliability:
        raise InvalidInput.of("identity.reliability-missing", path)
    ins = _identity(patient, rules, path)
    return Subject(ins, source_patient(patient, ins), reliability)


def source_patient(patient: Json, ins: INS) -> SourcePatient:
    """The sourcePatientId and sourcePatientInfo of a Patient: its local number (IPP) where it has one, its traits."""
    names = objects(patient, "name")
    official = next((name for name in names if name.get("use") == "official"), names[0] if names else {})
    return SourcePatient(
        id=_local_id(patient) or ins.cx,
        family=text(official, "family"),
        given=given_names(official),
        birth_date=text(patient, "birthDate").replace("-", ""),
        sex=_SEX.get(text(patient, "gender"), ""),
    )


def read_named(reference: Json, rules: SubjectRules, path: str) -> INS:
    """The INS of a Reference that names no resource of the request: link first, logical identifier beside it.

    Raises InvalidInput ``patient.unresolved``, ``patient.missing``, ``patient.mismatch`` or an ``identity.`` code.
    """
    link, identifier = text(reference, "reference"), child(reference, "identifier")
    by_link = _by_link(link, rules, path) if link else None
    if not identifier:
        if by_link is None:
            raise InvalidInput.of("patient.unresolved" if link else "patient.missing", path)
        return by_link
    by_identifier = read_patient_token(text(identifier, "system"), text(identifier, "value"), rules, path)
    if by_link is not None and by_link != by_identifier:
        raise InvalidInput.of("patient.mismatch", path)
    return by_identifier


def _by_link(link: str, rules: SubjectRules, path: str) -> INS | None:
    target, _, query = link.partition("?")
    if query and target.rsplit("/", 1)[-1] == "Patient":
        # A bare "|" or "+" may stand unescaped here: the guide's own examples write the token as it is.
        given = [value for name, value in parse_qsl(query.replace("+", "%2B")) if name == "identifier"]
        if len(given) != 1:
            raise InvalidInput.of("patient.unresolved", path)
        system, _, value = given[0].partition("|")
        return read_patient_token(system, value, rules, path)
    match = _PATIENT_ID.search(unquote(target))
    return rules.open_patient_id(match.group(1)) if match else None


def _identity(patient: Json, rules: SubjectRules, path: str) -> INS:
    """The one INS among a Patient's identifiers; a local number beside it is none of this function's business."""
    known = {kind.value for kind in InsKind}
    systems = [(text(found, "system"), text(found, "value")) for found in objects(patient, "identifier")]
    candidates = [(system, value) for system, value in systems if system.removeprefix("urn:oid:") in known]
    if not candidates:
        given = ", ".join(shown(system) for system, _ in systems)
        raise InvalidInput.of("identity.not-qualified", path, system=given)
    found = {read_patient_token(system, value, rules, path) for system, value in candidates}
    if len(found) > 1:
        raise InvalidInput.of("patient.mismatch", path)
    return found.pop()


def _local_id(patient: Json) -> str:
    known = {kind.value for kind in InsKind}
    for identifier in objects(patient, "identifier"):
        system, value = text(identifier, "system"), text(identifier, "value")
        oid = system.removeprefix("urn:oid:")
        if oid != system and oid not in known and value and not set(value) & set("^&~|\\"):
            return f"{value}^^^&{oid}&ISO^PI"
    return ""


def _reliability(patient: Json) -> str:
    for extension in extensions(patient, IDENTITY_RELIABILITY):
        for part in objects(extension, "extension"):
            if part.get("url") == "identityStatus":
                concept = child(part, "valueCodeableConcept")
                coding = child(part, "valueCoding") or next(iter(objects(concept, "coding")), {})
                return text(coding, "code")
    return ""
