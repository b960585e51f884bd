"""The tables themselves: complete, consistent, each row reachable, and readable by a lawyer."""

from __future__ import annotations

import importlib
import json
import pkgutil
import re
from collections.abc import Callable
from dataclasses import FrozenInstanceError, fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest

import facade.policy
from facade.domain.access import Act, Purpose
from facade.knowledge import rows
from facade.policy.access import AccessTables
from facade.policy.rows import Row
from facade.policy.tables import referred_rules
from facade.policy.vocabulary import Cell, Column, Habilitation, Mode, PolicySettings, Role, Rule, Scope
from tests.support.annexe3 import ANNEXE_3, COLUMNS, PDT_INF_606
from tests.support.policy import tables

TABLES = ("rules", "masking", "rights", "habilitation", "emergency", "sending", "acts", "actors", "origins")
# made while a token is read, never by the engine: the corpus has them as refusals that a caller carries
OF_IDENTITY = {name for name, rule in tables().rules.items() if rule.made_by == "identity"}
# reached by no right table: the last word when another table would be wrong
OF_DEFENCE = {"default.nothing-matches"}


def corpus_rules() -> set[str]:
    files = (Path(__file__).parent / "corpus").glob("*.json")
    return {case["rule"] for file in files for case in json.loads(file.read_text(encoding="utf-8"))}


def test_every_rule_that_can_be_emitted_exists_and_every_rule_is_used() -> None:
    assert referred_rules(tables()) | OF_IDENTITY == set(tables().rules)
    assert all(name.startswith(("caller.professional.", "caller.application-")) for name in OF_IDENTITY)


def test_every_rule_is_reached_by_a_case_of_the_corpus() -> None:
    assert corpus_rules() | OF_DEFENCE == set(tables().rules)


@pytest.mark.parametrize("table", TABLES)
def test_every_row_says_where_it_comes_from_and_how_sure_that_is(table: str) -> None:
    for row in rows(f"access/{table}.csv"):
        assert row["source"].strip(), row
        assert row["verified"] in ("yes", "no", "assumed"), row


def test_annexe_3_is_the_table_of_the_annex() -> None:
    names = {"professional+": "professional.masked", "holder+": "holder.masked", "application+": "application.masked"}
    words = {"-": Cell.NONE}
    for row, cells in ANNEXE_3.items():
        name = names.get(row) or {"minor": "minor.secret"}.get(row) or f"{row}.plain"
        for column, cell in zip(COLUMNS, cells.split(), strict=True):
            assert tables().masking[name, Column(column)].cell is (words.get(cell) or Cell(cell))


def test_the_air_rights_are_those_of_the_sheet() -> None:
    roles = {"nurse": Role.NON_DOCTOR, "doctor": Role.DOCTOR, "treating": Role.TREATING_DOCTOR}
    purposes = (Purpose.NORMAL, Purpose.BREAK_GLASS, Purpose.REGULATION)
    for act, columns in PDT_INF_606.items():
        for name, cells in columns.items():
            for purpose, cell in zip(purposes, cells, strict=False):
                mode = tables().acts[Act(act)].professional_mode
                right = tables().right(Act(act), mode, roles[name], purpose)
                own = right is not None and right.cell.value == "own" and act != "read-traces"
                assert (right is not None) is (cell != "n")
                assert own is (cell == "o")


def test_the_air_matrix_never_feeds_and_indirect_never_reads() -> None:
    for purpose in Purpose:
        for role in Role:
            assert tables().right(Act.PUBLISH, Mode.AIR, role, purpose) is None
        for act in (Act.SEARCH, Act.READ, Act.RETRIEVE):
            assert tables().right(act, Mode.INDIRECT, Role.STRUCTURE, purpose) is None


def test_masked_documents_in_the_rights_sheets_say_what_annexe_3_says() -> None:
    for row in tables().rights_rows:
        if (row.act, row.facet, row.mode) == (Act.RETRIEVE, "masked", Mode.AIR) and row.role is not Role.STAFF:
            emergency = row.purpose is not Purpose.NORMAL
            expected = "if-not-objected" if emergency else "yes" if row.role is Role.TREATING_DOCTOR else "own"
            assert row.cell == expected
            assert not row.applied


def test_no_article_of_law_is_in_the_code() -> None:
    """A citation in a docstring explains; one in a value would decide."""
    for file in Path(str(facade.policy.__file__)).parent.glob("*.py"):
        code = re.sub(r'"""[\s\S]*?"""|#[^\n]*', "", file.read_text(encoding="utf-8"))
        assert not re.search(r"\b[LRD]\. ?1\d{3}|EXI \d|PDT-INF", code), file.name


