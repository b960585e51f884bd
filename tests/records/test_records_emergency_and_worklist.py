"""When an emergency began, and which documents are still hidden from their patient."""

from __future__ import annotations

from datetime import timedelta

from facade.domain.document import Author, Coded, DocumentEntry, Person, XdsTime
from facade.domain.masking import Masking
from facade.records.engine import Database
from facade.records.hidden import HiddenDocuments
from facade.records.traces import Traces
from tests.support.records import NOW, ins, trace

DOCTOR, GLASS = "899700000018", "bris_de_glace"


def _emergency(number: int, **changes: object) -> object:
    return trace(number, **{"purpose": GLASS, "reason": "coma", **changes})


def test_an_emergency_began_when_its_reason_was_first_let_in(database: Database) -> None:
    traces = Traces(database)
    for each in (_emergency(5, effect="deny"), _emergency(10), _emergency(20)):
        traces.append(each)  # type: ignore[arg-type]
    since = NOW - timedelta(days=1)
    assert traces.emergency_opened(DOCTOR, ins(), GLASS, "coma", since) == NOW + timedelta(seconds=10)
    assert traces.emergency_opened(DOCTOR, ins(), GLASS, "another reason", since) is None
    assert traces.emergency_opened(DOCTOR, ins(2), GLASS, "coma", since) is None
    assert traces.emergency_opened("899700000026", ins(), GLASS, "coma", since) is None
    assert traces.emergency_opened(DOCTOR, ins(), "centre_15", "coma", since) is None
    assert traces.emergency_opened(DOCTOR, ins(), GLASS, "coma", NOW + timedelta(hours=1)) is None


def _document(logical_id: str, author: str) -> DocumentEntry:
    code = Coded("x", "1.2")
    return DocumentEntry(
        unique_id="1.2.3",
        patient=ins(),
        type_code=code,
        class_code=code,
        format_code=code,
        facility=code,
        practice=code,
        authors=(Author(Person(author)),),
        masking=Masking(),
        title="x",
        creation_time=XdsTime("2026"),
        logical_id=logical_id,
    )


def test_a_hidden_document_is_listed_for_its_author_and_structure_until_it_is_shown(database: Database) -> None:
    hidden = HiddenDocuments(database)
    hidden.note(_document("a", DOCTOR), "1750000001", NOW)
    hidden.note(_document("b", "899700000026"), "1750000001", NOW - timedelta(days=3))
    hidden.note(_document("a", DOCTOR), "1750000001", NOW + timedelta(days=2))
    assert [(each.logical_id, each.since) for each in hidden.of_author(DOCTOR)] == [("a", NOW)]
    assert [each.logical_id for each in hidden.of_structure("1750000001")] == ["b", "a"]
    assert hidden.of_structure("1999999999") == []
    hidden.lift("a")
    assert hidden.of_author(DOCTOR) == []
