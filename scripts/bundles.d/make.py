"""Writes tests/bundles: the sample publications of samples.csv, in PDSm's comprehensive shape, the same each time.

Argument: the folder to write into. Every file is an ITI-65 Bundle, but simplified-publication.json (ITI-105).
"""

from __future__ import annotations

import base64
import csv
import hashlib
import json
import sys
import uuid
from itertools import groupby
from pathlib import Path

import pdf
from people import (
    ADULT,
    HOSPITAL_DOCTOR,
    LOINC,
    MINOR,
    NOS,
    TRE_A05,
    TREATING_DOCTOR,
    Doctor,
    Json,
    Patient,
    concept,
    contained,
    subject,
)

URI = "urn:ietf:rfc:3986"
MHD = "https://profiles.ihe.net/ITI/MHD/"
PDSM = "https://interop.esante.gouv.fr/ig/fhir/pdsm/StructureDefinition/"
SOURCE_ID = "urn:oid:1.2.250.1.999.3.1"
STARTED, WRITTEN, SUBMITTED = (f"2024-03-05T{time}:00+01:00" for time in ("09:00", "09:30", "10:00"))
FORMAT = {"system": f"{NOS}TRE_A11-IheFormatCode/FHIR/TRE-A11-IheFormatCode", "code": "urn:ihe:iti:xds-sd:pdf:2008"}
DOCTORS = {"hospital": HOSPITAL_DOCTOR, "treating": TREATING_DOCTOR}
PATIENTS = {"adult": ADULT, "minor": MINOR}
Row = dict[str, str]


def main() -> None:
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    with (Path(__file__).parent / "samples.csv").open(encoding="utf-8") as table:
        rows = list(csv.DictReader(table))
    for name, group in groupby(rows, key=lambda row: row["file"]):
        _write(folder / f"{name}.json", _bundle(name, list(group)))
    _write(folder / "simplified-publication.json", _simplified())


