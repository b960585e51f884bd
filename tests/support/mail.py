"""What the tests of secure messaging share: the Parameters of $send, Tasks, and the mailboxes of a demonstration."""

from __future__ import annotations

import io
import time
import zipfile
from collections.abc import Callable, Iterable
from typing import Any

from lxml import etree

from facade.embedded.mailbox import Mailboxes, Received
from tests.support.demo import RunningDemo

SEND = "/DocumentReference/$send"
RIM = "{urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0}"
_PATIENCE = 60.0


def send_parameters(
    *documents: str, recipients: Iterable[str] = (), patient: bool = False, **more: Any
) -> dict[str, Any]:
    """The Parameters of $send. ``more``: other parameters by name, as their value elements."""
    parameters: list[dict[str, Any]] = [
        {"name": "document", "valueReference": {"reference": f"DocumentReference/{each}"}} for each in documents
    ]
    parameters += [{"name": "recipient", "valueUrl": f"mailto:{each}"} for each in recipients]
    if patient:
        parameters.append({"name": "patient", "valueBoolean": True})
    parameters += [{"name": name, **value} for name, value in more.items()]
    return {"resourceType": "Parameters", "parameter": parameters}


def tasks_of(answer: Any) -> list[dict[str, Any]]:
    """The Tasks of an answer of $send."""
    assert answer.status_code == 200, answer.text
    return [entry["resource"] for entry in answer.json()["entry"]]


def task(demo: RunningDemo, persona: str, task_id: str) -> dict[str, Any]:
    """One Task as somebody reads it."""
    answer = demo.call(persona, "GET", f"/Task/{task_id}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def settled(
    demo: RunningDemo, persona: str, task_id: str, *statuses: str, patience: float = _PATIENCE
) -> dict[str, Any]:
    """The Task once it has one of these statuses (by default: once nothing more will come of itself)."""
    wanted = statuses or ("completed", "failed", "on-hold", "cancelled")
    found: dict[str, Any] = eventually(
        lambda: task(demo, persona, task_id), lambda each: each["status"] in wanted, patience
    )
    return found


def eventually(ask: Callable[[], Any], good: Callable[[Any], bool], patience: float = _PATIENCE) -> Any:
    """What is asked for, once it is good. Fails when it does not become so."""
    deadline = time.monotonic() + patience
    while True:
        found = ask()
        if good(found):
            return found
        assert time.monotonic() < deadline, found
        time.sleep(0.1)


def boxes(demo: RunningDemo) -> Mailboxes:
    """The mailboxes of a demonstration."""
    return Mailboxes(demo.data / "mail")


def received(demo: RunningDemo, recipient: str) -> list[Received]:
    """What lies in one box."""
    return [each for each in boxes(demo).all() if each.recipient == recipient]


def attachments(received: Received) -> dict[str, bytes]:
    """The attachments of a message by file name."""
    found = {}
    for part in received.message.iter_attachments():
        content = part.get_payload(decode=True)
        assert isinstance(content, bytes)
        found[str(part.get_filename())] = content
    return found


def archive(content: bytes) -> dict[str, bytes]:
    """The files of IHE_XDM.zip by name; it must be sound."""
    with zipfile.ZipFile(io.BytesIO(content)) as package:
        assert package.testzip() is None
        return {name: package.read(name) for name in package.namelist()}


def metadata(files: dict[str, bytes]) -> etree._Element:
    """METADATA.XML, parsed."""
    return etree.fromstring(files["IHE_XDM/SUBSET01/METADATA.XML"])


def business(found: dict[str, Any]) -> str:
    """The business status of a Task."""
    code: str = found["businessStatus"]["coding"][0]["code"]
    return code


def reason(found: dict[str, Any]) -> str:
    """The code of why a Task is as it is."""
    code: str = found["statusReason"]["coding"][0]["code"]
    return code
