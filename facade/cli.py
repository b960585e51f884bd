"""The command line: ``dmp-facade demo | serve | outbox | mail-in | token | traces | supervision | check | ...``."""

from __future__ import annotations

import csv
import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from facade import __version__
from facade.cli_supervision import supervision
from facade.domain.errors import FacadeError
from facade.homologation.command import homologation
from facade.lasting import lasting

if TYPE_CHECKING:
    from typing import BinaryIO, TextIO

    from facade.records.pairings import Paired, Pairings
    from facade.records.traces import Traces

_LARGEST_MAIL = 32 * 1024 * 1024
_LAST_PORT = 65535
_FOLDER = click.Path(file_okay=False, path_type=Path)
_CONFIG = click.option(
    "--config", type=click.Path(dir_okay=False, exists=True, path_type=Path), help="TOML file of settings."
)


class _Commands(click.Group):
    """Commands that say in one line that the database cannot be used."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except FacadeError as error:
            cause = getattr(error, "cause", None)
            if cause is None:
                raise
            raise click.ClickException(f"the database cannot be used: {cause}") from None


@click.group(cls=_Commands)
@click.version_option(__version__)
def main() -> None:
    """The FHIR door to the French shared medical record (DMP)."""


main.add_command(supervision)
main.add_command(homologation)


@main.command()
@click.option("--port", default=8000, show_default=True, help="Port of the facade; 0 takes any free one.")
@click.option("--data", type=_FOLDER, default=None, help="Folder to keep everything in (default: a temporary one).")
@click.option(
    "--mailbox", default="127.0.0.1:0", show_default=True, help="Address and port of the page of mailboxes; 0: any."
)
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON when ready, and nothing else.")
@click.option("--tour", is_flag=True, help="First show the main job: publish, find, mask, who sees what.")
def demo(port: int, data: Path | None, mailbox: str, as_json: bool, tour: bool) -> None:
    """Run the facade on an embedded DMP, with sample patients and tokens."""
    with lasting():
        from facade.embedded.demo import Listening, run  # noqa: PLC0415 - only the demonstration needs the embedded DMP

    if as_json and tour:
        raise click.UsageError("--json prints one line only: leave --tour out")
    host, _, number = mailbox.rpartition(":")
    if not host or not number.isdecimal() or int(number) > _LAST_PORT:
        raise click.UsageError(f"--mailbox {mailbox}: write ADDRESS:PORT, as 0.0.0.0:8025")
    sys.exit(run(port, data, Listening(host, int(number)), as_json=as_json, tour=tour))


@main.command()
@_CONFIG
def serve(config: Path | None) -> None:
    """Run the facade alone, from its settings, against the configured DMP."""
    with lasting():
        from facade.server import run  # noqa: PLC0415 - the other commands need no server
        from facade.settings import Settings  # noqa: PLC0415
        from facade.tls import server_context  # noqa: PLC0415

    _use(config)
    try:
        settings = Settings()
        if missing := settings.missing():
            raise click.ClickException(f"not set (environment or --config): {', '.join(missing)}")
        if settings.tls_certificate is not None:
            server_context(settings)
    except ValueError as error:
        raise click.ClickException(str(error)) from None
    run()


@main.command()
@_CONFIG
@click.option("--once", is_flag=True, help="Send what is due, then end: status 1 when messages are left waiting.")
def outbox(config: Path | None, once: bool) -> None:
    """Send the messages of the outbox (MSSanté). Several may run at once; one may be killed at any time."""
    with lasting():
        from facade.outbox import run  # noqa: PLC0415 - the other commands send nothing
        from facade.settings import Settings  # noqa: PLC0415

    _use(config)
    try:
        left = run(Settings(), once=once)
    except ValueError as error:
        raise click.ClickException(str(error)) from None
    sys.exit(1 if once and left else 0)


@main.command("mail-in")
@_CONFIG
@click.argument("file", type=click.File("rb"), default="-")
def mail_in(config: Path | None, file: BinaryIO) -> None:
    """Take in one message that came to the sending box: FILE, or standard input, as a mail server pipes it.

    Status 0: taken in, or of no concern. Status 75 (EX_TEMPFAIL): try again later, the mail server keeps it.
    """
    from facade.domain.errors import FacadeError  # noqa: PLC0415 - the other commands read no mail
    from facade.mailroom import open_outbox  # noqa: PLC0415
    from facade.records.engine import open_database  # noqa: PLC0415
    from facade.settings import Settings  # noqa: PLC0415
    from facade.transactions.mail_notices import take_in  # noqa: PLC0415

    _use(config)
    try:
        settings = Settings()
        outbox = open_outbox(settings, open_database(settings.database_url))
        click.echo(take_in(outbox, file.read(_LARGEST_MAIL), datetime.now(UTC)).value)
    except (FacadeError, ValueError) as error:
        click.echo(f"not taken in: {type(error).__name__}", err=True)
        sys.exit(os.EX_TEMPFAIL)


@main.command()
@_CONFIG
def check(config: Path | None) -> None:
    """Say whether the settings, the certificates, the database and the DMP are usable."""
    from facade.examination import examine  # noqa: PLC0415
    from facade.records.engine import migrate  # noqa: PLC0415
    from facade.settings import Settings  # noqa: PLC0415

    _use(config)
    try:
        settings = Settings()
        migrate(settings.database_url)
        found = examine(settings)
        problems = found.problems
        for warning in found.warnings:
            click.echo(f"soon: {warning}")
    except ValueError as error:
        problems = (str(error),)
    for problem in problems:
        click.echo(f"not usable: {problem}")
    if problems:
        sys.exit(1)
    click.echo("ready: settings, certificates, database and DMP are usable")


@main.command()
@click.argument("persona")
@click.option("--data", type=_FOLDER, required=True, help="Folder of a running demonstration (its --data).")
@click.option("--expires-in", default=3600, show_default=True, help="Seconds; negative for an expired token.")
@click.option("--audience", default="dmp-facade", show_default=True)
def token(persona: str, data: Path, expires_in: int, audience: str) -> None:
    """Print a token for a PERSONA of the demonstration."""
    from facade.embedded.issuer import issuer_of  # noqa: PLC0415

    try:
        click.echo(issuer_of(data).mint(persona, lifetime=expires_in, audience=audience))
    except KeyError as error:
        raise click.ClickException(f"no persona named {persona}") from error
    except FileNotFoundError as error:
        raise click.ClickException("no demonstration in this folder: give the --data of `dmp-facade demo`") from error


@main.group()
def traces() -> None:
    """The access traces (EXI 18)."""


@traces.command()
@_CONFIG
def verify(config: Path | None) -> None:
    """Say whether a trace was removed, changed or moved since it was written."""
    problems = _traces(config).verify()
    for problem in problems:
        click.echo(f"trace {problem.seq}: {problem.text}")
    if problems:
        sys.exit(1)
    click.echo("the chain of traces is whole")


@traces.command()
@_CONFIG
@click.option("--patient", default="", help="Of one record: urn:oid:...|INS.")
@click.option("--person", default="", help="Of one person: IdNat_PS or other id.")
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), default=None, help="From this day on.")
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), default=None, help="Before this day.")
@click.option("--format", "form", type=click.Choice(["ndjson", "csv"]), default="ndjson", show_default=True)
def export(
    config: Path | None, patient: str, person: str, since: datetime | None, until: datetime | None, form: str
) -> None:
    """Write traces to standard output, oldest first: for a control or an inquiry (référentiel 5.5, EXI 18)."""
    from facade.domain.ins import INS  # noqa: PLC0415
    from facade.records.export import as_csv, as_ndjson  # noqa: PLC0415

    start, end = (moment.replace(tzinfo=UTC) if moment else None for moment in (since, until))
    system, _, value = patient.partition("|")
    try:
        ins = INS.of(system, value) if patient else None
    except ValueError as error:
        raise click.ClickException("--patient is urn:oid:<OID of an INS>|<15 characters>") from error
    found = _traces(config).export(patient=ins, person_id=person, since=start, until=end)
    for line in as_csv(found) if form == "csv" else as_ndjson(found):
        click.echo(line)


@traces.command()
@_CONFIG
@click.option("--older-than-days", type=click.IntRange(1), help="Default: the setting trace_retention_days.")
def purge(config: Path | None, older_than_days: int | None) -> None:
    """Remove old traces, those of more than six months by default (référentiel 5.5); the chain stays verifiable."""
    from facade.settings import Settings  # noqa: PLC0415

    now, found = datetime.now(UTC), _traces(config)
    kept = timedelta(days=older_than_days or Settings().trace_retention_days)
    count = found.purge(now - kept, now=now)
    click.echo(f"{count} traces removed")


@main.group()
def pairings() -> None:
    """Who the external ids of catalogue applications stand for, and what the holders consented to."""


@pairings.command("load")
@_CONFIG
@click.argument("file", type=click.File(encoding="utf-8-sig"))
def load_pairings(config: Path | None, file: TextIO) -> None:
    """Write the pairings of a CSV FILE (- for standard input) into the table: one that exists is replaced."""
    table, found = _pairings(config), _read_pairings(file)
    try:
        table.add(*found)
    except ValueError as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"{len(found)} pairings written")


@pairings.command("remove")
@_CONFIG
@click.argument("file", type=click.File(encoding="utf-8-sig"))
def remove_pairings(config: Path | None, file: TextIO) -> None:
    """Take the pairings of a CSV FILE (- for standard input) out of the table."""
    table, found = _pairings(config), _read_pairings(file)
    click.echo(f"{table.remove(*found)} pairings removed")


@pairings.command("list")
@_CONFIG
def list_pairings(config: Path | None) -> None:
    """Write the table to standard output, as CSV."""
    from facade.records.pairing_file import as_csv  # noqa: PLC0415

    for line in as_csv(_pairings(config).all()):
        click.echo(line)


@main.command()
@click.option("--format", "form", type=click.Choice(["text", "html"]), default="text", show_default=True)
def policy(form: str) -> None:
    """Print who may do what, by which rule and article, from the tables the facade applies."""
    from facade import knowledge  # noqa: PLC0415
    from facade.policy import describe  # noqa: PLC0415
    from facade.policy.tables import AccessTables  # noqa: PLC0415

    sections = describe.describe(AccessTables.from_rows(knowledge.rows))
    click.echo(describe.as_html(sections) if form == "html" else describe.as_text(sections))


def _use(config: Path | None) -> None:
    if config is not None:
        os.environ["DMP_FACADE_CONFIG"] = str(config)


def _pairings(config: Path | None) -> Pairings:
    from facade.records.engine import migrate, open_database  # noqa: PLC0415
    from facade.records.pairings import Pairings  # noqa: PLC0415
    from facade.settings import Settings  # noqa: PLC0415

    _use(config)
    url = Settings().database_url
    migrate(url)
    return Pairings(open_database(url))


def _read_pairings(file: TextIO) -> list[Paired]:
    from facade.records.pairing_file import read_pairings  # noqa: PLC0415
    from facade.settings import Settings  # noqa: PLC0415

    try:
        return read_pairings(file, {application.id for application in Settings().applications})
    except (ValueError, csv.Error) as error:
        raise click.ClickException(str(error)) from None


def _traces(config: Path | None) -> Traces:
    from facade.records.engine import open_database  # noqa: PLC0415
    from facade.records.traces import Traces  # noqa: PLC0415
    from facade.settings import Settings  # noqa: PLC0415

    _use(config)
    return Traces(open_database(Settings().database_url))


if __name__ == "__main__":
    main()
