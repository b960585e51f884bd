"""The policy as printed: for a lawyer to read, in both languages."""

from __future__ import annotations

import pytest

from facade.knowledge import rows
from facade.policy.access import AccessTables
from facade.policy.describe import Section, as_html, as_text, describe
from facade.policy.rows import Row
from tests.support.policy import tables


@pytest.mark.parametrize("language", ["fr", "en"])
def test_the_whole_policy_is_printed(language: str) -> None:
    sections = describe(tables(), "fr" if language == "fr" else "en")
    text = as_text(sections)
    page = as_html(sections, "fr" if language == "fr" else "en")
    for name, rule in tables().rules.items():
        assert name in text
        assert name in page
        assert rule.basis.split(";")[0].split("(")[0][:30] in page.replace("&#x27;", "'")
    for section in sections:
        assert all(len(row) == len(section.header) for row in section.rows)
        assert section.rows
    assert page.count("<table>") == len(sections) == 7
    assert max(len(line) for line in text.splitlines()) < 44 * 6 + 12


def test_the_printed_annex_reads_as_the_annex() -> None:
    annex, citizens = describe(tables())[:2]
    assert annex.rows[0][1:6] == ("oui", "oui", "oui", "oui", "non, sauf auteur")
    assert annex.rows[1][1:6] == ("non", "oui", "oui", "oui", "non")
    assert annex.rows[2][2] == "-"
    assert [row[1:3] for row in citizens.rows] == [("oui", "oui"), ("oui", "oui"), ("non", "non"), ("oui", "non")]


def test_the_printed_matrix_says_it_is_not_official() -> None:
    matrix = describe(tables())[5]
    assert "non officielle" in matrix.note
    assert all(row[3] and row[4] for row in matrix.rows)


def test_markup_in_a_table_does_not_become_markup_in_the_page() -> None:
    def with_markup(path: str) -> list[Row]:
        found = [dict(row) for row in rows(path)]
        return [row | {"text_fr": "<b>fermé</b>"} for row in found] if "rules" in path else found

    assert "&lt;b&gt;fermé&lt;/b&gt;" in as_html(describe(AccessTables.from_rows(with_markup)))


@pytest.mark.parametrize("language", ["fr", "en"])
def test_each_language_prints_its_own_words_only(language: str) -> None:
    sections = describe(tables(), "fr" if language == "fr" else "en")
    titles = {"fr": "Lecture par un professionnel (Annexe 3)", "en": "Reading by a professional (Annexe 3)"}
    masked = {"fr": "Document masqué, créé par un professionnel", "en": "Masked document, created by a professional"}
    closed = {"fr": tables().rule("record.closed").text_fr, "en": tables().rule("record.closed").text_en}
    assert sections[0].title == titles[language]
    assert sections[0].rows[1][0] == masked[language]
    assert closed[language] in {row[4] for row in sections[6].rows}
    page = as_html(sections, "fr" if language == "fr" else "en")
    assert f'<html lang="{language}">' in page


def test_the_printed_needs_of_an_act_are_those_it_is_refused_for() -> None:
    reading = "two factors; AIR white list; open record; authorisation, treating doctor or emergency"
    needs = {row[0]: row[2] for row in describe(tables(), "en")[3].rows}
    assert needs["check"] == "-"
    assert needs["read"] == f"{reading}; blocked: own documents; no opposition to reading"
    assert needs["mask"] == f"{reading}; not blocked; no opposition to reading"
    assert needs["hide-from-representatives"] == f"{reading}; not blocked; no opposition to reading; minor patient"
    assert needs["publish"] == "open record, living holder; no opposition to feeding; even while suspended"
    assert needs["read-traces"] == "two factors; open record"
    assert needs["authorise"] == "two factors; AIR white list; open record; not blocked; no opposition to reading"


def test_the_printed_emergencies_say_who_and_which_opposition_closes_them() -> None:
    emergencies = describe(tables(), "en")[2]
    assert [row[:3] for row in emergencies.rows] == [
        ("bris_de_glace", "professional", "OPPOSITION_BRIS_DE_GLACE"),
        ("centre_15", "regulating doctor", "OPPOSITION_ACCES_URGENCE"),
    ]


def test_the_printed_rights_are_those_of_the_sheet_with_their_notes() -> None:
    rights = {(row[0].split(":")[0], row[1]): row[2:5] for row in describe(tables(), "en")[4].rows}
    star = "patient's document: the patient or the treating doctor"
    assert rights["archive", "non-doctor (AIR)"] == (f"own documents (8); {star}", "no", "no")
    assert rights["archive", "treating-doctor (AIR)"] == (f"yes; {star}", f"yes; {star}", "-")
    assert rights["check", "doctor (AIR)"] == ("yes", "yes", "yes")


def test_the_printed_matrix_tells_an_allowed_cell_from_a_denied_one() -> None:
    matrix = {row[:2]: row[2] for row in describe(tables(), "en")[5].rows}
    assert matrix["Médecin (10)", "any *"] == "yes"
    assert matrix["Médecin (10)", "type ATTEST-RESID"] == "no"


def test_a_long_cell_goes_on_below_and_columns_stay_aligned() -> None:
    fits, too_long = f"{'a' * 21} {'b' * 22}", f"{'a' * 21} {'b' * 23}"
    section = Section("Règles", "note", ("x", "long"), (("1", fits), ("", too_long), ("3", "")))
    assert as_text([section, section]).split("\n") == 2 * [
        "Règles",
        "======",
        "note",
        "",
        "x  long",
        f"-  {'-' * 44}",
        f"1  {fits}",
        f"   {'a' * 21}",
        f"   {'b' * 23}",
        "3",
        "",
    ]


def test_the_page_of_one_table() -> None:
    page = as_html([Section("T", "n", ("h<",), (("a&b",), ("c",)))], "en")
    table = "<thead><tr><th>h&lt;</th></tr></thead><tbody><tr><td>a&amp;b</td></tr><tr><td>c</td></tr></tbody>"
    assert f"<h2>T</h2><p>n</p><table>{table}</table></body></html>\n" in page
    assert "<h1>Who may do what: the access policy</h1>" in page


def test_a_row_longer_than_its_header_is_not_printed_in_part() -> None:
    with pytest.raises(ValueError, match="zip"):
        as_text([Section("T", "n", ("h",), (("a", "b"),))])
