"""What is owed for a document, as FHIR Parameters: each duty with whom it is owed to, since when, by which line.

Sources of the words: mappings/documents/feeding_duties.csv and production_contexts.csv.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from facade.domain.obligations import Exclusion, Ground, Obligation, Obligations
from facade.translation.obligations_in import CONTEXT_SYSTEM
from facade.translation.tables import CodeTables, Json

Row = Mapping[str, str]
DUTY_SYSTEM = "urn:dmp-facade:feeding-duty-code"
_NOTHING = {
    ("fr", True): "Rien n'est dû à cette date ou dans ces conditions. Le document peut être alimenté s'il est utile.",
    ("en", True): "Nothing is owed on that day or in these circumstances. The document may be fed where it is useful.",
    ("fr", False): "Ce type ne figure pas à l'annexe de l'arrêté : rien n'est dû. Le document peut être alimenté s'il "
    "est utile à l'historique de santé ou à la coordination des soins (référentiel DMP, 4.1).",
    ("en", False): "The annex of the arrêté does not have this type: nothing is owed. The document may be fed where it "
    "is useful to the health history or to the coordination of care (référentiel DMP, 4.1).",
}
_SEVERAL = {"fr": "Est dû : {owed}.", "en": "Owed: {owed}."}
_ALREADY = {"fr": "déjà en vigueur au", "en": "already in force on"}
_SINCE = {"fr": "depuis le", "en": "since"}


@dataclass(frozen=True, slots=True)
class ObligationWords:
    """The rows of duties and contexts by code."""

    duties: Mapping[str, Row]
    contexts: Mapping[str, Row]

    @classmethod
    def from_rows(cls, rows: Callable[[str], Iterable[Row]]) -> ObligationWords:
        """Build from the tables of mappings/documents."""
        return cls(
            duties={row["code"]: row for row in rows("documents/feeding_duties.csv")},
            contexts={row["code"]: row for row in rows("documents/production_contexts.csv")},
        )


def obligations_parameters(found: Obligations, words: ObligationWords, tables: CodeTables, language: str) -> Json:
    """The Parameters, in ``fr`` or ``en``."""
    parameters: list[Json] = [
        {"name": "type", "valueCoding": tables.coding(found.type_code)},
        {"name": "date", "valueDate": found.day.isoformat()},
        *({"name": "context", "valueCoding": _context(code, words, language)} for code in found.contexts),
        {"name": "listed", "valueBoolean": found.listed},
        {"name": "owed", "valueBoolean": bool(found.owed)},
        *(_duty(each, words, language) for each in found.owed),
        *(_exclusion(each, words, language) for each in found.exclusions),
        {"name": "text", "valueString": _summary(found, words, language)},
    ]
    return {"resourceType": "Parameters", "parameter": parameters}


def owed_in_words(obligation: Obligation, words: ObligationWords, language: str) -> dict[str, str]:
    """What fills the text of ``publication.still-owed``: the duty, to whom, by which line, since when."""
    row = words.duties[obligation.duty]
    lines = "; ".join(_cited(ground, language) for ground in obligation.grounds)
    return {"duty": row[f"display_{language}"], "to": ", ".join(row[f"to_{language}"].split("|")), "lines": lines}


def _duty(obligation: Obligation, words: ObligationWords, language: str) -> Json:
    row = words.duties[obligation.duty]
    parts: list[Json] = [
        {"name": "code", "valueCoding": _coding(DUTY_SYSTEM, row, language)},
        *({"name": "to", "valueString": each} for each in row[f"to_{language}"].split("|")),
        {"name": "since", "valueDate": min(ground.since for ground in obligation.grounds).isoformat()},
        {"name": "text", "valueString": row[f"definition_{language}"]},
        {"name": "basis", "valueString": row["basis"]},
        *({"name": "ground", "part": _ground(ground, words, language)} for ground in obligation.grounds),
    ]
    return {"name": "duty", "part": parts}


def _ground(ground: Ground, words: ObligationWords, language: str) -> list[Json]:
    note = ground.note_fr if language == "fr" else ground.note_en
    parts: list[Json] = [
        *_line(ground, language),
        {"name": "since", "valueDate": ground.since.isoformat()},
        {"name": "alreadyInForce", "valueBoolean": ground.already},
        {"name": "verified", "valueBoolean": ground.verified},
        *({"name": "unless", "valueCoding": _context(code, words, language)} for code in ground.unless),
    ]
    return [*parts, {"name": "note", "valueString": note}] if note else parts


def _exclusion(exclusion: Exclusion, words: ObligationWords, language: str) -> Json:
    source = words.contexts[exclusion.context]["source"]
    parts: list[Json] = [
        {"name": "duty", "valueCoding": _coding(DUTY_SYSTEM, words.duties[exclusion.duty], language)},
        {"name": "context", "valueCoding": _context(exclusion.context, words, language)},
        {"name": "text", "valueString": words.contexts[exclusion.context][f"definition_{language}"]},
        {"name": "source", "valueString": source},
        *_line(exclusion.ground, language),
    ]
    return {"name": "exclusion", "part": parts}


def _line(ground: Ground, language: str) -> list[Json]:
    return [
        {"name": "document", "valueString": ground.name_fr if language == "fr" else ground.name_en},
        {"name": "line", "valueString": ground.document},
        {"name": "basis", "valueString": ground.basis},
        {"name": "law", "valueString": ground.text},
    ]


def _summary(found: Obligations, words: ObligationWords, language: str) -> str:
    if not found.owed:
        return _NOTHING[language, found.listed]
    told = (
        f"{words.duties[each.duty][f'display_{language}']} ({_cited(each.grounds[0], language)})" for each in found.owed
    )
    return _SEVERAL[language].format(owed="; ".join(told))


def _cited(ground: Ground, language: str) -> str:
    """``arrêté ..., annexe, I.1, depuis le 2022-12-31``."""
    annex = "annexe" if language == "fr" else "annex"
    when = _ALREADY[language] if ground.already else _SINCE[language]
    return f"{ground.basis}; {ground.text}, {annex}, {ground.document}, {when} {ground.since.isoformat()}"


def _context(code: str, words: ObligationWords, language: str) -> Json:
    return _coding(CONTEXT_SYSTEM, words.contexts[code], language)


def _coding(system: str, row: Row, language: str) -> Json:
    return {"system": system, "code": row["code"], "display": row[f"display_{language}"]}
