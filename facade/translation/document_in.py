"""DocumentReference -> DocumentEntry: what the request says, completed by what the facade can know, or refused.

Source: MHD 4.2.3 mapping; PDSm simplified publish and comprehensive; CI-SIS "CDA header -> XDS" for a published CDA.
Everything wrong is reported at once, everything filled is told.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from facade.domain.document import DocumentEntry, SourcePatient, XdsTime
from facade.domain.errors import InvalidInput
from facade.translation.cda_read import CdaHeader
from facade.translation.coded_in import read_events, read_references
from facade.translation.document_reading import DOC, DocumentContext, DocumentReading
from facade.translation.document_rules import read_relations, refuse_modifiers
from facade.translation.identifiers import DocumentTarget, read_unique_id
from facade.translation.people_in import Fill
from facade.translation.problems import LONGEST_TEXT, shown
from facade.translation.resources import Index, child, index_of, objects, resolve, text
from facade.translation.subject_in import Subject, read_named, source_patient
from facade.translation.tables import Json

_SOURCE = f"{DOC}.context.sourcePatientInfo"

__all__ = ["DocumentContext", "DocumentDraft", "read_document_reference"]


@dataclass(frozen=True, slots=True)
class DocumentDraft:
    """A publication as read: its metadata before hash and size of the registered CDA, and what goes with it.

    ``media_type`` is that of the content as sent; ``unsupported_relations`` are relatesTo codes that only earn a
    warning; ``replaces`` names the document replaced; ``filled`` tells what the request left out.
    """

    entry: DocumentEntry
    media_type: str
    attachment: Json
    replaces: DocumentTarget | None
    unsupported_relations: tuple[str, ...]
    filled: tuple[Fill, ...]


def read_document_reference(
    resource: Json,
    subject: Subject,
    context: DocumentContext,
    *,
    index: Index | None = None,
    cda: CdaHeader | None = None,
    media_type: str = "",
) -> DocumentDraft:
    """The metadata of one publication.

    ``cda`` is the header of the content when it is a CDA, ``media_type`` that of the Binary. The entry has mime type
    text/xml, the given entryUUID as entryUUID and logicalId, and no hash or size: they are the registered CDA's.
    Raises one InvalidInput with every problem found.
    """
    found = index_of(resource, index or {})
    return _Reading(resource, subject, context, index=found, cda=cda, media_type=media_type).draft()


class _Reading(DocumentReading):
    """The rest of the metadata, and the entry made of all of it."""

    def draft(self) -> DocumentDraft:
        refuse_modifiers(self.resource, self.problems)
        replaces, unsupported = read_relations(self.resource, self.index, self.problems)
        if len(objects(self.resource, "content")) != 1:
            self.problems.add("document.one-content", f"{DOC}.content")
        entry = self._entry()
        self.problems.check()
        if entry is None:
            raise InvalidInput.of("fhir.invalid", DOC)
        return DocumentDraft(entry, self.media_type, self.attachment, replaces, unsupported, tuple(self.filled))

    def _entry(self) -> DocumentEntry | None:
        type_code = self.type_code()
        class_code = self.class_code(type_code)
        codes = (self.format_code(), self.place("facility"), self.place("practice"))
        authors = self.people.authors(objects(self.resource, "author"), f"{DOC}.author")
        authenticator = self.people.authenticator(
            child(self.resource, "authenticator"), authors, f"{DOC}.authenticator"
        )
        creation = self._creation()
        start, stop = self._period(creation)
        metadata: dict[str, Any] = {
            "unique_id": self._unique_id(),
            "masking": self.masking(),
            "source_patient": self._source_patient(),
            "events": read_events(objects(self.where, "event"), self.tables, self.problems, f"{DOC}.context.event"),
            "references": read_references(
                objects(self.where, "related"), self.tables, self.problems, f"{DOC}.context.related"
            ),
        }
        metadata |= self._words(type_code.display if type_code else "")
        format_code, facility, practice = codes
        if not (type_code and class_code and format_code and facility and practice and creation):
            return None
        return DocumentEntry(
            patient=self.subject.ins,
            type_code=type_code,
            class_code=class_code,
            format_code=format_code,
            facility=facility,
            practice=practice,
            authors=authors,
            legal_authenticator=authenticator,
            creation_time=creation,
            service_start=start,
            service_stop=stop,
            entry_uuid=self.context.entry_uuid,
            logical_id=self.context.entry_uuid,
            **metadata,
        )

    def _words(self, label: str) -> dict[str, str]:
        """Language, title (that of the type by default) and comments."""
        said = text(self.attachment, "language"), self.header("language")
        title = self.first_said("attachment.title", text(self.attachment, "title"), self.header("title"), label)
        return {
            "language": self.first_said("attachment.language", *said, "fr-FR"),
            "title": self.problems.fits(f"{DOC}.content.attachment.title", title, LONGEST_TEXT),
            "comments": self.problems.fits(f"{DOC}.description", text(self.resource, "description"), LONGEST_TEXT),
        }

    def _unique_id(self) -> str:
        identifier = child(self.resource, "masterIdentifier")
        if identifier:
            try:
                return read_unique_id(text(identifier, "value"), f"{DOC}.masterIdentifier")
            except InvalidInput as error:
                self.problems.take(error)
                return ""
        unique_id = self.header("unique_id") or self.context.unique_id
        self.filled.append((f"{DOC}.masterIdentifier", f"urn:oid:{unique_id}"))
        return unique_id

    def _creation(self) -> XdsTime | None:
        """When the document was made: attachment.creation (MHD), else date (PDSm4DMP), else the CDA's, else now."""
        for holder, name, element in (
            (self.attachment, "creation", f"{DOC}.content.attachment.creation"),
            (self.resource, "date", f"{DOC}.date"),
        ):
            if holder.get(name) is not None:
                return self.time(holder[name], element)
        header = self.cda.created if self.cda is not None else None
        found = header or XdsTime.at(self.context.now)
        self.filled.append((f"{DOC}.content.attachment.creation", found.digits))
        return found

    def _period(self, creation: XdsTime | None) -> tuple[XdsTime | None, XdsTime | None]:
        element, period = f"{DOC}.context.period", child(self.where, "period")
        start, stop = (
            self.time(period.get("start"), f"{element}.start"),
            self.time(period.get("end"), f"{element}.end"),
        )
        if not period and self.cda is not None:
            start, stop = self.cda.service_start, self.cda.service_stop
        if start is None:
            start = creation
            if start is not None:
                self.filled.append((f"{element}.start", start.digits))
        if (
            start is not None
            and stop is not None
            and stop.start < start.start
            and stop.digits != start.digits[: len(stop.digits)]
        ):
            self.problems.add("period.reversed", element)
        return start, stop

    def _source_patient(self) -> SourcePatient:
        """The traits of the source: of the request's Patient, else those the DMP returned; never shown to anyone."""
        found = self._stated_source() or self.subject.source or SourcePatient(id=self.subject.ins.cx)
        if found.family:
            return found
        traits = self.context.traits
        if not traits.family and not traits.birth_family:
            return found
        self.filled.append((_SOURCE, "the traits the DMP holds"))
        return SourcePatient(
            id=found.id or self.subject.ins.cx,
            family=traits.birth_family or traits.family,
            given=traits.given,
            birth_date=traits.birth_date.strftime("%Y%m%d") if traits.birth_date else "",
            sex=traits.sex if traits.sex in ("M", "F") else "U",
        )

    def _stated_source(self) -> SourcePatient | None:
        """What sourcePatientInfo itself says; a problem is noted where it leads nowhere or to somebody else."""
        reference = child(self.where, "sourcePatientInfo")
        patient = resolve(reference, self.index) if reference else None
        if patient is None:
            self._check_link(reference)
            return None
        if patient.get("resourceType") != "Patient":
            kind = shown(patient.get("resourceType", ""))
            self.problems.add("reference.wrong-type", _SOURCE, expected="Patient", found=kind)
            return None
        if not _same_patient(patient, self.subject):
            self.problems.add("patient.mismatch", _SOURCE)
        if not objects(patient, "identifier"):
            self.filled.append((f"{_SOURCE}.identifier", "the INS of subject"))
        return source_patient(patient, self.subject.ins)

    def _check_link(self, reference: Json) -> None:
        """A link or logical identifier beside ``subject`` must name the same patient."""
        if not (text(reference, "reference") or child(reference, "identifier")):
            return
        try:
            named = read_named(reference, self.context.subjects, _SOURCE)
        except InvalidInput as error:
            self.problems.take(error)
            return
        if named != self.subject.ins:
            self.problems.add("patient.mismatch", _SOURCE)


def _same_patient(patient: Json, subject: Subject) -> bool:
    """Whether a source patient may be the subject: every INS it carries is the subject's."""
    from_ins = [
        text(found, "value").upper()
        for found in objects(patient, "identifier")
        if text(found, "system").removeprefix("urn:oid:").startswith("1.2.250.1.213.1.4.")
    ]
    return all(value == subject.ins.value for value in from_ins)
