"""Several documents read or retrieved by one request: one TD0.2, one TD3.1 and one TD3.2 for each patient.

Each of them is an act of its own, judged and traced as if it had been asked for alone (EXI 18), and answered as then:
what the caller may not see and what does not exist are the same. Source: PDSm4DMP, grouped retrieve; ITI TF-2 3.43.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from facade.domain.access import Act
from facade.domain.dmp import DocumentAnswer, Retrieved
from facade.domain.document import DocumentEntry
from facade.domain.errors import DmpRefused, DmpUnavailable, FacadeError
from facade.domain.ins import INS
from facade.observability.acts import measured
from facade.transactions import render
from facade.transactions.actor import Actor
from facade.transactions.case import Asked, Case
from facade.transactions.read_document import Forms, Read, Unchanged, forms_of, judged, open_id
from facade.transactions.services import Services


@dataclass(frozen=True, slots=True)
class Wanted:
    """One document asked for: its bytes, or its metadata alone. ``reader_has`` as in ``retrieve_document``."""

    id: str
    content: bool
    reader_has: Callable[[str], bool]


Answer = Forms | Read | Unchanged | FacadeError


@measured("read-batch")
def read_batch(services: Services, actor: Actor, wanted: Sequence[Wanted]) -> list[Answer]:
    """The answer to each of them, in their order: one that fails does not touch the others."""
    return _Batch(services, actor, wanted).answers()


@dataclass(frozen=True, slots=True)
class _Open:
    """A document that its reader may have; its act ends, and is traced, when its bytes are there or cannot be."""

    position: int
    case: Case
    entry: DocumentEntry
    act: ExitStack


class _Batch:
    def __init__(self, services: Services, actor: Actor, wanted: Sequence[Wanted]) -> None:
        self.services = services
        self.actor = actor
        self.wanted = wanted
        self.found: list[Answer | None] = [None] * len(wanted)
        self.open: dict[INS, list[_Open]] = defaultdict(list)
        self.asked: dict[INS, Asked[DocumentAnswer] | FacadeError] = {}

    def answers(self) -> list[Answer]:
        names = self._names()
        with ExitStack() as acts:
            for position, (patient, logical_id) in names.items():
                same = [other for whose, other in names.values() if whose == patient]
                self._judge(position, patient, logical_id, same, acts)
            for held in self.open.values():
                self._retrieve(held)
        return [answer for answer in self.found if answer is not None]

    def _names(self) -> dict[int, tuple[INS, str]]:
        """What each sealed id stands for, by position; one nobody sealed here is answered at once."""
        names = {}
        for position, one in enumerate(self.wanted):
            try:
                names[position] = open_id(self.services, one.id)
            except FacadeError as error:
                self.found[position] = error
        return names

    def _judge(self, position: int, patient: INS, logical_id: str, same: Sequence[str], acts: ExitStack) -> None:
        one = self.wanted[position]
        act, transaction = (Act.RETRIEVE, "TD3.2") if one.content else (Act.READ, "TD3.1")
        try:
            with ExitStack() as stack:
                case = stack.enter_context(Case(self.services, self.actor, act, patient, transaction))
                dossier, answer = case.opened(self._ask(case, same))
                entry = judged(case, dossier, answer, logical_id)
                if one.reader_has(entry.version_id):
                    self.found[position] = Unchanged(entry.version_id)
                elif one.content:
                    held = stack.pop_all()
                    acts.push(held)
                    self.open[patient].append(_Open(position, case, entry, held))
                else:
                    self.found[position] = Read(render.document(self.services, patient, entry), entry.version_id)
        except FacadeError as error:
            self.found[position] = error

    def _ask(self, case: Case, logical_ids: Sequence[str]) -> Asked[DocumentAnswer]:
        """What the DMP says of this record: asked for the first document, remembered for the others."""
        known = self.asked.get(case.patient)
        if known is None:
            names = list(dict.fromkeys(logical_ids))
            try:
                known = case.send(lambda session: self.services.gateway.get_documents(session, logical_ids=names))
            except FacadeError as error:
                known = error
            self.asked[case.patient] = known
        else:
            case.precheck()
        if isinstance(known, FacadeError):
            raise known
        return known

    def _retrieve(self, held: Sequence[_Open]) -> None:
        """Retrieve the documents of one record and end the act of each."""
        retrieved = _retrieved(held[0].case, [one.entry for one in held])
        for one, answer in zip(held, retrieved, strict=True):
            try:
                with one.act:
                    if isinstance(answer, FacadeError):
                        raise answer
                    self.found[one.position] = forms_of(self.services, answer)
            except FacadeError as error:
                self.found[one.position] = error


def _retrieved(case: Case, entries: Sequence[DocumentEntry]) -> list[Retrieved | FacadeError]:
    """Each document or why it is not given. One the DMP does not give, or gives wrongly, costs the others nothing."""
    gateway = case.services.gateway
    try:
        return list(gateway.retrieve(case.session, entries))
    except (DmpRefused, DmpUnavailable) as error:
        if len(entries) == 1 or not _about_one(error):
            return [error] * len(entries)
    return [each for entry in entries for each in _retrieved(case, [entry])]


def _about_one(error: FacadeError) -> bool:
    return isinstance(error, DmpRefused) or error.problems[0].code == "dmp.document-mismatched"
