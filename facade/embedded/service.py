"""What every transaction of the embedded DMP is given, and what it gives back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import sqlalchemy as sa
from lxml import etree

from facade.embedded import store
from facade.embedded.ebrim import Refusal
from facade.embedded.rights import Access, Rights
from facade.embedded.signature import Trust
from facade.embedded.soap import Message
from facade.embedded.store import Row, Store
from facade.embedded.strictxml import QUERY, RIM, RS, attr
from facade.embedded.valuesets import ValueSets
from facade.embedded.vihf import User

SUCCESS = "urn:oasis:names:tc:ebxml-regrep:ResponseStatusType:Success"
FAILURE = "urn:oasis:names:tc:ebxml-regrep:ResponseStatusType:Failure"
PARTIAL = "urn:ihe:iti:2007:ResponseStatusType:PartialSuccess"


@dataclass(frozen=True, slots=True)
class Dmp:
    """The parts of one embedded DMP."""

    store: Store
    rights: Rights
    sets: ValueSets
    trust: Trust

    def access(self, db: sa.Connection, user: User) -> Access:
        """The user on the open record of the VIHF. Raises Refusal XDSUnknownPatientId or DMPClosed."""
        record = store.patient(db, user.ins, user.ins_oid)
        if record is None:
            raise Refusal("XDSUnknownPatientId", "Le patient n'a pas de DMP")
        if record.closed_on is not None:
            raise Refusal("DMPClosed", "Le DMP du patient est fermé")
        return self.access_to(db, user, record)

    def access_to(self, db: sa.Connection, user: User, record: Row) -> Access:
        """The user on a record: by an authorisation of one's own, else by the structure's."""
        own = store.authorisation(db, user.ins, user.name_id)
        return Access(self.rights, user, record, own or store.authorisation(db, user.ins, user.structure))


@dataclass(slots=True)
class Trail:
    """What the log will say and only the transaction can know."""

    transaction: str
    signature_ok: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """The body of an answer, its attachments (Content-ID: media type, bytes) and its result for the log."""

    body: bytes = field(repr=False)
    attachments: Mapping[str, tuple[str, bytes]] = field(default_factory=dict, repr=False)
    result: str = "success"


@dataclass(frozen=True, slots=True)
class Draft:
    """An answer, or a fault, that is not on the wire yet."""

    status: int
    action: str
    relates_to: str
    body: bytes = field(repr=False)
    attachments: Mapping[str, tuple[str, bytes]] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer; ``closes_after``: the connection ends after so many bytes of the body, before a header for 0."""

    status: int
    content_type: str
    body: bytes = field(repr=False)
    closes_after: int | None = None


Run = Callable[[Dmp, User, Message, Trail], Answer]
Refuse = Callable[[Message, Refusal], bytes]


@dataclass(frozen=True, slots=True)
class Operation:
    """One SOAP operation: the action of its answer, how it runs and refuses, which transaction a body is.

    ``names_patient``: whether its VIHF must name a patient.
    """

    response_action: str
    run: Run
    refuse: Refuse
    transaction: str | Callable[[etree._Element], str]
    names_patient: bool = True

    def transaction_of(self, message: Message) -> str:
        """The transaction of a request, as far as the request alone tells."""
        return self.transaction if isinstance(self.transaction, str) else self.transaction(message.body)


def utc_now() -> datetime:
    """Now, in UTC."""
    return datetime.now(UTC)


def error_list(refusals: Sequence[Refusal]) -> str:
    """A RegistryErrorList, empty text when there is nothing to say."""
    if not refusals:
        return ""
    errors = "".join(
        f'<rs:RegistryError errorCode="{attr(error.code)}" codeContext="{attr(error.context)}"'
        f' location="{attr(error.location)}" severity="urn:oasis:names:tc:ebxml-regrep:ErrorSeverityType:Error"/>'
        for error in refusals
    )
    return f"<rs:RegistryErrorList>{errors}</rs:RegistryErrorList>"


def registry_response(status: str, refusals: Sequence[Refusal] = ()) -> str:
    """A RegistryResponse."""
    return f'<rs:RegistryResponse xmlns:rs="{RS}" status="{status}">{error_list(refusals)}</rs:RegistryResponse>'


def query_response(status: str, objects: Sequence[bytes], refusals: Sequence[Refusal] = ()) -> bytes:
    """An AdhocQueryResponse around registry objects, each an XML document of its own."""
    head = (
        f'<query:AdhocQueryResponse xmlns:query="{QUERY}" xmlns:rs="{RS}" xmlns:rim="{RIM}" status="{status}"'
        f' totalResultCount="{len(objects)}" startIndex="0">{error_list(refusals)}<rim:RegistryObjectList>'
    )
    return head.encode() + b"".join(objects) + b"</rim:RegistryObjectList></query:AdhocQueryResponse>"


def refuse_registry(_message: Message, error: Refusal) -> bytes:
    """The refusal of ITI-41 and ITI-57."""
    return registry_response(FAILURE, [error]).encode()
