"""Read one document's metadata, and retrieve its bytes (ITI-68). TD0.2 beside TD3.1, then TD3.2.

What the caller may not see answers exactly as what does not exist.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from facade.domain.access import Act
from facade.domain.content import Buffer
from facade.domain.dmp import DocumentAnswer, Retrieved
from facade.domain.document import Availability, DocumentEntry
from facade.domain.dossier import Dossier
from facade.domain.errors import NotFound
from facade.domain.ins import INS
from facade.observability.acts import measured
from facade.transactions import render
from facade.transactions.actor import Actor
from facade.transactions.case import Case
from facade.transactions.services import Services
from facade.translation import cda_read
from facade.translation.base64_file import Base64File


@dataclass(frozen=True, slots=True)
class Read:
    """One DocumentReference and its version, for the ETag."""

    resource: dict[str, Any]
    version: str


@dataclass(frozen=True, slots=True)
class Content:
    """A document's bytes in one of its forms."""

    media_type: str
    data: Buffer | Base64File
    version: str


@dataclass(frozen=True, slots=True)
class Forms:
    """A document as registered (a CDA) and, where that is a level 1, the file in it.

    ``natural`` is the one whose media type, size and hash its DocumentReference gives.
    """

    registered: Content
    inner: Content | None
    natural: Content


@dataclass(frozen=True, slots=True)
class Unchanged:
    """The reader was judged and has this version already: nothing was retrieved."""

    version: str


def open_id(services: Services, sealed: str) -> tuple[INS, str]:
    """The patient and logicalId of a sealed id. Raises NotFound for anything this facade did not seal."""
    opened = services.ids.open_document(sealed)
    if opened is None:
        raise NotFound.of("document.unknown")
    return opened


@measured("read-document")
def read_document(services: Services, actor: Actor, sealed: str) -> Read:
    """One document's metadata. Raises NotFound, Refused, DmpRefused, DmpUnavailable."""
    patient, logical_id = open_id(services, sealed)
    with Case(services, actor, Act.READ, patient, "TD3.1") as case:
        _, entry = find_current(case, logical_id)
        return Read(render.document(services, patient, entry), entry.version_id)


def _none(_: str) -> bool:
    return False


@measured("retrieve-document")
def retrieve_document(
    services: Services, actor: Actor, sealed: str, reader_has: Callable[[str], bool] = _none
) -> Forms | Unchanged:
    """One document's bytes: as registered (CDA), and unwrapped where a CDA level 1 holds another file.

    ``reader_has`` tells of a version whether the reader has it: it is asked once the reader was found to see the
    document. Raises NotFound, Refused, DmpRefused, DmpUnavailable.
    """
    patient, logical_id = open_id(services, sealed)
    with Case(services, actor, Act.RETRIEVE, patient, "TD3.2") as case:
        _, entry = find_current(case, logical_id)
        if reader_has(entry.version_id):
            return Unchanged(entry.version_id)
        return forms_of(services, services.gateway.retrieve(case.session, [entry])[0])


def forms_of(services: Services, retrieved: Retrieved) -> Forms:
    """A retrieved document in each of its forms. Raises InvalidInput for a CDA that cannot be read."""
    entry = retrieved.entry
    registered = Content(retrieved.mime_type, retrieved.content, entry.version_id)
    inner = cda_read.unwrap(retrieved.content)
    unwrapped = Content(inner[0], inner[1], entry.version_id) if inner else None
    published = services.publications.natural_forms([entry.unique_id]).get(entry.unique_id)
    if published is None:
        return Forms(registered, unwrapped, registered)
    if unwrapped is not None and published.media_type == unwrapped.media_type:
        return Forms(registered, unwrapped, unwrapped)
    return Forms(registered, unwrapped, replace(registered, media_type=published.media_type))


def find_current(case: Case, logical_id: str) -> tuple[Dossier, DocumentEntry]:
    """The current metadata version of a document this caller may see. Raises NotFound otherwise."""
    gateway = case.services.gateway
    dossier, answer = case.ask(lambda session: gateway.get_documents(session, logical_ids=[logical_id]))
    return dossier, judged(case, dossier, answer, logical_id)


def judged(case: Case, dossier: Dossier, answer: DocumentAnswer, logical_id: str) -> DocumentEntry:
    """The current version of one document of an answer, once the caller was judged on it. Raises NotFound."""
    versions = [entry for entry in answer.entries if entry.logical_id == logical_id]
    current = max(versions, key=lambda entry: entry.version, default=None)
    if answer.warnings and not _certainly_seen(case, dossier, current):
        # The version that is missing may carry the labels that hide the document.
        raise answer.warnings[0]
    if current is None:
        raise NotFound.of("document.unknown")
    case.require(dossier, current)
    return current


def _certainly_seen(case: Case, dossier: Dossier, current: DocumentEntry | None) -> bool:
    certain = current is not None and current.availability is not Availability.DEPRECATED
    return certain and current is not None and case.sees(dossier, current)
