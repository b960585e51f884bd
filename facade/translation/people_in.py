"""Authors and authenticators of a request -> XDS, completed from the caller's token, and refused when they are others.

Source: RG_2230 (a person has an id, a name and a first name); MHD 4.2.3 (contained author); CI-SIS (PS_IdNat,
Struct_IdNat); "Aucun AuthorInstitution ne correspond à l'utilisateur du VIHF" (DMP).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from facade.domain.caller import Caller, CallerKind
from facade.domain.document import Author, Coded, Institution, Person
from facade.domain.dossier import Traits
from facade.domain.ins import INS
from facade.translation.problems import Problems, shown
from facade.translation.resources import Index, child, given_names, objects, resolve, text
from facade.translation.specialties import caller_specialty, read_specialties
from facade.translation.tables import CodeTables, Json
from facade.translation.vocabulary import PS_IDNAT, STRUCT_IDNAT

Fill = tuple[str, str]
_PATIENTS = (CallerKind.PATIENT, CallerKind.REPRESENTATIVE)
_PEOPLE = ("Practitioner", "PractitionerRole", "Device", "Patient")


def sector_of(caller: Caller) -> str:
    """The sector the defaults of a lot are looked up by: of the structure, or ``EXP_PATIENT``, or ``SNR``."""
    if caller.kind in _PATIENTS:
        return "EXP_PATIENT"
    return "SNR" if caller.kind is CallerKind.APPLICATION else caller.structure.sector


def author_of_caller(caller: Caller, patient: INS, tables: CodeTables) -> Author:
    """The caller as the author of a lot it makes itself (an update of metadata)."""
    problems = Problems()
    author = PeopleReader(caller, patient, Traits(), tables, {}, problems).caller_author("List.source")
    problems.check()
    assert author is not None, "a caller without a problem is an author"  # noqa: S101
    return author


@dataclass
class PeopleReader:
    """Reads the people of one resource. Problems are noted in ``problems``, what was completed in ``filled``."""

    caller: Caller
    patient: INS
    traits: Traits
    tables: CodeTables
    index: Index
    problems: Problems
    filled: list[Fill] = field(default_factory=list)

    def authors(self, references: list[Json], element: str) -> tuple[Author, ...]:
        """The authors of these references; the caller itself where there is none."""
        if not references:
            self.filled.append((element, "the caller of the token"))
            found = [self.caller_author(element)]
        else:
            found = [self.author(reference, f"{element}[{number}]") for number, reference in enumerate(references)]
        return tuple(author for author in found if author is not None)

    def author(self, reference: Json, element: str) -> Author | None:
        """The author of one reference, None when a problem was noted."""
        resource = self._resolved(reference, element)
        if resource is None:
            return None
        kind = resource["resourceType"]
        if kind == "Patient":
            return self._patient_author(element)
        if kind == "Device":
            return self._device_author(resource, element)
        role = resource if kind == "PractitionerRole" else {}
        practitioner = self._practitioner(role, element) if role else resource
        person = self._person(practitioner, role, element)
        institution = self._institution(role, person, element)
        if person is None or institution is None:
            return None
        roles = tuple(text(concept, "text") for concept in objects(role, "code") if text(concept, "text"))
        return Author(person, (institution,), roles, self._specialties(role, practitioner, person, element))

    def authenticator(self, reference: Json, authors: tuple[Author, ...], element: str) -> Person | None:
        """The legal authenticator: a person of the request, else the first author (CI-SIS wants a person)."""
        resource = resolve(reference, self.index) if reference else None
        if reference and resource is None and not child(reference, "identifier"):
            self.problems.add("reference.unresolved", element, reference=shown(text(reference, "reference")))
            return None
        if resource is not None and resource.get("resourceType") == "Organization":
            resource = None
        elif resource is not None and (known := self._among(resource, authors)) is not None:
            return known
        elif reference:
            author = self.author(reference, element)
            return None if author is None else author.person
        self.filled.append((element, "the first author"))
        return authors[0].person if authors else None

    def _among(self, resource: Json, authors: tuple[Author, ...]) -> Person | None:
        """The accepted author this person is, by its national id; a bare Practitioner says no more."""
        person_id = self._national_id("person", objects(resource, "identifier"))
        return next((author.person for author in authors if person_id and author.person.id == person_id), None)

    def caller_author(self, element: str) -> Author | None:
        """The caller as an author. A structure that feeds by itself is a system as author (XCN 10 = U)."""
        caller = self.caller
        if caller.kind in _PATIENTS:
            return self._patient_author(element)
        if caller.kind is CallerKind.APPLICATION:
            return Author(self._application(), (self._own_institution(),))
        if caller.kind is CallerKind.STRUCTURE:
            system = Person(caller.id, caller.structure.name, "AUTOMATE", STRUCT_IDNAT, name_type="U", id_type="RI")
            return Author(system, (self._own_institution(),))
        person = Person(caller.id, caller.family, caller.given, PS_IDNAT)
        return Author(person, (self._own_institution(),), (), caller_specialty(caller, self.tables))

    def _resolved(self, reference: Json, element: str) -> Json | None:
        """The resource of a reference; a logical reference is read as a Practitioner of which only the id is known."""
        resource = resolve(reference, self.index)
        if resource is None and child(reference, "identifier"):
            resource = {"resourceType": "Practitioner", "identifier": [reference["identifier"]]}
        if resource is None:
            self.problems.add("reference.unresolved", element, reference=shown(text(reference, "reference")))
        elif resource.get("resourceType") not in _PEOPLE:
            found = shown(resource.get("resourceType", ""))
            self.problems.add("reference.wrong-type", element, expected=", ".join(_PEOPLE), found=found)
            resource = None
        return resource

    def _practitioner(self, role: Json, element: str) -> Json:
        reference = child(role, "practitioner")
        found = resolve(reference, self.index)
        if found is not None and found.get("resourceType") == "Practitioner":
            return found
        if reference and found is None and not child(reference, "identifier") and not objects(role, "identifier"):
            self.problems.add("reference.unresolved", element, reference=shown(text(reference, "reference")))
        identifiers = [reference["identifier"]] if child(reference, "identifier") else []
        return {"resourceType": "Practitioner", "identifier": identifiers}

    def _person(self, practitioner: Json, role: Json, element: str) -> Person | None:
        """Id, name and first name; what is missing of the caller's own is taken from the token."""
        identifiers = [*objects(practitioner, "identifier"), *objects(role, "identifier")]
        person_id = self._national_id("person", identifiers)
        name = next(iter(objects(practitioner, "name")), {})
        family, given = text(name, "family"), given_names(name)
        caller = self.caller
        if not person_id and caller.kind is CallerKind.PROFESSIONAL and not identifiers and not family:
            person_id = caller.id
            self.filled.append((f"{element}.identifier", "the national id of the token"))
        if not person_id:
            self.problems.add("author.id-missing", element)
            return None
        if person_id == caller.id and not (family and given):
            family, given = family or caller.family, given or caller.given
            self.filled.append((f"{element}.name", "the name of the token"))
        if not (family and given):
            self.problems.add("author.name-missing", element)
            return None
        return Person(person_id, family, given, PS_IDNAT)

    def _institution(self, role: Json, person: Person | None, element: str) -> Institution | None:
        """The author's structure, which is the caller's: another one, or another person of none, is refused."""
        own = self._own_institution()
        reference = child(role, "organization")
        organization = resolve(reference, self.index) or {}
        identifiers = [*objects(organization, "identifier")]
        if child(reference, "identifier"):
            identifiers.append(reference["identifier"])
        structure_id = self._national_id("structure", identifiers)
        if identifiers and structure_id != own.id:
            self.problems.add("author.not-caller", element)
            return None
        is_caller = person is None or person.id == self.caller.id or self.caller.kind is CallerKind.STRUCTURE
        if not is_caller and not structure_id:
            self.problems.add("author.not-caller", element)
            return None
        if not structure_id:
            self.filled.append((f"{element}.organization", "the structure of the token"))
        name = text(organization, "name")
        return replace(own, name=name) if name else own

    def _specialties(self, role: Json, practitioner: Json, person: Person, element: str) -> tuple[Coded, ...]:
        found = read_specialties(role, practitioner, self.tables, self.problems, element)
        if found or person.id != self.caller.id:
            return found
        own = caller_specialty(self.caller, self.tables)
        if own:
            self.filled.append((f"{element}.specialty", "the profession of the token"))
        return own

    def _national_id(self, holder: str, identifiers: list[Json]) -> str:
        """The PS_IdNat or Struct_IdNat among identifiers, empty when none is national."""
        for identifier in identifiers:
            system, value = text(identifier, "system"), text(identifier, "value")
            for known in self.tables.identifier_systems.get((holder, system), ()):
                if value and (known.digits is None or (len(value) == known.digits and value.isdigit())):
                    return known.prefix + value
        return ""

    def _own_institution(self) -> Institution:
        structure = self.caller.structure
        return Institution(structure.name, structure.id, STRUCT_IDNAT)

    def _application(self) -> Person:
        """A referenced service as author (SNR): its id under the OID of its editor (CI-SIS structuration minimale)."""
        known = self.caller.referenced
        if known is None:
            return Person(self.caller.id, self.caller.name, self.caller.name, "", name_type="U", id_type="RI")
        return Person(known.id, known.editor, known.name, known.oid, name_type="U", id_type="RI")

    def _patient_author(self, element: str) -> Author | None:
        """The holder as author (XCN 13 = NH), named by the DMP's own traits; only patients may say so."""
        if self.caller.kind not in _PATIENTS:
            self.problems.add("author.not-caller", element)
            return None
        family = self.traits.family or self.traits.birth_family
        return Author(Person(self.patient.value, family, self.traits.given, self.patient.kind.value, id_type="NH"))

    def _device_author(self, device: Json, element: str) -> Author | None:
        """A system as author (XCN 10 = U): only a structure or application that calls for itself has one."""
        if self.caller.kind is CallerKind.APPLICATION:
            return Author(self._application(), (self._own_institution(),))
        if self.caller.kind is not CallerKind.STRUCTURE:
            self.problems.add("author.not-caller", element)
            return None
        names = {text(name, "type"): text(name, "name") for name in objects(device, "deviceName")}
        family = names.get("manufacturer-name", "") or self.caller.structure.name
        given = names.get("model-name", "") or next(iter(names.values()), "")
        identifier = next(iter(objects(device, "identifier")), {})
        if not (text(identifier, "value") and given):
            self.problems.add("author.name-missing", element)
            return None
        authority = text(identifier, "system").removeprefix("urn:oid:")
        person = Person(text(identifier, "value"), family, given, authority, name_type="U", id_type="RI")
        return Author(person, (self._own_institution(),))
