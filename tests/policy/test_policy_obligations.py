"""What is owed for a document: a corpus with its reasons, then what holds for every type, day and context."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facade import knowledge
from facade.domain.document import Coded
from facade.domain.obligations import Duty, Obligations
from facade.policy.obligations import ObligationTables, obligations
from facade.translation.tables import CodeTables

TABLES = ObligationTables.from_rows(knowledge.rows)
CODES = CodeTables.from_rows(knowledge.rows)
BIOLOGY, RADIOLOGY, PRESCRIPTION, OPERATION, BIO_ORDER = "11502-2", "18748-4", "57833-6", "34874-8", "PRESC-BIO"
IMAGING_ORDER, CERTIFICATE, LETTER, ENTRY, EXIT = "55115-0", "89601-9", "96349-6", "18761-7", "11490-0"
STAY_SUMMARY, SUMMARY, VSM, CONSULTATION = "34112-3", "60591-5", "SYNTH", "11488-4"
ALL, DMP, NONE = "dmp mssante-professionals mssante-patient", "dmp", ""
MSS = "mssante-professionals mssante-patient"

# (why, type, day, contexts, duties owed, lines they rest on, exclusions that applied)
CORPUS: list[tuple[str, str, str, str, str, str, str]] = [
    ("I.1 from 31/12/2022", BIOLOGY, "2022-12-31", "ambulatory", ALL, "I.1 II.4", ""),
    ("II.4 was there before: not to the patient", BIOLOGY, "2022-12-30", "", f"{DMP} {MSS[:21]}", "II.4", ""),
    ("II.4 has no exclusion of hospital stays", BIOLOGY, "2023-06-01", "hospital-stay", f"{DMP} {MSS[:21]}", "II.4",
     "hospital-stay"),
    ("genetics were not excluded in 2023", BIOLOGY, "2023-06-01", "constitutional-genetics", ALL, "I.1 II.4", ""),
    ("genetics are since the text of 2024", BIOLOGY, "2024-06-01", "constitutional-genetics", f"{DMP} {MSS[:21]}",
     "II.4", "constitutional-genetics"),
    ("I.2, the day before", RADIOLOGY, "2022-12-30", "", NONE, "", ""),
    ("I.2, the day", RADIOLOGY, "2022-12-31", "", ALL, "I.2", ""),
    ("I.2, in a stay", RADIOLOGY, "2025-01-01", "hospital-stay", NONE, "", "hospital-stay"),
    ("I.3", PRESCRIPTION, "2022-12-31", "ambulatory", ALL, "I.3", ""),
    ("I.3, prior agreement", PRESCRIPTION, "2023-01-01", "prior-agreement", NONE, "", "prior-agreement"),
    ("I.3, both exclusions", PRESCRIPTION, "2023-01-01", "prior-agreement hospital-stay", NONE, "",
     "prior-agreement hospital-stay"),
    ("I.4, the day before", OPERATION, "2023-12-30", "", NONE, "", ""),
    ("I.4 has no exclusion of hospital stays", OPERATION, "2023-12-31", "hospital-stay", ALL, "I.4", ""),
    ("I.5 is about the act, not the place of writing", BIO_ORDER, "2024-01-01", "hospital-stay", ALL, "I.5", ""),
    ("I.5, act in a stay", BIO_ORDER, "2024-01-01", "act-in-hospital-stay", NONE, "", "act-in-hospital-stay"),
    ("I.6, text of 2022", IMAGING_ORDER, "2024-01-15", "", ALL, "I.6", ""),
    ("I.6, put off by the text of 2024", IMAGING_ORDER, "2024-06-15", "", NONE, "", ""),
    ("I.6, text of 2024", IMAGING_ORDER, "2024-12-31", "", ALL, "I.6", ""),
    ("I.7, text of 2022", CERTIFICATE, "2024-05-22", "", ALL, "I.7", ""),
    ("I.7, put off", CERTIFICATE, "2024-05-23", "", NONE, "", ""),
    ("I.7, a certificate by its other code", "CERT_DECL", "2025-01-01", "", ALL, "I.7", ""),
    ("I.7, time off work", "PRESC-AAT", "2025-01-01", "", ALL, "I.7", ""),
    ("I.8", LETTER, "2025-01-01", "ambulatory", ALL, "I.8", ""),
    ("I.8, in a stay", LETTER, "2025-01-01", "hospital-stay", NONE, "", "hospital-stay"),
    ("II.1", ENTRY, "2022-04-30", "hospital-stay", ALL, "II.1", ""),
    ("II.1, on paper", ENTRY, "2025-01-01", "not-dematerialised", NONE, "", "not-dematerialised"),
    ("II.2", EXIT, "2025-01-01", "hospital-stay", ALL, "II.2", ""),
    ("II.3: the DMP alone", STAY_SUMMARY, "2025-01-01", "hospital-stay", DMP, "II.3", ""),
    ("II.5: the DMP alone", SUMMARY, "2025-01-01", "", DMP, "II.5", ""),
    ("II.5, the other code", VSM, "2025-01-01", "", DMP, "II.5", ""),
    ("II.5, by another doctor", VSM, "2025-01-01", "not-treating-doctor", NONE, "", "not-treating-doctor"),
    ("before the arrêté nothing is told", EXIT, "2022-04-29", "", NONE, "", ""),
    ("not listed: may be fed, is not owed", CONSULTATION, "2025-01-01", "", NONE, "", ""),
    ("4.1: already fed", EXIT, "2025-01-01", "already-fed", MSS, "II.2", "already-fed"),
    ("4.1: the patient objects", EXIT, "2025-01-01", "opposition", MSS, "II.2", "opposition"),
    ("4.1: INS not qualified", EXIT, "2025-01-01", "ins-not-qualified", MSS, "II.2", "ins-not-qualified"),
    ("4.1: deceased", EXIT, "2025-01-01", "deceased", MSS, "II.2", "deceased"),
    ("art. 1, 1°: no DMP", EXIT, "2025-01-01", "no-dmp", MSS, "II.2", "no-dmp"),
    ("art. 1, 3°: no mailbox", EXIT, "2025-01-01", "no-mailbox", f"{DMP} {MSS[:21]}", "II.2", "no-mailbox"),
    ("hidden from the patient", EXIT, "2025-01-01", "hidden-from-patient", f"{DMP} {MSS[:21]}", "II.2",
     "hidden-from-patient"),
    ("masked to professionals", EXIT, "2025-01-01", "masked-to-professionals", f"{DMP} mssante-patient", "II.2",
     "masked-to-professionals"),
]  # fmt: skip


def asked(code: str, day: date, contexts: Sequence[str] = ()) -> Obligations:
    return obligations(TABLES, CODES.types.with_code(code)[0], day, contexts)


def duties(found: Obligations) -> set[Duty]:
    return {each.duty for each in found.owed}


@pytest.mark.parametrize("case", CORPUS, ids=lambda case: case[0].replace(" ", "-"))
def test_what_is_owed_and_why(case: tuple[str, str, str, str, str, str, str]) -> None:
    _, code, day, contexts, owed, lines, excluded = case
    found = asked(code, date.fromisoformat(day), contexts.split())
    assert duties(found) == {Duty(each) for each in owed.split()}
    assert {ground.document for each in found.owed for ground in each.grounds} == set(lines.split())
    assert {each.context for each in found.exclusions} == set(excluded.split())


def test_only_what_the_annex_names_is_listed() -> None:
    listed = {coded.code for coded in CODES.types if asked(coded.code, date(2025, 1, 1)).listed}
    assert listed == {code for code, _ in TABLES.lines}
    assert CONSULTATION not in listed


def test_the_same_code_of_another_system_is_another_document() -> None:
    assert not obligations(TABLES, Coded(EXIT, "1.2.3"), date(2025, 1, 1), ()).listed


def test_every_type_of_the_annex_is_a_type_of_the_dmp() -> None:
    assert [key for key in TABLES.lines if Coded(*key) not in CODES.types] == []


def test_every_line_has_a_type_and_a_source() -> None:
    lines = {row["document"] for row in knowledge.rows("documents/obligations.csv")}
    assert lines == {row["document"] for row in knowledge.rows("documents/obligation_types.csv")}
    for table in ("obligations", "obligation_types", "production_contexts", "feeding_duties", "feeding_marks"):
        assert all(
            row["source"] and row["verified"] in ("yes", "assumed") for row in knowledge.rows(f"documents/{table}.csv")
        )


def test_the_texts_of_one_line_follow_each_other_without_a_gap() -> None:
    versions: dict[str, list[tuple[str, str]]] = {}
    for row in knowledge.rows("documents/obligations.csv"):
        versions.setdefault(row["document"], []).append((row["applies_from"], row["applies_until"]))
    for spans in versions.values():
        for (_, until), (following, _) in pairwise(spans):
            assert date.fromisoformat(until) + timedelta(days=1) == date.fromisoformat(following)
        assert [until for _, until in spans][-1] == ""


@pytest.mark.parametrize(
    ("code", "day", "verified"),
    [
        pytest.param(OPERATION, "2025-01-01", True, id="line-and-type-read"),
        pytest.param(CERTIFICATE, "2024-01-15", False, id="type-chosen"),
        pytest.param(IMAGING_ORDER, "2025-01-01", False, id="line-not-read"),
        pytest.param(LETTER, "2025-01-01", False, id="neither"),
    ],
)
def test_what_was_not_read_in_a_text_is_said_to_be_assumed(code: str, day: str, verified: bool) -> None:
    found = asked(code, date.fromisoformat(day)).owed
    assert {ground.verified for each in found for ground in each.grounds} == {verified}


def test_a_duty_that_the_arrete_only_recalls_is_told_from_a_new_one() -> None:
    told = {
        (ground.document, ground.already)
        for coded in CODES.types
        for each in asked(coded.code, date(2025, 1, 1)).owed
        for ground in each.grounds
    }
    assert told == {(f"I.{line}", False) for line in range(1, 9)} | {(f"II.{line}", True) for line in range(1, 6)}


def test_a_duty_is_owed_whichever_others_are_not() -> None:
    def rows(table: str) -> Sequence[dict[str, str]]:
        found = knowledge.rows(table)
        return [row | {"dmp": "no"} for row in found] if table.endswith("obligations.csv") else found

    found = obligations(ObligationTables.from_rows(rows), CODES.types.with_code(EXIT)[0], date(2025, 1, 1), ())
    assert duties(found) == {Duty.PROFESSIONALS, Duty.PATIENT}


def test_a_context_nobody_knows_is_a_mistake_in_the_tables() -> None:
    def rows(table: str) -> Sequence[dict[str, str]]:
        found = knowledge.rows(table)
        return [row | {"excluded": "nowhere"} for row in found] if table.endswith("obligations.csv") else found

    with pytest.raises(ValueError, match="nowhere"):
        ObligationTables.from_rows(rows)


TYPES = st.sampled_from([*sorted({code for code, _ in TABLES.lines}), CONSULTATION])
DAYS = st.dates(date(2015, 1, 1), date(2035, 1, 1))
CONTEXTS = st.lists(st.sampled_from(sorted(TABLES.excuses)), unique=True, max_size=4)
# The text of 2024 put these off: between the two, less is owed than before.
PUT_OFF = {"I.6", "I.7", "I.8"}


@given(TYPES, DAYS, CONTEXTS, st.sampled_from(sorted(TABLES.excuses)))
def test_one_more_context_never_owes_more(code: str, day: date, contexts: list[str], more: str) -> None:
    assert duties(asked(code, day, [*contexts, more])) <= duties(asked(code, day, contexts))


@given(TYPES, DAYS, DAYS, CONTEXTS)
def test_an_earlier_day_never_owes_more_but_for_what_was_put_off(
    code: str, one: date, other: date, contexts: list[str]
) -> None:
    first, last = sorted((one, other))
    before = asked(code, first, contexts)
    if any(ground.document in PUT_OFF for each in before.owed for ground in each.grounds):
        return
    # The exclusion of genetics came later: it may take a duty away.
    later = asked(code, last, [each for each in contexts if each != "constitutional-genetics"])
    assert duties(before) <= duties(later)


@given(TYPES, DAYS, CONTEXTS)
def test_each_duty_in_force_is_either_owed_or_excluded_by_a_stated_context(
    code: str, day: date, contexts: list[str]
) -> None:
    plain, found = asked(code, day), asked(code, day, contexts)
    assert duties(found) | {each.duty for each in found.exclusions} == duties(plain)
    assert {each.context for each in found.exclusions} <= set(contexts)
    for each in found.owed:
        for ground in each.grounds:
            assert ground.since <= day
            assert not set(ground.unless) & set(contexts)
