"""One document on its way to the DMP: its metadata read, its bytes checked, its CDA given or made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from facade.domain.access import Act
from facade.domain.caller import CallerKind
from facade.domain.content import Content
from facade.domain.document import DocumentEntry
from facade.domain.dossier import Dossier, Traits
from facade.domain.errors import DmpRefused, InvalidInput, NotFound
from facade.transactions.case import Case
from facade.transactions.own_documents import own_document
from facade.transactions.services import Services
from facade.transactions.succession import Succession
from facade.transactions.versions import named
from facade.translation import attachment, cda_read, cda_write
from facade.translation.base64_file import Base64File
from facade.translation.document_in import DocumentContext, DocumentDraft, read_document_reference
from facade.translation.identifiers import DocumentTarget
from facade.translation.people_in import Fill
from facade.translation.subject_in import Subject

_CONTENT = "DocumentReference.content.attachment"
_CDA_TYPES = ("text/xml", "application/xml", "application/hl7-cda+xml")


@dataclass(frozen=True, slots=True)
class Prepared:
    """A document that was read and checked. ``sha1`` and ``size`` are of the ``file`` the client sent.

    ``given`` is the file where it is a CDA: it goes to the DMP as it is.
    """

    draft: DocumentDraft
    file: Base64File = field(repr=False)
    sha1: str
    size: int
    given: Content | None

    @property
    def entry(self) -> DocumentEntry:
        """The metadata read from the request."""
        return self.draft.entry

    @property
    def media_type(self) -> str:
        """The media type of the file the client sent."""
        return self.draft.media_type

    @property
    def filled(self) -> tuple[Fill, ...]:
        """What the facade filled in."""
        return self.draft.filled

    @property
    def unsupported_relations(self) -> tuple[str, ...]:
        """The relatesTo codes the DMP has no equivalent of."""
        return self.draft.unsupported_relations

    def cda(self, entry: DocumentEntry, traits: Traits, line: Succession | None) -> Content:
        """The CDA that goes to the DMP: the one given, or a level 1 made around the file with ``entry`` as header."""
        if self.given is not None:
            return self.given
        return cda_write.wrap(
            entry,
            self.file,
            self.media_type,
            traits=traits,
            set_id=line.set_id if line else "",
            replaced_unique_id=line.replaced_unique_id if line else "",
            version_number=line.version_number if line else 1,
        )


def prepare(
    services: Services,
    subject: Subject,
    context: DocumentContext,
    resource: dict[str, Any],
    data: Any,
    index: Mapping[str, Any],
) -> Prepared:
    """Read one DocumentReference and its bytes. Raises InvalidInput with everything that is wrong."""
    if data is None:
        raise InvalidInput.of("attachment.missing", f"{_CONTENT}.data")
    file = attachment.decode(data, f"{_CONTENT}.data")
    media_type = _media_type(resource)
    header = given = None
    if media_type in _CDA_TYPES:
        content = bytes(file)
        header, given = cda_read.read_header(content), Content.of(content)
    elif cda_read.is_cda(file.head()):
        raise InvalidInput.of("attachment.is-cda", f"{_CONTENT}.contentType", value=media_type[:60])
    draft = read_document_reference(resource, subject, context, index=index, cda=header, media_type=media_type)
    if header is None and services.codes.format_of_media(media_type) is None:
        available = ", ".join(services.codes.media_types)
        raise InvalidInput.of(
            "media-type.not-wrapped", f"{_CONTENT}.contentType", value=media_type[:60], available=available
        )
    sha1, size = attachment.check_attachment(draft.attachment, file)
    if header is not None and (problems := cda_read.check_against(header, draft.entry)):
        raise InvalidInput(problems)
    return Prepared(draft, file, sha1, size, given)


def target_of_replacement(case: Case, dossier: Dossier, prepared: Prepared) -> DocumentEntry | None:
    """The document this one replaces, as the DMP has it now, once the caller was judged on it.

    Raises InvalidInput ``replace.target-unknown`` for a document that is not there or not for this caller.
    """
    target = prepared.draft.replaces
    if target is None:
        return None
    case.require(dossier, None, Act.REPLACE)
    current = _current_target(case, target)
    if current is None:
        raise InvalidInput.of("replace.target-unknown", "DocumentReference.relatesTo.target")
    try:
        case.require(dossier, current, Act.REPLACE, about=prepared.entry)
    except NotFound as error:
        raise InvalidInput.of("replace.target-unknown", "DocumentReference.relatesTo.target") from error
    return current


def _current_target(case: Case, target: DocumentTarget) -> DocumentEntry | None:
    """The target as the DMP shows it; to whom it shows none, what that caller published here."""
    if case.caller.kind is CallerKind.STRUCTURE:
        return _own_target(case, target)
    try:
        return _find_target(case, target)
    except DmpRefused:
        own = _own_target(case, target)
        if own is None:
            raise
        return own


def _own_target(case: Case, target: DocumentTarget) -> DocumentEntry | None:
    opened = case.services.ids.open_document(target.id) if target.id else None
    if target.id and (opened is None or opened[0] != case.patient):
        return None
    # The entryUUID a document is published with is its logicalId.
    logical_id = opened[1] if opened else target.uuid
    return own_document(case, logical_id=logical_id, unique_id="" if opened else target.unique_id)


def _find_target(case: Case, target: DocumentTarget) -> DocumentEntry | None:
    gateway, session = case.services.gateway, case.session
    if target.id:
        opened = case.services.ids.open_document(target.id)
        if opened is None or opened[0] != case.patient:
            return None
        answer = gateway.get_documents(session, logical_ids=[opened[1]])
    else:
        unique_ids = [target.unique_id] if target.unique_id else []
        answer = named(gateway, session, unique_ids, [target.uuid] if target.uuid else [])
    return max(answer.entries, key=lambda entry: entry.version, default=None)


def _media_type(resource: Mapping[str, Any]) -> str:
    contents = resource.get("content") or [{}]
    declared = contents[0].get("attachment", {}).get("contentType", "")
    return str(declared).split(";")[0].strip().lower()
