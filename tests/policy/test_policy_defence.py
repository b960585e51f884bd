"""What holds where a table, a caller or the rule asked before is not what it should be."""

from __future__ import annotations

from dataclasses import replace

from facade.domain.access import Act
from facade.domain.caller import Pairing, Relation
from facade.knowledge import rows
from facade.policy.access import AccessTables, decide, trace_visible
from facade.policy.caller_rules import refuse_caller
from facade.policy.document_rules import Judge
from facade.policy.question import Question
from facade.policy.reading import Reader
from facade.policy.rows import Row
from tests.support.policy import CALLERS, OTHER, PATIENT, Case, context, document, dossier, settings, tables


def with_right(act: str, actor: str, cell: str) -> AccessTables:
    """The tables with another cell written for this actor, by mistake."""

    def changed(table: str) -> list[Row]:
        found = [dict(row) for row in rows(table)]
        for row in found:
            if table.endswith("rights.csv") and (row["act"], row["actor"]) == (act, actor):
                row["cell"] = cell
        return found

    return AccessTables.from_rows(changed)


def test_a_reason_is_asked_for_where_the_table_asks_for_one() -> None:
    def without(table: str) -> list[Row]:
        found = [dict(row) for row in rows(table)]
        return [row | {"reason": "no"} for row in found] if table.endswith("emergency.csv") else found

    silent = Case("doctor", "search", {}, {"purpose": "bris_de_glace", "reason": ""})
    assert silent.decide().rule == "emergency.reason-missing"
    assert silent.decide(AccessTables.from_rows(without)).rule == "emergency.bris-de-glace"


def test_a_cell_of_the_matrix_may_be_that_of_a_specialty() -> None:
    def with_specialty(table: str) -> list[Row]:
        found = [dict(row) for row in rows(table)]
        return [row | {"role": "SM26"} if row.get("code") == "ATTEST-RESID" else row for row in found]

    answer = Case("doctor", "read", document={"by": "other", "type_code": "ATTEST-RESID"})
    assert answer.decide(AccessTables.from_rows(with_specialty)).rule == "habilitation.denied"
    other = Case("occupational-doctor", "read", document={"by": "other", "type_code": "ATTEST-RESID"})
    assert other.decide(AccessTables.from_rows(with_specialty)).rule == "professional.authorised"


def test_what_nothing_permits_is_refused_even_where_a_right_is_written_by_mistake() -> None:
    answer = Case("structure", "search").decide(with_right("search", "structure", "yes"))
    assert (answer.permits, answer.rule) == (False, "default.nothing-matches")


def test_a_right_that_says_nothing_of_whose_documents_gives_none() -> None:
    answer = Case("doctor", "mask", document={"by": "me"}).decide(with_right("mask", "doctor", "if-not-objected"))
    assert (answer.permits, answer.rule) == (False, "right.not-author")


def test_a_reader_without_a_column_sees_nothing() -> None:
    for name in ("structure", "application"):
        question = Question.of(tables(), CALLERS[name], Act.READ, context(), PATIENT, settings())
        assert Reader(question, dossier()).rule(document("me")) == "default.nothing-matches"


def test_a_structure_reads_no_trace_even_where_a_right_is_written_by_mistake() -> None:
    def mistaken(table: str) -> list[Row]:
        found = [dict(row) for row in rows(table)]
        rights = [row for row in found if (row.get("act"), row.get("actor")) == ("read-traces", "doctor")]
        return found + [row | {"actor": "structure"} for row in rights]

    structure, known, treated = CALLERS["structure"], AccessTables.from_rows(mistaken), dossier(treating=True)
    around = (context(), PATIENT, settings())
    assert decide(known, structure, Act.READ_TRACES, treated, None, *around).permits
    for person in (structure.id, OTHER):
        assert not trace_visible(
            known,
            structure,
            treated,
            *around,
            person_id=person,
            secret=False,
            about_document=False,
            document_visible=False,
        )


def test_each_rule_holds_where_the_one_before_it_was_not_asked() -> None:
    known, around = tables(), (context(), PATIENT, settings())
    unturned = Question(known, CALLERS["unpaired"], known.acts[Act.SEARCH], *around)
    assert refuse_caller(unturned, None) == "caller.not-paired"
    no_right = Question(known, CALLERS["patient"], known.acts[Act.HIDE_FROM_PATIENT], *around)
    assert Judge(no_right, dossier(), "act.hide-from-patient").rule(document("patient")) == "default.nothing-matches"


def test_an_emergency_no_table_knows_opens_nothing() -> None:
    known = replace(tables(), emergencies={})
    assert Case("regulator", "search", {}, {"purpose": "centre_15"}).decide(known).rule == "default.nothing-matches"


def test_what_the_patient_consented_to_for_an_application_binds_no_professional() -> None:
    paired = replace(CALLERS["doctor"], pairings=(Pairing(PATIENT, Relation.HOLDER, may_feed=False, may_read=False),))
    around = (context(), PATIENT, settings())
    assert decide(tables(), paired, Act.SEARCH, dossier(), None, *around).rule == "professional.authorised"


def test_only_a_professional_is_asked_for_an_rpps() -> None:
    patient, around = replace(CALLERS["patient"], id=""), (context(), PATIENT, settings())
    assert decide(tables(), patient, Act.SEARCH, dossier(), None, *around).rule == "patient.own-record"
