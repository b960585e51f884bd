"""Searchset Bundles: entries, outcomes, total and the links of a page, none of which carries an INS."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import quote, urlencode

from facade.api.outcomes import outcome
from facade.domain.ins import INS

_PATIENT = re.compile(r"^(patient|subject)([.:]|\Z)")


def searchset(
    base: str,
    resources: Sequence[dict[str, Any]],
    *,
    total: int,
    links: Sequence[dict[str, str]] = (),
    issues: Iterable[dict[str, Any]] = (),
) -> dict[str, Any]:
    """A searchset; ``issues`` become one OperationOutcome entry after the matches."""
    entries: list[dict[str, Any]] = [_entry(base, resource) for resource in resources]
    warnings = list(issues)
    if warnings:
        entries.append({"resource": outcome(warnings), "search": {"mode": "outcome"}})
    bundle: dict[str, Any] = {"resourceType": "Bundle", "type": "searchset", "total": total}
    if links:
        bundle["link"] = list(links)
    if entries:
        bundle["entry"] = entries
    return bundle


def page_links(
    url: str, params: Sequence[tuple[str, str]], patient_id: str, *, offset: int, count: int, total: int
) -> list[dict[str, str]]:
    """The self, next and previous links of ``params`` (``used_parameters``), for a patient named by its sealed id."""
    fixed = [("patient", patient_id), *params]

    def link(relation: str, start: int) -> dict[str, str]:
        page = [("_count", str(count))] + ([("_offset", str(start))] if start else [])
        return {"relation": relation, "url": f"{url}?{urlencode([*fixed, *page], quote_via=quote)}"}

    links = [link("self", offset)]
    if offset + count < total:
        links.append(link("next", offset + count))
    if offset > 0:
        links.append(link("previous", max(0, offset - count)))
    return links


def used_parameters(params: Sequence[tuple[str, str]], ignored: Sequence[str], patient: INS) -> list[tuple[str, str]]:
    """The parameters a search was made with, without those that name its patient or the page.

    What was ignored is left out (FHIR R4: the self link says what was used), and so is any value that repeats the
    matricule, wherever the client put it.
    """
    names = [name for name, _ in params]
    return [
        (name, value)
        for name, value in params
        if value.strip()
        and not _PATIENT.match(name)
        and name not in ("_count", "_offset")
        and ignored.count(name) < names.count(name)
        and patient.value not in value.upper()
    ]


def _entry(base: str, resource: dict[str, Any]) -> dict[str, Any]:
    entry: dict[str, Any] = {"resource": resource, "search": {"mode": "match"}}
    if "id" in resource:
        entry["fullUrl"] = f"{base}/{resource['resourceType']}/{resource['id']}"
    return entry
