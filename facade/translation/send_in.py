"""What is to be sent, and to whom: the Parameters of ``$send``, and the extensions of a publication.

A publication asks with ``urn:dmp-facade:send-to`` (url, ``mailto:``) and ``urn:dmp-facade:send-to-patient`` (boolean)
on a DocumentReference, or on the List for every document of the lot.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from facade.translation.problems import Problems, shown
from facade.translation.resources import child, extensions, objects, text
from facade.translation.tables import Json

SEND_TO = "urn:dmp-facade:send-to"
SEND_TO_PATIENT = "urn:dmp-facade:send-to-patient"
_LONGEST_BODY = 10_000
_NAMES = ("document", "recipient", "patient", "body", "receipt")


@dataclass(frozen=True, slots=True)
class Wish:
    """To whom one wants to send: addresses as written, each with where it stood, and the patient's box or not."""

    recipients: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    patient: bool = False

    def __bool__(self) -> bool:
        return bool(self.recipients) or self.patient

    def __add__(self, other: Wish) -> Wish:
        return Wish(self.recipients + other.recipients, self.patient or other.patient)


@dataclass(frozen=True, slots=True)
class SendOrder:
    """What a client asks of ``$send``. ``documents`` are sealed ids; ``body`` is empty for the usual text."""

    documents: tuple[str, ...]
    wish: Wish
    body: str = field(default="", repr=False)
    receipt: bool = True


def read_send(parameters: Json) -> SendOrder:
    """Read the Parameters of ``$send``. Raises InvalidInput with everything that is wrong."""
    problems = Problems()
    documents: list[str] = []
    recipients: list[tuple[str, str]] = []
    flags = {"patient": False, "receipt": True}
    body = ""
    for number, each in enumerate(objects(parameters, "parameter")):
        path, name = f"Parameters.parameter[{number}]", text(each, "name")
        if name == "document":
            documents.append(_document(each, path, problems))
        elif name == "recipient":
            recipients.append((_recipient(each, path, problems), path))
        elif name == "body":
            body = _body(each, path, problems)
        elif name in flags:
            flags[name] = _flag(each, name, path, problems)
        else:
            problems.add("mail.parameter", path, name=shown(name))
    if not documents:
        problems.add("mail.document-missing", "Parameters.parameter")
    wish = Wish(tuple(recipients), flags["patient"])
    if not wish:
        problems.add("mail.recipient-missing", "Parameters.parameter")
    problems.check()
    return SendOrder(tuple(dict.fromkeys(documents)), wish, body, flags["receipt"])


def read_wish(resource: Json, path: str) -> Wish:
    """To whom a DocumentReference, or a List, of a publication is to be sent. Raises InvalidInput ``mail.value``."""
    problems = Problems()
    recipients = []
    for found in extensions(resource, SEND_TO):
        value = text(found, "valueUrl")
        if not value:
            problems.add("mail.value", f"{path}.extension", name=SEND_TO, expected="valueUrl")
        recipients.append((value, f"{path}.extension"))
    patient = False
    for found in extensions(resource, SEND_TO_PATIENT):
        patient = patient or _flag(found, SEND_TO_PATIENT, f"{path}.extension", problems)
    problems.check()
    return Wish(tuple(recipients), patient)


def _document(parameter: Json, path: str, problems: Problems) -> str:
    sealed = text(child(parameter, "valueReference"), "reference").rpartition("DocumentReference/")[2]
    if not sealed:
        problems.add("mail.value", path, name="document", expected="valueReference: DocumentReference/id")
    return sealed


def _recipient(parameter: Json, path: str, problems: Problems) -> str:
    found = text(parameter, "valueUrl") or text(parameter, "valueUri") or text(parameter, "valueString")
    if not found:
        problems.add("mail.value", path, name="recipient", expected="valueUrl: mailto:")
    return found


def _body(parameter: Json, path: str, problems: Problems) -> str:
    found = text(parameter, "valueString") or text(parameter, "valueMarkdown")
    if not found:
        problems.add("mail.value", path, name="body", expected="valueString")
    if len(found) > _LONGEST_BODY:
        problems.add("mail.body-too-long", path, length=str(len(found)), limit=str(_LONGEST_BODY))
    return found


def _flag(parameter: Json, name: str, path: str, problems: Problems) -> bool:
    value = parameter.get("valueBoolean")
    if not isinstance(value, bool):
        problems.add("mail.value", path, name=name, expected="valueBoolean")
    return value is True
