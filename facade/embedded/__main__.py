"""``python -m facade.embedded dmp|issuer|mail``: the servers, each until SIGTERM."""

from __future__ import annotations

from pathlib import Path

import click

from facade.lasting import lasting

with lasting():
    from facade.embedded.mail import run_mail
    from facade.embedded.server import run_dmp, run_issuer

_DATA = click.option(
    "--data", required=True, type=click.Path(file_okay=False, path_type=Path), help="Data directory, made if missing."
)
_PORT = click.option("--port", required=True, type=click.IntRange(1, 65535), help="Port on 127.0.0.1.")


@click.group()
def main() -> None:
    """The embedded DMP, its token issuer and a mail server, for demonstrations and tests."""


@main.command()
@_DATA
@_PORT
@click.option("--log", type=click.Path(dir_okay=False, path_type=Path), help="Journal; default DATA/dmp-log.jsonl.")
@click.option(
    "--schemas",
    envvar="EMBEDDED_DMP_SCHEMAS",
    type=click.Path(file_okay=False, exists=True, path_type=Path),
    help="Folder of the standards' XSDs: every request must be valid.",
)
def dmp(data: Path, port: int, log: Path | None, schemas: Path | None) -> None:
    """Serve the embedded DMP over mutual TLS."""
    run_dmp(data, port, log or data / "dmp-log.jsonl", schemas)


@main.command()
@_DATA
@_PORT
def issuer(data: Path, port: int) -> None:
    """Serve the token issuer over HTTP."""
    run_issuer(data, port)


@main.command()
@_DATA
@_PORT
@click.option("--mailbox-port", required=True, type=click.IntRange(1, 65535), help="Port of the page of mailboxes.")
@click.option("--mailbox-host", default="127.0.0.1", show_default=True, help="Address of the page of mailboxes.")
def mail(data: Path, port: int, mailbox_port: int, mailbox_host: str) -> None:
    """Serve SMTP submission with STARTTLS, and a page of what was received."""
    run_mail(data, port, (mailbox_host, mailbox_port))


if __name__ == "__main__":
    main()
