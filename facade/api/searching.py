"""A search of documents or lots, from its parameters to its searchset: page, shortened resources, links, issues.

FHIR R4 search.html (_count, _summary, _elements, self link); no link carries an INS (the patient is a sealed id).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from flask import Response

from facade.api.bundles import page_links, searchset, used_parameters
from facade.api.exchange import actor, error_table, fhir, language, services, strict
from facade.domain.errors import DmpRefused, InvalidInput, Problem
from facade.transactions.actor import Actor
from facade.transactions.find_documents import Found, Page
from facade.transactions.services import Services
from facade.translation.search_params import Asked

Params = list[tuple[str, str]]
_OFFSET = re.compile(r"^[0-9]{1,9}\Z")
_DEFAULT_COUNT = 50
_ALWAYS = {"resourceType", "id", "meta", "implicitRules"}
# What a resource cannot be without (min 1 in FHIR R4), which a shortened one keeps.
_MANDATORY = {"DocumentReference": {"status", "content"}, "List": {"status", "mode"}}
# What FHIR R4 leaves out of a summary (elements without the flag Σ), of what is written here.
_NOT_IN_SUMMARY = {
    "DocumentReference": {"extension", "authenticator", "custodian"},
    "List": {"extension", "identifier", "note", "entry"},
}


A = TypeVar("A", bound=Asked)


def search(
    params: Params, kind: str, read: Callable[..., A], find: Callable[[Services, Actor, A, Page], Found]
) -> Response:
    """Answer a search of ``kind``, which is also the last part of its address. ``read`` is as ``search_query``."""
    parts = services()
    offset = _offset(params)
    asked = [(name, value) for name, value in params if name not in ("_offset", "_format", "_pretty")]
    wanted = read(asked, tables=parts.codes, rules=parts.subjects, strict=strict())
    # FHIR R4 search.html#count: _count=0 is the same as _summary=count.
    total_only = wanted.summary == "count" or wanted.count == 0
    count = min(_DEFAULT_COUNT if wanted.count is None else wanted.count, parts.settings.max_page)
    found = find(parts, actor(), wanted, Page(offset, 0 if total_only else count))
    used = used_parameters(params, wanted.ignored, found.patient)
    url = f"{parts.settings.fhir_base}/{kind}"
    sealed = parts.ids.seal_patient(found.patient)
    links = page_links(url, used, sealed, offset=offset, count=count, total=found.total)
    return fhir(
        searchset(
            parts.settings.fhir_base,
            [_shortened(resource, wanted) for resource in found.resources],
            total=found.total,
            links=links[:1] if total_only else links,
            issues=issues(found.warnings, wanted.ignored),
        )
    )


def issues(warnings: Iterable[DmpRefused], ignored: Iterable[str]) -> list[dict[str, Any]]:
    """What the DMP said was missing, and which parameters were not looked at."""
    table = error_table()
    told: list[dict[str, Any]] = []
    for warning in warnings:
        # Several questions may have been answered with the same words.
        issue = table.dmp_warning(warning, language())
        told += [issue] if issue not in told else []
    return told + [
        table.issue(Problem("search.parameter-ignored", (name,), {"name": name[:40]}, "information"), language())
        for name in ignored
    ]


def _shortened(resource: dict[str, Any], wanted: Asked) -> dict[str, Any]:
    """Only what _elements or _summary asks for, besides what is mandatory, marked as incomplete."""
    mandatory = _ALWAYS | _MANDATORY[resource["resourceType"]]
    if wanted.elements:
        kept = mandatory | set(wanted.elements)
    elif wanted.summary == "true":
        kept = set(resource) - _NOT_IN_SUMMARY[resource["resourceType"]]
    elif wanted.summary == "text":
        kept = mandatory | {"text"}
    else:
        return resource
    short = {name: value for name, value in resource.items() if name in kept and name != "contained"}
    if contained := _referenced(resource.get("contained", []), short):
        short["contained"] = contained
    tag = {"system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "code": "SUBSETTED"}
    meta = resource.get("meta", {})
    return short | {"meta": meta | {"tag": [*meta.get("tag", ()), tag]}}


def _referenced(contained: list[dict[str, Any]], short: dict[str, Any]) -> list[dict[str, Any]]:
    """The contained resources that what is left still points at: FHIR allows no others (dom-3)."""
    wanted, by_id = _fragments(short), {each["id"]: each for each in contained}
    while more := {name for each in wanted & set(by_id) for name in _fragments(by_id[each])} - wanted:
        wanted |= more
    return [each for each in contained if each["id"] in wanted]


def _fragments(value: Any) -> set[str]:
    if isinstance(value, dict):
        own = value.get("reference")
        found = {own[1:]} if isinstance(own, str) and own.startswith("#") else set()
        return found.union(*map(_fragments, value.values()))
    return set().union(*map(_fragments, value)) if isinstance(value, list) else set()


def _offset(params: Params) -> int:
    value = next((value for name, value in params if name == "_offset"), "0")
    if not _OFFSET.match(value):
        raise InvalidInput.of("search.value", "_offset", name="_offset", value=value[:20])
    return int(value)
