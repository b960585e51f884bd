"""The facade's own conformance resources: its Consent, its extensions and its codes, as FHIR R4 resources.

CodeSystems, ValueSets and StructureDefinitions are built from mappings/consent, documents, tasks, access, errors and
conformance. Their canonical URLs are URNs, stable whatever the address of the server; each installation serves a
resolvable copy at
/fhir/<type>/<id>.
"""

from __future__ import annotations

from typing import Any

from facade.translation.changes_out import CHANGE_SYSTEM
from facade.translation.conformance_parts import BASE, Resource, Row, Rows, extension, header
from facade.translation.consent_tables import CATEGORY_SYSTEM, PROFILE
from facade.translation.fed_out import MARK_SYSTEM
from facade.translation.obligations_in import CONTEXT_SYSTEM
from facade.translation.obligations_out import DUTY_SYSTEM
from facade.translation.preload_tables import INPUT_SYSTEM, OUTPUT_SYSTEM, STATE_SYSTEM, TASK_SYSTEM
from facade.translation.provenance import PROVENANCE_SYSTEM
from facade.translation.task_out import PART, STATE
from facade.translation.vocabularies import vocabularies

_SYSTEMS = {
    "consent-category": (CATEGORY_SYSTEM, "consent/categories.csv", "What a Consent of the facade states"),
    "information-channel": (
        "urn:dmp-facade:information-channel-code",
        "consent/channels.csv",
        "How a patient was informed",
    ),
    "information-case": (
        "urn:dmp-facade:information-case-code",
        "consent/cases.csv",
        "Which model notice of Annexe 4 an information follows",
    ),
    "document-change": (
        CHANGE_SYSTEM,
        "documents/changes.csv",
        "What became of a document since a record was last opened",
    ),
    "task-code": (TASK_SYSTEM, "tasks/codes.csv", "What a Task of the facade is for"),
    "message-state": (STATE, "mail/states.csv", "How far a message of secure messaging got"),
    "message-part": (PART, "mail/parts.csv", "What the Task of a message tells"),
    "preload-input": (INPUT_SYSTEM, "tasks/preload_inputs.csv", "What a Task that preloads is given"),
    "preload-output": (OUTPUT_SYSTEM, "tasks/preload_outputs.csv", "What a Task that preloads tells"),
    "preload-state": (STATE_SYSTEM, "tasks/preload_states.csv", "How far a preload got"),
    "provenance": (PROVENANCE_SYSTEM, "tasks/provenance.csv", "Where what is shown came from"),
    "feeding-duty": (DUTY_SYSTEM, "documents/feeding_duties.csv", "What is owed for a document"),
    "feeding-mark": (MARK_SYSTEM, "documents/feeding_marks.csv", "What became of a document a structure fed"),
    "production-context": (
        CONTEXT_SYSTEM,
        "documents/production_contexts.csv",
        "How a document was made, as far as an obligation depends on it",
    ),
}


def conformance(rows: Rows, *, date: str) -> dict[tuple[str, str], Resource]:
    """Every conformance resource by type and id, ``date`` being that of the software's release."""
    resources = [
        *(_code_system(name, rows, date) for name in _SYSTEMS),
        *(_value_set(name, date) for name in _SYSTEMS),
        _recorded_categories(rows, date),
        _consent_profile(rows, date),
        *(extension(row, "Consent", date) for row in rows("consent/extensions.csv")),
        *(extension(row, row["context"], date) for row in rows("conformance/extensions.csv")),
        *vocabularies(rows, date),
    ]
    return {(resource["resourceType"], resource["id"]): resource for resource in resources}


def _code_system(name: str, rows: Rows, date: str) -> Resource:
    url, table, title = _SYSTEMS[name]
    concepts = [_concept(row) for row in rows(table)]
    resource = header("CodeSystem", name, url, title, f"{title}. Each code names its legal source.", date)
    resource |= {"caseSensitive": True, "content": "complete", "count": len(concepts)}
    if name == "information-channel":
        text = "Whether the patient can answer at once: only then is silence non-opposition (référentiel DMP 2.1)"
        resource["property"] = [{"code": "synchronous", "type": "boolean", "description": text}]
    return resource | {"concept": concepts}


def _concept(row: Row) -> Resource:
    concept: Resource = {"code": row["code"], "display": row["display_en"]}
    if "definition_en" in row:
        concept["definition"] = f"{row['definition_en']} ({row['source']})"
    concept["designation"] = [{"language": "fr", "value": row["display_fr"]}]
    if "synchronous" in row:
        concept["property"] = [{"code": "synchronous", "valueBoolean": row["synchronous"] == "yes"}]
    return concept


