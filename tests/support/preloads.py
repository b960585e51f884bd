"""Preloads for the tests of what is kept at rest, and what runs in their child processes."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from facade.domain.caller import Caller, CallerKind, Structure
from facade.domain.document import Author, Coded, DocumentEntry, Institution, Person, XdsTime
from facade.domain.dossier import Authorisation, Dossier
from facade.domain.ins import INS
from facade.domain.masking import Flag, Masking
from facade.domain.preload import Criteria, Kept, PreloadOrder
from facade.records.engine import Database, open_database
from facade.records.preload_states import Limits
from facade.records.preloads import Preloads
from facade.records.vault import Vault
from tests.support.records import NOW, ins

SECRET, OLD = b"a secret of the tests, long enough", b"another one, that was there before"
DOCTOR = Caller(
    CallerKind.PROFESSIONAL,
    "899700000018",
    "Camille DURAND",
    Structure("1750000001", "Hôpital", "SA01"),
    profession="10",
    two_factors=True,
    authenticated=NOW,
)
LIMITS = Limits(patients=50, documents=10)
LEASE, THREE_DAYS = timedelta(minutes=5), timedelta(days=3)


def preloads(database: Database, *secrets: bytes) -> Preloads:
    """The preloads of a database under these secrets, newest first."""
    return Preloads(database, Vault(secrets or (SECRET,)))


def order(patient: INS | None = None, person: str = "", hours: float = 24, *, content: bool = True) -> PreloadOrder:
    """An order for an appointment so many hours from ``NOW``."""
    caller = replace(DOCTOR, id=person) if person else DOCTOR
    start = NOW + timedelta(hours=hours)
    return PreloadOrder(caller, patient or ins(), start, criteria=Criteria(content=content, most=10))


def kept(number: int = 1, content: bytes | None = b"%PDF of a patient") -> Kept:
    """A preloaded document that differs from the others by its logical id."""
    coded = Coded("11488-4", "2.16.840.1.113883.6.1", "Consultation")
    entry = DocumentEntry(
        unique_id=f"1.2.250.1.999.{number}",
        patient=ins(),
        type_code=coded,
        class_code=coded,
        format_code=coded,
        facility=coded,
        practice=coded,
        authors=(Author(Person("899700000018", "DURAND", "Camille"), (Institution("Hôpital", "1750000001"),)),),
        masking=Masking(flags=frozenset({Flag.HIDDEN_FROM_PATIENT})),
        title="Compte rendu de consultation",
        creation_time=XdsTime("20260105"),
        logical_id=logical_id(number),
        entry_uuid="0c3f1f1e-0000-4000-8000-000000000002",
    )
    return Kept(Dossier(exists=True, authorisation=Authorisation.VALID), entry, "text/xml", content)


def logical_id(number: int) -> str:
    """The logical id of such a document."""
    return f"0c3f1f1e-0000-4000-8000-{number:012d}"


def placed(found: Preloads, preload_id: str = "preload-1", ordered: PreloadOrder | None = None) -> int:
    """Place an order that is due now."""
    wanted = ordered or order()
    closes = wanted.start + timedelta(days=1)
    return found.place(preload_id, wanted, due=NOW, closes=closes, now=NOW, most=LIMITS.patients)


def fetched(found: Preloads, preload_id: str = "preload-1", numbers: tuple[int, ...] = (1,)) -> bool:
    """Fetch an order: these documents are kept."""
    claim = found.claim(preload_id, "holder", now=NOW, lease=LEASE, expires=NOW + THREE_DAYS)
    assert claim is not None
    for number in numbers:
        assert found.keep(claim, number, kept(number), now=NOW, lease=LEASE)
    return found.done(claim, fetched=NOW, matched=len(numbers))


def place_each(url: str, first: int, count: int) -> int:
    """In a process of its own: order for as many patients; how many orders were accepted."""
    database = open_database(url, busy_timeout=60)
    try:
        found = preloads(database)
        numbers = range(first, first + count)
        return sum(placed(found, f"preload-{number}", order(ins(number))) <= LIMITS.patients for number in numbers)
    finally:
        database.close()


def claim_each(url: str, holder: str, count: int) -> list[str]:
    """In a process of its own: try to take the same orders as the others; those that were got."""
    database = open_database(url, busy_timeout=60)
    try:
        found, got = preloads(database), []
        for number in range(count):
            claim = found.claim(f"preload-{number}", holder, now=NOW, lease=LEASE, expires=NOW + THREE_DAYS)
            got += [claim.preload.id] if claim else []
        return got
    finally:
        database.close()
