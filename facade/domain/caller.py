"""Who is calling: what a verified token says of a person, a structure or an application.

Sources: référentiel DMP EXI 23 to 29; Pro Santé Connect UserInfo; access policy of this project.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum

from facade.domain.ins import INS


class CallerKind(StrEnum):
    """The kinds of caller the policy knows."""

    PROFESSIONAL = "professional"
    STRUCTURE = "structure"
    PATIENT = "patient"
    REPRESENTATIVE = "representative"
    APPLICATION = "application"


@dataclass(frozen=True, slots=True)
class Structure:
    """A care structure (or the editor of an application).

    ``id`` is a Struct_IdNat: ``1``+FINESS, ``3``+SIRET, ``4``+RPPS+rank. ``sector`` a code of TRE_R02 (``SA01``).
    ``homologated_until`` is the last day of its AIR self-homologation (EXI 29), None when it is on no list;
    ``homologated_from`` the first one, where that is known.
    """

    id: str
    name: str
    sector: str
    homologated_until: date | None = None
    homologated_from: date | None = None


@dataclass(frozen=True, slots=True)
class Application:
    """An application of the catalogue (service numérique référencé): its client id, name, editor and editor's OID."""

    id: str
    name: str
    editor: str
    oid: str


class Relation(StrEnum):
    """What ties an external id (idPe) or an application to a record."""

    HOLDER = "holder"
    REPRESENTATIVE = "representative"


@dataclass(frozen=True, slots=True)
class Pairing:
    """One row of the pairing table: this application may act for this record.

    ``may_feed`` and ``may_read`` are the holder's consents per kind of operation.
    """

    patient: INS
    relation: Relation
    may_feed: bool = False
    may_read: bool = True


@dataclass(frozen=True, slots=True)
class Caller:
    """A verified caller.

    ``id``          IdNat_PS (``8``+RPPS) of a professional, Struct_IdNat of a structure, pseudonymous id (idPe) of a
                    patient or representative, client id of an application.
    ``profession``  code of TRE_G15 (``10`` médecin); ``specialty`` code of TRE_R01 (``SM26``) where there is one,
                    of a pharmacist the section, a code of TRE_G05 (``A``).
    ``regulator``   the token says ``Acces_Regulation_Medicale``.
    ``two_factors`` the token's ``acr`` is one of the accepted two-factor levels.
    ``pairings``    the records a patient, representative or application is paired with.
    ``application`` client id of the software that asks; ``referenced`` its entry of the catalogue, for citizens.
    ``token_id``    the token's ``jti``, for the trace; never the token.
    ``authenticated`` when the person logged in (UTC), None where the token does not say.
    ``refusal``     why this caller is not who it must be (a rule name of mappings/access, e.g.
                    ``caller.professional.no-rpps``), None when nothing is wrong.
    """

    kind: CallerKind
    id: str
    name: str
    structure: Structure
    family: str = ""
    given: str = ""
    profession: str = ""
    specialty: str = ""
    regulator: bool = False
    two_factors: bool = False
    pairings: tuple[Pairing, ...] = ()
    application: str = ""
    referenced: Application | None = None
    token_id: str = ""
    authenticated: datetime | None = None
    refusal: str | None = None

    def toward(self, patient: INS) -> Caller:
        """This caller as it stands towards one record.

        A person of the pairing table becomes the patient or the representative of that record; one that is paired
        with other records only carries the refusal ``caller.not-paired``. Professionals and structures are unchanged.
        """
        if self.kind in (CallerKind.PROFESSIONAL, CallerKind.STRUCTURE):
            return self
        pairing = self.pairing(patient)
        if pairing is None:
            return replace(self, refusal=self.refusal or "caller.not-paired")
        if self.kind is CallerKind.APPLICATION:
            return self
        person = CallerKind.PATIENT if pairing.relation is Relation.HOLDER else CallerKind.REPRESENTATIVE
        return replace(self, kind=person)

    def pairing(self, patient: INS) -> Pairing | None:
        """The pairing with this record, None when there is none. Own record first where both relations exist."""
        found = [pairing for pairing in self.pairings if pairing.patient == patient]
        return min(found, key=lambda pairing: pairing.relation is not Relation.HOLDER, default=None)
