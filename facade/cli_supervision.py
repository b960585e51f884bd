"""``dmp-facade supervision``: look through the traces, list alerts, suspend and release, say who are colleagues."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from typing import TextIO

    from facade.transactions.services import Services

_CONFIG = click.option(
    "--config", type=click.Path(dir_okay=False, exists=True, path_type=Path), help="TOML file of settings."
)
_BY = click.option("--by", required=True, help="Who decides it: kept in the journal.")
_WHY = click.option("--why", required=True, help="Why: kept in the journal. No patient is named here.")


@click.group()
def supervision() -> None:
    """Supervision of uses (RECO 01): alerts on what looks like misuse, suspensions."""


@supervision.command()
@_CONFIG
def look(config: Path | None) -> None:
    """Look through what was traced since the last time, as `serve` does by itself; exit status 3 when alerts came."""
    from facade.wiring import supervisor  # noqa: PLC0415

    raised = supervisor(_services(config)).look()
    for alert in raised:
        click.echo(f"{alert.id} {alert.severity} {alert.criterion} {alert.structure} {alert.person} {alert.count}")
    sys.exit(3 if raised else 0)


@supervision.command()
@_CONFIG
def alerts(config: Path | None) -> None:
    """Write every alert to standard output, newest first, as tab-separated lines."""
    click.echo("id\traised\tseverity\tcriterion\tstructure\tperson\tuses\tfirst\tlast\tsuspends\treleased")
    for alert in _services(config).alerts.all():
        released = alert.released_at.isoformat(timespec="seconds") if alert.released_at else ""
        times = [moment.isoformat(timespec="seconds") for moment in (alert.raised_at, alert.first, alert.last)]
        line = [alert.id, times[0], alert.severity, alert.criterion, alert.structure, alert.person, str(alert.count)]
        click.echo("\t".join([*line, *times[1:], "yes" if alert.suspends else "no", released]))


@supervision.command()
@_CONFIG
@click.argument("alert")
@_BY
@_WHY
def release(config: Path | None, alert: str, by: str, why: str) -> None:
    """Close an ALERT; the access it suspends is given back within seconds."""
    from facade.transactions import supervise  # noqa: PLC0415

    if not supervise.release(_services(config), alert, by=by, why=why):
        raise click.ClickException("there is no such open alert: see `dmp-facade supervision alerts`")
    click.echo("released")


@supervision.command()
@_CONFIG
@click.argument("person")
@click.argument("structure")
@_BY
@_WHY
def suspend(config: Path | None, person: str, structure: str, by: str, why: str) -> None:
    """Suspend the access of a PERSON (IdNat_PS) through a STRUCTURE (Struct_IdNat) until it is released."""
    from facade.transactions import supervise  # noqa: PLC0415

    alert = supervise.suspend(_services(config), person, structure, by=by, why=why)
    if alert is None:
        raise click.ClickException("this access is suspended already: see `dmp-facade supervision alerts`")
    click.echo(alert.id)


@supervision.command("staff")
@_CONFIG
@click.argument("structure")
@click.argument("file", type=click.File(encoding="utf-8-sig"))
def load_staff(config: Path | None, structure: str, file: TextIO) -> None:
    """Replace the list of who works in a STRUCTURE by the INS of a FILE (- for standard input), one a line.

    Each line is urn:oid:<OID of the INS>|<15 characters>. Keyed marks are kept, not the matricules; after a change of
    the first seal secret the list is best loaded again.
    """
    from facade.domain.ins import INS  # noqa: PLC0415
    from facade.wiring import staff  # noqa: PLC0415

    found = []
    for number, line in enumerate(file, 1):
        if not line.strip():
            continue
        system, _, value = line.strip().partition("|")
        try:
            found.append(INS.of(system, value))
        except ValueError as error:
            raise click.ClickException(f"line {number} is not urn:oid:<OID of an INS>|<15 characters>") from error
    click.echo(f"{staff(_services(config)).replace(structure, found)} colleagues noted")


def _services(config: Path | None) -> Services:
    from facade.records.engine import migrate  # noqa: PLC0415
    from facade.settings import Settings  # noqa: PLC0415
    from facade.wiring import wire  # noqa: PLC0415

    if config is not None:
        os.environ["DMP_FACADE_CONFIG"] = str(config)
    try:
        settings = Settings()
        migrate(settings.database_url)
        return wire(settings)
    except ValueError as error:
        raise click.ClickException(str(error)) from None
