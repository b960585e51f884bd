"""Pairings: who an external id stands for, and through which application."""

from __future__ import annotations

import pytest

from facade.domain.caller import Pairing, Relation
from facade.records.engine import Database
from facade.records.pairings import Pairings
from tests.support.records import ins


@pytest.fixture
def pairings(database: Database) -> Pairings:
    return Pairings(database)


def test_a_person_is_found_through_the_application_that_paired_it(pairings: Pairings) -> None:
    own = Pairing(ins(1), Relation.HOLDER, may_feed=True, may_read=False)
    child = Pairing(ins(2), Relation.REPRESENTATIVE)
    pairings.add("app", "idpe", own)
    pairings.add("app", "idpe", child)
    assert set(pairings.find("app", "idpe")) == {own, child}
    assert pairings.find("other-app", "idpe") == ()
    assert pairings.find("app", "other") == ()


def test_an_application_has_the_holders_only(pairings: Pairings) -> None:
    own = Pairing(ins(1), Relation.HOLDER, may_feed=True)
    pairings.add("app", "a", own)
    pairings.add("app", "b", Pairing(ins(2), Relation.REPRESENTATIVE, may_feed=True))
    pairings.add("other-app", "c", Pairing(ins(3), Relation.HOLDER, may_feed=True))
    assert pairings.of_application("app") == (own,)


def test_a_holder_with_two_external_ids_allows_what_both_allow(pairings: Pairings) -> None:
    pairings.add("app", "old", Pairing(ins(1), Relation.HOLDER, may_feed=False, may_read=True))
    pairings.add("app", "new", Pairing(ins(1), Relation.HOLDER, may_feed=True, may_read=True))
    assert pairings.of_application("app") == (Pairing(ins(1), Relation.HOLDER, may_feed=False, may_read=True),)


def test_pairing_again_replaces_and_removing_removes(pairings: Pairings) -> None:
    pairings.add("app", "a", Pairing(ins(1), Relation.HOLDER))
    now = Pairing(ins(1), Relation.HOLDER, may_feed=True)
    pairings.add("app", "a", now)
    assert pairings.find("app", "a") == (now,)
    assert pairings.remove("app", "a", ins(1))
    assert not pairings.remove("app", "a", ins(1))
    assert pairings.find("app", "a") == ()
