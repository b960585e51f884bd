"""FHIRPath Patch (Parameters), the part of it that PDSm uses: add, insert, replace, delete on four elements.

Source: FHIR R4 section 3.1.0.8.2; bodies of the PDSm drafts and of MHD (IHE.MHD.Patch.Parameters).
"""

from __future__ import annotations

import re
from typing import Any

from facade.translation.patch_state import FLAGS, PatchState, code_of, concept_of, malformed, not_allowed
from facade.translation.resources import objects, text
from facade.translation.tables import Json

ROOT = "DocumentReference"
_LABEL = re.compile(
    r"^DocumentReference\.securityLabel"
    r"(?:\[(?P<number>[0-9]{1,4})\]|\.where\((?P<inner>.+)\)|\.coding\.where\((?P<coding>[^()]+)\)(?P<code>\.code)?)?$"
)
_CRITERION = re.compile(r"^(?:coding\.)?(system|code)\s*=\s*'([^']*)'$")
_EXISTS = re.compile(r"^coding\.(?:where|exists)\((.+?)\)(?:\.exists\(\))?$")
_FLAG = re.compile(
    r"^DocumentReference\.extension(?:\.where\(url\s*=\s*'([^']*)'\)|\('([^']*)'\))(\.value(?:Boolean)?)?$"
)
_VALUES = ("valueCode", "valueString", "valueBoolean", "valueCodeableConcept", "valueCoding", "valueUri")


def read_fhirpath_patch(parameters: Json, state: PatchState) -> None:
    """Apply the operations to the state, in order; the state is thrown away by the caller when one fails."""
    operations = objects(parameters, "parameter")
    if not operations:
        raise malformed("0")
    for number, operation in enumerate(operations):
        parts = {text(part, "name"): part for part in objects(operation, "part")}
        name = text(parts.get("type", {}), "valueCode") or text(parts.get("type", {}), "valueString")
        path = text(parts.get("path", {}), "valueString")
        if operation.get("name") != "operation" or not path or name not in ("add", "insert", "replace", "delete"):
            raise malformed(number)
        if name != "delete" and "value" not in parts:
            raise malformed(number)
        _apply(name, path, parts, state)


def _apply(name: str, path: str, parts: dict[str, Json], state: PatchState) -> None:
    if name == "add":
        _add(path, text(parts.get("name", {}), "valueString"), parts["value"], state)
    elif path == f"{ROOT}.status":
        if name != "replace":
            raise not_allowed(path)
        state.status = code_of(_value(parts["value"]))
    elif path.startswith(f"{ROOT}.securityLabel"):
        _labels(name, path, parts, state)
    elif path.startswith(f"{ROOT}.extension"):
        _flag(name, path, parts.get("value", {}), state)
    elif not path.startswith(ROOT):
        raise malformed(path)
    else:
        raise not_allowed(path)


def _add(path: str, element: str, value: Json, state: PatchState) -> None:
    if path != ROOT:
        raise not_allowed(path)
    if element == "securityLabel":
        state.labels.append(concept_of(_value(value)))
    elif element == "extension":
        inner = {text(part, "name"): part for part in objects(value, "part")}
        extension = value.get("valueExtension")
        if isinstance(extension, dict):
            url, flag = extension.get("url"), extension.get("valueBoolean")
        else:
            url, flag = _value(inner.get("url", {})), _value(inner.get("valueBoolean") or inner.get("value[x]") or {})
        if url not in FLAGS:
            raise not_allowed(f"{ROOT}.extension")
        state.set_flag(str(url), flag)
    elif element == "status":
        state.status = code_of(_value(value))
    else:
        raise not_allowed(f"{path}.{element}")


def _labels(name: str, path: str, parts: dict[str, Json], state: PatchState) -> None:
    match = _LABEL.match(path)
    if not match:
        raise malformed(path)
    found = _selected(match, path, state)
    if name == "insert":
        position = parts.get("index", {}).get("valueInteger")
        whole = match.lastgroup is None
        if not whole or not isinstance(position, int) or not 0 <= position <= len(state.labels):
            raise malformed(path)
        state.labels.insert(position, concept_of(_value(parts["value"])))
    elif name == "delete":
        state.labels = [label for number, label in enumerate(state.labels) if number not in found]
    elif match.lastgroup is None:
        state.labels = [concept_of(_value(parts["value"]))]
    elif len(found) != 1:
        # FHIR: a replace must select exactly one element.
        raise malformed(path)
    else:
        _replace(found[0], match, parts["value"], state)


def _replace(number: int, match: re.Match[str], value: Json, state: PatchState) -> None:
    if match.group("code"):
        coding = dict(state.labels[number]["coding"][0])
        state.labels[number] = {"coding": [{**coding, "code": code_of(_value(value))}]}
    else:
        state.labels[number] = concept_of(_value(value))


def _selected(match: re.Match[str], path: str, state: PatchState) -> list[int]:
    """The numbers of the labels a path selects; all of them when it has no condition."""
    labels = state.labels
    if match.group("number") is not None:
        number = int(match.group("number"))
        return [number] if number < len(labels) else []
    condition = match.group("coding") or match.group("inner")
    if condition is None:
        return list(range(len(labels)))
    nested = _EXISTS.match(condition.strip())
    wanted = dict(_criterion(part, path) for part in (nested.group(1) if nested else condition).split(" and "))
    return [
        number
        for number, label in enumerate(labels)
        if any(all(coding.get(name) == value for name, value in wanted.items()) for coding in label["coding"])
    ]


def _criterion(condition: str, path: str) -> tuple[str, str]:
    match = _CRITERION.match(condition.strip())
    if not match:
        raise malformed(path)
    return match.group(1), match.group(2)


def _flag(name: str, path: str, value: Json, state: PatchState) -> None:
    match = _FLAG.match(path)
    url = (match.group(1) or match.group(2)) if match else ""
    if url not in FLAGS or name == "insert":
        raise not_allowed(path)
    state.set_flag(url, False if name == "delete" else _value(value))


def _value(part: Json) -> Any:
    """The value of a part, whichever value[x] it is; a CodeableConcept or Coding may be written as parts."""
    for name in _VALUES:
        if name in part:
            return part[name]
    inner = objects(part, "part")
    if inner:
        codings = [found for found in inner if found.get("name") == "coding"]
        if codings:
            return {"coding": [_value(found) for found in codings]}
        return {text(found, "name"): _value(found) for found in inner}
    return None
