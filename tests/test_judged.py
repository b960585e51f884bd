"""What one act judged leaves one trace for each document, whatever ids the DMP gives them."""

from __future__ import annotations

from dataclasses import replace

from facade.domain.access import Act, Decision, Effect
from facade.transactions.judged import Judged, Judgements
from tests.support.translation import entry

PERMIT, DENY = Decision(Effect.PERMIT, "a.rule", "an article"), Decision(Effect.DENY, "another.rule", "an article")


def test_two_documents_a_dmp_gives_one_logical_id_are_both_kept() -> None:
    one = replace(entry(), logical_id="urn:uuid:same", unique_id="1.2.3")
    found = Judgements()
    for document in (one, replace(one, unique_id="1.2.4")):
        found.note(Judged(Act.READ, PERMIT, document, "TD3.1"))
    assert [each.unique_id for each in found] == ["1.2.3", "1.2.4"]


def test_the_last_judgement_on_a_document_stands_and_takes_the_place_of_that_on_its_record() -> None:
    document, found = replace(entry(), logical_id="urn:uuid:a", unique_id="1.2.3"), Judgements()
    for decision, about in ((PERMIT, None), (PERMIT, document), (DENY, document)):
        found.note(Judged(Act.READ, decision, about, "TD3.1"))
    assert [(each.decision, each.unique_id) for each in found] == [(DENY, "1.2.3")]
