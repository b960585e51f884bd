"""Every combination of callers, acts, records, circumstances and documents, against the second reading."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import combinations, product
from typing import Any

import pytest

from facade.domain.access import Act, Purpose
from facade.domain.document import DocumentEntry
from facade.policy.access import decide, decide_new, precheck
from facade.policy.vocabulary import Scope
from tests.support.annexe3 import SENDING, expected, of_document, of_new_document
from tests.support.policy import CALLERS, COUNTED, PATIENT, context, document, dossier, settings, tables

NAMES = (
    "doctor",
    "nurse",
    "occupational-doctor",
    "regulator",
    "single-factor",
    "not-homologated",
    "no-rpps",
    "structure",
    "patient",
    "patient-no-reading",
    "patient-no-feeding",
    "representative",
    "application",
    "application-no-feeding",
)
AUTHORISATIONS = ("VALIDE", "NON_EXISTE", "INTERDIT")
STATES = (
    ("open", "minor"),
    ("open", "adult"),
    ("open", "unknown"),
    ("closed", "minor"),
    ("absent", "unknown"),
    ("deceased", "adult"),
)
OBJECTIONS: tuple[tuple[str, ...], ...] = ((), ("bris_de_glace",), ("centre_15",))
OPPOSITIONS: tuple[tuple[str, ...], ...] = ((), ("feeding",), ("consultation",))
FLAGS = ("MASQUE_PS", "INVISIBLE_PATIENT", "INVISIBLE_REPRESENTANTS_LEGAUX")
FLAG_SETS = [set_ for size in range(4) for set_ in combinations(FLAGS, size)]
AUTHORS = ("me", "colleague", "other", "patient", "application")
STATUSES = ("approved", "deprecated", "archived", "deleted")
TYPES = ("11502-2", "ATTEST-RESID", "68599-0")
SETTINGS = settings()


def records(*, with_documents: bool) -> Iterator[dict[str, Any]]:
    states = STATES[:2] if with_documents else STATES
    objections = OBJECTIONS[:1] if with_documents else OBJECTIONS
    for authorisation, treating, (state, age), objects in product(AUTHORISATIONS, (False, True), states, objections):
        yield {
            "authorisation": authorisation,
            "treating": treating,
            "state": state,
            "age": age,
            "objects": objects,
        }


def circumstances() -> Iterator[dict[str, Any]]:
    for purpose, opposes, secret in product(Purpose, OPPOSITIONS, (False, True)):
        yield {"purpose": purpose.value, "opposes": opposes, "secret": secret, "on_behalf": secret}


@cache
def documents() -> list[tuple[dict[str, Any], DocumentEntry]]:
    given: list[dict[str, Any]] = [
        {"by": by, "flags": flags, "unknown": unknown, "type_code": type_code, "status": status}
        for by, flags, unknown, (type_code, status) in product(
            AUTHORS,
            FLAG_SETS,
            (False, True),
            [(TYPES[0], status) for status in STATUSES] + [(type_code, "approved") for type_code in TYPES[1:]],
        )
        if not (unknown and flags)
    ]
    return [(words, document(**words)) for words in given]


@pytest.mark.parametrize("name", NAMES)
def test_every_record(name: str) -> None:
    caller, count = CALLERS[name].toward(PATIENT), 0
    for words in records(with_documents=False):
        record = dossier(**words)
        for given in circumstances():
            around = context(**given)
            for act in Act:
                answer = decide(tables(), caller, act, record, None, around, PATIENT, SETTINGS)
                assert (answer.permits, answer.rule) == expected(name, act.value, words, given, None), (
                    act,
                    words,
                    given,
                )
                early = precheck(tables(), caller, act, around, PATIENT, SETTINGS)
                assert early is None or (not early.permits and not answer.permits), (act, words, given, early)
                count += 1
    COUNTED["about a record"] += count
    assert count == 3 * 2 * 6 * 3 * 18 * 25


@pytest.mark.parametrize("name", NAMES)
def test_every_document(name: str) -> None:
    caller, count = CALLERS[name].toward(PATIENT), 0
    acts = [act for act in Act if act not in (Act.SEARCH, Act.RETRIEVE) and tables().acts[act].about != "local"]
    rounds = [given for given in circumstances() if not given["secret"]]
    for words, given in product(list(records(with_documents=True)), rounds):
        record, around = dossier(**words), context(**given)
        for act in acts:
            about = decide(tables(), caller, act, record, None, around, PATIENT, SETTINGS)
            assert (about.permits, about.rule) == expected(name, act.value, words, given, None), (act, words, given)
            if not about.permits:
                continue
            for about_document, entry in documents():
                answer = decide(tables(), caller, act, record, entry, around, PATIENT, SETTINGS)
                wanted = of_document(name, act.value, words, given, about_document)
                assert (answer.permits, answer.rule) == wanted, (act, words, given, about_document)
                count += 1
    COUNTED["about a document"] += count
    assert count or name == "no-rpps"


@pytest.mark.parametrize("name", NAMES)
def test_every_new_document(name: str) -> None:
    caller, count = CALLERS[name].toward(PATIENT), 0
    for (state, age), secret in product(STATES, (False, True)):
        words, given = {"state": state, "age": age}, {"secret": secret}
        record, around = dossier(state=state, age=age), context(secret=secret)
        for act, (about_document, entry) in product(sorted(SENDING), documents()):
            answer = decide_new(tables(), caller, Act(act), record, entry, around, PATIENT, SETTINGS)
            wanted = of_new_document(name, act, words, given, about_document)
            assert (answer.permits, answer.rule) == wanted, (act, words, given, about_document)
            count += 1
    COUNTED["about a new document"] += count


def test_a_denial_about_the_record_depends_on_no_document() -> None:
    """What is told plainly must not tell anything of a stored document."""
    plain, count = Scope.RECORD, 0
    rounds = [given for given in circumstances() if not given["secret"]]
    for name, words, given in product(NAMES, list(records(with_documents=True)), rounds):
        caller, record, around = CALLERS[name].toward(PATIENT), dossier(**words), context(**given)
        for act in (Act.READ, Act.RETRIEVE, Act.MASK, Act.WITHDRAW, Act.REPLACE, Act.ARCHIVE):
            about = decide(tables(), caller, act, record, None, around, PATIENT, SETTINGS)
            for _, entry in documents()[::29]:
                answer = decide(tables(), caller, act, record, entry, around, PATIENT, SETTINGS)
                assert (tables().scope(answer.rule) is plain) is not about.permits
                assert about.permits or answer == about
                count += 1
    assert count > 80_000
