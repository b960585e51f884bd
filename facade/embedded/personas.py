"""The personas of the sample world: what each one's token says, per realm.

Claims of professionals are those of the Pro Santé Connect UserInfo, carried by an API token.
"""

from __future__ import annotations

from facade.embedded import sample
from facade.embedded.sample import Persona, SampleProfessional

PSC, STRUCTURES, MES = "psc", "structures", "mes"
REALMS = (PSC, STRUCTURES, MES)
_SUBJECT = "f:6f2c9f0a-7d4b-4a53-9b1e-2f6c1d9a7e10"


def _activity(person: SampleProfessional) -> dict[str, object]:
    site = sample.structure(person.structure)
    if site is None:
        raise LookupError("the directory does not know the structure of this professional")
    return {
        "codeModeExercice": "S",
        "codeSecteurDactivite": site.sector,
        "codeSectionPharmacien": "",
        "codeRole": "",
        "codeGenreActivite": "GENR01",
        "numeroSiretSite": "",
        "numeroSirenSite": "",
        "numeroFinessSite": site.id.removeprefix("1"),
        "numeroFinessetablissementJuridique": site.legal_entity.removeprefix("1"),
        "identifiantTechniqueDeLaStructure": f"F{site.id.removeprefix('1')}",
        "ancienIdentifiantDeLaStructure": site.id,
        "raisonSocialeSite": site.name,
        "enseigneCommercialeSite": "",
        "autoriteDenregistrement": "ARS/CNOM/ARS",
    }


def _professional_claims(person: SampleProfessional) -> dict[str, object]:
    activity = _activity(person)
    return {
        "sub": f"{_SUBJECT}:{person.id}",
        "preferred_username": person.id,
        "SubjectNameID": person.id,
        "family_name": person.family,
        "given_name": person.given,
        "acr": "eidas1",
        "azp": "dossier-patient",
        "typ": "Bearer",
        "scope": "openid scope_all",
        "SubjectRole": [f"{person.profession}^1.2.250.1.213.1.1.5.5"],
        "SubjectOrganization": activity["raisonSocialeSite"],
        "SubjectOrganizationID": activity["identifiantTechniqueDeLaStructure"],
        "Secteur_Activite": f"{activity['codeSecteurDactivite']}^1.2.250.1.71.4.2.4",
        "Mode_Acces_Raison": "",
        "Acces_Regulation_Medicale": "VRAI" if person.regulator else "FAUX",
        "UITVersion": "1.0",
        "Palier_Authentification": "APPPRIP3^1.2.250.1.213.1.5.1.1.1",
        "PSI_Locale": "1.2.250.1.213.1.3.1.1",
        "otherIds": [{"identifiant": person.id, "origine": "RPPS", "qualite": 1}],
        "SubjectRefPro": {
            "codeCivilite": "M",
            "exercices": [
                {
                    "codeProfession": person.profession,
                    "codeCategorieProfessionnelle": "C",
                    "codeCiviliteDexercice": "DR" if person.profession == "10" else "",
                    "nomDexercice": person.family,
                    "prenomDexercice": person.given,
                    "codeTypeSavoirFaire": "S" if person.specialty else "",
                    "codeSavoirFaire": person.specialty,
                    "activities": [activity],
                }
            ],
        },
    }


def _citizen_claims(external_id: str) -> dict[str, object]:
    return {"sub": external_id, "azp": sample.APPLICATION, "client_id": sample.APPLICATION, "scope": "openid"}


def _structure_claims() -> dict[str, object]:
    client = "rocheval-dpi"
    return {
        "sub": client,
        "azp": client,
        "client_id": client,
        "structure": sample.HOSPITAL.id,
        "scope": "dmp.feed dmp.withdraw",
    }


_DOCTORS = {
    "treating-doctor": (sample.TREATING_DOCTOR, "treating doctor of adult, minor and objector"),
    "author-doctor": (sample.AUTHOR_DOCTOR, "hospital doctor, authorised"),
    "other-doctor": (sample.OTHER_DOCTOR, "doctor of another site, authorised"),
    "nurse": (sample.NURSE, "hospital nurse, authorised"),
    "unauthorised-doctor": (sample.UNAUTHORISED_DOCTOR, "doctor without any authorisation"),
    "blocked-doctor": (sample.BLOCKED_DOCTOR, "doctor blocked by adult"),
    "regulator": (sample.REGULATOR, "regulating doctor of the SAMU-Centre 15"),
}
_CITIZENS = {
    "patient-adult": (sample.PATIENT_ADULT_ID, "adult, with a catalogue application"),
    "patient-minor": (sample.PATIENT_MINOR_ID, "minor, with a catalogue application"),
    "representative-minor": (sample.REPRESENTATIVE_MINOR_ID, "holder of parental authority over minor"),
    "catalogue-app": (sample.APPLICATION, "catalogue application acting for itself, paired with adult"),
}

PERSONAS: dict[str, Persona] = {
    **{name: Persona(name, PSC, text, _professional_claims(person)) for name, (person, text) in _DOCTORS.items()},
    "structure": Persona("structure", STRUCTURES, "machine of the hospital site", _structure_claims()),
    **{name: Persona(name, MES, text, _citizen_claims(external_id)) for name, (external_id, text) in _CITIZENS.items()},
}

# Who each persona is, in the words of the console's French pages.
IN_FRENCH = {
    "treating-doctor": "médecin traitant de adult, minor et objector",
    "author-doctor": "médecin hospitalier, autorisé",
    "other-doctor": "médecin d'un autre site, autorisé",
    "nurse": "infirmier hospitalier, autorisé",
    "unauthorised-doctor": "médecin sans autorisation",
    "blocked-doctor": "médecin bloqué par adult",
    "regulator": "médecin régulateur du SAMU-Centre 15",
    "structure": "logiciel du site hospitalier",
    "patient-adult": "adult, par une application du catalogue",
    "patient-minor": "minor, par une application du catalogue",
    "representative-minor": "titulaire de l'autorité parentale sur minor",
    "catalogue-app": "application du catalogue agissant seule, appairée à adult",
}
