"""A professional, from the claims of Pro Santé Connect (UserInfo) carried by an API token.

Sources: Pro Santé Connect UserInfo as served (spellings differ between environments); TRE_G15 professions, TRE_R01
savoir-faire, TRE_R02 sectors; référentiel DMP EXI 23 to 29. Profession, speciality, structure and sector come from
one and the same activity: the DMP refuses a VIHF that mixes two.
"""

from __future__ import annotations

import re

from facade.domain.caller import Caller, CallerKind, Structure
from facade.identity.activities import Activity, Ambiguous, NoSuchActivity, activities_of, choose, flat_activity
from facade.identity.config import IdentityConfig
from facade.identity.spelling import entries_of, text_of
from facade.identity.tokens import Claims, text_claim

_ID_NAT = re.compile(r"8\d{11}", re.ASCII)
_TRUE = "VRAI"


def professional(claims: Claims, activity: str | None, config: IdentityConfig) -> Caller:
    """The professional these verified claims speak of.

    What is missing does not raise: it becomes the ``refusal`` of the caller, so that the act is judged and traced.
    """
    id_nat = _id_nat(claims)
    chosen, refusal = _activity(claims, activity)
    if not id_nat:
        refusal = "caller.professional.no-rpps"
    elif refusal is None and not chosen.structure_id:
        refusal = "caller.professional.no-structure"
    elif refusal is None and not chosen.profession:
        refusal = "caller.professional.no-profession"
    family = chosen.family or text_of(claims, "family_name")
    given = chosen.given or text_of(claims, "given_name")
    return Caller(
        kind=CallerKind.PROFESSIONAL,
        id=id_nat,
        name=f"{given} {family}".strip(),
        structure=_structure(chosen, config),
        family=family,
        given=given,
        profession=chosen.profession,
        specialty=chosen.specialty,
        regulator=text_of(claims, "Acces_Regulation_Medicale").upper() == _TRUE,
        two_factors=has_two_factors(claims, config),
        application=text_claim(claims, "azp") or text_claim(claims, "client_id"),
        token_id=text_claim(claims, "jti"),
        refusal=refusal,
    )


def has_two_factors(claims: Claims, config: IdentityConfig) -> bool:
    """Whether ``acr`` is one of the accepted levels."""
    level = text_claim(claims, "acr").casefold()
    return bool(level) and level in {accepted.casefold() for accepted in config.accepted_acr}


def _id_nat(claims: Claims) -> str:
    # ``8`` + RPPS. Ids of another origin (ADELI, EDIT, internal ones) are people without RPPS.
    stated = text_of(claims, "SubjectNameID") or text_of(claims, "preferred_username") or _among_other_ids(claims)
    return stated if _ID_NAT.fullmatch(stated) and _luhn_is_right(stated[1:]) else ""


def _among_other_ids(claims: Claims) -> str:
    """The one RPPS of ``otherIds``, for a token that names its professional nowhere else."""
    found = {text_of(entry, "identifiant") for entry in entries_of(claims, "otherIds") if _is_rpps(entry)}
    return found.pop() if len(found) == 1 else ""


def _is_rpps(entry: Claims) -> bool:
    return text_of(entry, "origine").upper() == "RPPS"


def _luhn_is_right(number: str) -> bool:
    total = 0
    for place, digit in enumerate(reversed(number)):
        value = int(digit) * (2 if place % 2 else 1)
        total += value - 9 if value > 9 else value  # noqa: PLR2004 - sum of the two digits
    return total % 10 == 0


def _activity(claims: Claims, wanted: str | None) -> tuple[Activity, str | None]:
    known = activities_of(claims) or [flat_activity(claims)]
    try:
        return choose(known, wanted), None
    except Ambiguous:
        return Activity(), "caller.professional.activity-ambiguous"
    except NoSuchActivity:
        return Activity(), "caller.professional.activity-unknown"


def _structure(activity: Activity, config: IdentityConfig) -> Structure:
    listed = config.structures.get(activity.structure_id)
    return Structure(
        id=activity.structure_id,
        name=activity.structure_name or (listed.name if listed else ""),
        sector=activity.sector or (listed.sector if listed else ""),
        homologated_until=listed.homologated_until if listed else None,
        homologated_from=listed.homologated_from if listed else None,
    )
