"""Searchset Bundles: entries, outcomes, total and the links of a page, none of which carries an INS."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import quote, urlencode

from facade.api.outcomes import outcome

_NAMES_THE_PATIENT = {
    "patient",
    "patient.identifier",
    "patient:identifier",
    "subject",
    "subject.identifier",
    "identifier",
}


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
    """self, next and previous links. The patient is named by its sealed id, whatever the client sent."""
    kept = [
        (name, value) for name, value in params if name not in _NAMES_THE_PATIENT and name not in ("_count", "_offset")
    ]
    kept += [(name, value) for name, value in params if name == "identifier" and _is_document_identifier(params)]
    fixed = [("patient", patient_id), *kept]

    def link(relation: str, start: int) -> dict[str, str]:
        page = [("_count", str(count))] + ([("_offset", str(start))] if start else [])
        return {"relation": relation, "url": f"{url}?{urlencode([*fixed, *page], quote_via=quote)}"}

    links = [link("self", offset)]
    if offset + count < total:
        links.append(link("next", offset + count))
    if offset > 0:
        links.append(link("previous", max(0, offset - count)))
    return links


def _is_document_identifier(params: Sequence[tuple[str, str]]) -> bool:
    """``identifier`` names the document where the patient is named by another parameter, else it could be an INS."""
    return any(name in _NAMES_THE_PATIENT - {"identifier"} for name, _ in params)


def _entry(base: str, resource: dict[str, Any]) -> dict[str, Any]:
    entry: dict[str, Any] = {"resource": resource, "search": {"mode": "match"}}
    if "id" in resource:
        entry["fullUrl"] = f"{base}/{resource['resourceType']}/{resource['id']}"
    return entry
