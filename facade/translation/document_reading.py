"""One reading of a DocumentReference: its state, and the coded metadata with their defaults.

Source: JDV_J66, J57, J60 to J62; ASS_X16 (type -> class), ASS_A11 and A12 (format); the defaults by sector.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from facade.domain.caller import Caller
from facade.domain.document import Coded, XdsTime
from facade.domain.dossier import Traits
from facade.domain.masking import Flag, Level, Masking
from facade.translation.cda_metadata import format_of_cda
from facade.translation.cda_read import CdaHeader
from facade.translation.coded_in import read_code, read_coding, read_place
from facade.translation.labels import read_labels
from facade.translation.people_in import Fill, PeopleReader, sector_of
from facade.translation.problems import Problems, shown
from facade.translation.resources import child, objects, text
from facade.translation.subject_in import Subject, SubjectRules
from facade.translation.tables import CodeTables, Json
from facade.translation.times import from_fhir

DOC = "DocumentReference"


@dataclass(frozen=True, slots=True)
class DocumentContext:
    """What a publication is read with, besides the request itself.

    ``entry_uuid`` (bare UUID) and ``unique_id`` (bare OID) are freshly generated; the latter is used only where the
    request gives none. ``traits`` are those of the TD0.2 answer. ``secret`` is a connexion secrète. ``subjects`` says
    what a second naming of the patient (sourcePatientInfo) must be.
    """

    caller: Caller
    tables: CodeTables
    now: datetime
    entry_uuid: str
    unique_id: str
    traits: Traits = field(default_factory=Traits)
    secret: bool = False
    subjects: SubjectRules = field(default_factory=lambda: SubjectRules(test_identities=False))


class DocumentReading:
    """The elements of one resource, read one by one; problems and fills are gathered on the way."""

    def __init__(
        self,
        resource: Json,
        subject: Subject,
        context: DocumentContext,
        *,
        index: Mapping[str, Json],
        cda: CdaHeader | None,
        media_type: str,
    ) -> None:
        self.resource, self.subject, self.context, self.index = resource, subject, context, index
        self.tables: CodeTables = context.tables
        self.cda = cda
        self.problems = Problems()
        self.filled: list[Fill] = []
        self.content: Json = next(iter(objects(resource, "content")), {})
        self.attachment = child(self.content, "attachment")
        self.where = child(resource, "context")
        self.media_type = (text(self.attachment, "contentType") or media_type).partition(";")[0].strip().lower()
        self.people = PeopleReader(
            context.caller, subject.ins, context.traits, self.tables, index, self.problems, self.filled
        )

    def type_code(self) -> Coded | None:
        """The type of the request, else of the CDA; the type of the lot's own signature is not for clients."""
        element, concept = f"{DOC}.type", child(self.resource, "type")
        if concept:
            found = read_code(concept, self.tables.types, self.problems, element)
        else:
            header = self.cda.type if self.cda is not None else None
            found = header and self.tables.types.find(header.scheme, header.code)
            if found is None:
                self.problems.add("type.missing", element)
            else:
                self.filled.append((element, found.code))
        if found is not None and found.scheme == "ASTM":
            # E1762 marks the signature entry of a lot, which no reader is ever shown.
            self.problems.add("type.reserved", element, code=found.code)
        return found

    def class_code(self, type_code: Coded | None) -> Coded | None:
        """The class derived from the type; a category of the request that says otherwise is a contradiction."""
        element, categories = f"{DOC}.category", objects(self.resource, "category")
        derived = self.tables.class_of(type_code) if type_code is not None else None
        if not categories:
            if derived is not None:
                self.filled.append((element, derived.code))
            return derived
        given = read_code(categories[0], self.tables.classes, self.problems, element)
        if given is not None and derived is not None and given != derived:
            values = {"given": given.code, "expected": derived.code, "type": type_code.code if type_code else ""}
            self.problems.add("category.contradicts-type", element, f"{DOC}.type", **values)
        return derived

    def format_code(self) -> Coded | None:
        """The format of the request, else of the CDA's model, else of the media type that will be wrapped."""
        element, coding = f"{DOC}.content.format", child(self.content, "format")
        if coding:
            return read_coding(coding, self.tables.formats, self.problems, element)
        found = (
            format_of_cda(self.cda, self.tables)
            if self.cda is not None
            else self.tables.format_of_media(self.media_type)
        )
        if found is None:
            self.problems.add("format.undetermined", element, media_type=shown(self.media_type))
        else:
            self.filled.append((element, found.code))
        return found

    def place(self, name: str) -> Coded | None:
        """``facility`` or ``practice``: of the request, else of the CDA, else by the caller's sector."""
        field, members, default = {
            "facility": ("facilityType", self.tables.facilities, self.tables.facility_of_sector),
            "practice": ("practiceSetting", self.tables.practices, self.tables.practice_of_sector),
        }[name]
        element, concept = f"{DOC}.context.{field}", child(self.where, field)
        if concept:
            return read_place(concept, name, self.tables, self.problems, element)
        header: Coded | None = getattr(self.cda, name) if self.cda is not None else None
        known = header and members.find(header.scheme, header.code)
        sector = sector_of(self.context.caller)
        found = known or default(sector)
        if found is None:
            self.problems.add("code.no-default", element, sector=shown(sector), value_set=members.name)
        else:
            self.filled.append((element, found.code))
        return found

    def masking(self) -> Masking:
        """The labels of the request, else the CDA's level; a connexion secrète adds its own flag."""
        labels = self.resource.get("securityLabel")
        if labels:
            masking = read_labels(labels if isinstance(labels, list) else [labels], self.tables, self.problems)
        else:
            level = self.header("confidentiality")
            masking = Masking(Level(level) if level in list(Level) else Level.NORMAL)
            self.filled.append((f"{DOC}.securityLabel", masking.level.value))
        if self.context.secret and Flag.HIDDEN_FROM_REPRESENTATIVES not in masking.flags:
            masking = replace(masking, flags=masking.flags | {Flag.HIDDEN_FROM_REPRESENTATIVES})
            self.filled.append((f"{DOC}.securityLabel", Flag.HIDDEN_FROM_REPRESENTATIVES.value))
        return masking

    def header(self, name: str) -> str:
        """A text of the CDA header, empty when there is no CDA."""
        return str(getattr(self.cda, name)) if self.cda is not None else ""

    def first_said(self, element: str, *candidates: str) -> str:
        """The first candidate that says something; when it is not the request's own, that is noted."""
        for number, candidate in enumerate(candidates):
            if candidate:
                if number:
                    self.filled.append((f"{DOC}.content.{element}", candidate))
                return candidate
        return ""

    def time(self, value: object, element: str) -> XdsTime | None:
        """A date of the request; ``date.malformed`` is noted when it is none."""
        if value is None:
            return None
        try:
            return from_fhir(value)
        except ValueError:
            self.problems.add("date.malformed", element, value=shown(value))
            return None
