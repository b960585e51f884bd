"""Addresses of the MSSanté space: one spelling, and a white list that no trick opens."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facade.mail.addresses import NotAnAddress, WhiteList, read_address

LIST = WhiteList(("*.mssante.fr", "exemple-sante.fr"))
LABELS = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?", fullmatch=True)


@pytest.mark.parametrize(
    "text",
    [
        "dr.durand@medecin.mssante.fr",
        "mailto:dr.durand@medecin.mssante.fr",
        "MAILTO:Dr.Durand@Medecin.MSSante.FR",
        "o'brien+x@chu.lille.mssante.fr",
        "contact@exemple-sante.fr",
    ],
)
def test_what_is_inside_the_space_is_admitted(text: str) -> None:
    assert LIST.admits(read_address(text))


@pytest.mark.parametrize(
    "text",
    [
        "x@mssante.fr",
        "x@evilmssante.fr",
        "x@mssante.fr.evil.org",
        "x@medecin.mssante.fr.evil.org",
        "x@sub.exemple-sante.fr",
        "x@medecin.mssante.com",
        "x@mssante-fr.evil.org",
    ],
)
def test_a_domain_that_only_looks_like_one_of_the_list_is_not_admitted(text: str) -> None:
    assert not LIST.admits(read_address(text))


@pytest.mark.parametrize(
    "text",
    [
        "x@medecin.mssante.fr.",
        "x@medecin..mssante.fr",
        "x@.mssante.fr",
        "x@medecin.mssante.fr@evil.org",
        "x@evil.org@medecin.mssante.fr",
        "x%evil.org@medecin.mssante.fr",
        "evil.org!x@medecin.mssante.fr",
        '"x@evil.org"@medecin.mssante.fr',
        '"x y"@medecin.mssante.fr',
        "x(comment)@medecin.mssante.fr",
        "x@[127.0.0.1]",
        "x@127.0.0.1",
        "x@medecin.mssante.fr\r\nBcc: evil@evil.org",
        "x@medecin.mssante.fr\nRCPT TO:<evil@evil.org>",
        "x\r\n@medecin.mssante.fr",
        "x@medecin.mssante.fr>",
        "<x@medecin.mssante.fr>",
        "x@medecin.mssante.fr,evil@evil.org",
        "x@medecin.mssante.fr?cc=evil@evil.org",
        "x@medecin.mssante.fr ",
        " x@medecin.mssante.fr",
        "x@médecin.mssante.fr",
        "x@medecin.mssante.fr\u3002evil.org",
        "x@medecin.ms\u017fante.fr",
        "é@medecin.mssante.fr",
        "x@medecin.mssante.fr\x00",
        ".x@medecin.mssante.fr",
        "x.@medecin.mssante.fr",
        "x..y@medecin.mssante.fr",
        "x@-a.mssante.fr",
        "x@localhost",
        "x@",
        "@medecin.mssante.fr",
        "mailto:",
        "",
        "x" * 65 + "@medecin.mssante.fr",
        "x@" + "a." * 125 + "mssante.fr",
    ],
)
def test_what_two_programs_could_read_differently_is_no_address(text: str) -> None:
    with pytest.raises(NotAnAddress):
        read_address(text)


@pytest.mark.parametrize("pattern", ["*", "*.fr", "fr", "*.*.fr", "*mssante.fr", "x@mssante.fr", "MSSANTE.fr", "a.fr."])
def test_a_pattern_that_would_open_too_much_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="white list"):
        WhiteList((pattern,))


@given(st.text(max_size=60))
def test_whatever_is_admitted_ends_in_a_whole_domain_of_the_list(text: str) -> None:
    try:
        address = read_address(text)
    except NotAnAddress:
        return
    assert str(address).isascii()
    assert not set(str(address)) & set('\r\n\t ,;<>()"\\%!:[]')
    inside = address.domain.split(".")[-2:] == ["mssante", "fr"] and address.domain.count(".") > 1
    assert LIST.admits(address) is (inside or address.domain == "exemple-sante.fr")


@given(LABELS, st.lists(LABELS, min_size=1, max_size=4))
def test_no_domain_outside_is_admitted_whatever_stands_before_or_after(local: str, labels: list[str]) -> None:
    domain = ".".join([*labels, "org"])
    for hidden in (domain, f"medecin.mssante.fr.{domain}", f"mssante.fr.{domain}"):
        if len(hidden) < 250:
            assert not LIST.admits(read_address(f"{local}@{hidden}"))
