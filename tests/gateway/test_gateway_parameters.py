"""FindDocuments against the embedded DMP, parameter by parameter: what fits is found, what does not is not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from facade.dmp.gateway import SoapGateway
from facade.domain.access import Purpose
from facade.domain.caller import Caller, CallerKind, Structure
from facade.domain.dmp import DmpSession, DocumentQuery
from facade.domain.document import Availability, Coded, DocumentEntry, ReferenceId, XdsTime
from facade.domain.ins import INS
from tests.support.demo import RunningDemo, pdf

HOSPITAL = Structure("1990000028", "HOPITAL DE ROCHEVAL", "SA01")
NURSE = Caller(CallerKind.PROFESSIONAL, "899700000047", "PAUL DUMAS", HOSPITAL, "DUMAS", "PAUL", "60")
OTHER = Coded("autre", "1.2.3")
BEFORE, AFTER = XdsTime("2001"), XdsTime("2090")
# Parameter: a value that fits the document, one that does not.
PARAMETERS: dict[str, tuple[Any, Any]] = {
    "statuses": (lambda it: (it.availability,), (Availability.ARCHIVED,)),
    "type_codes": (lambda it: (OTHER, it.type_code), (OTHER,)),
    "class_codes": (lambda it: (OTHER, it.class_code), (OTHER,)),
    "format_codes": (lambda it: (it.format_code,), (OTHER,)),
    "facilities": (lambda it: (it.facility,), (OTHER,)),
    "practices": (lambda it: (it.practice,), (OTHER,)),
    "events": (lambda it: (it.events[0],), (OTHER,)),
    "confidentiality": (lambda _: (Coded("N", "2.16.840.1.113883.5.25"),), (Coded("R", "2.16.840.1.113883.5.25"),)),
    "author_person": (lambda _: "%^BERTIN^%", "%^NOBODY^%"),
    "creation_from": (lambda it: it.creation_time, AFTER),
    "creation_to": (lambda _: AFTER, BEFORE),
    "service_start_from": (lambda it: it.service_start, AFTER),
    "service_start_to": (lambda _: AFTER, BEFORE),
    "service_stop_from": (lambda it: it.service_stop, AFTER),
    "service_stop_to": (lambda _: AFTER, BEFORE),
    "references": (lambda it: it.references, (ReferenceId("other", "1.2.3", "urn:ihe:iti:xds:2013:order"),)),
}


@pytest.fixture(scope="module")
def document(demo: RunningDemo) -> str:
    """The uniqueId of a document that has a value for every parameter."""
    accession = {"coding": [{"system": "urn:ietf:rfc:3986", "code": "urn:ihe:iti:xds:2013:accession"}]}
    context = {
        "event": [{"coding": [{"system": "urn:oid:1.2.250.1.213.2.5", "code": "ZBQK002"}]}],
        "period": {"start": "2026-01-05T08:00:00Z", "end": "2026-01-06T08:00:00Z"},
        "related": [{"identifier": {"type": accession, "system": "urn:oid:1.2.250.1.999.7", "value": "ACC-7"}}],
    }
    made: str = demo.publish("author-doctor", "adult", pdf(), context=context)["masterIdentifier"]["value"]
    return made.removeprefix("urn:oid:")


@pytest.fixture
def asking(demo: RunningDemo) -> DmpSession:
    patient = demo.patients["adult"]
    return DmpSession(NURSE, INS.of(patient["system"], patient["value"]), Purpose.NORMAL)


@pytest.fixture
def entry(gateway: SoapGateway, asking: DmpSession, document: str) -> DocumentEntry:
    [found] = gateway.get_documents(asking, unique_ids=[document]).entries
    return found


def finds(gateway: SoapGateway, asking: DmpSession, entry: DocumentEntry, query: DocumentQuery) -> bool:
    return entry.entry_uuid in {each.entry_uuid for each in gateway.find_documents(asking, query).entries}


@pytest.mark.parametrize("name", PARAMETERS)
def test_a_parameter_keeps_what_fits_and_nothing_else(
    gateway: SoapGateway, asking: DmpSession, entry: DocumentEntry, name: str
) -> None:
    fitting, other = PARAMETERS[name]
    assert finds(gateway, asking, entry, replace(DocumentQuery(), **{name: fitting(entry)}))
    assert not finds(gateway, asking, entry, replace(DocumentQuery(), **{name: other}))


def test_all_parameters_at_once(gateway: SoapGateway, asking: DmpSession, entry: DocumentEntry) -> None:
    whole = replace(DocumentQuery(), **{name: fitting(entry) for name, (fitting, _) in PARAMETERS.items()})
    assert set(PARAMETERS) == set(DocumentQuery.__dataclass_fields__)
    assert finds(gateway, asking, entry, whole)
