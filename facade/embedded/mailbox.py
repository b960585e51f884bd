"""The mailboxes of the embedded mail server: one file a message, and a page that lists them with their attachments."""

from __future__ import annotations

import os
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from html import escape
from pathlib import Path

from flask import Flask, Response, abort

_PAGE = (
    '<!DOCTYPE html><html lang="fr"><head><meta charset="utf-8"><title>Boîtes MSSanté</title>'
    "<style>body{{font-family:sans-serif;margin:2em}}td,th{{padding:.3em .8em;text-align:left;vertical-align:top}}"
    "</style></head><body><h1>Boîtes MSSanté de la démonstration</h1>{content}</body></html>"
)


@dataclass(frozen=True, slots=True)
class Received:
    """A message as it lies in a box."""

    id: str
    recipient: str
    sender: str
    content: bytes

    @property
    def message(self) -> EmailMessage:
        """The message, parsed."""
        return message_from_bytes(self.content, policy=policy.default)


class Mailboxes:
    """A folder of messages, in the order they came."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        folder.mkdir(parents=True, exist_ok=True)

    def keep(self, recipient: str, sender: str, content: bytes) -> None:
        """Put a message into a box: there whole or not at all, also when this process is killed."""
        with self._lock:
            number = sum(1 for _ in self._folder.glob("*.eml")) + 1
            path = self._folder / f"{number:06d}-{uuid.uuid4().hex}.eml"
            unfinished = path.with_suffix(".part")
            with unfinished.open("wb") as file:
                file.write(f"{recipient}\n{sender}\n".encode() + content)
                file.flush()
                os.fsync(file.fileno())
            unfinished.rename(path)

    def all(self) -> Iterator[Received]:
        """Every message, oldest first."""
        for path in sorted(self._folder.glob("*.eml")):
            yield _received(path)

    def one(self, name: str) -> Received | None:
        """The message of this id."""
        return next((each for each in self.all() if each.id == name), None)


def create_mailbox(boxes: Mailboxes) -> Flask:
    """The pages."""
    app = Flask("mailbox")

    @app.get("/")
    def index() -> str:
        rows = "".join(_row(each) for each in reversed(list(boxes.all())))
        head = "<tr><th>À</th><th>Objet</th><th>X-MSS</th><th>Pièces jointes</th></tr>"
        return _PAGE.format(content=f"<table>{head}{rows}</table>" if rows else "<p>Aucun message.</p>")

    @app.get("/<name>/<int:number>")
    def attachment(name: str, number: int) -> Response:
        found = boxes.one(name)
        parts = list(found.message.iter_attachments()) if found else []
        if not 0 <= number < len(parts):
            abort(404)
        content = parts[number].get_payload(decode=True)
        answer = Response(content if isinstance(content, bytes) else b"", content_type=parts[number].get_content_type())
        answer.headers["Content-Disposition"] = f'attachment; filename="{parts[number].get_filename() or "piece"}"'
        return answer

    @app.get("/<name>.eml")
    def raw(name: str) -> Response:
        found = boxes.one(name)
        if found is None:
            abort(404)
        return Response(found.content, content_type="message/rfc822")

    return app


def _row(received: Received) -> str:
    message = received.message
    links = "<br>".join(
        f'<a href="/{received.id}/{number}">{escape(part.get_filename() or "pièce")}</a>'
        for number, part in enumerate(message.iter_attachments())
    )
    headers = "<br>".join(
        f"{escape(name)}: {escape(str(value))}" for name, value in message.items() if name.startswith("X-MSS")
    )
    subject = f'<a href="/{received.id}.eml">{escape(str(message["Subject"] or "sans objet"))}</a>'
    return f"<tr><td>{escape(received.recipient)}</td><td>{subject}</td><td>{headers}</td><td>{links}</td></tr>"


def _received(path: Path) -> Received:
    recipient, sender, content = path.read_bytes().split(b"\n", 2)
    return Received(path.stem, recipient.decode(), sender.decode(), content)
