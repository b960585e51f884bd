"""The engine's doors: days, warnings, lists, early refusals, and the default that nothing matches."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import product
from time import perf_counter
from zoneinfo import ZoneInfo

import pytest

from facade.domain.access import Act, Context, Purpose
from facade.domain.document import Author, Coded, DocumentEntry, Person
from facade.domain.dossier import Dossier, Traits
from facade.policy.access import decide, homologation_warning, precheck, trace_visible, visible
from facade.policy.days import legal_day, legal_time
from facade.policy.origin import origin
from tests.support.policy import (
    CALLERS,
    ME,
    OTHER,
    PATIENT,
    STRANGER,
    author,
    context,
    document,
    dossier,
    settings,
    tables,
)

DOCTOR = CALLERS["doctor"]
of_stranger = Author(Person(STRANGER.value, id_type="NH"))


@pytest.mark.parametrize(
    ("moment", "day"),
    [
        ("2026-01-15T22:59:59+00:00", date(2026, 1, 15)),
        ("2026-01-15T23:00:00+00:00", date(2026, 1, 16)),
        ("2026-07-15T21:59:59+00:00", date(2026, 7, 15)),
        ("2026-07-15T22:00:00+00:00", date(2026, 7, 16)),
        ("2026-03-29T00:59:59+00:00", date(2026, 3, 29)),
        ("2026-03-28T22:30:00+00:00", date(2026, 3, 28)),
        ("2026-03-29T22:30:00+00:00", date(2026, 3, 30)),
        ("2026-10-24T22:30:00+00:00", date(2026, 10, 25)),
        ("2026-10-25T22:30:00+00:00", date(2026, 10, 25)),
        ("2026-07-15T18:00:00-05:00", date(2026, 7, 16)),
    ],
)
def test_a_day_begins_at_midnight_in_paris(moment: str, day: date) -> None:
    assert legal_day(datetime.fromisoformat(moment)) == day


@pytest.mark.parametrize("year", range(2020, 2040))
def test_the_legal_day_agrees_with_the_time_zone_database(year: int) -> None:
    paris = ZoneInfo("Europe/Paris")
    for month in range(1, 13):
        for day in (1, 15, *range(24, 29)):
            for hour in (0, 1, 21, 22, 23):
                moment = datetime(year, month, day, hour, 30, tzinfo=UTC)
                assert legal_day(moment) == moment.astimezone(paris).date()


@pytest.mark.parametrize("year", range(2020, 2040))
def test_the_legal_time_changes_when_that_of_the_time_zone_database_does(year: int) -> None:
    paris = ZoneInfo("Europe/Paris")
    for month, day, hour in product((3, 10), range(24, 32), range(24)):
        for moment in (begins := datetime(year, month, day, hour, tzinfo=UTC), begins - timedelta(seconds=1)):
            assert legal_time(moment) == moment.astimezone(paris).replace(tzinfo=None)


def test_a_time_without_a_zone_is_an_error_of_the_caller() -> None:
    naive = datetime(2026, 6, 15)  # noqa: DTZ001 - what is tested
    around = Context(Purpose.NORMAL, naive)
    with pytest.raises(ValueError, match="zone"):
        decide(tables(), DOCTOR, Act.SEARCH, dossier(), None, around, PATIENT, settings())


@pytest.mark.parametrize(
    ("until", "days"),
    [
        (date(2026, 8, 15), None),
        (date(2026, 8, 14), 60),
        (date(2026, 6, 16), 1),
        (date(2026, 6, 15), 0),
        (date(2026, 6, 14), -1),
        (None, None),
    ],
)
def test_the_end_of_a_homologation_is_announced_sixty_days_before(until: date | None, days: int | None) -> None:
    structure = replace(DOCTOR.structure, homologated_until=until)
    assert homologation_warning(structure, context().now, settings()) == days


@pytest.mark.parametrize(
    ("start", "rule"),
    [
        (date(2026, 6, 16), "caller.structure.not-homologated"),
        (date(2026, 6, 15), "professional.authorised"),
        (date(2026, 6, 14), "professional.authorised"),
        (None, "professional.authorised"),
    ],
)
def test_a_homologation_does_not_hold_before_its_first_day(start: date | None, rule: str) -> None:
    caller = replace(DOCTOR, structure=replace(DOCTOR.structure, homologated_from=start))
    assert decide(tables(), caller, Act.SEARCH, dossier(), None, context(), PATIENT, settings()).rule == rule


def test_a_homologation_ends_by_the_legal_day() -> None:
    structure = replace(DOCTOR.structure, homologated_until=date(2026, 6, 15))
    eve = datetime(2026, 6, 15, 21, 59, tzinfo=UTC)
    assert homologation_warning(structure, eve, settings()) == 0
    assert homologation_warning(structure, eve + timedelta(minutes=1), settings()) == -1


@pytest.mark.parametrize(
    ("caller", "act", "around", "rule"),
    [
        ("doctor", Act.PUBLISH, {"opposes": ("feeding",)}, "opposition.feeding"),
        ("doctor", Act.SEARCH, {"opposes": ("consultation",)}, "opposition.consultation"),
        ("structure", Act.SEARCH, {}, "structure.never-reads"),
        ("doctor", Act.MASK, {"purpose": "bris_de_glace"}, "right.not-in-this-mode"),
        ("single-factor", Act.RETRIEVE, {}, "caller.professional.single-factor"),
        ("unpaired", Act.SEARCH, {}, "caller.not-paired"),
    ],
)
def test_refused_before_the_dmp_is_asked(caller: str, act: Act, around: dict[str, str], rule: str) -> None:
    answer = precheck(tables(), CALLERS[caller].toward(PATIENT), act, context(**around), PATIENT, settings())  # type: ignore[arg-type]
    assert answer is not None
    assert answer.rule == rule


@pytest.mark.parametrize("act", [Act.SEARCH, Act.PUBLISH, Act.RETRIEVE, Act.RECORD_CONSENT])
def test_nothing_is_refused_early_that_the_dmp_may_open(act: Act) -> None:
    assert precheck(tables(), DOCTOR, act, context(), PATIENT, settings()) is None


def test_an_occupational_doctor_may_be_the_treating_doctor_until_the_dmp_has_answered() -> None:
    caller = CALLERS["occupational-doctor"]
    assert precheck(tables(), caller, Act.RETRIEVE, context(), PATIENT, settings()) is None


def test_a_list_keeps_its_order_and_loses_what_is_hidden() -> None:
    entries = [
        document("other"),
        document("other", ("MASQUE_PS",)),
        document("me", ("MASQUE_PS",)),
        document("other", status="deleted"),
        document("me", signature=True),
        document("patient"),
    ]
    shown = visible(tables(), DOCTOR, dossier(), entries, context(), PATIENT, settings())
    assert [entry for entry, _ in shown] == [entries[0], entries[2], entries[5]]
    assert [decision.rule for _, decision in shown] == [
        "professional.authorised",
        "professional.author",
        "professional.authorised",
    ]


@pytest.mark.parametrize("name", ["doctor", "nurse", "coordinator", "patient"])
@pytest.mark.parametrize("purpose", ["normal", "bris_de_glace"])
def test_of_a_list_each_is_judged_as_if_it_were_alone(name: str, purpose: str) -> None:
    caller, around = CALLERS[name].toward(PATIENT), (context(purpose=purpose), PATIENT, settings())
    codes = product(("11502-2", "ATTEST-RESID", "68599-0"), ("10", "42", "90"))
    entries = [
        document(by, flags, type_code=type_code, class_code=class_code)
        for (type_code, class_code), by, flags in product(codes, ("me", "other", "patient"), ((), ("MASQUE_PS",)))
    ]
    alone = [(entry, decide(tables(), caller, Act.SEARCH, dossier(), entry, *around)) for entry in entries]
    shown = visible(tables(), caller, dossier(), entries, *around)
    assert shown == [(entry, decision) for entry, decision in alone if decision.permits]


def test_a_refused_record_shows_an_empty_list() -> None:
    entries = [document("me")]
    assert visible(tables(), DOCTOR, dossier(state="closed"), entries, context(), PATIENT, settings()) == []


def test_a_caller_that_nobody_turned_towards_the_patient_is_turned_here() -> None:
    around = (context(), PATIENT, settings())
    parent, secret = CALLERS["representative-as-patient"], document(flags=("INVISIBLE_REPRESENTANTS_LEGAUX",))
    rule = decide(tables(), parent, Act.READ, dossier(age="minor"), secret, *around).rule
    assert rule == "masking.representative.secret-of-minor"
    unturned = CALLERS["unpaired"]
    rule = decide(tables(), unturned, Act.SEARCH, dossier(), None, *around).rule
    assert rule == "caller.not-paired"


def test_two_thousand_documents_are_judged_in_a_blink() -> None:
    entries = [document("other", type_code=str(number % 90)) for number in range(2000)]
    start = perf_counter()
    shown = visible(tables(), DOCTOR, dossier(), entries, context(), PATIENT, settings())
    assert len(shown) == len(entries)
    assert perf_counter() - start < 0.5


def trace(caller: str, record: Dossier, *, person_id: str = OTHER, secret: bool = False, hidden: bool = False) -> bool:
    return trace_visible(
        tables(),
        CALLERS[caller].toward(PATIENT),
        record,
        context(),
        PATIENT,
        settings(),
        person_id=person_id,
        secret=secret,
        about_document=hidden,
        document_visible=False,
    )


def test_who_reads_which_trace() -> None:
    minor = dossier(age="minor")
    assert trace("patient", minor)
    assert trace("patient", minor, secret=True)
    assert trace("representative", minor)
    assert not trace("representative", minor, secret=True)
    assert not trace("doctor", minor)
    assert not trace("doctor", minor, person_id="899700000000")
    assert trace("doctor", minor, person_id=ME)
    assert trace("doctor", dossier(treating=True))
    assert not trace("structure", minor)
    assert not trace("representative", dossier())


def test_a_trace_of_a_document_its_reader_sees_is_shown() -> None:
    seen = trace_visible(
        tables(),
        CALLERS["patient"],
        dossier(),
        context(),
        PATIENT,
        settings(),
        person_id=OTHER,
        secret=False,
        about_document=True,
        document_visible=True,
    )
    assert seen


def test_a_trace_never_tells_of_a_document_its_reader_may_not_see() -> None:
    minor = dossier(age="minor", treating=True)
    for caller in ("patient", "representative", "doctor"):
        assert not trace(caller, minor, person_id=ME, hidden=True)


def test_the_treating_doctor_loses_the_others_traces_with_the_block_or_an_opposition() -> None:
    assert not trace("doctor", dossier(treating=True, authorisation="INTERDIT"))
    opposed = context(opposes=("consultation",))
    seen = trace_visible(
        tables(),
        DOCTOR,
        dossier(treating=True),
        opposed,
        PATIENT,
        settings(),
        person_id=OTHER,
        secret=False,
        about_document=False,
        document_visible=False,
    )
    assert not seen


@pytest.mark.parametrize(
    ("born", "day", "open_"),
    [
        (date(2008, 6, 16), "2026-06-15", True),
        (date(2008, 6, 15), "2026-06-15", False),
        (date(2008, 6, 14), "2026-06-15", False),
        (date(2008, 2, 29), "2026-02-28", True),
        (date(2008, 2, 29), "2026-03-01", False),
    ],
)
def test_the_representative_goes_on_the_eighteenth_birthday(born: date, day: str, open_: bool) -> None:
    record = Dossier(exists=True, traits=Traits(birth_date=born))
    around = context(now=f"{day}T12:00:00+00:00")
    caller = CALLERS["representative"].toward(PATIENT)
    assert decide(tables(), caller, Act.SEARCH, record, None, around, PATIENT, settings()).permits is open_


@pytest.mark.parametrize(
    ("entry", "made_by"),
    [
        (document("other"), "professional"),
        (document("patient"), "holder"),
        (document("application"), "application"),
        (document("patient", facility="SA01"), "holder"),
        (replace(document("other"), facility=Coded("EXP_PATIENT", "")), "holder"),
        (replace(document("other"), practice=Coded("EXP_PATIENT", "")), "holder"),
        (replace(document("other"), facility=Coded("SNR", "")), "application"),
        (replace(document("other"), practice=Coded("SNR", "")), "application"),
        (replace(document("other"), authors=(author("patient"),)), "holder"),
        (replace(document("other"), authors=(author("application"),)), "professional"),
        (replace(document("other", class_code="90"), authors=(author("application"),)), "holder"),
        (replace(document("other", type_code="DOCPAT05"), authors=()), "holder"),
        (document("other", class_code="90"), "professional"),
        (document("other", type_code="DOCPAT05"), "professional"),
        (replace(document("other"), authors=(author("patient"), author("other"))), "professional"),
        (replace(document("other"), patient=STRANGER, authors=(author("patient"),)), "holder"),
        (replace(document("other"), patient=STRANGER, authors=(of_stranger,)), "holder"),
    ],
)
def test_who_created_a_document(entry: DocumentEntry, made_by: str) -> None:
    assert origin(tables(), entry, PATIENT) == made_by


def test_the_codes_of_a_facet_are_not_those_of_another() -> None:
    crossed = replace(document("other", type_code="90", class_code="EXP_PATIENT"), authors=())
    assert origin(tables(), crossed, PATIENT) == "professional"
