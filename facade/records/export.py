"""Traces as text, for whoever may ask for them within 48 hours (référentiel 5.5, EXI 18)."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator

import orjson

from facade.records.traces import StoredTrace


def as_ndjson(traces: Iterable[StoredTrace]) -> Iterator[str]:
    """One JSON object a trace, without line end."""
    for trace in traces:
        yield orjson.dumps(trace.as_dict()).decode()


def as_csv(traces: Iterable[StoredTrace]) -> Iterator[str]:
    """RFC 4180 lines with a header line, without line ends of their own.

    A cell that a spreadsheet would run as a formula is made harmless: a reason is whatever a person typed.
    """
    header_written = False
    for trace in traces:
        row = trace.as_dict()
        if not header_written:
            header_written = True
            yield _line(row)
        yield _line("" if value is None else _harmless(str(value)) for value in row.values())


def _line(cells: Iterable[str]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(list(cells))
    return text.getvalue()


def _harmless(cell: str) -> str:
    return f"'{cell}" if cell[:1] in ("=", "+", "-", "@", "\t") else cell
