"""$explain-access, in and out: Parameters that ask what a caller may do, Parameters that say it and by which rule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from facade.domain.access import Act, Decision
from facade.domain.errors import InvalidInput
from facade.domain.ins import INS
from facade.translation.problems import shown
from facade.translation.resources import child, objects, text
from facade.translation.subject_in import SubjectRules, read_patient_token

RULE_SYSTEM = "urn:dmp-facade:rule"
_OF_RECORD = (Act.SEARCH, Act.PUBLISH)
_OF_DOCUMENT = (
    Act.READ,
    Act.RETRIEVE,
    Act.REPLACE,
    Act.MASK,
    Act.UNMASK,
    Act.HIDE_FROM_PATIENT,
    Act.SHOW_TO_PATIENT,
    Act.HIDE_FROM_REPRESENTATIVES,
    Act.SHOW_TO_REPRESENTATIVES,
    Act.ARCHIVE,
    Act.UNARCHIVE,
    Act.WITHDRAW,
    Act.SEND,
    Act.SEND_TO_PATIENT,
)


@dataclass(frozen=True, slots=True)
class AccessQuestion:
    """What is asked: an act on the record of ``patient``, or on the ``document`` of a sealed id."""

    act: Act
    patient: INS | None = None
    document: str = ""


def read_question(parameters: dict[str, Any], rules: SubjectRules) -> AccessQuestion:
    """Read the parameters ``document`` (Reference), or ``patient`` (Identifier), and ``act`` (code).

    Raises InvalidInput ``explain.subject`` unless exactly one of the first two is there, ``explain.act``, or why the
    identity is refused.
    """
    given = {text(each, "name"): (number, each) for number, each in enumerate(objects(parameters, "parameter"))}
    document = child(given["document"][1], "valueReference") if "document" in given else {}
    sealed = text(document, "reference").rpartition("DocumentReference/")[2]
    if bool(sealed) == ("patient" in given):
        raise InvalidInput.of("explain.subject", "Parameters.parameter")
    act = _act(given, _OF_DOCUMENT if sealed else _OF_RECORD)
    if sealed:
        return AccessQuestion(act, document=sealed)
    number, parameter = given["patient"]
    identifier, path = child(parameter, "valueIdentifier"), f"Parameters.parameter[{number}].valueIdentifier"
    patient = read_patient_token(text(identifier, "system"), text(identifier, "value"), rules, path)
    return AccessQuestion(act, patient)


def explanation(act: Act, decision: Decision, language: str) -> dict[str, Any]:
    """The Parameters that say what was decided, by which rule, on which basis, in the words of that rule."""
    told = decision.text_fr if language == "fr" else decision.text_en
    parameters: list[dict[str, Any]] = [
        {"name": "act", "valueCode": act.value},
        {"name": "decision", "valueCode": decision.effect.value},
        {"name": "rule", "valueCoding": {"system": RULE_SYSTEM, "code": decision.rule}},
        {"name": "basis", "valueString": decision.basis},
        {"name": "text", "valueString": told},
    ]
    return {"resourceType": "Parameters", "parameter": [each for each in parameters if each.get("valueString") != ""]}


def _act(given: dict[str, tuple[int, dict[str, Any]]], allowed: tuple[Act, ...]) -> Act:
    if "act" not in given:
        return allowed[0]
    number, parameter = given["act"]
    stated = text(parameter, "valueCode")
    found = next((act for act in allowed if act.value == stated), None)
    if found is None:
        path = f"Parameters.parameter[{number}].valueCode"
        raise InvalidInput.of("explain.act", path, value=shown(stated), allowed=", ".join(allowed))
    return found
