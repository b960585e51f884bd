"""Pairings as a CSV file: how they come into the table and how they are looked through.

One line a pairing: ``application`` (client id), ``external_id`` (idPe), ``patient`` (``urn:oid:OID|INS``), ``relation``
(``holder`` or ``representative``), ``may_feed`` and ``may_read`` (``yes`` or ``no``): what the holder consented to.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Iterable, Iterator

from facade.domain.caller import Pairing, Relation
from facade.domain.ins import INS
from facade.records.pairings import Paired

_COLUMNS = ("application", "external_id", "patient", "relation", "may_feed", "may_read")
_ANSWERS = {"yes": True, "no": False}
_LONGEST = 128


def read_pairings(lines: Iterable[str], applications: Collection[str]) -> list[Paired]:
    """The pairings of a file with a header line, for these applications of the catalogue.

    Raises ValueError naming the line and the column that is wrong, never its value.
    """
    reader = csv.DictReader(lines, restkey="")
    if reader.fieldnames is None or tuple(reader.fieldnames) != _COLUMNS:
        raise ValueError(f"line 1: the columns are {', '.join(_COLUMNS)}")
    return [_paired(row, f"line {reader.line_num}", applications) for row in reader]


def as_csv(pairings: Iterable[Paired]) -> Iterator[str]:
    """Lines that ``read_pairings`` reads, without line ends."""
    yield _line(_COLUMNS)
    words = {value: word for word, value in _ANSWERS.items()}
    for application, external_id, pairing in pairings:
        patient = f"{pairing.patient.system}|{pairing.patient.value}"
        consents = (words[pairing.may_feed], words[pairing.may_read])
        yield _line((application, external_id, patient, pairing.relation.value, *consents))


def _paired(row: dict[str, str | None], place: str, applications: Collection[str]) -> Paired:
    values = {name: (row.get(name) or "").strip() for name in _COLUMNS}
    if "" in row:
        raise ValueError(f"{place}: more than {len(_COLUMNS)} columns")
    if values["application"] not in applications:
        raise ValueError(f"{place}: application is not one of the settings' applications")
    if not 0 < len(values["external_id"]) <= _LONGEST:
        raise ValueError(f"{place}: external_id has 1 to {_LONGEST} characters")
    if values["relation"] not in list(Relation):
        raise ValueError(f"{place}: relation is {' or '.join(Relation)}")
    for name in ("may_feed", "may_read"):
        if values[name] not in _ANSWERS:
            raise ValueError(f"{place}: {name} is yes or no")
    pairing = Pairing(
        _patient(values["patient"], place),
        Relation(values["relation"]),
        may_feed=_ANSWERS[values["may_feed"]],
        may_read=_ANSWERS[values["may_read"]],
    )
    return values["application"], values["external_id"], pairing


def _patient(text: str, place: str) -> INS:
    system, _, value = text.partition("|")
    try:
        patient = INS.of(system, value)
    except ValueError:
        raise ValueError(f"{place}: patient is urn:oid:<OID of an INS>|<15 characters>") from None
    if not patient.key_is_right:
        raise ValueError(f"{place}: the key of the patient's INS is wrong")
    return patient


def _line(cells: Iterable[str]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(list(cells))
    return text.getvalue()
