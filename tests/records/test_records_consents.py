"""Consent statements: versions, oppositions, and no place for a reason."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import Text

from facade.domain.access import Oppositions
from facade.domain.errors import Conflict, FacadeError, InvalidInput, NotFound
from facade.records.consents import Category, Channel, Consents, Statement, Status
from facade.records.engine import Database, open_database
from facade.records.schema import consents as table
from tests.support.records import NOW, ins

HERE, ELSEWHERE = "1750000001", "1750000019"
DOCTOR, OTHER = "899700000018", "899700000026"


def feeding(structure: str = HERE) -> Statement:
    return Statement(Category.OPPOSITION_FEEDING, ins(), structure)


def consultation(structure: str = HERE, professional: str = "") -> Statement:
    return Statement(Category.OPPOSITION_CONSULTATION, ins(), structure, professional)


@pytest.fixture
def consents(database: Database) -> Consents:
    return Consents(database)


def code_of(error: FacadeError) -> str:
    return error.problems[0].code


def test_a_statement_comes_back_as_it_was_made(consents: Consents) -> None:
    told = Statement(
        Category.INFORMATION_GIVEN, ins(), HERE, channel=Channel.LETTER, case=2, informed_at=NOW - timedelta(days=1)
    )
    made = consents.create(told, recorder_id=DOCTOR, now=NOW)
    assert (made.version, made.status, made.recorded, made.recorder_id) == (1, Status.ACTIVE, NOW, DOCTOR)
    assert consents.get(made.id) == made
    assert consents.history(made.id) == [made]


def test_nothing_is_found_under_an_unknown_id(consents: Consents) -> None:
    assert consents.get("no-such-id") is None
    assert consents.history("no-such-id") == []
    with pytest.raises(NotFound):
        consents.withdraw("no-such-id", recorder_id=DOCTOR, now=NOW)


def test_every_change_is_a_version_and_the_old_ones_stay(consents: Consents) -> None:
    first = consents.create(consultation(), recorder_id=DOCTOR, now=NOW)
    second = consents.update(
        first.id, consultation(professional=OTHER), recorder_id=OTHER, now=NOW + timedelta(hours=1), expected_version=1
    )
    third = consents.withdraw(first.id, recorder_id=DOCTOR, now=NOW + timedelta(hours=2), expected_version=2)
    assert consents.history(first.id) == [third, second, first]
    assert consents.get(first.id) == third
    assert consents.get(first.id, version=1) == first
    assert consents.get(first.id, version=9) is None
    assert (third.version, third.status, third.statement) == (3, Status.INACTIVE, second.statement)


def test_withdrawing_twice_is_withdrawing_once(consents: Consents) -> None:
    made = consents.create(feeding(), recorder_id=DOCTOR, now=NOW)
    once = consents.withdraw(made.id, recorder_id=DOCTOR, now=NOW)
    assert consents.withdraw(made.id, recorder_id=OTHER, now=NOW + timedelta(days=1)) == once


def test_an_outdated_version_is_refused_and_changes_nothing(consents: Consents) -> None:
    made = consents.create(feeding(), recorder_id=DOCTOR, now=NOW)
    consents.update(made.id, feeding(ELSEWHERE), recorder_id=DOCTOR, now=NOW)
    with pytest.raises(Conflict) as updating:
        consents.update(made.id, feeding(), recorder_id=DOCTOR, now=NOW, expected_version=1)
    with pytest.raises(Conflict) as withdrawing:
        consents.withdraw(made.id, recorder_id=DOCTOR, now=NOW, expected_version=1)
    assert code_of(updating.value) == code_of(withdrawing.value) == "consent.version-conflict"
    assert [one.version for one in consents.history(made.id)] == [2, 1]


def test_a_statement_never_moves_to_another_patient_or_category(consents: Consents) -> None:
    made = consents.create(feeding(), recorder_id=DOCTOR, now=NOW)
    for changed in (Statement(Category.OPPOSITION_FEEDING, ins(2), HERE), consultation()):
        with pytest.raises(InvalidInput) as caught:
            consents.update(made.id, changed, recorder_id=DOCTOR, now=NOW)
        assert code_of(caught.value) == "consent.subject-changed"


def test_search_gives_latest_versions_in_order(consents: Consents) -> None:
    first = consents.create(feeding(), recorder_id=DOCTOR, now=NOW)
    second = consents.create(consultation(ELSEWHERE), recorder_id=DOCTOR, now=NOW + timedelta(minutes=1))
    consents.create(Statement(Category.OPPOSITION_FEEDING, ins(2), HERE), recorder_id=DOCTOR, now=NOW)
    first = consents.withdraw(first.id, recorder_id=DOCTOR, now=NOW + timedelta(minutes=2))
    assert consents.search(ins()) == [first, second]
    assert consents.search(ins(), ELSEWHERE) == [second]
    assert consents.search(ins(), "1999999999") == []


@pytest.mark.parametrize(
    ("statement", "structure", "person", "expected"),
    [
        (feeding(), HERE, DOCTOR, Oppositions(feeding=True)),
        (feeding(), ELSEWHERE, DOCTOR, Oppositions()),
        (consultation(), HERE, DOCTOR, Oppositions(consultation=True)),
        (consultation(), ELSEWHERE, DOCTOR, Oppositions()),
        (consultation(professional=DOCTOR), HERE, DOCTOR, Oppositions(consultation=True)),
        (consultation(professional=DOCTOR), ELSEWHERE, DOCTOR, Oppositions()),
        (consultation(professional=DOCTOR), HERE, OTHER, Oppositions()),
        (consultation(professional=DOCTOR), HERE, "", Oppositions()),
        (
            Statement(Category.INFORMATION_GIVEN, ins(), HERE, channel=Channel.TELEPHONE),
            HERE,
            DOCTOR,
            Oppositions(),
        ),
    ],
)
def test_whom_an_opposition_touches(
    consents: Consents, statement: Statement, structure: str, person: str, expected: Oppositions
) -> None:
    made = consents.create(statement, recorder_id=DOCTOR, now=NOW)
    assert consents.oppositions(ins(), structure, person) == expected
    assert consents.oppositions(ins(2), structure, person) == Oppositions()
    consents.withdraw(made.id, recorder_id=DOCTOR, now=NOW)
    assert consents.oppositions(ins(), structure, person) == Oppositions()


def test_both_oppositions_add_up_and_one_withdrawn_leaves_the_other(consents: Consents) -> None:
    one = consents.create(consultation(), recorder_id=DOCTOR, now=NOW)
    consents.create(consultation(professional=DOCTOR), recorder_id=DOCTOR, now=NOW)
    consents.create(feeding(), recorder_id=DOCTOR, now=NOW)
    assert consents.oppositions(ins(), HERE, DOCTOR) == Oppositions(feeding=True, consultation=True)
    consents.withdraw(one.id, recorder_id=DOCTOR, now=NOW)
    assert consents.oppositions(ins(), HERE, DOCTOR).consultation


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"structure_id": "1 pas confiance"}, "consent.id-malformed"),
        ({"structure_id": ""}, "consent.id-malformed"),
        ({"professional_id": "899700000018 mon ex-mari"}, "consent.id-malformed"),
        ({"category": Category.OPPOSITION_FEEDING, "professional_id": DOCTOR}, "consent.professional-not-allowed"),
        ({"channel": Channel.ONLINE}, "consent.channel-not-allowed"),
        ({"case": 1}, "consent.channel-not-allowed"),
        ({"informed_at": NOW}, "consent.channel-not-allowed"),
        ({"category": Category.INFORMATION_GIVEN}, "consent.channel-required"),
        ({"category": Category.INFORMATION_GIVEN, "channel": Channel.ONLINE, "case": 4}, "consent.case-unknown"),
    ],
)
def test_a_statement_that_does_not_fit_its_category_is_refused(fields: dict[str, object], code: str) -> None:
    values = {"category": Category.OPPOSITION_CONSULTATION, "patient": ins(), "structure_id": HERE, **fields}
    with pytest.raises(InvalidInput) as caught:
        Statement(**values)  # type: ignore[arg-type]
    assert code_of(caught.value) == code
    assert "ex-mari" not in str(caught.value)


def test_a_recorder_cannot_carry_a_reason(consents: Consents) -> None:
    with pytest.raises(InvalidInput):
        consents.create(feeding(), recorder_id="parce que je ne veux pas", now=NOW)
    assert consents.search(ins()) == []


def test_no_column_is_free_text() -> None:
    assert not [column.name for column in table.columns if isinstance(column.type, Text)]


def withdraw_or_update(url: str, consent_id: str, worker: int) -> str:
    database = open_database(url, busy_timeout=60)
    try:
        Consents(database).update(
            consent_id, feeding(f"175000{worker:04d}"), recorder_id=DOCTOR, now=NOW, expected_version=1
        )
    except Conflict as error:
        return code_of(error)
    finally:
        database.close()
    return "done"


def test_two_processes_cannot_both_change_the_same_version(url: str, consents: Consents) -> None:
    made = consents.create(feeding(), recorder_id=DOCTOR, now=NOW)
    with ProcessPoolExecutor(3, mp_context=multiprocessing.get_context("spawn")) as pool:
        results = list(pool.map(withdraw_or_update, [url] * 3, [made.id] * 3, range(3)))
    assert results.count("done") == 1
    assert [one.version for one in consents.history(made.id)] == [2, 1]
