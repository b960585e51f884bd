"""Two days of a hospital, as traces: one on which everybody works, one on which some do what they should not.

Twelve doctors, six nurses, one of them at night, and a regulating doctor. The same seed gives the same day.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta

from facade.domain.ins import INS, InsKind, ins_key
from facade.records.traces import Trace

HOSPITAL = "1750000001"
DOCTORS = tuple(f"8997000{number:05d}" for number in range(12))
NURSES = tuple(f"8997001{number:05d}" for number in range(6))
NIGHT_NURSE, REGULATOR = NURSES[0], "899700200000"
# The misuses of the bad day: who, by which criterion.
PLANTED = {
    (DOCTORS[0], "records-in-an-hour"),
    (DOCTORS[1], "whole-record"),
    (DOCTORS[2], "colleagues"),
    (DOCTORS[3], "break-the-glass"),
    (DOCTORS[4], "refusals"),
    (NURSES[1], "unusual-hours"),
    (NURSES[2], "records-in-a-day"),
    (REGULATOR, "regulation"),
}


def patient(number: int) -> INS:
    """A patient of the hospital."""
    body = f"2790175{number:06d}"
    return INS(InsKind.TEST, f"{body}{ins_key(body):02d}")


def colleague(number: int) -> INS:
    """A patient who works in the hospital."""
    return patient(900_000 + number)


STAFF = tuple(colleague(number) for number in range(18))


def normal_day(day: date, structure: str = HOSPITAL) -> list[Trace]:
    """About two thousand traces of work."""
    return sorted(_work(day, random.Random(20261122), structure), key=lambda trace: trace.time)  # noqa: S311


def bad_day(day: date, structure: str = HOSPITAL) -> list[Trace]:
    """The same day with the misuses of ``PLANTED`` in it."""
    return sorted([*normal_day(day, structure), *misuses(day, structure)], key=lambda trace: trace.time)


def _work(day: date, chance: random.Random, structure: str) -> Iterator[Trace]:
    for number, doctor in enumerate(DOCTORS):
        start = _at(day, 7) + timedelta(minutes=chance.randrange(60))
        for seen in range(24):
            begun = start + timedelta(minutes=22 * seen + chance.randrange(6))
            yield from _consultation(doctor, patient(number * 100 + seen), begun, chance, structure)
    for number, nurse in enumerate(NURSES[1:], 20):
        for seen in range(30):
            begun = _at(day, 6) + timedelta(minutes=18 * seen + chance.randrange(6))
            yield _trace(nurse, patient(number * 100 + seen), begun, "search", structure)
    for number in range(4):
        yield _trace(
            NIGHT_NURSE, patient(3000 + number), _at(day, 0) + timedelta(minutes=40 * number), "search", structure
        )
    for number in range(120):
        begun = _at(day, 6) + timedelta(minutes=5 * number)
        yield _trace(REGULATOR, patient(4000 + number), begun, "search", structure, purpose="centre_15", reason="appel")
    # The emergency department, somebody who is refused, and a colleague in the hands of the treating doctor.
    for number in range(3):
        begun = _at(day, 10 + number)
        yield _trace(
            DOCTORS[5], patient(5000 + number), begun, "search", structure, purpose="bris_de_glace", reason="coma"
        )
    for number in range(6):
        yield _trace(
            DOCTORS[6], patient(5100 + number), _at(day, 15), "search", structure, rule="record.not-authorised"
        )
    yield _trace(DOCTORS[7], colleague(3), _at(day, 11), "read", structure, rule="professional.treating-doctor")


def _consultation(doctor: str, who: INS, begun: datetime, chance: random.Random, structure: str) -> Iterator[Trace]:
    yield _trace(doctor, who, begun, "search", structure)
    for read in range(chance.randrange(1, 5)):
        yield _trace(
            doctor, who, begun + timedelta(minutes=1 + read), "retrieve", structure, document=f"{who.value}-{read}"
        )
    if chance.random() < 0.5:
        yield _trace(doctor, who, begun + timedelta(minutes=8), "publish", structure, document=f"{who.value}-new")


def misuses(day: date, structure: str = HOSPITAL) -> Iterator[Trace]:
    """What is done on the bad day only."""
    for number in range(40):
        yield _trace(DOCTORS[0], patient(6000 + number), _at(day, 13) + timedelta(minutes=number), "read", structure)
    for number in range(60):
        moment = _at(day, 14) + timedelta(seconds=20 * number)
        yield _trace(DOCTORS[1], patient(6100), moment, "retrieve", structure, document=f"whole-{number}")
    yield _trace(DOCTORS[2], colleague(5), _at(day, 12), "search", structure)
    for number in range(8):
        moment = _at(day, 9 + number)
        yield _trace(
            DOCTORS[3], patient(6200 + number), moment, "search", structure, purpose="bris_de_glace", reason="x"
        )
    for number in range(25):
        moment = _at(day, 16) + timedelta(minutes=number)
        yield _trace(DOCTORS[4], patient(6300 + number), moment, "search", structure, rule="record.not-authorised")
    for number in range(9):
        yield _trace(NURSES[1], patient(6400 + number), _at(day, 1) + timedelta(minutes=number), "search", structure)
    for number in range(170):
        yield _trace(
            NURSES[2], patient(6500 + number), _at(day, 7) + timedelta(minutes=4 * number), "search", structure
        )
    for number in range(80):
        moment = _at(day, 19) + timedelta(seconds=30 * number)
        yield _trace(
            REGULATOR, patient(6700 + number), moment, "search", structure, purpose="centre_15", reason="appel"
        )


def _at(day: date, hour: int) -> datetime:
    """An hour of a winter day in France, so that the sample is the same all year."""
    return datetime.combine(day, time(hour), tzinfo=UTC)


def _trace(person: str, who: INS, moment: datetime, act: str, structure: str, **said: str) -> Trace:
    rule = said.get("rule", "professional.authorised")
    refused = rule == "record.not-authorised"
    return Trace(
        time=moment,
        kind="professional",
        act=act,
        effect="deny" if refused else "permit",
        rule=rule,
        outcome="refused" if refused else "success",
        person_id=person,
        structure_id=structure,
        patient=who,
        document=said.get("document", ""),
        transaction="TD3.1",
        purpose=said.get("purpose", "normal"),
        reason=said.get("reason", ""),
        correlation_id="sample",
    )
