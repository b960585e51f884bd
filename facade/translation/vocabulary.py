"""URLs that PDSm, MHD and FR Core give to profiles, extensions and code systems (names, not knowledge)."""

from __future__ import annotations

PDSM = "https://interop.esante.gouv.fr/ig/fhir/pdsm/StructureDefinition/"
MHD = "https://profiles.ihe.net/ITI/MHD/StructureDefinition/"
DMP = "https://interop.esante.gouv.fr/ig/fhir/dmp/StructureDefinition/"

COMPREHENSIVE = PDSM + "pdsm-comprehensive-document-reference"
SUBMISSION_SET = PDSM + "pdsm-submissionset-comprehensive"
IS_ARCHIVED = PDSM + "pdsm-ext-is-archived"
IS_DELETED = PDSM + "pdsm-ext-is-deleted"

DESIGNATION_TYPE = MHD + "ihe-designationType"
SOURCE_ID = MHD + "ihe-sourceId"
AUTHOR_ORG = MHD + "ihe-authorOrg"
INTENDED_RECIPIENTS = (PDSM + "pdsm-ext-intended-recipient", MHD + "ihe-intendedRecipient")
PROVIDE_BUNDLES = frozenset(
    {
        PDSM + "pdsm-comprehensive-provide-document-bundle",
        MHD + "IHE.MHD.Comprehensive.ProvideBundle",
        MHD + "IHE.MHD.UnContained.Comprehensive.ProvideBundle",
        MHD + "IHE.MHD.Minimal.ProvideBundle",
    }
)
LIST_TYPES = "https://profiles.ihe.net/ITI/MHD/CodeSystem/MHDlistTypes"

CLOSURE = DMP + "dmp-fermeture"
CLOSURE_REASON_SYSTEM = "https://interop.esante.gouv.fr/ig/fhir/dmp/CodeSystem/dmp-motif-fermeture"
MES_LINK = DMP + "dmp-rattachement-mes"
TREATING_DOCTOR = DMP + "dmp-medecin-traitant"

FR_CORE_PATIENT = "https://hl7.fr/ig/fhir/core/StructureDefinition/fr-core-patient"
IDENTITY_RELIABILITY = "https://hl7.fr/ig/fhir/core/StructureDefinition/fr-core-identity-reliability"

ID_TYPES = "http://terminology.hl7.org/CodeSystem/v2-0203"
SNOMED = "http://snomed.info/sct"
PS_IDNAT = "1.2.250.1.71.4.2.1"
STRUCT_IDNAT = "1.2.250.1.71.4.2.2"
