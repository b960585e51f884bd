"""The errors of the DMP: the RegistryErrors of an ebRS answer, and what a refusal means by the table of errors.

The four channels (SOAP fault, HL7 acknowledgement, service status, registry errors) all end as DmpRefused; the first is
read in ``soap``, the second in ``hl7v3``, the last here. Source: ITI TF-3 4.2.4, DMP interface section on errors.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from lxml import etree

from facade.dmp import xds
from facade.domain.errors import DmpRefused, DmpUnavailable

_ERROR = f"{{{xds.RS}}}RegistryError"


@dataclass(frozen=True, slots=True)
class RegistryStatus:
    """The status of an ebRS answer that is not a failure, and the errors that came with it, worst first."""

    partial: bool
    warnings: tuple[DmpRefused, ...]


def expect(answer: etree._Element, tag: str, *, changes: bool = False) -> etree._Element:
    """``answer``, when it is the element it must be. Raises DmpUnavailable ``dmp.answer-invalid`` otherwise."""
    if answer.tag != tag:
        raise DmpUnavailable("dmp.answer-invalid", outcome_unknown=changes, status="200")
    return answer


def read_status(response: etree._Element, *, changes: bool) -> RegistryStatus:
    """Read the status and errors of a RegistryResponse (or of an answer that extends it).

    Raises DmpRefused with the first error of the highest severity on Failure, DmpUnavailable when there is no status
    that ebRS or XDS knows, or a partial one to a request that is done wholly or not at all.
    """
    status = response.get("status", "")
    found = sorted((_read_error(error) for error in response.iter(_ERROR)), key=lambda each: each.severity != "error")
    if status == xds.STATUS_FAILURE:
        raise found[0] if found else DmpRefused("XDSRegistryError", "", "registry")
    partial = status == xds.STATUS_PARTIAL
    if (partial and changes) or not (partial or status == xds.STATUS_SUCCESS):
        raise DmpUnavailable("dmp.answer-invalid", outcome_unknown=changes, status="200")
    return RegistryStatus(partial, tuple(found))


def _read_error(error: etree._Element) -> DmpRefused:
    severity = error.get("severity", "").rpartition(":")[2].lower()
    code = error.get("errorCode", "").strip().rpartition(":")[2]
    text = error.get("codeContext", "") or (error.text or "").strip()
    return DmpRefused(
        code or "XDSRegistryError",
        text,
        "registry",
        location=error.get("location", ""),
        severity="warning" if severity == "warning" else "error",
    )


def _plain(text: str) -> str:
    """Lower case, without accents, typographic apostrophes or runs of white space: messages vary in all of these."""
    folded = unicodedata.normalize("NFKD", text.replace("\u2019", "'")).casefold()
    return " ".join("".join(char for char in folded if not unicodedata.combining(char)).split())


def classify(error: DmpRefused, rows: Iterable[Mapping[str, str]]) -> Mapping[str, str] | None:
    """The row of ``mappings/errors/dmp.csv`` that explains a refusal, None for a code nobody has described.

    A known message text is more precise than the code it came with, so rows with ``text_match`` are tried first; the
    channel of a row counts only between several rows of the same code.
    """
    table = list(rows)
    text = _plain(error.text)
    for row in table:
        wanted = _plain(row.get("text_match", ""))
        if wanted and wanted in text:
            return row
    same = [row for row in table if row["code"] == error.code and not row.get("text_match")]
    return next((row for row in same if row.get("channel") == error.channel), same[0] if same else None)
