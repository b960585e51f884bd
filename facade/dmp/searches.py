"""TD3.1: every stored query of ITI-18 that the DMP answers, and what its answers mean.

All go in INDIRECTE_RENFORCEE but the reference search, the only one plain INDIRECTE may make (PDT-INF-526, note 5).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter
from typing import TypeVar

import structlog
from lxml import etree

from facade.dmp import queries, xds
from facade.dmp.channel import Channel, Transaction
from facade.dmp.ebrim_lots import read_associations, read_lots
from facade.dmp.ebrim_read import read_entries, read_references
from facade.dmp.ebrim_shorten import without_signatures
from facade.dmp.errors import RegistryStatus, expect, read_status
from facade.dmp.vihf import Mode
from facade.domain.dmp import Association, DmpSession, DocumentAnswer, DocumentQuery, LotAnswer, LotQuery
from facade.domain.document import DocumentEntry
from facade.domain.errors import DmpRefused, DmpUnavailable

_SEARCH = Transaction("TD3.1", "registry", "urn:ihe:iti:2007:RegistryStoredQuery", shorten=without_signatures)
_RESPONSE = f"{{{xds.QUERY}}}AdhocQueryResponse"
_BATCH = 20  # what the DMP takes in one GetDocumentsAndAssociations
_Answer = TypeVar("_Answer", DocumentAnswer, LotAnswer)
_log = structlog.get_logger(__name__)


class Searches:
    """The searches of the gateway."""

    _channel: Channel

    def find_documents(self, session: DmpSession, query: DocumentQuery) -> DocumentAnswer:
        """TD3.1 FindDocuments, or FindDocumentsByReferenceId where the query has references."""
        return self._documents(session, queries.find_documents(session.patient, query))

    def get_documents(
        self,
        session: DmpSession,
        *,
        logical_ids: Sequence[str] = (),
        unique_ids: Sequence[str] = (),
        entry_uuids: Sequence[str] = (),
    ) -> DocumentAnswer:
        """TD3.1 GetDocuments. By logical id every metadata version comes back.

        Raises ValueError when ids of more than one kind are given: the query takes one. Raises DmpUnavailable
        ``dmp.answer-mismatched`` when a document comes that was not asked for.
        """
        if sum(map(bool, (logical_ids, unique_ids, entry_uuids))) > 1:
            raise ValueError("GetDocuments takes ids of one kind")
        if logical_ids:
            answer = self._documents(session, queries.get_by_logical_id(logical_ids))
            return _asked_for(answer, logical_ids, attrgetter("logical_id"))
        if unique_ids:
            answer = self._documents(session, queries.get_by_unique_id(unique_ids))
            return _asked_for(answer, unique_ids, attrgetter("unique_id"))
        if entry_uuids:
            answer = self._documents(session, queries.get_by_entry_uuid(entry_uuids))
            return _asked_for(answer, entry_uuids, attrgetter("entry_uuid"))
        return DocumentAnswer(())

    def find_reference(self, session: DmpSession, unique_id: str) -> str | None:
        """TD3.1 reference search (ObjectRef). A partial answer without a reference is a refusal, not a "no"."""
        with self._channel.observed(_SEARCH):
            body = queries.get_by_unique_id([unique_id], "ObjectRef")
            answer, status = self._ask(session, body, Mode.INDIRECT)
            found = next(iter(read_references(answer)), None)
            if found is None:
                _complete(status)
            return found

    def find_lots(self, session: DmpSession, query: LotQuery) -> LotAnswer:
        """TD3.1 FindSubmissionSets."""
        return self._lots(session, queries.find_lots(session.patient, query))

    def get_lot(self, session: DmpSession, *, entry_uuid: str = "", unique_id: str = "") -> LotAnswer:
        """TD3.1 GetSubmissionSetAndContents. Raises ValueError unless exactly one id is given."""
        if bool(entry_uuid) == bool(unique_id):
            raise ValueError("GetSubmissionSetAndContents takes one id")
        answer = self._lots(session, queries.get_lot(entry_uuid, unique_id))
        if any((entry_uuid or unique_id) not in (lot.entry_uuid, lot.unique_id) for lot in answer.lots):
            raise DmpUnavailable("dmp.answer-mismatched")
        return answer

    def get_associations(self, session: DmpSession, entry_uuids: Sequence[str]) -> tuple[Association, ...]:
        """TD3.1 GetAssociations. A partial answer is a refusal: there is no telling which association is missing."""
        if not entry_uuids:
            return ()
        with self._channel.observed(_SEARCH):
            answer, status = self._ask(session, queries.get_associations(entry_uuids))
            _complete(status)
            return read_associations(answer)

    def get_documents_and_associations(self, session: DmpSession, entry_uuids: Sequence[str]) -> LotAnswer:
        """TD3.1 GetDocumentsAndAssociations, one query for twenty documents; what several answers repeat comes once."""
        wanted = list(dict.fromkeys(entry_uuids))
        batches = [wanted[start : start + _BATCH] for start in range(0, len(wanted), _BATCH)]
        answers = [self._lots(session, queries.get_documents_and_associations(batch)) for batch in batches]
        entries = {entry.entry_uuid: entry for answer in answers for entry in answer.entries}
        whole = LotAnswer(
            (),
            tuple(entries.values()),
            tuple(dict.fromkeys(link for answer in answers for link in answer.associations)),
            tuple(warning for answer in answers for warning in answer.warnings),
        )
        return _asked_for(whole, wanted, attrgetter("entry_uuid"))

    def _documents(self, session: DmpSession, body: str) -> DocumentAnswer:
        with self._channel.observed(_SEARCH):
            answer, status = self._ask(session, body)
            with self._channel.turns.of_count(len(answer[-1]) if len(answer) else 0):
                entries, warnings = _entries(answer, session)
            return DocumentAnswer(entries, (*status.warnings, *warnings))

    def _lots(self, session: DmpSession, body: str) -> LotAnswer:
        with self._channel.observed(_SEARCH):
            answer, status = self._ask(session, body)
            with self._channel.turns.of_count(len(answer[-1]) if len(answer) else 0):
                entries, warnings = _entries(answer, session)
            lots, unreadable = read_lots(answer, session.patient)
            if unreadable:
                warnings = (*warnings, _warning("dmp.lot-unreadable", f"{unreadable} lots could not be understood"))
            return LotAnswer(tuple(lots), entries, read_associations(answer), (*status.warnings, *warnings))

    def _ask(
        self, session: DmpSession, body: str, mode: Mode = Mode.REINFORCED
    ) -> tuple[etree._Element, RegistryStatus]:
        answer = expect(self._channel.call(_SEARCH, mode, session, body).body, _RESPONSE)
        return answer, read_status(answer, changes=False)


def _entries(answer: etree._Element, session: DmpSession) -> tuple[tuple[DocumentEntry, ...], tuple[DmpRefused, ...]]:
    """The entries of an answer, those of another INS of the record too (EX_3.1-1055); a warning when some are lost."""
    entries, unreadable = read_entries(answer, session.patient)
    others = sum(entry.patient != session.patient for entry in entries)
    if others:
        _log.info("dmp.entries-of-another-ins", entries=others)
    if not unreadable:
        return tuple(entries), ()
    text = f"{unreadable} document entries could not be understood"
    return tuple(entries), (_warning("dmp.entry-unreadable", text),)


def _asked_for(answer: _Answer, wanted: Iterable[str], key: Callable[[DocumentEntry], str]) -> _Answer:
    """The answer, when it has no document but those asked for by these ids."""
    if {key(entry).lower() for entry in answer.entries} - {each.lower() for each in wanted}:
        raise DmpUnavailable("dmp.answer-mismatched")
    return answer


def _warning(code: str, text: str) -> DmpRefused:
    return DmpRefused(code, text, "registry", severity="warning")


def _complete(status: RegistryStatus) -> None:
    """Refuse an answer that says of itself that something is missing, where it could not be told apart from all."""
    if status.partial:
        raise status.warnings[0] if status.warnings else DmpRefused("XDSRegistryError", "", "registry")
