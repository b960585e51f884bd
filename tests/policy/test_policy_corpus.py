"""The corpus: each case says in words what the law says, and by which rule."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.policy import Case

CORPUS: list[Any] = [
    pytest.param(case, id=f"{file.stem}: {case['title']}")
    for file in sorted((Path(__file__).parent / "corpus").glob("*.json"))
    for case in json.loads(file.read_text(encoding="utf-8"))
]


@pytest.mark.parametrize("case", CORPUS)
def test_the_law_as_written(case: dict[str, Any]) -> None:
    decision = Case(
        case["caller"],
        case["act"],
        case.get("record", {}),
        case.get("circumstances", {}),
        case.get("document"),
        case.get("settings", {}),
        case.get("new", False),
    ).decide()
    assert (decision.effect, decision.rule) == (case["effect"], case["rule"])
    assert case["law"] in decision.basis
    assert decision.text_fr
    assert decision.text_en


def test_the_corpus_is_large_enough_and_names_each_case_once() -> None:
    titles = [parameter.id for parameter in CORPUS]
    assert len(titles) >= 200
    assert len(set(titles)) == len(titles)
