"""From believable claims to a caller: professionals and their activities, structures, citizens."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from facade.domain.caller import Caller, CallerKind, Pairing, Relation
from facade.domain.errors import Unauthenticated
from facade.identity.verifier import TokenVerifier
from tests.support.identity import (
    HOSPITAL,
    ID_NAT,
    MES,
    NOW,
    OWN,
    PSC,
    STRUCTURES,
    NoPairings,
    Realms,
    activity,
    claims_of,
    exercice,
    ins,
    professional_claims,
    signed,
)

THUMBPRINT = "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2"


def call(
    verifier: TokenVerifier,
    claims: dict[str, Any],
    realm: str,
    *,
    activity: str | None = None,
    certificate: str | None = None,
) -> Caller:
    return verifier.verify(
        f"Bearer {signed(claims, realm=realm)}", activity=activity, client_certificate_sha256=certificate, now=NOW
    )


def refusal_of(verifier: TokenVerifier, claims: dict[str, Any], realm: str, certificate: str | None = None) -> str:
    with pytest.raises(Unauthenticated) as caught:
        call(verifier, claims, realm, certificate=certificate)
    return caught.value.problems[0].code


# --- professionals ---------------------------------------------------------------------------------------------------


def test_a_professional_with_one_activity(verifier: TokenVerifier, realms: Realms) -> None:
    caller = call(verifier, professional_claims(realms.issuer(PSC)), PSC)
    assert (caller.kind, caller.id, caller.refusal) == (CallerKind.PROFESSIONAL, ID_NAT, None)
    assert (caller.profession, caller.specialty) == ("10", "SM26")
    assert (caller.family, caller.given, caller.name) == ("DURAND", "Camille", "Camille DURAND")
    assert (caller.structure.id, caller.structure.sector) == ("1750000018", "SA01")
    assert caller.structure.homologated_until == HOSPITAL.homologated_until
    assert caller.two_factors
    assert not caller.regulator
    assert (caller.application, caller.token_id) == ("client", "6f0c")


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
        {"SubjectNameID": None, "preferred_username": None},
        {"SubjectNameID": 899700000013},
    ],
)
def test_nobody_without_an_rpps(verifier: TokenVerifier, realms: Realms, identity: dict[str, object]) -> None:
    if identity.get("SubjectNameID") == 899700000013:
        identity = {**identity, "preferred_username": None}
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


# --- structures ------------------------------------------------------------------------------------------------------


def machine(realms: Realms, **changes: Any) -> dict[str, Any]:
    return claims_of(realms.issuer(STRUCTURES), **{"sub": "his", "azp": "his", "structure": "1750000018", **changes})


def test_a_structure_on_the_list(verifier: TokenVerifier, realms: Realms) -> None:
    caller = call(verifier, machine(realms), STRUCTURES)
    assert (caller.kind, caller.id, caller.structure) == (CallerKind.STRUCTURE, "1750000018", HOSPITAL)
    assert (caller.name, caller.application, caller.two_factors) == ("CHU", "his", False)


def test_a_structure_on_no_list(verifier: TokenVerifier, realms: Realms) -> None:
    caller = call(verifier, machine(realms, structure="1999999999"), STRUCTURES)
    assert (caller.structure.id, caller.structure.homologated_until) == ("1999999999", None)


@pytest.mark.parametrize("structure", [None, "", "R95141", 1750000018, "1 750000018"])
def test_a_structure_token_without_a_structure(verifier: TokenVerifier, realms: Realms, structure: object) -> None:
    assert refusal_of(verifier, machine(realms, structure=structure), STRUCTURES) == "token.claims"


@pytest.mark.parametrize(
    ("binding", "cnf", "certificate", "believed"),
    [
        (False, None, None, True),
        (False, None, THUMBPRINT, True),
        (False, {"x5t#S256": THUMBPRINT}, None, True),
        (False, {"x5t#S256": THUMBPRINT}, THUMBPRINT, True),
        (False, {"x5t#S256": THUMBPRINT}, f"{THUMBPRINT}=", True),
        (False, {"x5t#S256": THUMBPRINT}, THUMBPRINT.upper(), False),
        (False, {"x5t#S256": THUMBPRINT}, "", False),
        (False, {"x5t#S256": ""}, "", False),
        (False, {"jkt": "x"}, None, False),
        (False, "x", None, False),
        (False, {"x5t#S256": 5}, THUMBPRINT, False),
        (True, None, None, False),
        (True, None, THUMBPRINT, False),
        (True, {"x5t#S256": THUMBPRINT}, None, False),
        (True, {"x5t#S256": THUMBPRINT}, THUMBPRINT, True),
        (True, {"x5t#S256": THUMBPRINT}, "other", False),
        (True, {"x5t#S256": THUMBPRINT}, "é", False),
    ],
)
def test_binding_to_the_client_certificate(
    verifier_with: Callable[..., TokenVerifier],
    realms: Realms,
    binding: bool,
    cnf: object,
    certificate: str | None,
    believed: bool,
) -> None:
    verifier = verifier_with(bound_structure_tokens=binding)
    claims = machine(realms, cnf=cnf)
    if believed:
        assert call(verifier, claims, STRUCTURES, certificate=certificate).id == "1750000018"
    else:
        assert refusal_of(verifier, claims, STRUCTURES, certificate) == "token.not-bound"


def test_a_bound_token_of_a_person_is_bound_too(verifier_with: Callable[..., TokenVerifier], realms: Realms) -> None:
    bound = professional_claims(realms.issuer(PSC), cnf={"x5t#S256": THUMBPRINT})
    free = professional_claims(realms.issuer(PSC))
    strict, lax = verifier_with(bound_structure_tokens=True), verifier_with()
    assert refusal_of(strict, bound, PSC) == "token.not-bound"
    assert refusal_of(lax, bound, PSC, "other") == "token.not-bound"
    assert call(strict, bound, PSC, certificate=THUMBPRINT).id == ID_NAT
    assert call(strict, free, PSC).id == ID_NAT


# --- patients, representatives, applications -------------------------------------------------------------------------


def test_a_person_of_the_pairing_table(verifier_with: Callable[..., TokenVerifier], realms: Realms) -> None:
    pairing = Pairing(ins(), Relation.REPRESENTATIVE)
    table = NoPairings(pairing)
    caller = call(verifier_with(table), claims_of(realms.issuer(MES), sub="idpe-1", azp="app"), MES)
    assert (caller.kind, caller.id, caller.application) == (CallerKind.PATIENT, "idpe-1", "app")
    assert (caller.pairings, caller.structure, caller.refusal) == ((pairing,), OWN, None)
    assert table.asked == [("app", "idpe-1")]
    assert caller.toward(ins()).kind is CallerKind.REPRESENTATIVE
    assert caller.toward(ins(2)).refusal == "caller.not-paired"


def test_an_application_for_itself(verifier_with: Callable[..., TokenVerifier], realms: Realms) -> None:
    pairing = Pairing(ins(), Relation.HOLDER, may_feed=True)
    table = NoPairings(pairing)
    caller = call(verifier_with(table), claims_of(realms.issuer(MES), sub="app", azp="app"), MES)
    assert (caller.kind, caller.id, caller.name) == (CallerKind.APPLICATION, "app", "app")
    assert caller.pairings == (pairing,)
    assert table.asked == [("app",)]


def test_a_citizen_token_without_its_application(verifier: TokenVerifier, realms: Realms) -> None:
    assert refusal_of(verifier, claims_of(realms.issuer(MES), sub="idpe-1", azp=None), MES) == "token.claims"


@pytest.mark.parametrize("subject", ["idpe-1", "app"])
def test_citizens_may_be_turned_off(verifier_with: Callable[..., TokenVerifier], realms: Realms, subject: str) -> None:
    table = NoPairings(Pairing(ins(), Relation.HOLDER))
    verifier = verifier_with(table, citizens_enabled=False)
    caller = call(verifier, claims_of(realms.issuer(MES), sub=subject, azp="app"), MES)
    assert (caller.refusal, caller.pairings) == ("caller.citizens-off", ())
    assert table.asked == []


def test_a_citizen_issuer_cannot_speak_for_a_professional(verifier: TokenVerifier, realms: Realms) -> None:
    claims = {**professional_claims(realms.issuer(PSC)), "iss": realms.issuer(MES)}
    caller = call(verifier, claims, MES)
    assert (caller.kind, caller.profession, caller.regulator) == (CallerKind.PATIENT, "", False)


def test_two_issuers_with_one_url_do_not_start(verifier_with: Callable[..., TokenVerifier], config: Any) -> None:
    with pytest.raises(ValueError, match="same URL"):
        verifier_with(issuers=(*config.issuers, config.issuers[0]))
