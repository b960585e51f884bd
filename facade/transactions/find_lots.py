"""ITI-66: the lots (submission sets) of one record, and one of them. TD0.2 and TD3.1 go out at the same time.

Source: ITI TF-2 3.66, PDSm flux 5a; ITI TF-2 3.18 FindSubmissionSets, GetSubmissionSetAndContents. A lot is what its
documents are: it shows those this caller may see, and where there is none it does not exist, nor its title, comments,
author or date. The lots by which metadata were changed (ITI-57) are no publications and are shown to nobody: they
would tell who masked what, and when.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from facade.domain.access import Act
from facade.domain.dmp import DmpSession, LotAnswer
from facade.domain.document import SubmissionSet
from facade.domain.dossier import Dossier
from facade.domain.errors import DmpRefused, NotFound
from facade.domain.ins import INS
from facade.observability.acts import measured
from facade.transactions import lots
from facade.transactions.actor import Actor
from facade.transactions.case import Case
from facade.transactions.find_documents import Found, Page
from facade.transactions.lots import Contents
from facade.transactions.services import Services
from facade.transactions.versions import NOTHING, as_they_are
from facade.translation.list_out import submission_list
from facade.translation.lot_search import LotRequest


@measured("find-lots")
def find_lots(services: Services, actor: Actor, search: LotRequest, page: Page) -> Found:
    """Search, mask, count, cut the page and write it. Raises Refused, DmpRefused, DmpUnavailable."""
    with Case(services, actor, Act.SEARCH, search.patient, "TD3.1") as case:
        entry_uuids = _entry_uuids(services, search)
        dossier, answer = case.ask(lambda session: _question(services, session, search, entry_uuids))
        if search.empty:
            return Found(search.patient, 0, [], ())
        found = [each for each in answer.lots if search.matches(each) and _named(search, each, entry_uuids)]
        contents = _contents(case, answer, found, whole=_one_is_named(search))
        documents, doubts = _documents(case, dossier, contents)
        ordered = search.ordered(lot for lot in found if documents[lot.entry_uuid])
        on_page = ordered[page.offset : page.offset + page.count] if search.summary != "count" else ()
        resources = [_resource(services, search.patient, lot, documents[lot.entry_uuid]) for lot in on_page]
        return Found(search.patient, len(ordered), resources, (*answer.warnings, *contents.warnings, *doubts))


@measured("read-lot")
def read_lot(services: Services, actor: Actor, sealed: str) -> dict[str, Any]:
    """One lot. Raises NotFound, also where none of its documents may be seen, Refused, DmpRefused, DmpUnavailable."""
    opened = services.ids.open_lot(sealed)
    if opened is None:
        raise NotFound.of("lot.unknown")
    patient, entry_uuid = opened
    with Case(services, actor, Act.READ, patient, "TD3.1") as case:
        dossier, answer = case.ask(lambda session: services.gateway.get_lot(session, entry_uuid=entry_uuid))
        found = [lot for lot in answer.lots if lot.entry_uuid == entry_uuid]
        documents, _ = _documents(case, dossier, _contents(case, answer, found, whole=True))
        if not found or not documents[entry_uuid]:
            raise NotFound.of("lot.unknown")
        return _resource(services, patient, found[0], documents[entry_uuid])


def _question(services: Services, session: DmpSession, search: LotRequest, entry_uuids: frozenset[str]) -> LotAnswer:
    """A lot that is named alone is asked for with its contents, others by what is asked of them."""
    if search.empty:
        return LotAnswer(())
    if _one_is_named(search):
        if search.ids:
            return services.gateway.get_lot(session, entry_uuid=next(iter(entry_uuids or NOTHING)))
        return services.gateway.get_lot(session, unique_id=search.unique_ids[0])
    return services.gateway.find_lots(session, search.query)


def _one_is_named(search: LotRequest) -> bool:
    if search.ids:
        return len(search.ids) == 1
    return len(search.unique_ids) == 1 and not search.uuids


def _entry_uuids(services: Services, search: LotRequest) -> frozenset[str]:
    opened = [services.ids.open_lot(sealed) for sealed in search.ids]
    return frozenset(found[1] for found in opened if found is not None and found[0] == search.patient)


def _named(search: LotRequest, lot: SubmissionSet, entry_uuids: frozenset[str]) -> bool:
    return not search.ids or lot.entry_uuid in entry_uuids


def _contents(case: Case, answer: LotAnswer, found: Iterable[SubmissionSet], *, whole: bool) -> Contents:
    """What these lots hold; ``whole``: the answer that brought them says it."""
    wanted = [lot.entry_uuid for lot in found]
    if whole:
        return Contents(lots.members(answer.associations, wanted), answer.entries)
    return lots.contents_of(case, wanted)


def _documents(
    case: Case, dossier: Dossier, contents: Contents
) -> tuple[dict[str, tuple[str, ...]], tuple[DmpRefused, ...]]:
    """Of each lot the logical ids of the documents it brought and this caller may see; what the DMP left out."""
    first = {entry.entry_uuid: entry for entry in contents.entries if lots.submitted(entry)}
    now, warnings = as_they_are(case.services.gateway, case.session, first.values(), always=True)
    visible = {entry.logical_id for entry in case.visible(dossier, now.values())}
    documents = {uuid: entry.logical_id for uuid, entry in first.items() if entry.logical_id in visible}
    shown = {
        lot: tuple(dict.fromkeys(documents[target] for target in targets if target in documents))
        for lot, targets in contents.members.items()
    }
    return shown, warnings


def _resource(services: Services, patient: INS, lot: SubmissionSet, documents: Iterable[str]) -> dict[str, Any]:
    return submission_list(
        lot,
        id=services.ids.seal_lot(patient, lot.entry_uuid),
        patient_id=services.ids.seal_patient(patient),
        tables=services.codes,
        documents=[services.ids.seal_document(patient, document) for document in documents],
    )
