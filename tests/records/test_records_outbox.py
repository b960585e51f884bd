"""The outbox: who has a message, until when, and what is never written over."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from facade.domain.errors import Conflict
from facade.domain.mail import Audience, Ending, MailState, Notice
from facade.records.engine import Database
from facade.records.mail_rows import Group, NewMail
from facade.records.outbox import Outbox
from facade.records.publications import Publications
from facade.records.reservations import Request
from facade.records.schema import mail_messages
from facade.records.sealing import Sealer
from tests.support.records import NOW, ins, to_send

KEY, OTHER_KEY = b"k" * 64, b"o" * 64
LEASE, HANDING = timedelta(minutes=5), timedelta(minutes=15)


def outbox(database: Database, *keys: bytes) -> Outbox:
    return Outbox(database, Sealer(keys or (KEY,)), lease=LEASE, handing_over=HANDING)


def mail(number: int = 1, **changes: Any) -> NewMail:
    values: dict[str, Any] = {
        "caller_id": "899700000021",
        "structure_id": "1990000028",
        "patient": ins(),
        "audience": Audience.PROFESSIONAL,
        "recipient": "dr@medecin.mssante.fr",
        "context": {"secret": "word"},
        "message": b"the message",
        "message_id": f"{number}@x.mssante.fr",
    }
    return NewMail(**{**values, **changes})


def later(minutes: float) -> datetime:
    return NOW + timedelta(minutes=minutes)


def test_a_message_is_given_to_one_sender_at_a_time(database: Database) -> None:
    outbox(database).put([mail(n) for n in range(4)], Group(), now=NOW)
    with ThreadPoolExecutor(4) as pool:
        taken = list(pool.map(lambda _: outbox(database).claim(now=NOW), range(6)))
    found = [each[0].id for each in taken if each is not None]
    assert len(found) == len(set(found)) == 4


def test_what_is_kept_opens_again_and_says_nothing_in_the_table(database: Database) -> None:
    box = outbox(database)
    box.put([mail()], Group(), now=NOW)
    with database.reading() as connection:
        row = connection.execute(select(mail_messages)).one()
    assert all(word not in bytes(row.context) + bytes(row.message) for word in (b"word", b"message", b"medecin"))
    claimed = box.claim(now=NOW)
    assert claimed is not None
    assert (claimed[0].context, claimed[0].recipient, claimed[1]) == (
        {"secret": "word"},
        "dr@medecin.mssante.fr",
        b"the message",
    )


def test_a_secret_that_was_replaced_still_opens_and_one_that_is_gone_does_not(database: Database) -> None:
    outbox(database).put([mail()], Group(), now=NOW)
    assert outbox(database, OTHER_KEY, KEY).claim(now=NOW) is not None
    gone = outbox(database, OTHER_KEY)
    assert gone.search("1990000028", limit=5)[1] == []
    # It does not stand in the way of what can be read.
    (readable,) = gone.put([mail(2)], Group(), now=later(6))
    claimed = gone.claim(now=later(6))
    assert claimed is not None
    assert claimed[0].id == readable.id


def test_a_row_put_in_the_place_of_another_does_not_open(database: Database) -> None:
    box = outbox(database)
    first, second = box.put([mail(1), mail(2, recipient="evil@x.mssante.fr")], Group(), now=NOW)
    with database.writing() as connection:
        other = connection.execute(select(mail_messages.c.context).where(mail_messages.c.id == second.id)).scalar_one()
        connection.execute(update(mail_messages).where(mail_messages.c.id == first.id).values(context=other))
    assert box.read(first.id, "1990000028") is None
    assert box.read(second.id, "1990000028") is not None


def test_a_sender_that_died_before_the_end_of_the_data_is_replaced_and_can_write_no_more(database: Database) -> None:
    box = outbox(database)
    box.put([mail()], Group(), now=NOW)
    first = box.claim(now=NOW)
    assert first is not None
    assert box.claim(now=later(4)) is None
    second = box.claim(now=later(6))
    assert second is not None
    assert second[0].attempts == 2
    assert not box.hand_over(first[0], now=later(6))
    assert not box.settle(first[0], MailState.SENT, now=later(6))
    assert box.hand_over(second[0], now=later(7))
    assert box.settle(second[0], MailState.SENT, now=later(8))
    assert not box.retry(second[0], later(9), now=later(8), reason="x")
    assert box.claim(now=later(600)) is None


def test_a_lease_that_is_over_does_not_let_the_end_of_the_data_be_sent(database: Database) -> None:
    box = outbox(database)
    box.put([mail()], Group(), now=NOW)
    claimed = box.claim(now=NOW)
    assert claimed is not None
    assert not box.hand_over(claimed[0], now=later(6))


def test_a_sender_that_died_after_the_end_of_the_data_leaves_a_message_nobody_sends_again(database: Database) -> None:
    box = outbox(database)
    (put,) = box.put([mail()], Group(), now=NOW)
    claimed = box.claim(now=NOW)
    assert claimed is not None
    assert box.hand_over(claimed[0], now=later(1))
    assert box.claim(now=later(10)) is None
    assert box.claim(now=later(17)) is None
    found = box.read(put.id, "1990000028")
    assert found is not None
    assert (found.state, found.reason) == (MailState.UNKNOWN, "mail.outcome-unknown")
    # The reply came after all, to a sender that was thought to be dead.
    assert box.settle(claimed[0], MailState.SENT, now=later(18))


def test_a_message_that_is_settled_is_erased_and_later_forgotten(database: Database) -> None:
    box = outbox(database)
    box.put([mail()], Group(), now=NOW)
    claimed = box.claim(now=NOW)
    assert claimed is not None
    box.settle(claimed[0], MailState.UNDELIVERABLE, now=NOW, reason="mail.rejected", reply=550)
    with database.reading() as connection:
        assert connection.execute(select(mail_messages.c.message)).scalar_one() is None
    assert (box.purge(NOW), box.purge(later(1))) == (0, 1)


def test_what_waits_too_long_is_given_up_and_says_why(database: Database) -> None:
    box = outbox(database)
    (put,) = box.put([mail()], Group(), now=NOW)
    assert box.give_up(NOW, "mail.connection", now=later(1)) == 0
    assert box.give_up(later(1), "mail.connection", now=later(2)) == 1
    found = box.read(put.id, "1990000028")
    assert found is not None
    assert (found.state, found.reason) == (MailState.UNDELIVERABLE, "mail.connection")


@pytest.mark.parametrize("stored", [True, False])
def test_a_message_held_for_a_publication_follows_it_whoever_settles_it(database: Database, stored: bool) -> None:
    box, ledger = outbox(database), Publications(database)
    reservation = ledger.reserve([to_send()], Request("me", "1990000028"), now=NOW)
    (put,) = box.put([mail()], Group(reservation_id=reservation.id), now=NOW)
    assert box.claim(now=later(1)) is None
    if stored:
        ledger.mark_stored(reservation.id, {}, now=NOW)
    else:
        ledger.mark_failed(reservation.id, now=NOW)
    assert (box.claim(now=later(2)) is not None) is stored
    found = box.read(put.id, "1990000028")
    assert found is not None
    assert found.state is (MailState.SENDING if stored else MailState.CANCELLED)


def test_one_never_settled_is_given_up(database: Database) -> None:
    box, ledger = outbox(database), Publications(database)
    reservation = ledger.reserve([to_send()], Request("me", "1990000028"), now=NOW)
    box.put([mail()], Group(reservation_id=reservation.id), now=NOW)
    assert box.abandon_held(later(1), now=later(2)) == 1
    assert box.claim(now=later(3)) is None


def test_what_ended_stays_counted_when_it_is_forgotten_and_is_counted_once(database: Database) -> None:
    box = outbox(database)
    box.put([mail(1), mail(2)], Group(), now=NOW)
    lost, sent = box.claim(now=NOW), box.claim(now=NOW)
    assert lost is not None
    assert sent is not None
    assert all(box.hand_over(each[0], now=NOW) for each in (lost, sent))
    assert [box.settle(sent[0], MailState.SENT, now=NOW) for _ in range(2)] == [True, False]
    assert box.claim(now=later(20)) is None
    assert not box.settle(lost[0], MailState.UNKNOWN, now=later(21))
    assert box.purge(later(60)) == 2
    ended = {ending.value: count for ending, count in box.figures().ended.items() if count}
    assert ended == {"sent": 1, "unknown": 1}


def test_a_report_two_senders_found_at_once_is_noted_once(database: Database) -> None:
    box = outbox(database)
    box.put([mail()], Group(), now=NOW)
    claimed = box.claim(now=NOW)
    assert claimed is not None
    box.settle(claimed[0], MailState.SENT, now=NOW)
    first, second = (box.find(message_id="1@x.mssante.fr") for _ in range(2))
    assert first is not None
    assert second is not None
    told = {"notice": Notice.FAILED.value, "state": MailState.UNDELIVERABLE.value, "reason": "mail.bounced"}
    assert box.note(first, told, now=later(1))
    assert not box.note(second, told, now=later(1))
    assert box.figures().ended[Ending.BOUNCED] == 1


def test_attempts_that_failed_are_counted_by_why(database: Database) -> None:
    box = outbox(database)
    box.put([mail()], Group(), now=NOW)
    first = box.claim(now=NOW)
    assert first is not None
    box.retry(first[0], later(1), now=NOW, reason="mail.deferred")
    assert not box.retry(first[0], later(1), now=NOW, reason="mail.deferred")
    box.claim(now=later(2))
    box.claim(now=later(8))
    box.failed("mail.connection")
    assert box.figures().failed == {"mail.deferred": 1, "mail.lease-lost": 1, "mail.connection": 1}


def test_what_waits_is_counted_by_state_with_its_age(database: Database) -> None:
    box = outbox(database)
    box.put([mail(1), mail(2)], Group(), now=NOW)
    box.put([mail(3)], Group(), now=later(1))
    box.claim(now=later(2))
    waiting = box.figures().waiting
    assert (waiting[MailState.QUEUED].count, waiting[MailState.SENDING].count, box.waiting()) == (2, 1, 3)
    assert waiting[MailState.QUEUED].since in (NOW, later(1))
    assert waiting[MailState.SENDING].since == NOW
    assert waiting[MailState.HELD].since is None


def test_senders_that_count_at_once_lose_nothing(database: Database) -> None:
    box = outbox(database)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(box.failed, ["mail.dmp", "mail.tls"] * 20))
    assert box.figures().failed == {"mail.dmp": 20, "mail.tls": 20}


def test_a_key_serves_one_request(database: Database) -> None:
    box = outbox(database)
    group = Group("a" * 64, "f" * 64)
    first = box.put([mail(1), mail(2)], group, now=NOW)
    again = box.put([mail(3), mail(4)], group, now=NOW)
    assert [each.id for each in first] == [each.id for each in again]
    with pytest.raises(Conflict):
        box.put([mail(5)], Group("a" * 64, "other"), now=NOW)
    assert box.search("1990000028", limit=9)[0] == 2


def test_another_structure_finds_nothing(database: Database) -> None:
    box = outbox(database)
    (put,) = box.put([mail()], Group(), now=NOW)
    assert box.read(put.id, "1750000001") is None
    assert box.search("1750000001", limit=9) == (0, [])
