"""Pairings: who an external id stands for, and through which application."""

from __future__ import annotations

import pytest

from facade.domain.caller import Pairing, Relation
from facade.records.engine import Database
from facade.records.pairing_file import as_csv, read_pairings
from facade.records.pairings import Pairings
from tests.support.records import ins

REPRESENTATIVE = Relation.REPRESENTATIVE


@pytest.fixture
def pairings(database: Database) -> Pairings:
    return Pairings(database)


def test_a_person_is_found_through_the_application_that_paired_it(pairings: Pairings) -> None:
    own = Pairing(ins(1), Relation.HOLDER, may_feed=True, may_read=False)
    child = Pairing(ins(2), Relation.REPRESENTATIVE)
    pairings.add(("app", "idpe", own))
    pairings.add(("app", "idpe", child))
    assert set(pairings.find("app", "idpe")) == {own, child}
    assert pairings.find("other-app", "idpe") == ()
    assert pairings.find("app", "other") == ()


def test_an_application_has_the_holders_only(pairings: Pairings) -> None:
    own = Pairing(ins(1), Relation.HOLDER, may_feed=True)
    pairings.add(("app", "a", own))
    pairings.add(("app", "b", Pairing(ins(2), Relation.REPRESENTATIVE, may_feed=True)))
    pairings.add(("other-app", "c", Pairing(ins(3), Relation.HOLDER, may_feed=True)))
    assert pairings.of_application("app") == (own,)


def test_a_holder_with_two_external_ids_allows_what_both_allow(pairings: Pairings) -> None:
    pairings.add(("app", "old", Pairing(ins(1), Relation.HOLDER, may_feed=False, may_read=True)))
    pairings.add(("app", "new", Pairing(ins(1), Relation.HOLDER, may_feed=True, may_read=True)))
    assert pairings.of_application("app") == (Pairing(ins(1), Relation.HOLDER, may_feed=False, may_read=True),)


def test_pairing_again_replaces_and_removing_removes(pairings: Pairings) -> None:
    pairings.add(("app", "a", Pairing(ins(1), Relation.HOLDER)))
    now = Pairing(ins(1), Relation.HOLDER, may_feed=True)
    pairings.add(("app", "a", now))
    assert pairings.find("app", "a") == (now,)
    assert pairings.remove(("app", "a", now)) == 1
    assert pairings.remove(("app", "a", now)) == 0
    assert pairings.find("app", "a") == ()


def test_nobody_becomes_the_holder_of_two_records(pairings: Pairings) -> None:
    own = ("app", "a", Pairing(ins(1), Relation.HOLDER))
    pairings.add(own, ("app", "b", Pairing(ins(2), Relation.HOLDER)), ("app", "a", Pairing(ins(2), REPRESENTATIVE)))
    before = pairings.all()
    with pytest.raises(ValueError, match="holder of two records"):
        pairings.add(("app", "c", Pairing(ins(3), Relation.HOLDER)), ("app", "a", Pairing(ins(3), Relation.HOLDER)))
    assert pairings.all() == before
    pairings.remove(own)
    pairings.add(("app", "a", Pairing(ins(3), Relation.HOLDER)))
    assert len(pairings.find("app", "a")) == 2


HEADER = "application,external_id,patient,relation,may_feed,may_read"


def test_a_file_is_read_as_it_is_written(pairings: Pairings) -> None:
    one = ("app", "=a,b", Pairing(ins(1), Relation.HOLDER, may_feed=True, may_read=False))
    two = ("app", "b", Pairing(ins(2), REPRESENTATIVE))
    pairings.add(one, two)
    lines = list(as_csv(pairings.all()))
    assert lines[0] == HEADER
    assert read_pairings(lines, ["app"]) == [one, two]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("other,idpe,{},holder,yes,yes", "line 2: application"),
        ("app,,{},holder,yes,yes", "line 2: external_id"),
        ("app,idpe,{}9,holder,yes,yes", "line 2: patient"),
        ("app,idpe,urn:oid:1.2|279017500000194,holder,yes,yes", "line 2: patient"),
        ("app,idpe,,holder,yes,yes", "line 2: patient"),
        ("app,idpe,urn:oid:1.2.250.1.213.1.4.10|279017500000100,holder,yes,yes", "line 2: the key"),
        ("app,idpe,{},mother,yes,yes", "line 2: relation"),
        ("app,idpe,{},holder,oui,yes", "line 2: may_feed"),
        ("app,idpe,{},holder,yes", "line 2: may_read"),
        ("app,idpe,{},holder,yes,yes,yes", "line 2: more than"),
    ],
)
def test_a_file_that_is_wrong_is_refused_by_line_and_column(line: str, words: str) -> None:
    patient = f"{ins(1).system}|{ins(1).value}"
    with pytest.raises(ValueError, match=words) as caught:
        read_pairings([HEADER, line.format(patient)], ["app"])
    assert "idpe" not in str(caught.value)
    assert "2790175" not in str(caught.value)
    with pytest.raises(ValueError, match="line 1"):
        read_pairings([HEADER.replace("may_feed", "feeding")], ["app"])
    with pytest.raises(ValueError, match="line 1"):
        read_pairings([], ["app"])
