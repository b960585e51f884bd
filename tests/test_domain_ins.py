"""INS: shape, key, and what must never pass for one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facade.domain.ins import INS, InsKind, ins_key

KNOWN = ["279035121518989", "277076322082910", "146026322000196", "180012A12345620", "180012B12345647"]


@pytest.mark.parametrize("value", KNOWN)
def test_published_matricules_have_the_right_key(value: str) -> None:
    assert INS(InsKind.TEST, value).key_is_right


@pytest.mark.parametrize("value", ["123456789012345", "288091234567823", "246037433000291"])
def test_published_placeholders_have_a_wrong_key(value: str) -> None:
    assert not INS(InsKind.TEST, value).key_is_right


@pytest.mark.parametrize(
    "value",
    [
        "",
        "27903512151898",
        "2790351215189890",
        "279035121518989\n",
        "２79035121518989",
        "279035121518 89",
        "279032C21518989",
    ],
)
def test_what_has_not_the_shape_of_a_matricule_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="matricule"):
        INS(InsKind.NIR, value)


def test_a_value_never_shows_in_a_representation() -> None:
    assert "279035121518989" not in repr(INS(InsKind.TEST, "279035121518989"))


@given(st.from_regex(r"[0-9]{5}([0-9]{2}|2[AB])[0-9]{6}", fullmatch=True), st.integers(1, 97))
def test_exactly_one_key_fits_a_body(body: str, wrong: int) -> None:
    right = ins_key(body)
    assert 1 <= right <= 97
    assert INS(InsKind.NIR, f"{body}{wrong:02d}").key_is_right is (wrong == right)
