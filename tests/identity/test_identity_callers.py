"""From believable claims to a caller: professionals and their activities."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from facade.domain.caller import CallerKind
from facade.identity.verifier import TokenVerifier
from tests.support.identity import (
    HOSPITAL,
    ID_NAT,
    PSC,
    Realms,
    activity,
    call,
    exercice,
    professional_claims,
)


def test_a_professional_with_one_activity(verifier: TokenVerifier, realms: Realms) -> None:
    caller = call(verifier, professional_claims(realms.issuer(PSC)), PSC)
    assert (caller.kind, caller.id, caller.refusal) == (CallerKind.PROFESSIONAL, ID_NAT, None)
    assert (caller.profession, caller.specialty) == ("10", "SM26")
    assert (caller.family, caller.given, caller.name) == ("DURAND", "Camille", "Camille DURAND")
    assert (caller.structure.id, caller.structure.sector) == ("1750000018", "SA01")
    assert caller.structure.homologated_until == HOSPITAL.homologated_until
    assert caller.structure.homologated_from == HOSPITAL.homologated_from
    assert caller.two_factors
    assert not caller.regulator
    assert (caller.application, caller.token_id) == ("client", "6f0c")


@pytest.mark.parametrize(
    ("stated", "login"),
    [
        (1_000_000_000, datetime(2001, 9, 9, 1, 46, 40, tzinfo=UTC)),
        (None, None),
        ("1000000000", None),
        (True, None),
        (0, None),
        (99_999_999_999, None),
    ],
)
def test_the_login_time_of_a_person(
    verifier: TokenVerifier, realms: Realms, stated: object, login: datetime | None
) -> None:
    caller = call(verifier, professional_claims(realms.issuer(PSC), auth_time=stated), PSC)
    assert caller.authenticated == login


def test_the_activity_wins_over_the_flat_claims(verifier: TokenVerifier, realms: Realms) -> None:
    claims = professional_claims(
        realms.issuer(PSC), SubjectOrganizationID="1999999999", SubjectRole=["60^1.2.250.1.71.1.2.7"]
    )
    caller = call(verifier, claims, PSC)
    assert (caller.structure.id, caller.structure.sector, caller.profession) == ("1750000018", "SA01", "10")


def test_a_structure_that_is_on_no_list_has_no_homologation(verifier: TokenVerifier, realms: Realms) -> None:
    caller = call(verifier, professional_claims(realms.issuer(PSC), exercice(activity("750000099"))), PSC)
    assert (caller.structure.id, caller.structure.name) == ("1750000099", "SITE 750000099")
    assert caller.structure.homologated_until is None
    assert caller.refusal is None


@pytest.mark.parametrize(
    "identity",
    [
        {"SubjectNameID": "ANS20230412120000", "preferred_username": "ANS20230412120000"},
        {"SubjectNameID": "899700000014"},
        {"SubjectNameID": "099700000013"},
        {"SubjectNameID": "8997000000133"},
        {"SubjectNameID": "8٩٩٧٠٠٠٠٠٠١٣"},
        {"SubjectNameID": None, "preferred_username": None, "otherIds": None},
        {"SubjectNameID": 899700000013},
    ],
)
def test_nobody_without_an_rpps(verifier: TokenVerifier, realms: Realms, identity: dict[str, object]) -> None:
    if identity.get("SubjectNameID") == 899700000013:
        identity = {**identity, "preferred_username": None, "otherIds": None}
    caller = call(verifier, professional_claims(realms.issuer(PSC), **identity), PSC)
    assert (caller.id, caller.refusal) == ("", "caller.professional.no-rpps")


def test_the_user_name_serves_where_there_is_no_name_id(verifier: TokenVerifier, realms: Realms) -> None:
    assert call(verifier, professional_claims(realms.issuer(PSC), SubjectNameID=None), PSC).id == ID_NAT


TWO_SITES = (exercice(activity("750000018"), activity("750000026", codeSecteurDactivite="SA05")),)
TWO_PROFESSIONS = (
    exercice(activity("750000018")),
    exercice(activity("750000018", codeSecteurDactivite="SA07"), codeProfession="60", codeSavoirFaire=""),
)


@pytest.mark.parametrize(
    ("exercices", "wanted", "expected"),
    [
        (TWO_SITES, None, "caller.professional.activity-ambiguous"),
        (TWO_SITES, "", "caller.professional.activity-ambiguous"),
        (TWO_SITES, "10C", "caller.professional.activity-ambiguous"),
        (TWO_SITES, "60C", "caller.professional.activity-unknown"),
        (TWO_SITES, "10", "caller.professional.activity-unknown"),
        (TWO_SITES, "1750000026", ("10", "SM26", "1750000026", "SA05")),
        (TWO_SITES, "10C,1750000026", ("10", "SM26", "1750000026", "SA05")),
        (TWO_SITES, "60C,1750000026", "caller.professional.activity-unknown"),
        (TWO_PROFESSIONS, None, "caller.professional.activity-ambiguous"),
        (TWO_PROFESSIONS, "1750000018", "caller.professional.activity-ambiguous"),
        (TWO_PROFESSIONS, "60c", ("60", "", "1750000018", "SA07")),
        (TWO_PROFESSIONS, "10C", ("10", "SM26", "1750000018", "SA01")),
        ((exercice(activity()),), "10C", ("10", "SM26", "1750000018", "SA01")),
        ((exercice(activity()),), "1999999999", "caller.professional.activity-unknown"),
        ((exercice(activity()), exercice(activity())), None, ("10", "SM26", "1750000018", "SA01")),
    ],
)
def test_everything_comes_from_one_activity(
    verifier: TokenVerifier,
    realms: Realms,
    exercices: tuple[dict[str, Any], ...],
    wanted: str | None,
    expected: str | tuple[str, ...],
) -> None:
    caller = call(verifier, professional_claims(realms.issuer(PSC), *exercices), PSC, activity=wanted)
    if isinstance(expected, str):
        assert caller.refusal == expected
        assert (caller.id, caller.structure.id, caller.profession) == (ID_NAT, "", "")
    else:
        assert caller.refusal is None
        assert (caller.profession, caller.specialty, caller.structure.id, caller.structure.sector) == expected


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"ancienIdentifiantDeLaStructure": "499700000013007"}, "499700000013007"),
        ({"ancienIdentifiantDeLaStructure": "10B0172805"}, "10B0172805"),
        ({"ancienIdentifiantDeLaStructure": "R95141"}, "1750000018"),
        ({"ancienIdentifiantDeLaStructure": ""}, "1750000018"),
        ({"ancienIdentifiantDeLaStructure": "", "numeroFinessSite": ""}, "1750000000"),
        (
            {"ancienIdentifiantDeLaStructure": "", "numeroFinessSite": "", "numeroSiretSite": "26750045200011"},
            "326750045200011",
        ),
        (
            {
                "ancienIdentifiantDeLaStructure": "",
                "numeroFinessSite": "",
                "numeroFinessetablissementJuridique": "",
                "numeroFinessEtablissementJuridique": "750000042",
            },
            "1750000042",
        ),
        (
            {"ancienIdentifiantDeLaStructure": "", "numeroFinessSite": "", "numeroFinessetablissementJuridique": ""},
            "",
        ),
    ],
)
def test_the_structure_id_of_an_activity(
    verifier: TokenVerifier, realms: Realms, fields: dict[str, str], expected: str
) -> None:
    caller = call(verifier, professional_claims(realms.issuer(PSC), exercice(activity(**fields))), PSC)
    assert caller.structure.id == expected
    assert caller.refusal == (None if expected else "caller.professional.no-structure")


@pytest.mark.parametrize("spelling", ["otherIds", "otherIDs", "otherids"])
def test_the_rpps_among_other_ids_serves_where_nothing_else_names_one(
    verifier: TokenVerifier, realms: Realms, spelling: str
) -> None:
    nobody: dict[str, Any] = {"SubjectNameID": None, "preferred_username": None, "otherIds": None}
    rpps, internal = {"identifiant": ID_NAT, "origine": "RPPS"}, {"identifiant": "ANS20230412120000", "origine": "EDIT"}
    second = {"identifiant": "899700000021", "origine": "RPPS"}

    def found(*ids: dict[str, str], **changes: Any) -> str:
        claims = professional_claims(realms.issuer(PSC), **{**nobody, spelling: list(ids), **changes})
        return call(verifier, claims, PSC).id

    assert found(internal, rpps) == ID_NAT
    assert found(internal) == found(rpps, second) == found() == ""
    assert found(rpps, SubjectNameID="ANS20230412120000") == ""


@pytest.mark.parametrize(
    ("profession", "savoir_faire", "section", "specialty"),
    [("21", "", "A", "A"), ("21", "SP01", "A", "SP01"), ("10", "SM26", "A", "SM26"), ("60", "", "A", "")],
)
def test_a_pharmacist_has_the_section_of_its_activity(
    verifier: TokenVerifier, realms: Realms, profession: str, savoir_faire: str, section: str, specialty: str
) -> None:
    place = activity(codeSectionPharmacien=section)
    one = exercice(place, codeProfession=profession, codeSavoirFaire=savoir_faire)
    caller = call(verifier, professional_claims(realms.issuer(PSC), one), PSC)
    assert (caller.profession, caller.specialty, caller.refusal) == (profession, specialty, None)


def test_a_pharmacist_by_flat_claims(verifier: TokenVerifier, realms: Realms) -> None:
    roles = ["21^1.2.250.1.71.1.2.7", "D^1.2.250.1.71.4.2.6"]
    caller = call(verifier, flat(realms.issuer(PSC), SubjectRole=roles), PSC)
    assert (caller.profession, caller.specialty) == ("21", "D")


def test_names_of_claims_are_read_in_any_case(verifier: TokenVerifier, realms: Realms) -> None:
    claims = professional_claims(realms.issuer(PSC))
    reference = claims.pop("SubjectRefPro")
    claims["subjectRefPro"] = {"Exercices": reference["exercices"][0]}
    claims["acces_regulation_medicale"] = claims.pop("Acces_Regulation_Medicale").replace("FAUX", "vrai")
    claims["subjectNameId"] = claims.pop("SubjectNameID")
    claims.pop("preferred_username")
    caller = call(verifier, claims, PSC)
    assert (caller.id, caller.structure.id, caller.regulator) == (ID_NAT, "1750000018", True)


@pytest.mark.parametrize(("flag", "expected"), [("VRAI", True), ("FAUX", False), ("", False), (True, False)])
def test_a_regulator_is_one_by_the_flag(verifier: TokenVerifier, realms: Realms, flag: object, expected: bool) -> None:
    caller = call(verifier, professional_claims(realms.issuer(PSC), Acces_Regulation_Medicale=flag), PSC)
    assert caller.regulator is expected


@pytest.mark.parametrize(
    ("acr", "expected"), [("eidas1", True), ("EIDAS1", True), ("eidas3", False), ("", False), (None, False), (1, False)]
)
def test_two_factors_by_the_accepted_levels(
    verifier: TokenVerifier, realms: Realms, acr: object, expected: bool
) -> None:
    assert call(verifier, professional_claims(realms.issuer(PSC), acr=acr), PSC).two_factors is expected


def test_the_accepted_levels_are_a_setting(verifier_with: Callable[..., TokenVerifier], realms: Realms) -> None:
    verifier = verifier_with(accepted_acr=("eidas1", "eidas3"))
    assert call(verifier, professional_claims(realms.issuer(PSC), acr="eidas3"), PSC).two_factors
    assert not call(verifier_with(accepted_acr=()), professional_claims(realms.issuer(PSC)), PSC).two_factors


def flat(issuer: str, **changes: Any) -> dict[str, Any]:
    values = {
        "SubjectRefPro": None,
        "SubjectRole": ["10^1.2.250.1.71.1.2.7", "SM54^1.2.250.1.71.4.2.5"],
        "SubjectOrganization": "CHU",
        "SubjectOrganizationID": "1750000018",
        "Secteur_Activite": "SA01^1.2.250.1.71.4.2.4",
        **changes,
    }
    return professional_claims(issuer, **values)


def test_flat_claims_serve_where_there_is_nothing_else(verifier: TokenVerifier, realms: Realms) -> None:
    caller = call(verifier, flat(realms.issuer(PSC)), PSC, activity="10C")
    assert (caller.profession, caller.specialty, caller.structure.id) == ("10", "SM54", "1750000018")
    assert (caller.structure.sector, caller.family, caller.refusal) == ("SA01", "DURAND", None)
    assert call(verifier, flat(realms.issuer(PSC)), PSC, activity="60C").refusal is not None


def test_flat_claims_with_a_technical_structure_id(verifier: TokenVerifier, realms: Realms) -> None:
    caller = call(verifier, flat(realms.issuer(PSC), SubjectOrganizationID="R95141"), PSC)
    assert caller.refusal == "caller.professional.no-structure"


def test_flat_claims_without_a_role(verifier: TokenVerifier, realms: Realms) -> None:
    caller = call(verifier, flat(realms.issuer(PSC), SubjectRole=None), PSC)
    assert caller.refusal == "caller.professional.no-profession"


def test_an_exercice_without_activity_takes_the_flat_place(verifier: TokenVerifier, realms: Realms) -> None:
    claims = flat(realms.issuer(PSC), SubjectRefPro={"exercices": [exercice(codeProfession="60")]})
    caller = call(verifier, claims, PSC)
    assert (caller.profession, caller.structure.id, caller.structure.sector) == ("60", "1750000018", "SA01")


@pytest.mark.parametrize("odd", [5, "x", [], {"exercices": 5}, {"exercices": [5, None]}, {"exercices": None}])
def test_a_reference_that_makes_no_sense_is_no_reference(verifier: TokenVerifier, realms: Realms, odd: object) -> None:
    caller = call(verifier, flat(realms.issuer(PSC), SubjectRefPro=odd), PSC)
    assert (caller.profession, caller.refusal) == ("10", None)
