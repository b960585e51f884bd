"""The threat model holds what it says: every threat names a test, and the test is there."""

from __future__ import annotations

import ast
import re

from tests.support.guides import ROOT

TEXT = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| ([STRIDE]) \| (.+?) \| (.+?) \| `([^`|]+)` \|$", TEXT, re.MULTILINE)


def test_every_kind_of_threat_has_rows_and_every_row_a_test() -> None:
    lines = [line for line in TEXT.splitlines() if re.match(r"\| [A-Z] \|", line)]
    assert {kind for kind, *_ in ROWS} == set("STRIDE")
    assert len(ROWS) == len(lines) > 30, "a row without a test is not read here"


def test_the_tests_that_are_named_exist() -> None:
    missing = [named for *_, named in ROWS if not _exists(named)]
    assert missing == []


def _exists(named: str) -> bool:
    file, _, test = named.partition("::")
    path = ROOT / file
    if not path.is_file():
        return False
    functions = {node.name for node in ast.walk(ast.parse(path.read_bytes())) if isinstance(node, ast.FunctionDef)}
    return test in functions if test else any(name.startswith("test_") for name in functions)