def _write(path: Path, resource: Json) -> None:
    path.write_text(json.dumps(resource, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


def _uuid(*names: str) -> uuid.UUID:
    return uuid.uuid5(uuid.NAMESPACE_URL, "/".join(("dmp-facade", "tests", "bundles", *names)))


def _urn(*names: str) -> str:
    return f"urn:uuid:{_uuid(*names)}"


def _oid(*names: str) -> str:
    return f"urn:oid:2.25.{_uuid(*names, 'oid').int}"


def _bundle(name: str, rows: list[Row]) -> Json:
    doctor, patient = DOCTORS[rows[0]["doctor"]], PATIENTS[rows[0]["patient"]]
    documents = [_urn(name, "document", str(number)) for number in range(len(rows))]
    entries = [_entry(_urn(name, "list"), _list(name, doctor, patient, documents), "List")]
    binaries = []
    for number, (row, url) in enumerate(zip(rows, documents, strict=True)):
        content = pdf.page(row["title"], f"Exemple {name}.json, sans valeur médicale.")
        binary = _urn(name, "binary", str(number))
        document = _document(row, content, binary, _oid(name, str(number)))
        entries.append(_entry(url, document, "DocumentReference"))
        data = base64.b64encode(content).decode()
        resource = {"resourceType": "Binary", "contentType": "application/pdf", "data": data}
        binaries.append(_entry(binary, resource, "Binary"))
    entries += binaries + [_superseded(row["replaces"]) for row in rows if row["replaces"]]
    return {
        "resourceType": "Bundle",
        "meta": {"profile": [f"{PDSM}pdsm-comprehensive-provide-document-bundle"]},
        "type": "transaction",
        "entry": entries,
    }


def _entry(full_url: str, resource: Json, url: str, method: str = "POST") -> Json:
    return {"fullUrl": full_url, "resource": resource, "request": {"method": method, "url": url}}


def _list(name: str, doctor: Doctor, patient: Patient, documents: list[str]) -> Json:
    return {
        "resourceType": "List",
        "meta": {"profile": [f"{PDSM}pdsm-submissionset-comprehensive"]},
        "contained": contained(doctor, patient),
        "extension": [
            {"url": f"{MHD}StructureDefinition/ihe-designationType", "valueCodeableConcept": concept(*doctor.stay)},
            {
                "url": f"{MHD}StructureDefinition/ihe-sourceId",
                "valueIdentifier": {"system": URI, "value": SOURCE_ID},
            },
        ],
        "identifier": [{"use": "usual", "system": URI, "value": _oid(name, "list")}],
        "status": "current",
        "mode": "working",
        "code": concept(f"{MHD}CodeSystem/MHDlistTypes", "submissionset"),
        "subject": subject(patient),
        "date": SUBMITTED,
        "source": {"reference": "#author"},
        "entry": [{"item": {"reference": url}} for url in documents],
    }


def _document(row: Row, content: bytes, binary: str, unique_id: str) -> Json:
    doctor, patient = DOCTORS[row["doctor"]], PATIENTS[row["patient"]]
    types = TRE_A05 if row["type"].startswith("PRESC") else LOINC
    target = {"reference": _by_identifier(row["replaces"])}
    return {
        "resourceType": "DocumentReference",
        "meta": {"profile": [f"{PDSM}pdsm-comprehensive-document-reference"]},
        "contained": contained(doctor, patient),
        "masterIdentifier": {"use": "usual", "system": URI, "value": unique_id},
        "status": "current",
        "type": concept(types, row["type"]),
        "category": [concept(f"{NOS}TRE_A03-ClasseDocument/FHIR/TRE-A03-ClasseDocument", row["class"])],
        "subject": subject(patient),
        "date": WRITTEN,
        "author": [{"reference": "#author"}],
        "authenticator": {"reference": "#author"},
        **({"relatesTo": [{"code": "replaces", "target": target}]} if row["replaces"] else {}),
        "securityLabel": _labels(row["labels"].split()),
        "content": [{"attachment": _attachment(row["title"], content, binary), "format": FORMAT}],
        "context": {
            "period": {"start": STARTED, "end": WRITTEN},
            "facilityType": concept(f"{NOS}TRE_R02-SecteurActivite/FHIR/TRE-R02-SecteurActivite", doctor.sector),
            "practiceSetting": concept(f"{NOS}TRE_A01-CadreExercice/FHIR/TRE-A01-CadreExercice", doctor.setting),
            "sourcePatientInfo": {"reference": "#patient"},
        },
    }


def _labels(flags: list[str]) -> list[Json]:
    masks = f"{NOS}TRE_A07-StatutVisibiliteDocument/FHIR/TRE-A07-StatutVisibiliteDocument"
    level = concept("http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "N")
    return [level, *(concept(masks, flag) for flag in flags)]


def _attachment(title: str, content: bytes, binary: str) -> Json:
    return {
        "contentType": "application/pdf",
        "language": "fr-FR",
        "url": binary,
        "size": len(content),
        "hash": base64.b64encode(hashlib.sha1(content, usedforsecurity=False).digest()).decode(),
        "title": title,
        "creation": WRITTEN,
    }


def _by_identifier(name: str) -> str:
    """The first document of another sample, by its uniqueId: the id the server gave it is not known here."""
    return f"DocumentReference?identifier={URI}|{_oid(name, '0')}"


def _superseded(name: str) -> Json:
    """What PDSm adds beside a replacement: the replaced document becomes superseded."""
    operation = [
        {"name": "type", "valueCode": "replace"},
        {"name": "path", "valueString": "DocumentReference.status"},
        {"name": "value", "valueCode": "superseded"},
    ]
    parameters = {"resourceType": "Parameters", "parameter": [{"name": "operation", "part": operation}]}
    return _entry(_urn(name, "superseded"), parameters, _by_identifier(name), "PATCH")


def _simplified() -> Json:
    """The least that can be published: what is missing is filled from the token, the file and the record."""
    content = pdf.page("CR de consultation", "Exemple simplified-publication.json, sans valeur médicale.")
    return {
        "resourceType": "DocumentReference",
        "status": "current",
        "type": concept(LOINC, "11488-4"),
        "subject": subject(ADULT),
        "content": [
            {
                "attachment": {
                    "contentType": "application/pdf",
                    "title": "CR de consultation",
                    "data": base64.b64encode(content).decode(),
                }
            }
        ],
    }


if __name__ == "__main__":
    main()
