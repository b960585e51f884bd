"""Which documents of an answer are the record's own: those held under another INS must be the same person's.

EX_3.1-1055 forbids to leave a document out for its patientId, for an INS may change. What does not change with it is
the date of birth (sourcePatientInfo, PID-7, against TD0.2) or, where one is not known, the year and month in a
matricule (its first digit may change: a waiting number becomes a NIR, a civil status is corrected). What these
contradict is another person's document: it is never shown, whatever else is.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

from facade.domain.dmp import DocumentAnswer, LotAnswer
from facade.domain.document import DocumentEntry
from facade.domain.dossier import Dossier
from facade.domain.errors import DmpRefused
from facade.domain.ins import INS
from facade.observability import metrics

_YEAR_MONTH = slice(1, 5)
_DAY = 8
Answer = TypeVar("Answer", DocumentAnswer, LotAnswer)
STRANGER = "dmp.entry-of-another-person"


def of_the_holder(dossier: Dossier, patient: INS, answer: Answer) -> Answer:
    """The answer without another person's documents, with a warning where there were any. Counts other INS."""
    others = [entry for entry in answer.entries if entry.patient != patient]
    if not others:
        return answer
    strangers = {entry.entry_uuid for entry in others if not _same_person(entry, dossier, patient)}
    metrics.observe_other_ins(kept=len(others) - len(strangers), withheld=len(strangers))
    if not strangers:
        return answer
    kept = tuple(entry for entry in answer.entries if entry.entry_uuid not in strangers)
    warning = DmpRefused(STRANGER, f"{len(strangers)} document entries withheld", "registry", severity="warning")
    return replace(answer, entries=kept, warnings=(*answer.warnings, warning))


def _same_person(entry: DocumentEntry, dossier: Dossier, patient: INS) -> bool:
    written, born = entry.source_patient.birth_date[:_DAY], dossier.traits.birth_date
    if born is not None and len(written) == _DAY:
        return written == f"{born:%Y%m%d}"
    return entry.patient.value[_YEAR_MONTH] == patient.value[_YEAR_MONTH]
