"""JSON Patch (RFC 6902), the part of it that PDSm uses: add, replace, remove, test on four elements.

Beside RFC 6901 pointers the form ``/extension[url:'...']/valueBoolean`` of PDSm 3.1.1 and PDSm4DMP is understood; there
a flag that is absent is set, since a document that is not archived has no extension to replace.
"""

from __future__ import annotations

import re
from typing import Any

from facade.domain.errors import InvalidInput
from facade.translation.patch_state import (
    FLAG_ORDER,
    FLAGS,
    PatchState,
    code_of,
    concept_of,
    concepts_of,
    malformed,
    not_allowed,
    test_failed,
    truth,
)

_OPERATIONS = ("add", "replace", "remove", "test")
_LABEL = re.compile(r"^/securityLabel(?:/(-|0|[1-9][0-9]{0,3}))?(/.+)?$")
_CODING = re.compile(r"^/coding/0(?:/(system|code|display))?$")
_NAMED_FLAG = re.compile(r"^/extension\[url:'([^']*)'\](?:/valueBoolean)?$")
_NUMBERED_FLAG = re.compile(r"^/extension(?:/(-|[0-9]{1,4}))?(/valueBoolean|/url)?$")


def read_json_patch(operations: list[Any], state: PatchState) -> None:
    """Apply the operations to the state, in order; the state is thrown away by the caller when one fails."""
    if not operations:
        raise malformed("0")
    alone = len(operations) == 1
    for number, operation in enumerate(operations):
        if not isinstance(operation, dict) or operation.get("op") not in _OPERATIONS:
            raise malformed(number)
        path, name = operation.get("path"), operation["op"]
        if not isinstance(path, str) or (name != "remove" and "value" not in operation):
            raise malformed(number)
        if alone and path.strip() == "/securityLabel/0" and name == "replace" and _means_level_only(operation, state):
            _drop_the_flag(path, state)
        else:
            _apply(name, path.strip(), operation.get("value"), state)


def _means_level_only(operation: Any, state: PatchState) -> bool:
    """Whether a replacement of the first label changes nothing to the letter although flags follow.

    PDSm4DMP lifts a mask (TD3.3a, TD3.3b) by writing N in the place of the one label it knows of. Here the level
    comes first and the flag after it, so those bodies say "only the level is left".
    """
    return len(state.labels) > 1 and _codes([concept_of(operation["value"])]) == _codes(state.labels[:1])


def _drop_the_flag(path: str, state: PatchState) -> None:
    """Remove the flag beside the level; among several the body does not say which, and none may be guessed."""
    if len(state.labels) > 2:  # noqa: PLR2004 - the level and one flag
        raise InvalidInput.of("patch.ambiguous", path)
    del state.labels[1]


def _apply(name: str, path: str, value: Any, state: PatchState) -> None:
    if path == "/status":
        _status(name, value, state)
    elif path.startswith("/securityLabel"):
        _labels(name, path, value, state)
    elif path.startswith("/extension"):
        _flag(name, path, value, state)
    elif not path.startswith("/"):
        raise malformed(path)
    else:
        raise not_allowed(path)


def _status(name: str, value: Any, state: PatchState) -> None:
    if name == "remove":
        raise not_allowed("/status")
    code = code_of(value)
    if name != "test":
        state.status = code
    elif code != state.status:
        raise test_failed("/status")


def _labels(name: str, path: str, value: Any, state: PatchState) -> None:
    match = _LABEL.fullmatch(path)
    # What is no position must not fall back to the whole list: a misspelt path would lift every mask.
    if not match or (match.group(1) is None and match.group(2)):
        raise not_allowed(path)
    position, inner = match.groups()
    if position is None:
        _whole_list(name, path, value, state)
    elif inner:
        _inside(name, path, (position, inner), value, state)
    else:
        _one_label(name, path, position, value, state)


def _whole_list(name: str, path: str, value: Any, state: PatchState) -> None:
    if name == "remove":
        state.labels = []
    elif name == "test":
        if _codes(concepts_of(value)) != _codes(state.labels):
            raise test_failed(path)
    else:
        state.labels = list(concepts_of(value))


def _one_label(name: str, path: str, position: str, value: Any, state: PatchState) -> None:
    labels = state.labels
    if name == "add":
        number = len(labels) if position == "-" else int(position)
        if number > len(labels):
            raise malformed(path)
        labels.insert(number, concept_of(value))
        return
    if position == "-" or int(position) >= len(labels):
        raise malformed(path)
    number = int(position)
    if name == "remove":
        del labels[number]
    elif name == "replace":
        labels[number] = concept_of(value)
    elif _codes([concept_of(value)]) != _codes([labels[number]]):
        raise test_failed(path)


def _inside(name: str, path: str, where: tuple[str, str], value: Any, state: PatchState) -> None:
    """``/securityLabel/0/coding/0[/code]``: the one coding of a label, or a text of it."""
    match = _CODING.match(where[1])
    if not match or not where[0].isdigit() or int(where[0]) >= len(state.labels) or name in ("add", "remove"):
        raise malformed(path)
    number, part = int(where[0]), match.group(1)
    coding = dict(state.labels[number]["coding"][0])
    if name == "test":
        if (coding.get(part) if part else coding) != value:
            raise test_failed(path)
        return
    changed = {**coding, part: code_of(value)} if part else value
    state.labels[number] = concept_of(changed)


def _flag(name: str, path: str, value: Any, state: PatchState) -> None:
    # PDSm 3.1.1 prints typographic quotes in its example of this path.
    named = _NAMED_FLAG.match(path.replace("”", "'").replace("“", "'").replace('"', "'"))
    if named:
        _set(name, path, named.group(1), value, state)
        return
    match = _NUMBERED_FLAG.fullmatch(path)
    if not match:
        raise not_allowed(path)
    position, inner = match.groups()
    if inner == "/valueBoolean" and position and position.isdigit() and int(position) < len(FLAG_ORDER):
        _set(name, path, FLAG_ORDER[int(position)], value, state)
    elif not inner and name in ("add", "replace"):
        _add_extensions(path, value, state)
    else:
        raise not_allowed(path)


def _add_extensions(path: str, value: Any, state: PatchState) -> None:
    for extension in value if isinstance(value, list) else [value]:
        if not isinstance(extension, dict) or "valueBoolean" not in extension:
            raise malformed(path)
        _set("replace", path, str(extension.get("url")), extension["valueBoolean"], state)


def _set(name: str, path: str, url: str, value: Any, state: PatchState) -> None:
    if url not in FLAGS:
        raise not_allowed(path)
    if name == "test":
        if truth(value) != getattr(state, FLAGS[url]):
            raise test_failed(path)
        return
    state.set_flag(url, False if name == "remove" else value)


def _codes(labels: list[Any]) -> list[set[str]]:
    return [{str(coding.get("code")) for coding in label["coding"]} for label in labels]
