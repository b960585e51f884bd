"""TD0.3 (declare oneself authorised, withdraw it) and TD1.6 (who is authorised or blocked).

Source: DMP interface, service ``habilitations`` (namespace ``urn:si-dmp-habilitations``). The patient is the one of the
VIHF. Both acts are idempotent: what was already so is ``DMPOk`` with a context.
"""

from __future__ import annotations

from dataclasses import replace

import sqlalchemy as sa
from lxml import etree

from facade.embedded import sample, store
from facade.embedded.ebrim import Refusal
from facade.embedded.rights import BLOCKED, DENIED, VALID, Access
from facade.embedded.service import Answer, Dmp, Trail, utc_now
from facade.embedded.soap import Message, SoapFault
from facade.embedded.store import Row
from facade.embedded.strictxml import attr, tag, text
from facade.embedded.vihf import User

NAMESPACE = "urn:si-dmp-habilitations"
_MODES = {"ACTIVE": (VALID,), "INTERDITE": (BLOCKED,), "TOUTE": (VALID, BLOCKED)}
_MODE_OF = {VALID: "ACTIVE", BLOCKED: "INTERDITE"}
_DOCTOR = "10"
_TREATING = "MEDECIN_TRAITANT"


def set_authorisation(dmp: Dmp, user: User, message: Message, _trail: Trail) -> Answer:
    """Add or remove the user's own authorisation on the patient of the VIHF.

    Raises Refusal, or SoapFault for another message.
    """
    body = message.body
    if body.tag != tag(NAMESPACE, "setAuthorization"):
        raise SoapFault("Sender", "setAuthorization est attendu")
    action, role = _field(body, "action"), _field(body, "role")
    if action not in ("AJOUT", "SUPPRESSION") or role not in ("", _TREATING):
        raise SoapFault("Sender", "action ou rôle inconnu")
    with dmp.store.writing() as db:
        access = dmp.access(db, user)
        context = _add(db, access, role) if action == "AJOUT" else _remove(db, access, role)
    return Answer(_output("setAuthorization", "", "DMPOk", context))


def _add(db: sa.Connection, access: Access, role: str) -> str:
    access.require("TD0.3-add")
    if access.state == BLOCKED or (role and access.user.role != _DOCTOR):
        raise Refusal(DENIED, "le titulaire a bloqué ce professionnel, ou le rôle demandé n'est pas celui d'un médecin")
    already = access.state == VALID and (access.treating or not role)
    if already:
        return "Autorisation déjà présente, aucune action effectuée"
    now = f"{utc_now():%Y%m%d%H%M%S}"
    values = {"state": VALID, "treating": access.treating or bool(role), "since": now, "last_action": now}
    _write(db, access, values)
    return "Autorisation ajoutée"


def _remove(db: sa.Connection, access: Access, role: str) -> str:
    access.require("TD0.3-leave-mt" if role else "TD0.3-remove")
    if access.state != VALID:
        return "Aucune autorisation, aucune action effectuée"
    table = store.authorisations
    db.execute(sa.delete(table).where(table.c.ins == access.user.ins, table.c.person == access.user.name_id))
    return "Autorisation supprimée"


def _write(db: sa.Connection, access: Access, values: dict[str, object]) -> None:
    table, user = store.authorisations, access.user
    if access.authorisation is None:
        db.execute(sa.insert(table).values(ins=user.ins, person=user.name_id, **values))
    else:
        where = (table.c.ins == user.ins, table.c.person == user.name_id)
        db.execute(sa.update(table).where(*where).values(**values))


def list_authorisations(dmp: Dmp, user: User, message: Message, _trail: Trail) -> Answer:
    """The professionals authorised or blocked on the patient of the VIHF.

    Raises Refusal, or SoapFault for another message.
    """
    body = message.body
    modes = _MODES.get(_field(body, "mode"))
    if body.tag != tag(NAMESPACE, "listAuthorizationByPatient") or modes is None:
        raise SoapFault("Sender", "listAuthorizationByPatient avec un mode ACTIVE, INTERDITE ou TOUTE est attendu")
    with dmp.store.reading() as db:
        access = dmp.access(db, user)
        access.require("TD1.6")
        table = store.authorisations
        query = sa.select(table).where(table.c.ins == user.ins, table.c.state.in_(modes)).order_by(table.c.person)
        items = "".join(_item(row) for row in db.execute(query))
    return Answer(_output("listAuthorizationByPatient", items, "DMPOk", ""))


def _item(row: Row) -> str:
    person = sample.professional(row.person) or replace(sample.NURSE, id=row.person, family="", given="", specialty="")
    specialty = f"G15_{person.profession}" + (f"/{person.specialty}" if person.specialty else "")
    values = {
        "nationalId": row.person,
        "nationalIdType": "1.2.250.1.71.4.2.1",
        "firstName": person.given,
        "lastName": person.family,
        "codeSpeciality": specialty,
        "startOfAuthorization": row.since,
        "lastActionDate": row.last_action,
        "mode": _MODE_OF[row.state],
    }
    inside = "".join(f"<h:{name}>{attr(value)}</h:{name}>" for name, value in values.items())
    return f"<h:listOfAuthorizationByPatient>{inside}</h:listOfAuthorizationByPatient>"


def refuse_set(_message: Message, error: Refusal) -> bytes:
    """The refusal of TD0.3: its code is the status."""
    return _output("setAuthorization", "", error.code, error.context)


def refuse_list(_message: Message, error: Refusal) -> bytes:
    """The refusal of TD1.6: its code is the status."""
    return _output("listAuthorizationByPatient", "", error.code, error.context)


def _field(body: etree._Element, name: str) -> str:
    """The text of a child, whether its schema qualifies it or not."""
    return text(body.find(tag(NAMESPACE, name))) or text(body.find(name))


def _output(name: str, items: str, status: str, context: str) -> bytes:
    return (
        f'<h:{name}Response xmlns:h="{NAMESPACE}"><h:output>{items}<h:status>{attr(status)}</h:status>'
        f"<h:context>{attr(context)}</h:context></h:output></h:{name}Response>"
    ).encode()
