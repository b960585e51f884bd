"""Whose document is an entry under another INS: the same person's, or somebody else's."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from facade.domain.dmp import DocumentAnswer
from facade.domain.document import SourcePatient
from facade.domain.dossier import Dossier, Traits
from facade.domain.ins import INS
from facade.transactions.same_record import of_the_holder
from tests.support.dmp_entries import ENTRY

HOLDER = INS.of("1.2.250.1.213.1.4.10", "279035121518989")
SAME_START = INS.of("1.2.250.1.213.1.4.8", "279037512345645")
OTHER_SEX = INS.of("1.2.250.1.213.1.4.8", "179037512345644")
OTHER_START = INS.of("1.2.250.1.213.1.4.9", "155117512345674")
BORN = Dossier(exists=True, traits=Traits(birth_date=date(1979, 3, 1)))
UNKNOWN = Dossier(exists=True)


@pytest.mark.parametrize(
    ("patient", "written", "dossier", "kept"),
    [
        (HOLDER, "19000101", BORN, True),
        (OTHER_START, "19790301", BORN, True),
        (OTHER_START, "19790301080000", BORN, True),
        (SAME_START, "19790302", BORN, False),
        (SAME_START, "", BORN, True),
        (OTHER_SEX, "", BORN, True),
        (OTHER_SEX, "19790301", BORN, True),
        (SAME_START, "1979", BORN, True),
        (OTHER_START, "", BORN, False),
        (SAME_START, "19790302", UNKNOWN, True),
        (OTHER_START, "19790301", UNKNOWN, False),
    ],
)
def test_an_entry_is_kept_when_it_is_the_same_person_s(
    patient: INS, written: str, dossier: Dossier, kept: bool
) -> None:
    entry = replace(ENTRY, patient=patient, source_patient=SourcePatient(birth_date=written))
    own = replace(ENTRY, entry_uuid="0")
    answer = of_the_holder(dossier, HOLDER, DocumentAnswer((own, entry)))
    assert answer.entries == ((own, entry) if kept else (own,))
    assert [each.code for each in answer.warnings] == ([] if kept else ["dmp.entry-of-another-person"])
