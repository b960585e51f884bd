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
from facade.translation.people_stated import practitioner_of, stated_author, stated_person
from facade.translation.problems import Problems, shown
from facade.translation.resources import Index, child, objects, resolve, text
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
        self._check_practitioner(role, element)
        stated = stated_author(resource, self.index, self.tables)
        person = self._person(stated.person, element)
        institution = self._institution(stated.institutions, person, element)
        if person is None or institution is None:
            return None
        practitioner = practitioner_of(role, self.index) if role else resource
        specialties = self._specialties(role, practitioner, person, element)
        return Author(person, (institution,), stated.roles, specialties)

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
        stated = stated_person(resource, self.tables)
        known = (author.person for author in authors if author.person.id == stated.id)
        return next(known, None) if stated.id and stated.authority == PS_IDNAT else None

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

    def _check_practitioner(self, role: Json, element: str) -> None:
        """A role that leads to nobody is only a person when it has an identifier of its own."""
        reference = child(role, "practitioner")
        said = child(reference, "identifier") or objects(role, "identifier")
        if reference and resolve(reference, self.index) is None and not said:
            self.problems.add("reference.unresolved", element, reference=shown(text(reference, "reference")))

    def _person(self, stated: Person, element: str) -> Person | None:
        """Id, name and first name; what is missing of the caller's own is taken from the token."""
        person_id = stated.id if stated.authority == PS_IDNAT else ""
        family, given = stated.family, stated.given
        caller = self.caller
        if caller.kind is CallerKind.PROFESSIONAL and not stated.id and not family:
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

    def _institution(self, stated: tuple[Institution, ...], person: Person | None, element: str) -> Institution | None:
        """The author's structure, which is the caller's: another one, or another person of none, is refused."""
        own = self._own_institution()
        identified = [(each.id, each.authority) for each in stated if each.id]
        if any(found != (own.id, own.authority) for found in identified):
            self.problems.add("author.not-caller", element)
            return None
        is_caller = person is None or person.id == self.caller.id or self.caller.kind is CallerKind.STRUCTURE
        if not is_caller and not identified:
            self.problems.add("author.not-caller", element)
            return None
        if not identified:
            self.filled.append((f"{element}.organization", "the structure of the token"))
        name = next((each.name for each in stated if each.name), "")
        return replace(own, name=name) if name else own

    def _specialties(self, role: Json, practitioner: Json, person: Person, element: str) -> tuple[Coded, ...]:
        found = read_specialties(role, practitioner, self.tables, self.problems, element)
        if found or person.id != self.caller.id:
            return found
        own = caller_specialty(self.caller, self.tables)
        if own:
            self.filled.append((f"{element}.specialty", "the profession of the token"))
        return own

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
        stated = stated_person(device, self.tables)
        family, given = stated.family or self.caller.structure.name, stated.given or stated.family
        if not (stated.id and given):
            self.problems.add("author.name-missing", element)
            return None
        return Author(replace(stated, family=family, given=given, id_type="RI"), (self._own_institution(),))
