"""TD0.3 (declare oneself authorised, withdraw it, stop being a treating doctor) and TD1.6 (authorised and blocked).

Source: DMP interface, service ``habilitations`` (namespace ``urn:si-dmp-habilitations``). The patient is the one of the
VIHF. TD0.3 is idempotent: what was already so is ``DMPOk`` with a context. PDT-INF-526/606 note 1: what somebody who is
no professional declares is given to the structure.
"""

from __future__ import annotations

import sqlalchemy as sa
from lxml import etree

from facade.embedded import sample, store
from facade.embedded.ebrim import Refusal
from facade.embedded.rights import BLOCKED, DENIED, DOCTOR, VALID, Access
from facade.embedded.service import Answer, Dmp, Trail, utc_now
from facade.embedded.soap import Message, SoapFault
from facade.embedded.store import Row
from facade.embedded.strictxml import attr, tag, text
from facade.embedded.vihf import User

NAMESPACE = "urn:si-dmp-habilitations"
_MODES = {"ACTIVE": (VALID,), "INTERDITE": (BLOCKED,), "TOUTE": (VALID, BLOCKED)}
_TREATING = "MEDECIN_TRAITANT"


def set_authorisation(dmp: Dmp, user: User, message: Message, _trail: Trail) -> Answer:
    """Add or remove the user's own authorisation, or role of treating doctor, on the patient of the VIHF.

    Raises Refusal, or SoapFault for another message.
    """
    body = message.body
    if body.tag != tag(NAMESPACE, "setAuthorization"):
        raise SoapFault("Sender", "setAuthorization est attendu")
    action, role = field_of(body, NAMESPACE, "action"), field_of(body, NAMESPACE, "role")
    if action not in ("AJOUT", "SUPPRESSION") or role not in ("", _TREATING):
        raise SoapFault("Sender", "action ou rôle inconnu")
    with dmp.store.writing() as db:
        access = dmp.access(db, user)
        if action == "AJOUT":
            context = _add(db, access, role)
        else:
            context = _stop_treating(db, access) if role else _remove(db, access)
    return Answer(_output("setAuthorization", "", "DMPOk", f"<h:context>{attr(context)}</h:context>"))


def _add(db: sa.Connection, access: Access, role: str) -> str:
    access.require("TD0.3-add")
    if access.state == BLOCKED or (role and access.user.role != DOCTOR):
        raise Refusal(DENIED, "le titulaire a bloqué ce professionnel, ou le rôle demandé n'est pas celui d'un médecin")
    if access.state == VALID and (access.treating or not role):
        return "Autorisation déjà présente, aucune action effectuée"
    now = f"{utc_now():%Y%m%d%H%M%S}"
    _write(db, access, {"state": VALID, "treating": bool(role), "since": now, "last_action": now})
    return "Autorisation ajoutée"


def _remove(db: sa.Connection, access: Access) -> str:
    access.require("TD0.3-remove")
    if access.state == BLOCKED:
        raise Refusal(DENIED, "le titulaire a bloqué ce professionnel")
    table = store.authorisations
    where = (table.c.ins == access.user.ins, table.c.person == access.user.name_id)
    removed = db.execute(sa.delete(table).where(*where)).rowcount
    return "Autorisation supprimée" if removed else "Aucune autorisation, aucune action effectuée"


def _stop_treating(db: sa.Connection, access: Access) -> str:
    """The authorisation stays; only the role of treating doctor ends."""
    # Nothing changes for a doctor who has not the role: no right is used.
    if access.profile == "medecin" and access.user.purpose == "normal":
        return "N'est pas médecin traitant, aucune action effectuée"
    access.require("TD0.3-leave-mt")
    _write(db, access, {"treating": False, "last_action": f"{utc_now():%Y%m%d%H%M%S}"})
    return "Rôle de médecin traitant supprimé"


def _write(db: sa.Connection, access: Access, values: dict[str, object]) -> None:
    table, user = store.authorisations, access.user
    person = user.structure if access.profile == "non_ps" else user.name_id
    if store.authorisation(db, user.ins, person) is None:
        db.execute(sa.insert(table).values(ins=user.ins, person=person, **values))
    else:
        db.execute(sa.update(table).where(table.c.ins == user.ins, table.c.person == person).values(**values))


def list_authorisations(dmp: Dmp, user: User, message: Message, _trail: Trail) -> Answer:
    """The professionals and structures authorised or blocked on the patient of the VIHF.

    Raises Refusal, or SoapFault for another message.
    """
    body = message.body
    modes = _MODES.get(field_of(body, NAMESPACE, "mode"))
    if body.tag != tag(NAMESPACE, "listAuthorizationByPatient") or modes is None:
        raise SoapFault("Sender", "listAuthorizationByPatient avec un mode ACTIVE, INTERDITE ou TOUTE est attendu")
    with dmp.store.reading() as db:
        access = dmp.access(db, user)
        access.require("TD1.6")
        table = store.authorisations
        query = sa.select(table).where(table.c.ins == user.ins, table.c.state.in_(modes)).order_by(table.c.person)
        items = "".join(_item(row) for row in db.execute(query))
    return Answer(_output("listAuthorizationByPatient", items, "DMPOk"))


def _item(row: Row) -> str:
    person = sample.professional(row.person)
    values = {
        "professionalId": row.person if person else "",
        "lastName": person.family if person else "",
        "firstName": person.given if person else "",
        "structureId": person.structure if person else row.person,
        "state": row.state,
        "role": _TREATING if row.treating else "",
        "date": row.last_action,
    }
    inside = "".join(f"<h:{name}>{attr(value)}</h:{name}>" for name, value in values.items() if value or name != "role")
    return f"<h:authorization>{inside}</h:authorization>"


def refuse_set(_message: Message, error: Refusal) -> bytes:
    """The refusal of TD0.3: its code is the status."""
    return _output("setAuthorization", "", error.code, f"<h:context>{attr(error.context)}</h:context>")


def refuse_list(_message: Message, error: Refusal) -> bytes:
    """The refusal of TD1.6: its code is the status."""
    return _output("listAuthorizationByPatient", "", error.code, f"<h:context>{attr(error.context)}</h:context>")


def field_of(body: etree._Element, namespace: str, name: str) -> str:
    """The text of a child, whether its schema qualifies it or not."""
    return text(body.find(tag(namespace, name))) or text(body.find(name))


def _output(name: str, items: str, status: str, context: str = "") -> bytes:
    return (
        f'<h:{name}Response xmlns:h="{NAMESPACE}"><h:output>{items}<h:status>{attr(status)}</h:status>{context}'
        f"</h:output></h:{name}Response>"
    ).encode()
