"""One act of one caller on one record: judged, done, traced, in this order.

Every transaction opens a Case. Its answer can leave only after the Case is closed, and closing it writes the trace:
if the trace cannot be written the answer is not given (référentiel EXI 18). What changes something is kept as an
intent before it is done: the session it takes is given by ``changing`` alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from types import TracebackType
from typing import Generic, TypeVar

from facade.domain.access import Act, Context, Decision, Effect, Oppositions, Preloading
from facade.domain.dmp import ChangeSession, DmpSession, DocumentAnswer, LotAnswer
from facade.domain.document import DocumentEntry
from facade.domain.dossier import Dossier
from facade.domain.errors import DmpRefused, FacadeError, NotFound, Refused
from facade.domain.ins import INS
from facade.domain.mail import MailTrouble
from facade.observability import metrics
from facade.observability.logs import log_emergency
from facade.policy import access
from facade.policy.vocabulary import Scope
from facade.records.traces import UNKNOWN, Trace
from facade.transactions.actor import Actor
from facade.transactions.intention import Intention
from facade.transactions.judged import Judged, Judgements
from facade.transactions.preload_removal import forget_if_closed
from facade.transactions.same_record import of_the_holder
from facade.transactions.services import Services
from facade.transactions.tracing import trace_of, write_traces

Answer = TypeVar("Answer", DocumentAnswer, LotAnswer)
# Half of it would let a reason expire and serve again the same evening, a week would refuse a real relapse.
_SAME_EMERGENCY = timedelta(days=1)
_NOT_JUDGED = Decision(Effect.DENY, "not-judged", "")
_REPLAYED = Decision(Effect.PERMIT, "publication.replayed", "EXI 05")


@dataclass(frozen=True, slots=True)
class Asked(Generic[Answer]):
    """What the DMP said about a record and its documents; ``failure`` where it gave no documents."""

    dossier: Dossier
    answer: Answer | None
    failure: FacadeError | None


class Case:
    """A context manager around one act. ``transaction`` is the DMP's name of it (``TD3.1``), for the trace.

    A lot or a patch may hold several acts, on several documents: each of them leaves a trace of its own.
    """

    def __init__(self, services: Services, actor: Actor, act: Act, patient: INS, transaction: str) -> None:
        self.services = services
        self.actor = actor
        self.act = act
        self.patient = patient
        self.transaction = transaction
        self.now = services.clock()
        self.caller = actor.caller.toward(patient)
        self.hidden = False
        # The mailboxes each act of sending writes to, for its trace and for nothing else.
        self.recipients: dict[Act, str] = {}
        self._judged = Judgements()
        self._intention = Intention(services)
        self._context: Context | None = None
        self._transactions: dict[Act, str] = {}

    def __enter__(self) -> Case:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        outcome, code = _outcome(error, hidden=self.hidden)
        if not self._judged:
            self._note(self.act, _NOT_JUDGED)
        traces = (self._trace(judged, *(judged.ended or (outcome, code))) for judged in self._judged)
        write_traces(self.services, *traces, closes=self._intention.id)
        new_emergency = self._context is not None and self._context.emergency_opened is None
        if outcome == "success" and self.actor.purpose.is_emergency and new_emergency:
            metrics.observe_emergency(self.actor.purpose.value)
            log_emergency(self.actor.purpose.value)

    @property
    def session(self) -> DmpSession:
        """What a VIHF of this act is made for."""
        actor = self.actor
        return DmpSession(self.caller, self.patient, actor.purpose, actor.secret)

    @property
    def context(self) -> Context:
        """What the decision depends on besides the caller and the record; the oppositions are read once."""
        if self._context is None:
            self._context = Context(
                purpose=self.actor.purpose,
                now=self.now,
                reason=self.actor.reason,
                secret=self.actor.secret,
                on_behalf_of_holder=self.actor.on_behalf_of_holder,
                oppositions=self._oppositions(),
                emergency_opened=self._emergency_opened(),
                suspended=self.services.suspensions.hold(self.caller.id, self.caller.structure.id),
            )
        return self._context

    def preloads(self, asked: Preloading) -> None:
        """State what a preload is judged by, before it is judged."""
        self._context = replace(self.context, preloading=asked)

    def precheck(self) -> None:
        """Refuse what no answer of the DMP could allow, before the DMP is asked. Raises Refused."""
        services = self.services
        decision = access.precheck(services.access, self.caller, self.act, self.context, self.patient, services.policy)
        if decision is not None:
            self._note(self.act, decision)
            raise Refused(decision)

    def require(
        self,
        dossier: Dossier,
        document: DocumentEntry | None = None,
        act: Act | None = None,
        *,
        about: DocumentEntry | None = None,
    ) -> Decision:
        """Judge the act on the record, or on one document of it; its trace is ``about`` another where that is given.

        Raises NotFound when the document must not exist for this caller, Refused for every other denial.
        """
        forget_if_closed(self.services, self.caller, self.patient, dossier, self.context)
        return self._permitted(self._decide(dossier, document, act or self.act, about or document))

    def _permitted(self, decision: Decision) -> Decision:
        if decision.permits:
            return decision
        if self.services.access.scope(decision.rule) is Scope.DOCUMENT:
            self.hidden = True
            raise NotFound.of("document.unknown")
        raise Refused(decision)

    def require_new(self, dossier: Dossier, document: DocumentEntry, act: Act) -> Decision:
        """Judge the sending of a document this caller publishes, or published here. Raises NotFound or Refused."""
        services = self.services
        decision = access.decide_new(
            services.access, self.caller, act, dossier, document, self.context, self.patient, services.policy
        )
        self._note(act, decision, document)
        return self._permitted(decision)

    def reaches(self, dossier: Dossier, document: DocumentEntry) -> Decision:
        """Judge the act on a document it reaches besides the one asked for. No trace yet: see ``reached``."""
        services = self.services
        return access.decide(
            services.access, self.caller, self.act, dossier, document, self.context, self.patient, services.policy
        )

    def reached(self, decision: Decision, document: DocumentEntry, failure: FacadeError | None = None) -> None:
        """Note that the act was done on such a document, or failed there: it leaves a trace of its own."""
        ended = _outcome(failure, hidden=False) if failure else None
        self._judged.note(replace(self._judgement(self.act, decision, document), ended=ended))

    def changing(self) -> ChangeSession:
        """The session to change the DMP with: what was permitted is kept as an intent first, see ``intend``."""
        self.intend()
        actor = self.actor
        return ChangeSession(self.caller, self.patient, actor.purpose, actor.secret, intent=self._intention.id)

    def intend(self, *reached: tuple[Decision, DocumentEntry]) -> None:
        """Keep what was permitted, here and on documents ``reached``, so that it leaves a trace should we die doing it.

        Raises FacadeError ``trace.intent-unavailable``.
        """
        judged = (*self._judged, *(self._judgement(self.act, *each) for each in reached))
        self._intention.declare([self._trace(one, UNKNOWN, "") for one in judged if one.decision.permits])

    def explain(self, dossier: Dossier, document: DocumentEntry | None, act: Act) -> Decision:
        """What would be decided on another act, which is not done and so leaves no trace. Raises NotFound."""
        services = self.services
        told = (self.context, self.patient, services.policy)
        decision = access.precheck(services.access, self.caller, act, *told) or access.decide(
            services.access, self.caller, act, dossier, document, *told
        )
        if not decision.permits and services.access.scope(decision.rule) is Scope.DOCUMENT:
            self.hidden = True
            raise NotFound.of("document.unknown")
        return decision

    def visible(self, dossier: Dossier, documents: Iterable[DocumentEntry]) -> list[DocumentEntry]:
        """Only the documents this caller may see. Everything that leaves the house has passed here."""
        services = self.services
        permitted = access.visible(
            services.access,
            self.caller,
            dossier,
            list(documents),
            self.context,
            self.patient,
            services.policy,
            self.act,
        )
        return [document for document, _ in permitted]

    def sees(self, dossier: Dossier, document: DocumentEntry) -> bool:
        """Whether this caller may read one document, without judging the act again."""
        services = self.services
        found = access.visible(
            services.access, self.caller, dossier, [document], self.context, self.patient, services.policy, Act.READ
        )
        return bool(found)

    def ask(
        self, question: Callable[[DmpSession], Answer], *, refused: Callable[[DmpRefused], Answer] | None = None
    ) -> tuple[Dossier, Answer]:
        """Send TD0.2 and a TD3.1 at the same time; judge the record before anything of the answer is looked at.

        What an answer holds of another person is left out of it.

        ``refused`` makes an answer of the DMP's refusal to give one; without it that is the end of the act.
        """
        return self.opened(self.send(question), refused=refused)

    def send(self, question: Callable[[DmpSession], Answer]) -> Asked[Answer]:
        """The first half of ``ask``: what came back, unjudged. Several acts on one record may share it."""
        self.precheck()
        pending = self.services.parallel.submit(self.services.gateway.check_access, self.session)
        answer, failure = None, None
        try:
            answer = question(self.session)
        except FacadeError as error:
            failure = error
        return Asked(pending.result(), answer, failure)

    def opened(
        self, asked: Asked[Answer], *, refused: Callable[[DmpRefused], Answer] | None = None
    ) -> tuple[Dossier, Answer]:
        """The second half of ``ask``: the record is judged, then its answer is given, or why there is none."""
        self.require(asked.dossier)
        if asked.answer is not None:
            return asked.dossier, of_the_holder(asked.dossier, self.patient, asked.answer)
        if refused is not None and isinstance(asked.failure, DmpRefused):
            return asked.dossier, refused(asked.failure)
        raise asked.failure or NotFound.of("document.unknown")

    def becomes(self, *acts: tuple[Act, str]) -> None:
        """Replace the act the Case was opened with by what the request turned out to be: acts and transactions."""
        self._judged.clear()
        self.act, self.transaction = acts[0]
        self._transactions = dict(acts)

    def replayed(self, documents: Iterable[DocumentEntry]) -> None:
        """Note that the answer is that of an earlier request of this caller: nothing was done to these drafts now."""
        self._judged.clear()
        for document in documents:
            self._note(self.act, _REPLAYED, document)

    def known_as(self, documents: Iterable[DocumentEntry]) -> None:
        """Note under which logical ids the DMP has the documents that were judged before they were sent."""
        self._judged.known_as(documents)

    def _decide(
        self, dossier: Dossier, document: DocumentEntry | None, act: Act, about: DocumentEntry | None
    ) -> Decision:
        services = self.services
        decision = access.decide(
            services.access, self.caller, act, dossier, document, self.context, self.patient, services.policy
        )
        self._note(act, decision, about)
        return decision

    def _note(self, act: Act, decision: Decision, document: DocumentEntry | None = None) -> None:
        """Keep a judgement for its trace."""
        self._judged.note(self._judgement(act, decision, document))

    def _judgement(self, act: Act, decision: Decision, document: DocumentEntry | None) -> Judged:
        return Judged(act, decision, document, self._transactions.get(act, self.transaction))

    def _oppositions(self) -> Oppositions:
        return self.services.consents.oppositions(self.patient, self.caller.structure.id, self.caller.id)

    def _emergency_opened(self) -> datetime | None:
        """When this person first stated this reason for this record; the same words serve again after a day."""
        actor = self.actor
        if not actor.purpose.is_emergency:
            return None
        since = self.now - _SAME_EMERGENCY
        return self.services.traces.emergency_opened(
            self.caller.id, self.patient, actor.purpose.value, actor.reason, since, self.now
        )

    def _trace(self, judged: Judged, outcome: str, code: str) -> Trace:
        actor, act, document = self.actor, judged.act, judged.document
        return replace(
            trace_of(self.caller, act.value, judged.decision, self.now),
            outcome=outcome,
            outcome_code=code,
            patient=self.patient,
            document=judged.logical_id,
            document_unique_id=document.unique_id if document else "",
            transaction=judged.transaction,
            purpose=actor.purpose.value,
            # What is said beside a statement of the patient could be its reason, which is kept nowhere (EXI 02).
            reason="" if act is Act.RECORD_CONSENT else actor.reason,
            correlation_id=actor.correlation_id,
            secret=actor.secret,
            on_behalf=actor.on_behalf_of_holder,
            recipients=self.recipients.get(act, ""),
        )


def _outcome(error: BaseException | None, *, hidden: bool) -> tuple[str, str]:
    if error is None:
        return "success", ""
    if isinstance(error, Refused) or hidden:
        return "refused", ""
    if isinstance(error, MailTrouble):
        return "error", error.reason
    if isinstance(error, FacadeError):
        return "error", error.problems[0].code
    return "error", "server.unexpected"
