"""Authors of XDS -> contained Practitioner, Organization, PractitionerRole, Device or Patient.

Source: MHD 4.2.3 mapping table (author, legalAuthenticator); PDSm: contained, one PractitionerRole per author. An id
without an assigning authority keeps none: nothing is invented of what the DMP holds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from facade.domain.document import Author, DocumentEntry, Institution, Person
from facade.domain.ins import INS
from facade.translation.tables import CodeTables, Json
from facade.translation.vocabulary import AUTHOR_ORG, ID_TYPES


class Contained:
    """The contained resources of one DocumentReference or List, each written once."""

    def __init__(self, patient: INS, tables: CodeTables) -> None:
        self.resources: list[Json] = []
        self._patient = patient
        self._tables = tables
        self._ids: dict[object, str] = {}

    def author(self, author: Author) -> Json:
        """A reference to the author: its PractitionerRole, or the person alone when nothing else is known."""
        if author.person.name_type == "U" and author.person.id_type != "NH":
            reference = self._once(author, "device", lambda: self._device(author))
            self._ids.setdefault(author.person, reference["reference"].removeprefix("#"))
            return reference
        person = self.person(author.person)
        if author.person.id_type == "NH" or not (author.institutions or author.roles or author.specialties):
            return person
        return self._once(author, "role", lambda: self._role(author, person))

    def person(self, person: Person) -> Json:
        """A reference to a person, a system (XCN 10 = U) or the patient (XCN 13 = NH; never its traits)."""
        if person.id_type == "NH":
            return self.patient()
        if person.name_type == "U":
            return self._once(person, "device", lambda: _device(person))
        return self._once(person, "practitioner", lambda: _practitioner(person))

    def institution(self, institution: Institution) -> Json:
        """A reference to an institution."""
        return self._once(institution, "organization", lambda: _organization(institution))

    def patient(self) -> Json:
        """A reference to the patient as the source gave it: the INS and nothing else."""
        patient = {"identifier": [{"system": self._patient.system, "value": self._patient.value}]}
        return self._once("patient", "patient", lambda: {"resourceType": "Patient", **patient})

    def _device(self, author: Author) -> Json:
        """A system that feeds for a structure: its owner."""
        device = _device(author.person)
        if author.institutions:
            device["owner"] = self.institution(author.institutions[0])
        return device | self._other_institutions(author)

    def _other_institutions(self, author: Author) -> Json:
        """A resource has one organization: the others of an XDS author are extensions, those MHD has for a List."""
        others = [{"url": AUTHOR_ORG, "valueReference": self.institution(each)} for each in author.institutions[1:]]
        return {"extension": others} if others else {}

    def _role(self, author: Author, person: Json) -> Json:
        role: Json = {"resourceType": "PractitionerRole", **self._other_institutions(author), "practitioner": person}
        if author.institutions:
            role["organization"] = self.institution(author.institutions[0])
        if author.roles:
            role["code"] = [{"text": text} for text in author.roles]
        if author.specialties:
            role["specialty"] = [self._tables.concept(specialty) for specialty in author.specialties]
        return role

    def _once(self, key: object, kind: str, make: Callable[[], Json]) -> Json:
        known = self._ids.get(key)
        if known is None:
            resource = make()
            known = self._ids[key] = f"{kind}-{len(self._ids) + 1}"
            self.resources.append({"resourceType": resource.pop("resourceType"), "id": known, **resource})
        return {"reference": f"#{known}"}


@dataclass(frozen=True, slots=True)
class People:
    """Who is in one DocumentReference: the contained resources, and the references to them.

    Documents may share them: they are never changed.
    """

    contained: list[Json]
    authors: list[Json]
    authenticator: Json | None
    patient: Json


class PeopleOfDocuments:
    """The people of the documents of one answer: documents of the same people share them. Forgotten with the answer."""

    def __init__(self, tables: CodeTables) -> None:
        self._tables = tables
        self._known: dict[tuple[object, ...], People] = {}

    def of(self, entry: DocumentEntry) -> People:
        """Those of one document. No identity trait of the patient is written, only the INS."""
        who = entry.patient, entry.authors, entry.legal_authenticator
        # Codes of two labels are equal, and a code no table knows is written with its own.
        labels = tuple([each.display for author in entry.authors for each in author.specialties])
        found = self._known.get((*who, labels))
        if found is None:
            found = self._known[*who, labels] = self._written(*who)
        return found

    def _written(self, patient: INS, authors: tuple[Author, ...], authenticator: Person | None) -> People:
        within = Contained(patient, self._tables)
        references = [within.author(author) for author in authors]
        signed = None if authenticator is None else within.person(authenticator)
        return People(within.resources, references, signed, within.patient())


def _identifier(authority: str, value: str, kind: str, usual: str) -> list[Json]:
    """An identifier; its type (XCN 13, XON 7) is written where it is not the usual one of such a resource."""
    identifier: Json = {}
    if kind and kind != usual:
        identifier["type"] = {"coding": [{"system": ID_TYPES, "code": kind}]}
    if authority:
        identifier["system"] = f"urn:oid:{authority}"
    return [{**identifier, "value": value}]


def _practitioner(person: Person) -> Json:
    practitioner: Json = {"resourceType": "Practitioner"}
    if person.id:
        practitioner["identifier"] = _identifier(person.authority, person.id, person.id_type, "IDNPS")
    name: Json = {}
    if person.family:
        name["family"] = person.family
    if person.given:
        name["given"] = [person.given]
    if name:
        practitioner["name"] = [name]
    return practitioner


def _device(person: Person) -> Json:
    device: Json = {"resourceType": "Device"}
    if person.id:
        device["identifier"] = _identifier(person.authority, person.id, person.id_type, "RI")
    names = [
        {"name": name, "type": kind}
        for name, kind in ((person.family, "manufacturer-name"), (person.given, "model-name"))
        if name
    ]
    if names:
        device["deviceName"] = names
    return device


def _organization(institution: Institution) -> Json:
    organization: Json = {"resourceType": "Organization"}
    if institution.id:
        organization["identifier"] = _identifier(institution.authority, institution.id, institution.id_type, "IDNST")
    if institution.name:
        organization["name"] = institution.name
    return organization
