"""What every transaction of the embedded DMP is given, and what it gives back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import sqlalchemy as sa

from facade.embedded import store
from facade.embedded.ebrim import Refusal
from facade.embedded.rights import Access, Rights
from facade.embedded.signature import Trust
from facade.embedded.soap import Message
from facade.embedded.store import Store
from facade.embedded.strictxml import RS, attr
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
        return Access(self.rights, user, record, store.authorisation(db, user.ins, user.name_id))


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


Run = Callable[[Dmp, User, Message, Trail], Answer]
Refuse = Callable[[Message, Refusal], bytes]


@dataclass(frozen=True, slots=True)
class Operation:
    """One SOAP operation: its transaction, the action of its answer, how it runs, how it refuses."""

    transaction: str
    response_action: str
    run: Run
    refuse: Refuse


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


def refuse_registry(_message: Message, error: Refusal) -> bytes:
    """The refusal of ITI-41 and ITI-57."""
    return registry_response(FAILURE, [error]).encode()
