"""The whole policy as tables a lawyer can read, made from the same tables the engine decides by."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from html import escape
from textwrap import wrap
from typing import Literal

from facade.domain.access import Purpose
from facade.policy.rows import MaskingRow, RightRow
from facade.policy.tables import AccessTables
from facade.policy.vocabulary import Cell, Column, Right, Role

Language = Literal["fr", "en"]
_WORDS: dict[str, tuple[str, str]] = {
    "title": ("Qui peut faire quoi: la politique d'accès", "Who may do what: the access policy"),
    "annex": ("Lecture par un professionnel (Annexe 3)", "Reading by a professional (Annexe 3)"),
    "annex.note": (
        "Chaque ligne dont relève le document doit le permettre. Le blocage l'emporte sur l'urgence.",
        "Every row a document falls under must let it through. Being blocked beats the emergency.",
    ),
    "citizens": ("Lecture par le patient et par son représentant", "Reading by the patient and the representative"),
    "citizens.note": (
        "Les étiquettes s'ajoutent: chacune retire un lecteur, aucune ne rend ce qu'une autre retire. "
        "Un document supprimé n'est montré à personne.",
        "Labels add up: each removes a reader, none gives back what another takes. "
        "A withdrawn document is shown to nobody.",
    ),
    "emergency": ("Urgence", "Emergency"),
    "emergency.note": (
        "Un motif est exigé; l'opposition préalable du titulaire ferme le mode à tous; la matrice d'habilitation vaut.",
        "A reason is required; the holder's prior opposition closes the mode to all; the habilitation matrix applies.",
    ),
    "acts": ("Ce que chaque acte exige", "What each act needs"),
    "acts.note": (
        "Avant tout examen d'un document. Deux facteurs, liste blanche, autorisation et blocage ne concernent que les "
        "professionnels; l'urgence l'emporte sur l'opposition à la consultation; une structure ne touche qu'à ses "
        "documents, un patient et son représentant qu'à son dossier.",
        "Before any document is looked at. Two factors, white list, authorisation and block concern professionals "
        "only; an emergency goes over the opposition to reading; a structure touches its own documents only, a "
        "patient and the representative the patient's record only.",
    ),
    "rights": ("Droits fonctionnels", "Functional rights"),
    "rights.note": (
        "Cellules appliquées ici. Ce qui n'est pas écrit est refusé.",
        "Cells applied here. What is not written is refused.",
    ),
    "habilitation": ("Matrice d'habilitation: cellules connues", "Habilitation matrix: known cells"),
    "habilitation.note": (
        "Partielle et non officielle: chaque cellule vaut ce que vaut sa source.",
        "Partial and not official: each cell is worth what its source is worth.",
    ),
    "rules": ("Règles", "Rules"),
    "rules.note": (
        "La première qui s'applique décide. Portée: le dossier et le droit se disent, le document se tait.",
        "The first that matches decides. Scope: record and right are told, document stays silent.",
    ),
    "document": ("Document", "Document"),
    "source": ("Source", "Source"),
    "purpose": ("Mode d'accès", "Purpose"),
    "opposition": ("Opposition du titulaire", "Holder's opposition"),
    "who": ("Qui", "Who"),
    "basis": ("Fondement", "Basis"),
    "act": ("Acte", "Act"),
    "transaction": ("Transaction", "Transaction"),
    "needs": ("Exige", "Needs"),
    "actor": ("Acteur", "Actor"),
    "role": ("Profession ou rôle", "Profession or role"),
    "code": ("Type ou classe", "Type or class"),
    "cell": ("Accès", "Access"),
    "confidence": ("Confiance", "Confidence"),
    "rule": ("Règle", "Rule"),
    "effect": ("Effet", "Effect"),
    "scope": ("Portée", "Scope"),
    "text": ("Texte", "Text"),
    "any": ("Tout professionnel", "Any professional"),
    "author": ("Auteur", "Author"),
    "treating": ("Médecin traitant", "Treating doctor"),
    "blocked": ("Bloqué", "Blocked"),
    "patient": ("Patient", "Patient"),
    "representative": ("Représentant d'un mineur", "Representative of a minor"),
    "yes": ("oui", "yes"),
    "no": ("non", "no"),
    "no-but-author": ("non, sauf auteur", "no, except its author"),
    "none": ("-", "-"),
    "own": ("ses documents", "own documents"),
    "own-structure": ("documents de la structure", "the structure's documents"),
    "own-or-structure": ("ses documents ou ceux de sa structure", "own or the structure's documents"),
    "own-patient": ("ses documents de patient", "the patient's own documents"),
    "if-not-objected": ("sauf opposition", "unless objected"),
    "two_factors": ("deux facteurs", "two factors"),
    "homologation": ("liste blanche AIR", "AIR white list"),
    "open": ("DMP ouvert", "open record"),
    "alive": ("DMP ouvert, titulaire vivant", "open record, living holder"),
    "access": ("autorisation, médecin traitant ou urgence", "authorisation, treating doctor or emergency"),
    "not-blocked": ("non bloqué", "not blocked"),
    "blocked-own": ("bloqué: ses documents", "blocked: own documents"),
    "consultation": ("pas d'opposition à la consultation", "no opposition to reading"),
    "feeding": ("pas d'opposition à l'alimentation", "no opposition to feeding"),
    "minor": ("patient mineur", "minor patient"),
    "suspended": ("même pendant une suspension", "even while suspended"),
    "regulator": ("médecin régulateur", "regulating doctor"),
    "professional": ("professionnel", "professional"),
    "non-doctor": ("professionnel non médecin", "non-doctor"),
    "doctor": ("médecin", "doctor"),
    "treating-doctor": ("médecin traitant", "treating-doctor"),
    "occupational-doctor": ("médecin du travail", "occupational-doctor"),
    "staff": ("personnel", "staff"),
    "structure": ("structure", "structure"),
    "application": ("application référencée", "application"),
    "permit": ("accorde", "permit"),
    "deny": ("refuse", "deny"),
    "scope.": ("", ""),
    "scope.record": ("dossier", "record"),
    "scope.document": ("document", "document"),
    "scope.right": ("droit", "right"),
    "star": (
        "document du patient: patient ou médecin traitant",
        "patient's document: the patient or the treating doctor",
    ),
}
_CELL_WORDS = {Cell.YES: "yes", Cell.NO: "no", Cell.AUTHOR: "no-but-author", Cell.NONE: "none"}
_WIDTH = 44


@dataclass(frozen=True, slots=True)
class Section:
    """One table: a title, a sentence on how to read it, column headings, rows."""

    title: str
    note: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def describe(tables: AccessTables, language: Language = "fr") -> tuple[Section, ...]:
    """The policy, table by table, in French or English."""
    word = _words(language)
    return (
        _annex(tables, word, language),
        _citizens(tables, word, language),
        _emergency(tables, word),
        _acts(tables, word),
        _rights(tables, word),
        _habilitation(tables, word),
        _rules(tables, word, language),
    )


def as_text(sections: Iterable[Section]) -> str:
    """The tables as plain text, columns aligned, long cells on several lines."""
    return "\n\n".join(_text(section) for section in sections) + "\n"


def as_html(sections: Iterable[Section], language: Language = "fr") -> str:
    """The tables as one HTML page that needs nothing else."""
    title = escape(_words(language)("title"))
    body = "".join(_html(section) for section in sections)
    style = "body{font-family:sans-serif}table{border-collapse:collapse}td,th{border:1px solid;padding:.3em}"
    return (
        f'<!DOCTYPE html>\n<html lang="{language}"><head><meta charset="utf-8"><title>{title}</title>'
        f"<style>{style}</style></head><body><h1>{title}</h1>{body}</body></html>\n"
    )


Word = Callable[[str], str]


def _in(language: Language, french: str, english: str) -> str:
    return {"fr": french, "en": english}[language]


def _words(language: Language) -> Word:
    return lambda key: _in(language, *_WORDS[key])


def _section(word: Word, name: str, header: Iterable[str], rows: Iterable[tuple[str, ...]]) -> Section:
    return Section(word(name), word(f"{name}.note"), tuple(word(key) for key in header), tuple(rows))


def _annex(tables: AccessTables, word: Word, language: Language) -> Section:
    columns = (Column.ANY, Column.AUTHOR, Column.TREATING, Column.EMERGENCY, Column.BLOCKED)
    rows = [
        (*_masking_row(word, language, cells), _sources(cells)) for cells in _cells(tables, "professional", columns)
    ]
    basis = {cell.column: cell.basis for cell in tables.masking.values()}
    rows.append((word("basis"), *(basis[column] for column in columns), ""))
    return _section(word, "annex", ("document", *columns, "source"), rows)


def _citizens(tables: AccessTables, word: Word, language: Language) -> Section:
    columns = (Column.PATIENT, Column.REPRESENTATIVE)
    rows = [
        (*_masking_row(word, language, cells), _each_once(cell.basis for cell in cells), _sources(cells))
        for cells in _cells(tables, "citizen", columns)
    ]
    return _section(word, "citizens", ("document", *columns, "basis", "source"), rows)


def _cells(tables: AccessTables, audience: str, columns: tuple[Column, ...]) -> list[list[MaskingRow]]:
    names = dict.fromkeys(row.name for row in tables.masking.values() if row.audience == audience)
    return [[tables.masking[name, column] for column in columns] for name in names]


def _masking_row(word: Word, language: Language, cells: list[MaskingRow]) -> tuple[str, ...]:
    label = _each_once(_in(language, cell.label_fr, cell.label_en) for cell in cells)
    return (label, *(word(_CELL_WORDS[cell.cell]) for cell in cells))


def _sources(cells: list[MaskingRow]) -> str:
    return _each_once(cell.source for cell in cells)


def _each_once(values: Iterable[str]) -> str:
    return "; ".join(dict.fromkeys(values))


def _emergency(tables: AccessTables, word: Word) -> Section:
    rows = [
        (
            row.purpose,
            word("regulator" if row.regulator else "professional"),
            row.opposition_code,
            row.basis,
            row.source,
        )
        for row in tables.emergencies.values()
    ]
    return _section(word, "emergency", ("purpose", "who", "opposition", "basis", "source"), rows)


def _acts(tables: AccessTables, word: Word) -> Section:
    rows = []
    for row in tables.acts.values():
        needs = {
            "two_factors": row.two_factors,
            "homologation": row.homologation,
            row.record: row.record != "any",
            "access": row.access,
            "not-blocked": row.blocked == "deny",
            "blocked-own": row.blocked == "own",
            row.opposition: row.opposition != "none",
            "minor": row.minor,
            "suspended": not row.suspended,
        }
        needed = "; ".join(word(key) for key, needed in needs.items() if needed) or word("none")
        rows.append((row.act.value, row.transaction, needed, row.source))
    return _section(word, "acts", ("act", "transaction", "needs", "source"), rows)


def _rights(tables: AccessTables, word: Word) -> Section:
    groups: dict[tuple[str, str, str, Role, str], dict[Purpose, RightRow]] = {}
    for row in tables.rights.values():
        key = (row.act.value, row.action, row.mode.value, row.role, row.source)
        groups.setdefault(key, {})[row.purpose] = row
    rows = [
        (
            f"{act}: {action}",
            f"{word(role)} ({mode})",
            *(_right(word, cells.get(purpose)) for purpose in Purpose),
            source,
        )
        for (act, action, mode, role, source), cells in groups.items()
    ]
    header = (word("act"), word("actor"), *(purpose.value for purpose in Purpose), word("source"))
    return Section(word("rights"), word("rights.note"), header, tuple(rows))


def _right(word: Word, cell: RightRow | None) -> str:
    if cell is None:
        return word("none")
    said = f"{word(cell.cell)} {cell.note}".strip()
    starred = cell.patient_documents and cell.cell is not Right.NO
    return f"{said}; {word('star')}" if starred else said


def _habilitation(tables: AccessTables, word: Word) -> Section:
    rows = [
        (
            f"{row.role_label} ({row.role})",
            f"{row.kind} {row.code}",
            word("yes" if row.allows else "no"),
            row.source,
            row.confidence,
        )
        for row in tables.habilitations
    ]
    return _section(word, "habilitation", ("role", "code", "cell", "source", "confidence"), rows)


def _rules(tables: AccessTables, word: Word, language: Language) -> Section:
    rows = [
        (
            row.name,
            word(row.effect),
            word(f"scope.{row.scope}"),
            row.basis,
            _in(language, row.text_fr, row.text_en),
            row.source,
        )
        for row in tables.rules.values()
    ]
    return _section(word, "rules", ("rule", "effect", "scope", "basis", "text", "source"), rows)


def _text(section: Section) -> str:
    cells = [[wrap(cell, _WIDTH) or [""] for cell in row] for row in (section.header, *section.rows)]
    widths = [max(len(line) for row in cells for line in row[index]) for index in range(len(section.header))]
    lines = [section.title, "=" * len(section.title), section.note, ""]
    for number, row in enumerate(cells):
        for height in range(max(len(cell) for cell in row)):
            parts = [
                (cell[height] if height < len(cell) else "").ljust(width)
                for cell, width in zip(row, widths, strict=True)
            ]
            lines.append("  ".join(parts).rstrip())
        if number == 0:
            lines.append("  ".join("-" * width for width in widths))
    return "\n".join(lines)


def _html(section: Section) -> str:
    head = "".join(f"<th>{escape(cell)}</th>" for cell in section.header)
    body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in section.rows)
    title, note = escape(section.title), escape(section.note)
    return f"<h2>{title}</h2><p>{note}</p><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
