"""The one patient a search names: every search must, since every VIHF is for one patient."""

from __future__ import annotations

from collections.abc import Sequence

from facade.domain.errors import InvalidInput
from facade.domain.ins import INS
from facade.translation.subject_in import SubjectRules, read_patient_token


def named_patient(params: Sequence[tuple[str, str]], rules: SubjectRules, *tokens: str) -> INS:
    """The INS given by one of the ``tokens`` parameters (system|value) or by ``patient`` (Patient/{sealed id}).

    Raises InvalidInput ``search.patient-missing``, or why the INS is refused.
    """
    for name, value in params:
        if name in tokens:
            # Without a system the whole value is the matricule, which no error may repeat.
            system, _, matricule = value.rpartition("|")
            return read_patient_token(system, matricule, rules, name)
        if name == "patient" and "patient.identifier" in tokens:
            found = rules.open_patient_id(value.removeprefix("Patient/"))
            if found is None:
                raise InvalidInput.of("search.patient-unknown", "patient")
            return found
    raise InvalidInput.of("search.patient-missing", tokens[0])
