"""List (submission set) -> SubmissionSet, or one made where the request has none.

Source: MHD 4.2.3 submission set mapping; CI-SIS (contentTypeCode in JDV_J59, sourceId an OID); the DMP demands that an
author institution of the lot is the caller's structure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from facade.domain.caller import Caller
from facade.domain.document import Author, Coded, SubmissionSet, XdsTime
from facade.domain.errors import InvalidInput
from facade.translation.coded_in import texts
from facade.translation.identifiers import URI_SYSTEM, is_oid, read_unique_id
from facade.translation.people_in import Fill, sector_of
from facade.translation.problems import LONGEST_TEXT, Problems, shown
from facade.translation.resources import child, codings, extensions, objects, text
from facade.translation.subject_in import Subject
from facade.translation.tables import CodeTables, Json
from facade.translation.times import from_fhir
from facade.translation.vocabulary import DESIGNATION_TYPE, INTENDED_RECIPIENTS, SOURCE_ID

# Systems that MHD and PDSm examples put in designationType although they are not contentTypeCode's: the class of a
# document (TRE_A03), a sector outside JDV_J59 (TRE_R02). They tell nothing of the stay; the default is taken.
_NOT_CONTENT_TYPES = {"1.2.250.1.213.1.1.4.1", "1.2.250.1.71.4.2.4"}


@dataclass(frozen=True, slots=True)
class SubmissionContext:
    """What a lot is read with: freshly generated ``entry_uuid`` and ``unique_id``, the facade's own ``source_id``."""

    caller: Caller
    tables: CodeTables
    now: datetime
    entry_uuid: str
    unique_id: str
    source_id: str


def make_submission_set(
    subject: Subject, context: SubmissionContext, authors: Sequence[Author], title: str = ""
) -> SubmissionSet:
    """The lot of a publication that has no List: author of the document, contentTypeCode by the caller's sector.

    Raises InvalidInput ``code.no-default`` when the sector has none.
    """
    problems = Problems()
    content_type = _default(context, problems)
    problems.check()
    if content_type is None:
        raise InvalidInput.of("code.no-default", "List")
    return SubmissionSet(
        unique_id=context.unique_id,
        source_id=context.source_id,
        patient=subject.ins,
        content_type=content_type,
        authors=tuple(authors[:1]),
        submission_time=XdsTime.at(context.now),
        title=title,
        entry_uuid=context.entry_uuid,
    )


def read_submission_set(
    resource: Json, subject: Subject, context: SubmissionContext, authors: Sequence[Author]
) -> tuple[SubmissionSet, tuple[Fill, ...]]:
    """The lot a List describes, and what was filled. ``authors`` are those of its documents.

    The author is always the first document's: its institution is already known to be the caller's structure, which
    is what the DMP compares with the VIHF. Raises one InvalidInput with every problem found.
    """
    reading = _Reading(resource, context)
    content_type, source_id, unique_id = reading.content_type(), reading.source_id(), reading.unique_id()
    submitted = reading.date()
    if resource.get("status") != "current" or resource.get("mode") != "working":
        reading.problems.add("submission-set.status", "List.status", "List.mode")
    title = reading.problems.fits("List.title", text(resource, "title"), LONGEST_TEXT)
    comments = reading.problems.fits("List.note", "\n".join(texts(resource, "note")), LONGEST_TEXT)
    reading.problems.check()
    if content_type is None:
        raise InvalidInput.of("code.no-default", "List")
    lot = SubmissionSet(
        unique_id=unique_id,
        source_id=source_id,
        patient=subject.ins,
        content_type=content_type,
        authors=tuple(authors[:1]),
        submission_time=submitted,
        title=title,
        comments=comments,
        entry_uuid=context.entry_uuid,
    )
    return lot, tuple(reading.filled)


def names_recipients(resource: Json) -> bool:
    """Whether a List says whom its lot is intended for, which the DMP has no place for (PDSm4DMP: unmatched)."""
    return any(next(extensions(resource, url), None) is not None for url in INTENDED_RECIPIENTS)


class _Reading:
    def __init__(self, resource: Json, context: SubmissionContext) -> None:
        self.resource, self.context = resource, context
        self.problems = Problems()
        self.filled: list[Fill] = []

    def content_type(self) -> Coded | None:
        element, tables = "List.extension[designationType]", self.context.tables
        extension = next(extensions(self.resource, DESIGNATION_TYPE), {})
        given = codings(child(extension, "valueCodeableConcept"))
        for coding in given:
            known = tables.content_types.find(text(coding, "system"), coding["code"])
            if known is not None:
                return known
        for coding in given:
            if tables.systems.oid_of(text(coding, "system")) not in _NOT_CONTENT_TYPES:
                values = {"code": shown(coding["code"]), "system": shown(coding.get("system", ""), 120)}
                self.problems.add("code.unknown", element, value_set=tables.content_types.name, **values)
                return None
        found = _default(self.context, self.problems)
        if found is not None:
            self.filled.append((element, found.code))
        return found

    def source_id(self) -> str:
        """An OID of the client, else the facade's."""
        element = "List.extension[sourceId]"
        identifier = child(next(extensions(self.resource, SOURCE_ID), {}), "valueIdentifier")
        given = text(identifier, "value").removeprefix("urn:oid:")
        if given and text(identifier, "system") in ("", URI_SYSTEM):
            if is_oid(given):
                return given
            self.problems.add("submission-set.source-id", element)
            return ""
        # PDSm's examples give an OID as system and a local name as value: the OID is the source.
        system = text(identifier, "system").removeprefix("urn:oid:")
        if is_oid(system):
            return system
        if identifier:
            self.problems.add("submission-set.source-id", element)
        self.filled.append((element, f"urn:oid:{self.context.source_id}"))
        return self.context.source_id

    def unique_id(self) -> str:
        element = "List.identifier"
        for number, identifier in enumerate(objects(self.resource, "identifier")):
            if identifier.get("use") == "official":
                continue
            try:
                return read_unique_id(text(identifier, "value"), f"{element}[{number}]")
            except InvalidInput as error:
                self.problems.take(error)
                return ""
        self.filled.append((element, f"urn:oid:{self.context.unique_id}"))
        return self.context.unique_id

    def date(self) -> XdsTime:
        now = XdsTime.at(self.context.now)
        given = self.resource.get("date")
        if given is None:
            self.filled.append(("List.date", now.digits))
            return now
        try:
            return from_fhir(given)
        except ValueError:
            self.problems.add("date.malformed", "List.date", value=shown(given))
            return now


def _default(context: SubmissionContext, problems: Problems) -> Coded | None:
    sector = sector_of(context.caller)
    found = context.tables.content_type_of_sector(sector)
    if found is None:
        name = context.tables.content_types.name
        problems.add("code.no-default", "List.extension[designationType]", sector=shown(sector), value_set=name)
    return found