def test_every_denial_has_the_status_of_its_scope() -> None:
    for name, rule in tables().rules.items():
        expected = {Scope.NONE: {200}, Scope.DOCUMENT: {404}, Scope.RIGHT: {403}, Scope.RECORD: {400, 403, 404, 422}}
        assert tables().http_status(name) in expected[rule.scope], name
    assert tables().http_status("emergency.reason-missing") == 400
    assert tables().http_status("record.absent") == 404
    assert tables().http_status("masking.representatives.not-a-minor") == 422


def test_a_name_that_is_no_rule_reads_as_a_refusal() -> None:
    assert tables().decision("nothing").rule == "caller.refused"
    assert tables().rule("nothing").name == "caller.refused"
    assert tables().refusal("record.closed") == "record.closed"
    for name in ("nothing", "professional.author", "document.withdrawn"):
        assert tables().refusal(name) == Rule.CALLER_REFUSED


Change = Callable[[list[Row]], list[Row]]


def setting(where: str, is_: str, column: str, value: str) -> Change:
    return lambda found: [row | {column: value} if row[where] == is_ else row for row in found]


@pytest.mark.parametrize(
    ("table", "change", "message"),
    [
        ("rules", setting("rule", "professional.author", "basis", " "), "professional.author has no basis"),
        ("rules", setting("rule", "professional.author", "scope", "record"), "a denial has a scope"),
        ("rules", setting("rule", "record.closed", "scope", ""), "a denial has a scope"),
        ("rules", setting("rule", "record.closed", "effect", "maybe"), "rules.csv"),
        ("rules", lambda found: [row for row in found if row["rule"] != "record.closed"], "no rule record.closed"),
        ("rules", lambda found: [*found, found[0]], "two rows for caller.citizens-off"),
        ("acts", setting("act", "mask", "permit", "record.closed"), "the effect of record.closed"),
        ("acts", setting("act", "mask", "permit", "act.nothing"), "no rule act.nothing"),
        ("acts", setting("act", "mask", "reads", "perhaps"), "acts.csv: reads: 'perhaps'"),
        ("acts", lambda found: found[1:], "no row for check"),
        ("masking", setting("column", "blocked", "rule", ""), "refuses without a rule"),
        ("masking", setting("column", "blocked", "rule", "professional.author"), "the effect of professional.author"),
        ("emergency", lambda found: found[:1], "no row for centre_15"),
        ("emergency", setting("purpose", "centre_15", "rule", "record.closed"), "the effect of record.closed"),
        ("habilitation", setting("role", "10", "cell", "maybe"), "habilitation.csv: cell"),
        ("rights", setting("act", "mask", "cell", "sometimes"), "rights.csv"),
        ("sending", setting("act", "send", "rule", "act.send"), "the effect of act.send"),
        ("sending", setting("act", "send", "holder", "adult"), "sending.csv: holder: 'adult'"),
        ("origins", setting("facet", "class", "facet", "smell"), "origins.csv: facet: 'smell'"),
    ],
)
def test_a_wrong_table_is_refused_by_name(table: str, change: Change, message: str) -> None:
    def changed(path: str) -> list[Row]:
        found = [dict(row) for row in rows(path)]
        return change(found) if path == f"access/{table}.csv" else found

    with pytest.raises(ValueError, match=re.escape(message)):
        AccessTables.from_rows(changed)


def test_only_the_cells_marked_as_applied_give_rights() -> None:
    assert all(row.applied for row in tables().rights.values())
    assert {row.mode for row in tables().rights_rows if not row.applied} >= {Mode.CPS, Mode.CPE}
    assert (Act.WITHDRAW, Mode.AIR, Role.STAFF, Purpose.NORMAL) not in tables().rights


HELD = [
    kind
    for module in pkgutil.iter_modules(facade.policy.__path__, "facade.policy.")
    for kind in vars(importlib.import_module(module.name)).values()
    if isinstance(kind, type) and is_dataclass(kind) and kind.__module__ == module.name
]


@pytest.mark.parametrize("kind", HELD, ids=lambda kind: kind.__name__)
def test_what_the_policy_decides_by_cannot_be_changed_afterwards(kind: type[Any]) -> None:
    held = object.__new__(kind)
    name = fields(kind)[0].name
    with pytest.raises(FrozenInstanceError):
        setattr(held, name, None)
    assert not hasattr(held, "__dict__"), "nothing can be hung on it either"


def test_what_the_policy_decides_by_was_found() -> None:
    assert {kind.__name__ for kind in HELD} >= {"AccessTables", "Question", "PolicySettings", "RuleRow", "Section"}


def test_an_installation_that_decides_nothing_takes_no_citizens_and_the_known_denials() -> None:
    assert PolicySettings() == PolicySettings(
        habilitation=Habilitation.KNOWN_DENIALS,
        citizens_enabled=False,
        on_behalf_required=False,
        homologation_warning_days=60,
        emergency_minutes=60,
        suspension_stops_emergencies=False,
    )
