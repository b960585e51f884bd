"""The rules are printed in the order in which they decide: of two that apply, the first of the table."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import pytest

from tests.support.policy import Case, tables

Words = dict[str, dict[str, Any]]
# rule -> what is wrong with a reading that is otherwise permitted, each in one place
WRONG: dict[str, Words] = {
    "caller.professional.no-rpps": {"caller": {"name": "no-rpps"}},
    "caller.suspended": {"circumstances": {"suspended": True}},
    "caller.professional.single-factor": {"caller": {"name": "single-factor"}},
    "caller.structure.not-homologated": {"caller": {"name": "not-homologated"}},
    "emergency.regulation.not-a-regulator": {"circumstances": {"purpose": "centre_15"}},
    "emergency.reason-missing": {"circumstances": {"purpose": "bris_de_glace", "reason": ""}},
    "emergency.expired": {
        "circumstances": {
            "purpose": "bris_de_glace",
            "now": "2026-11-22T12:00:00+00:00",
            "opened": "2026-11-22T10:00:00+00:00",
        }
    },
    "record.absent": {"record": {"state": "absent"}},
    "record.closed": {"record": {"state": "closed"}},
    "opposition.consultation": {"circumstances": {"opposes": ("consultation",)}},
    "emergency.objected": {"circumstances": {"purpose": "bris_de_glace"}, "record": {"objects": ("bris_de_glace",)}},
    "record.not-authorised": {"record": {"authorisation": "NON_EXISTE"}},
    "secret.not-a-minor": {"circumstances": {"secret": True}},
    "document.signature": {"document": {"signature": True}},
    "document.withdrawn": {"document": {"status": "deleted"}},
    "blocked.not-own-document": {"record": {"authorisation": "INTERDIT"}},
    "masking.professional.masked-by-holder": {"document": {"flags": ("MASQUE_PS",)}},
    "habilitation.denied": {"document": {"type_code": "ATTEST-RESID"}},
}
_LIFTED_BY_EMERGENCY = {
    "caller.suspended",
    "opposition.consultation",
    "record.not-authorised",
    "masking.professional.masked-by-holder",
}


def _emergency(*wrong: Words) -> bool:
    return any("purpose" in each.get("circumstances", {}) for each in wrong)


def _fit(one: Words, other: Words) -> bool:
    return all(
        other.get(place, {}).get(name, value) == value for place, words in one.items() for name, value in words.items()
    )


_PAIRS = [
    (one, other)
    for one, other in combinations(WRONG, 2)
    if not ({one, other} & _LIFTED_BY_EMERGENCY and _emergency(WRONG[one], WRONG[other]))
    and _fit(WRONG[one], WRONG[other])
]


def _decided(*wrong: Words) -> str:
    said: Words = {"caller": {"name": "doctor"}, "record": {}, "circumstances": {}, "document": {"by": "other"}}
    for each in wrong:
        for place, words in each.items():
            said[place] = said[place] | words
    caller = said["caller"]["name"]
    return Case(caller, "read", said["record"], said["circumstances"], said["document"]).decide().rule


@pytest.mark.parametrize("rule", WRONG)
def test_each_decides_alone(rule: str) -> None:
    assert _decided(WRONG[rule]) == rule


def test_of_two_rules_that_apply_the_first_of_the_table_decides() -> None:
    place = list(tables().rules).index
    assert len(_PAIRS) > 80
    assert _decided() == "professional.authorised"
    for one, other in _PAIRS:
        assert _decided(WRONG[one], WRONG[other]) == min(one, other, key=place), (one, other)


def test_what_permits_nothing_stands_last_and_is_said_so() -> None:
    assert list(tables().rules)[-1] == "default.nothing-matches"