def _value_set(name: str, date: str) -> Resource:
    system, _, title = _SYSTEMS[name]
    url = f"urn:dmp-facade:vs:{name}"
    resource = header("ValueSet", name, url, title, f"Every code of {system}.", date)
    return resource | {"compose": {"include": [{"system": system}]}}


def _recorded_categories(rows: Rows, date: str) -> Resource:
    codes = [{"code": row["code"]} for row in rows("consent/categories.csv") if row["written"] == "yes"]
    text = "The categories a client can write; the others are what the DMP holds, and are read only."
    resource = header(
        "ValueSet",
        "consent-category-written",
        "urn:dmp-facade:vs:consent-category-written",
        "Categories that can be written",
        text,
        date,
    )
    return resource | {"compose": {"include": [{"system": CATEGORY_SYSTEM, "concept": codes}]}}


def _consent_profile(rows: Rows, date: str) -> Resource:
    text = (
        "One statement of a patient about the access to the DMP. The reason of an opposition is never recorded "
        "(référentiel DMP EXI 02): every element that could carry one is forbidden here and refused by the server."
    )
    resource = header("StructureDefinition", "consent", PROFILE, "Consent of the facade", text, date)
    elements = [
        {"id": "Consent", "path": "Consent"},
        *(_forbidden(path) for path in _forbidden_paths(rows)),
        *_slices(rows),
        _bound("Consent.category", "urn:dmp-facade:vs:consent-category", min=1, max="1"),
        {"id": "Consent.patient", "path": "Consent.patient", "min": 1},
        {"id": "Consent.policyRule", "path": "Consent.policyRule", "short": "OPTIN or OPTOUT"},
        {
            "id": "Consent.provision.actor",
            "path": "Consent.provision.actor",
            "max": "1",
            "short": "The one professional it is about; absent: the whole structure",
        },
    ]
    ordered = sorted(elements, key=lambda element: _ORDER.index(element["path"]))
    return resource | {
        "fhirVersion": "4.0.1",
        "kind": "resource",
        "abstract": False,
        "type": "Consent",
        "baseDefinition": f"{BASE}Consent",
        "derivation": "constraint",
        "differential": {"element": ordered},
    }


# The order of the elements in Consent (R4), which a differential has to keep.
_ORDER = (
    "Consent",
    "Consent.implicitRules",
    "Consent.text",
    "Consent.contained",
    "Consent.extension",
    "Consent.modifierExtension",
    "Consent.identifier",
    "Consent.category",
    "Consent.patient",
    "Consent.source[x]",
    "Consent.policy",
    "Consent.policyRule",
    "Consent.verification",
    "Consent.provision.period",
    "Consent.provision.actor",
    "Consent.provision.action",
    "Consent.provision.securityLabel",
    "Consent.provision.class",
    "Consent.provision.code",
    "Consent.provision.dataPeriod",
    "Consent.provision.data",
    "Consent.provision.provision",
)
# What the server itself writes (the kind of an emergency), and the two spellings of one choice element.
_NOT_FORBIDDEN = {"Consent.provision.purpose", "Consent.sourceAttachment", "Consent.sourceReference"}


def _forbidden_paths(rows: Rows) -> list[str]:
    refused = [row["path"] for row in rows("consent/elements.csv") if row["rule"] == "unsupported"]
    own = [path for path in refused if path.startswith("Consent.") and path not in _NOT_FORBIDDEN]
    return [*own, "Consent.source[x]", "Consent.text", "Consent.contained", "Consent.modifierExtension"]


def _forbidden(path: str) -> Resource:
    return {"id": path, "path": path, "max": "0"}


def _slices(rows: Rows) -> list[Resource]:
    slicing = {"discriminator": [{"type": "value", "path": "url"}], "rules": "closed"}
    whole: Resource = {"id": "Consent.extension", "path": "Consent.extension", "slicing": slicing}
    return [whole, *(_slice(row) for row in rows("consent/extensions.csv"))]


def _slice(row: Row) -> Resource:
    return {
        "id": f"Consent.extension:{row['id']}",
        "path": "Consent.extension",
        "sliceName": row["id"],
        "min": 0,
        "max": "1",
        "type": [{"code": "Extension", "profile": [row["url"]]}],
    }


def _bound(path: str, value_set: str, **cardinality: Any) -> Resource:
    binding = {"strength": "required", "valueSet": value_set}
    return {"id": path, "path": path, **cardinality, "binding": binding}
