"""``dmp-facade homologation``: writes the file of self-homologation to standard output."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from facade.homologation.extraction import TraceTest
    from facade.settings import Settings


@click.command()
@click.option("--config", type=click.Path(dir_okay=False, exists=True, path_type=Path), help="TOML file of settings.")
@click.option("--format", "form", type=click.Choice(["md", "html"]), default="md", show_default=True)
@click.option("--lang", "language", type=click.Choice(["fr", "en"]), default="fr", show_default=True)
def homologation(config: Path | None, form: str, language: str) -> None:
    """Write the review of EXI 01 to 29 and RECO 01, the settings in force and a test of the extraction of traces.

    For the commission of self-homologation (EXI 29). It needs no reachable DMP and changes nothing.
    """
    from facade import knowledge  # noqa: PLC0415 - the other commands need none of this
    from facade.examination import examine  # noqa: PLC0415
    from facade.homologation.html import as_html  # noqa: PLC0415
    from facade.homologation.markdown import as_markdown  # noqa: PLC0415
    from facade.homologation.review import Findings, review  # noqa: PLC0415
    from facade.policy.days import legal_day  # noqa: PLC0415
    from facade.settings import Settings  # noqa: PLC0415

    if config is not None:
        os.environ["DMP_FACADE_CONFIG"] = str(config)
    try:
        settings = Settings()
    except ValueError as error:
        raise click.ClickException(str(error)) from None
    now = datetime.now(UTC)
    findings = Findings(settings, examine(settings), _extraction(settings, now), now, legal_day(now))
    document = review(knowledge.rows, findings, language)
    click.echo(as_html(document) if form == "html" else as_markdown(document), nl=False)


def _extraction(settings: Settings, now: datetime) -> TraceTest | str:
    """The test of the extraction of traces, or why it could not be run."""
    from facade.homologation.extraction import try_extraction  # noqa: PLC0415
    from facade.records.engine import RecordsUnavailable, open_database  # noqa: PLC0415
    from facade.records.traces import Traces  # noqa: PLC0415

    try:
        database = open_database(settings.database_url)
    except ValueError as error:
        return str(error)
    try:
        return try_extraction(Traces(database), now=now, retention_days=settings.trace_retention_days)
    except RecordsUnavailable as error:
        return error.cause
    finally:
        database.close()
