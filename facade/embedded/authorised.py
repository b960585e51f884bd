"""TD0.4: the records a professional, or the professionals of a structure, are authorised on.

Sources: DMP interface, service ``patientsSpecific`` (namespace ``urn:si-dmp-patients``); PDT-INF-526 v1.8 notes 2 and
3, PDT-INF-606 v1.3 note 3 (who may ask for whom). A professional asks for himself; a structure, by indirect
authentication, for the new authorisations of its professionals, by their date; its staff for its professionals. The
patient of the VIHF, if it names one, is not looked at.
"""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa

from facade.embedded import ebrim, sample, store
from facade.embedded.ebrim import Refusal
from facade.embedded.habilitations import field_of
from facade.embedded.metadata import is_time
from facade.embedded.rights import DENIED, VALID, profile_of
from facade.embedded.service import Answer, Dmp, Trail
from facade.embedded.soap import Message, SoapFault
from facade.embedded.store import Row
from facade.embedded.strictxml import attr, tag
from facade.embedded.vihf import User

NAMESPACE = "urn:si-dmp-patients"
_BY_AUTHORISATION, _BY_DOCUMENT = "LASTAUTORIZATION", "LASTDOC"
_SECONDS = 14
_CIVILITY = {"M": "M", "F": "MME"}


def authorised_records(dmp: Dmp, user: User, message: Message, _trail: Trail) -> Answer:
    """The open records somebody is authorised on since a date. Raises Refusal, or SoapFault for another message."""
    body = message.body
    since, kind = field_of(body, NAMESPACE, "startDate"), field_of(body, NAMESPACE, "dateType")
    if body.tag != tag(NAMESPACE, "patientList") or len(since) != _SECONDS or not is_time(since):
        raise SoapFault("Sender", "patientList avec un startDate yyyyMMddHHmmss est attendu")
    if kind not in (_BY_AUTHORISATION, _BY_DOCUMENT):
        raise SoapFault("Sender", "dateType est LASTAUTORIZATION ou LASTDOC")
    people = _people(dmp, user, kind, field_of(body, NAMESPACE, "psOwnerId"))
    with dmp.store.reading() as db:
        items = "".join(_items(db, people, since, kind))
    return Answer(_output(items, "DMPOk"))


def _people(dmp: Dmp, user: User, kind: str, owner: str) -> set[str]:
    """Whose authorisations are asked for. Raises Refusal."""
    cell = dmp.rights.cell("TD0.4", user.mode, profile_of(user), user.purpose)
    if cell == "oui":
        people = {user.name_id}
    else:
        people = {person.id for person in sample.PROFESSIONALS if sample.works_in(person, user.structure)}
    allowed = cell != "non" and (cell != "new" or kind == _BY_AUTHORISATION)
    if not allowed or (owner and owner not in people):
        raise Refusal(DENIED, "Accès refusé par le service des droits")
    return {owner} if owner else people


def _items(db: sa.Connection, people: set[str], since: str, kind: str) -> Iterable[str]:
    table = store.authorisations
    query = sa.select(table).where(table.c.person.in_(people), table.c.state == VALID).order_by(table.c.ins)
    by_record: dict[str, list[Row]] = {}
    for row in db.execute(query):
        by_record.setdefault(row.ins, []).append(row)
    for ins, rows in by_record.items():
        record = store.open_record(db, ins)
        updated, added = _last_lots(db, ins)
        newest = max(row.since for row in rows)
        if record is not None and (newest if kind == _BY_AUTHORISATION else added) >= since:
            yield _item(record, rows, updated, added)


def _last_lots(db: sa.Connection, ins: str) -> tuple[str, str]:
    """When the record was last changed, and when a document was last added; empty when never."""
    times = {lot.entry_uuid: lot.submission_time for lot in store.lots_of(db, ins)}
    first = {row.entry_uuid for row in store.find(db, ins) if row.version == 1 and not row.is_signature}
    links = store.associations_of(db, ins, list(first))
    added = [times[link.source] for link in links if link.type == ebrim.HAS_MEMBER and link.source in times]
    return max(times.values(), default=""), max(added, default="")


def _item(record: Row, rows: list[Row], updated: str, added: str) -> str:
    values = {
        "lastName": record.family,
        "patronymicalName": record.family,
        "firstName": record.given,
        "civility": _CIVILITY[record.sex],
        "dateOfBirth": f"{record.birth_date:%Y%m%d}",
        "MT": "true" if any(row.treating for row in rows) else "false",
        "message": "",
        "lastAccessDate": max(row.last_action for row in rows),
        "lastUpdateDate": updated,
        "lastAddDate": added,
    }
    inside = "".join(f"<p:{name}>{attr(value)}</p:{name}>" for name, value in values.items() if value)
    return (
        f"<p:patientlistData><p:patientIdentifier><p:nationalId>{record.ins}</p:nationalId>"
        f"<p:nationalIdType>{record.ins_oid}</p:nationalIdType></p:patientIdentifier>{inside}</p:patientlistData>"
    )


def refuse_records(_message: Message, error: Refusal) -> bytes:
    """The refusal of TD0.4: its code is the status."""
    return _output("", error.code, f"<p:context>{attr(error.context)}</p:context>")


def _output(items: str, status: str, context: str = "") -> bytes:
    return (
        f'<p:patientListResponse xmlns:p="{NAMESPACE}"><p:output>{items}<p:status>{attr(status)}</p:status>{context}'
        "</p:output></p:patientListResponse>"
    ).encode()
