"""The ledger of publications: nothing is sent twice, nothing that may be there is forgotten."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError

from facade.domain.errors import Conflict, Problem
from facade.records.engine import Database
from facade.records.ledger_usual import UsualCourse
from facade.records.publications import Publications
from facade.records.reservations import NaturalForm, Published, Request, State, ToSend, repeatable_unique_id
from facade.records.schema import publications as documents
from facade.records.schema import submissions
from tests.support.records import NOW, ins, reserve_each, to_send

LATER = NOW + timedelta(minutes=1)
MUCH_LATER = NOW + timedelta(minutes=6)
ASKING = Request("899700000018", "1750000001")


def keyed(key: str = "k", fingerprint: str = "f", caller: str = "899700000018") -> Request:
    return Request(caller, "1750000001", key, fingerprint)


@pytest.fixture
def ledger(database: Database) -> Publications:
    return Publications(database, pending_for=timedelta(minutes=5))


def refusal(ledger: Publications, *sending: ToSend, request: Request = ASKING, now: object = LATER) -> Problem:
    with pytest.raises(Conflict) as caught:
        ledger.reserve(sending, request, now=now)  # type: ignore[arg-type]
    return caught.value.problems[0]


def stored(ledger: Publications, *sending: ToSend, request: Request = ASKING) -> str:
    reservation = ledger.reserve(sending, request, now=NOW, lot="1.2.3")
    ledger.mark_stored(reservation.id, {one.unique_id: f"logical-{one.unique_id}" for one in sending}, now=NOW)
    return reservation.id


def test_a_reservation_names_its_documents_in_their_order(ledger: Publications) -> None:
    reservation = ledger.reserve([to_send(2), to_send(1)], ASKING, now=NOW, lot="1.2.3")
    assert (reservation.state, reservation.lot, reservation.replay) == (State.PENDING, "1.2.3", False)
    assert [one.unique_id for one in reservation.documents] == [to_send(2).unique_id, to_send(1).unique_id]
    assert reservation.documents[0].patient == ins()


def test_the_same_unique_id_is_refused_once_stored(ledger: Publications) -> None:
    stored(ledger, to_send(1))
    problem = refusal(ledger, to_send(1, sha1="f" * 40))
    assert problem.code == "publication.duplicate-unique-id"
    assert problem.values == {"unique_id": to_send(1).unique_id}
    assert problem.basis == "EXI 05"


def test_the_same_content_is_refused_and_names_what_was_published(ledger: Publications) -> None:
    stored(ledger, to_send(1))
    problem = refusal(ledger, to_send(2, sha1=to_send(1).sha1))
    assert problem.code == "publication.duplicate-content"
    assert problem.values == {"unique_id": to_send(1).unique_id}


@pytest.mark.parametrize("change", [{"patient": ins(2)}, {"type_code": "other"}, {"sha1": "e" * 40}])
def test_another_patient_type_or_content_is_another_document(ledger: Publications, change: dict[str, object]) -> None:
    stored(ledger, to_send(1))
    again = to_send(1, unique_id="1.2.9", **change)
    assert ledger.reserve([again], ASKING, now=LATER).state is State.PENDING


def test_a_replacement_may_carry_the_same_content_once(ledger: Publications) -> None:
    stored(ledger, to_send(1))
    first = to_send(1, unique_id="1.2.9", replaces=to_send(1).unique_id)
    stored(ledger, first)
    again = to_send(1, unique_id="1.2.10", replaces=to_send(1).unique_id)
    assert refusal(ledger, again).code == "publication.duplicate-content"


def test_twins_in_one_lot_are_refused(ledger: Publications) -> None:
    assert refusal(ledger, to_send(1), to_send(1, sha1="f" * 40)).code == "publication.duplicate-unique-id"
    assert refusal(ledger, to_send(1), to_send(2, sha1=to_send(1).sha1)).code == "publication.duplicate-content"


def test_a_lot_is_reserved_whole_or_not_at_all(ledger: Publications) -> None:
    stored(ledger, to_send(1))
    refusal(ledger, to_send(2), to_send(1))
    assert ledger.reserve([to_send(2)], ASKING, now=LATER).state is State.PENDING


def test_while_one_is_being_sent_another_has_to_wait(ledger: Publications) -> None:
    ledger.reserve([to_send(1)], ASKING, now=NOW)
    with pytest.raises(Conflict) as caught:
        ledger.reserve([to_send(1)], ASKING, now=LATER)
    assert caught.value.problems[0].code == "publication.in-progress"
    assert caught.value.retry_after == 5


def test_a_failed_or_withdrawn_document_is_in_nobodys_way(ledger: Publications) -> None:
    failed = ledger.reserve([to_send(1)], ASKING, now=NOW)
    ledger.mark_failed(failed.id, now=NOW)
    stored(ledger, to_send(1))
    ledger.withdrawn(to_send(1).unique_id, now=LATER)
    ledger.withdrawn("9.9.9", now=LATER)
    assert ledger.reserve([to_send(1)], ASKING, now=LATER).state is State.PENDING


def test_an_unknown_outcome_must_be_asked_about_first(ledger: Publications) -> None:
    lost = ledger.reserve([to_send(1)], ASKING, now=NOW)
    ledger.mark_unknown(lost.id, now=NOW)
    back = ledger.reserve([to_send(1, unique_id="1.2.9")], ASKING, now=LATER)
    assert (back.id, back.state, back.replay) == (lost.id, State.UNKNOWN, False)
    assert back.documents[0].unique_id == to_send(1).unique_id
    ledger.mark_failed(lost.id, now=LATER)
    assert ledger.reserve([to_send(1)], ASKING, now=LATER).id != lost.id


def test_an_unknown_outcome_found_stored_is_a_duplicate(ledger: Publications) -> None:
    lost = ledger.reserve([to_send(1)], ASKING, now=NOW)
    ledger.mark_unknown(lost.id, now=NOW)
    ledger.mark_stored(lost.id, {to_send(1).unique_id: "l"}, now=LATER)
    assert refusal(ledger, to_send(1)).code == "publication.duplicate-unique-id"


def test_a_pending_one_that_outlived_its_sender_is_unknown(ledger: Publications) -> None:
    lost = ledger.reserve([to_send(1)], ASKING, now=NOW)
    assert refusal(ledger, to_send(1)).code == "publication.in-progress"
    back = ledger.reserve([to_send(1)], ASKING, now=MUCH_LATER)
    assert (back.id, back.state) == (lost.id, State.UNKNOWN)
    assert ledger.reserve([to_send(1)], ASKING, now=LATER).state is State.UNKNOWN


def test_a_sender_that_was_given_up_may_still_say_it_is_stored(ledger: Publications) -> None:
    slow = ledger.reserve([to_send(1)], keyed(), now=NOW)
    ledger.mark_failed(slow.id, now=LATER)
    ledger.mark_stored(slow.id, {to_send(1).unique_id: "l"}, now=LATER)
    assert refusal(ledger, to_send(1)).code == "publication.duplicate-unique-id"
    assert ledger.reserve([to_send(1)], keyed(), now=LATER).replay


def test_a_sender_that_was_given_up_does_not_push_out_the_one_after_it(ledger: Publications) -> None:
    slow = ledger.reserve([to_send(1)], ASKING, now=NOW)
    ledger.mark_failed(slow.id, now=LATER)
    stored(ledger, to_send(1))
    ledger.mark_stored(slow.id, {to_send(1).unique_id: "l"}, now=LATER)
    assert refusal(ledger, to_send(1)).code == "publication.duplicate-unique-id"


def test_what_is_stored_is_not_made_failed_or_unknown_any_more(ledger: Publications) -> None:
    reservation = stored(ledger, to_send(1))
    ledger.mark_failed(reservation, now=LATER)
    ledger.mark_unknown(reservation, now=LATER)
    assert refusal(ledger, to_send(1)).code == "publication.duplicate-unique-id"


def test_the_same_request_again_is_answered_as_the_first_time(ledger: Publications) -> None:
    first = stored(ledger, to_send(1), to_send(2), request=keyed())
    again = ledger.reserve([to_send(8), to_send(9)], keyed(), now=MUCH_LATER)
    assert (again.id, again.state, again.replay, again.lot) == (first, State.STORED, True, "1.2.3")
    assert [(one.unique_id, one.logical_id) for one in again.documents] == [
        (one.unique_id, f"logical-{one.unique_id}") for one in (to_send(1), to_send(2))
    ]


def test_a_replay_is_answered_even_after_the_document_was_withdrawn(ledger: Publications) -> None:
    stored(ledger, to_send(1), request=keyed())
    ledger.withdrawn(to_send(1).unique_id, now=LATER)
    assert ledger.reserve([to_send(1)], keyed(), now=LATER).replay


def test_a_key_is_bound_to_its_request_and_to_its_caller(ledger: Publications) -> None:
    stored(ledger, to_send(1), request=keyed())
    assert refusal(ledger, to_send(2), request=keyed(fingerprint="g")).code == "publication.idempotency-mismatch"
    assert ledger.reserve([to_send(2)], keyed(fingerprint="g", caller="899700000026"), now=LATER).state is State.PENDING


def test_a_key_of_a_failed_request_serves_again_for_the_same_request_only(ledger: Publications) -> None:
    failed = ledger.reserve([to_send(1)], keyed(), now=NOW)
    ledger.mark_failed(failed.id, now=NOW)
    assert refusal(ledger, to_send(1), request=keyed(fingerprint="g")).code == "publication.idempotency-mismatch"
    assert ledger.reserve([to_send(1)], keyed(), now=LATER).state is State.PENDING


def test_a_key_whose_request_is_pending_or_unknown(ledger: Publications) -> None:
    first = ledger.reserve([to_send(1)], keyed(), now=NOW)
    assert refusal(ledger, to_send(1), request=keyed()).code == "publication.in-progress"
    ledger.mark_unknown(first.id, now=NOW)
    assert ledger.reserve([to_send(1)], keyed(), now=LATER).state is State.UNKNOWN


def test_a_key_needs_a_fingerprint() -> None:
    with pytest.raises(ValueError, match="fingerprint"):
        Request("c", "s", "key", "")


def test_natural_forms_of_what_was_published_here(ledger: Publications) -> None:
    stored(ledger, to_send(1), to_send(2))
    failed = ledger.reserve([to_send(3)], ASKING, now=NOW)
    ledger.mark_failed(failed.id, now=NOW)
    wanted = [to_send(number).unique_id for number in (1, 2, 3, 4)]
    assert ledger.natural_forms(wanted) == {
        to_send(1).unique_id: NaturalForm("application/pdf", to_send(1).sha1, 1001, NOW),
        to_send(2).unique_id: NaturalForm("application/pdf", to_send(2).sha1, 1002, NOW),
    }
    assert ledger.natural_forms([]) == {}


def test_what_a_caller_published_is_found_by_that_caller_only(ledger: Publications) -> None:
    stored(ledger, to_send(1))
    ledger.reserve([to_send(2)], ASKING, now=NOW)
    unique_id, caller = to_send(1).unique_id, ASKING.caller_id
    assert ledger.published_by(caller, ins(), unique_id) == f"logical-{unique_id}"
    assert ledger.published_by("899700000026", ins(), unique_id) == ""
    assert ledger.published_by(caller, ins(2), unique_id) == ""
    assert ledger.published_by(caller, ins(), to_send(2).unique_id) == "", "not known to be stored"
    ledger.withdrawn(unique_id, now=LATER)
    assert ledger.published_by(caller, ins(), unique_id) == ""


def test_natural_forms_use_an_index(database: Database) -> None:
    if database._dialect.engine.name != "sqlite":
        pytest.skip("PostgreSQL reads small tables whole")
    query = select(documents.c.size).where(documents.c.live_unique_id.in_(["1", "2"]))
    plain = str(query.compile(compile_kwargs={"literal_binds": True}))
    with database.reading() as connection:
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {plain}").all()
    assert all("USING INDEX" in str(step) for step in plan)


def test_looking_and_inserting_at_the_same_moment_ends_in_a_conflict(
    ledger: Publications, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What PostgreSQL allows: two look, both see nothing, both insert. The unique constraints decide."""
    stored(ledger, to_send(1))
    seen: list[int] = []

    looks = UsualCourse._is_clear

    def blind_once(*arguments: object) -> object:
        seen.append(1)
        return True if len(seen) == 1 else looks(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(UsualCourse, "_is_clear", blind_once)
    assert refusal(ledger, to_send(1)).code == "publication.duplicate-unique-id"
    assert len(seen) == 2
    with database.reading() as connection:
        assert len(connection.execute(select(submissions)).all()) == 1


def test_the_database_itself_refuses_a_second_live_document(ledger: Publications, database: Database) -> None:
    stored(ledger, to_send(1))
    other = ledger.reserve([to_send(2)], ASKING, now=NOW)
    for column in ("live_unique_id", "live_content"):
        row = {**to_send(3).columns(other.id, 9), column: to_send(1).columns("", 0)[column]}
        with pytest.raises(IntegrityError), database.writing() as connection:
            connection.execute(insert(documents), row)


@pytest.mark.parametrize("key", ["", "retry"])
def test_processes_that_race_get_each_document_once(url: str, database: Database, key: str) -> None:
    with ProcessPoolExecutor(4, mp_context=multiprocessing.get_context("spawn")) as pool:
        got = list(pool.map(reserve_each, [url] * 4, [25] * 4, [key] * 4))
    assert sum(map(len, got)) == 25
    with database.reading() as connection:
        live = connection.execute(select(documents.c.live_unique_id)).scalars().all()
    assert sorted(live) == sorted(to_send(number).unique_id for number in range(25))


def test_what_a_structure_or_one_caller_of_it_published_here(ledger: Publications) -> None:
    unique_id, structure, caller = to_send(1).unique_id, ASKING.structure_id, ASKING.caller_id
    reservation = ledger.reserve([to_send(1, patient=ins(2))], ASKING, now=NOW)
    assert ledger.own(structure, unique_id=unique_id) is None, "not stored yet"
    ledger.mark_stored(reservation.id, {unique_id: "logical-1"}, now=NOW)
    own = Published(unique_id, "logical-1", ins(2))
    assert ledger.own(structure, unique_id=unique_id) == own
    assert ledger.own(structure, logical_id="logical-1") == own
    assert ledger.own(structure, caller_id=caller, logical_id="logical-1") == own
    assert ledger.own(structure, caller_id="899700000026", unique_id=unique_id) is None
    assert ledger.own("1999999999", unique_id=unique_id) is None
    assert ledger.own(structure, unique_id="9.9.9") is None
    assert ledger.own(structure) is None
    ledger.withdrawn(unique_id, now=LATER)
    assert ledger.own(structure, unique_id=unique_id) is None


def test_a_keyed_request_gives_its_documents_ids_of_its_own() -> None:
    same = repeatable_unique_id(keyed(), 0)
    assert same == repeatable_unique_id(keyed(), 0)
    others = (keyed("other"), keyed(fingerprint="g"), keyed(caller="899700000026"))
    assert len({same, repeatable_unique_id(keyed(), 1), *(repeatable_unique_id(each, 0) for each in others)}) == 5
    assert same.startswith("2.25.")
    assert len(same) <= 64
