"""One exchange with the DMP: VIHF, envelope, HTTPS, answer; with retries for reads and a circuit per service.

What is retried, counted and timed is decided here, once for all transactions; an observer is told.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from pybreaker import (
    STATE_CLOSED,
    CircuitBreaker,
    CircuitBreakerError,
    CircuitBreakerListener,
    CircuitMemoryStorage,
)
from tenacity import Retrying, retry_if_exception, stop_after_attempt, stop_after_delay, wait_random_exponential

from facade.dmp import soap
from facade.dmp.config import SERVICES, DmpConfig
from facade.dmp.http import HttpClient, PlainBody
from facade.dmp.multipart import MultipartBody, Part
from facade.dmp.soap import SoapAnswer
from facade.dmp.vihf import AssertionMaker, Mode
from facade.domain.content import Buffer
from facade.domain.dmp import ChangeSession, DmpSession
from facade.domain.errors import DmpRefused, DmpUnavailable, FacadeError
from facade.domain.turns import Turns

_RETRIED = ("dmp.unreachable", "dmp.connection-lost")
# The wsa:MessageID last sent in the transaction of this thread.
_message_id: ContextVar[str] = ContextVar("dmp_facade_message_id", default="")


class Observer(Protocol):
    """Whoever is told of exchanges with the DMP.

    Nothing it is told names a patient, a person, a document or a token, but ``result`` may be a code the DMP made up.
    """

    def transaction(self, name: str) -> AbstractContextManager[None]:
        """Entered around each transaction."""

    def ended(self, name: str, seconds: float, result: str, message_id: str) -> None:
        """A transaction is over: ``ok`` or an error code; the wsa:MessageID last sent, empty if none was."""

    def headers(self) -> Mapping[str, str]:
        """HTTP headers of a message: the trace it belongs to."""

    def circuit(self, service: str, *, is_open: bool) -> None:
        """A service is left alone from now on, or is asked again."""

    def exchange(self) -> AbstractContextManager[None]:
        """Entered around each exchange: a transaction that is repeated has several."""


@dataclass(frozen=True, slots=True)
class Transaction:
    """What a transaction is on the wire. ``changes``: never retried, its failure may leave the outcome unknown.

    ``shorten`` is done to the bytes of an answer before they are parsed.
    """

    name: str
    service: str
    action: str
    changes: bool = False
    mtom: bool = False
    shorten: Callable[[Buffer], Buffer] | None = None


class Circuit:
    """Stops asking a service that does not answer. Only DmpUnavailable counts; a refusal is a healthy answer."""

    def __init__(self, service: str, failures: int, seconds: int, observer: Observer | None = None) -> None:
        self._storage = CircuitMemoryStorage(STATE_CLOSED)
        self._seconds = seconds
        self._trial = threading.Lock()
        self._breaker = CircuitBreaker(
            fail_max=failures,
            reset_timeout=seconds,
            exclude=[lambda error: not isinstance(error, DmpUnavailable)],
            state_storage=self._storage,
            name=service,
            throw_new_error_on_trip=False,
            listeners=[_Told(observer, service)] if observer else [],
        )

    @property
    def is_open(self) -> bool:
        """Whether the service is left alone now."""
        return bool(self._breaker.current_state != STATE_CLOSED)

    @contextmanager
    def guard(self) -> Iterator[None]:
        """Run one exchange. Raises DmpUnavailable ``dmp.circuit-open`` at once while the service is left alone.

        ``calling`` and not ``call``: the latter holds a lock while it waits for the network. Of the exchanges that
        come when the pause is over one goes out as a trial, the others wait for what it finds.
        """
        trial = self.is_open
        if trial and not self._trial.acquire(blocking=False):
            raise self._left_alone()
        try:
            with self._breaker.calling():
                yield
        except CircuitBreakerError as error:
            raise self._left_alone() from error
        finally:
            if trial:
                self._trial.release()

    def _left_alone(self) -> DmpUnavailable:
        opened = self._storage.opened_at
        left = opened + timedelta(seconds=self._seconds) - datetime.now(UTC) if opened else timedelta()
        return DmpUnavailable("dmp.circuit-open", retry_after=max(1, int(left.total_seconds()) + 1))


class _Told(CircuitBreakerListener):
    def __init__(self, observer: Observer, service: str) -> None:
        self._observer = observer
        self._service = service

    def state_change(self, cb: CircuitBreaker, old_state: object, new_state: object) -> None:
        """A circuit that lets a trial through is open until it went well."""
        del cb, old_state
        self._observer.circuit(self._service, is_open=getattr(new_state, "name", "") != STATE_CLOSED)


class Channel:
    """Exchanges with the services of one DMP, safe to use from many threads."""

    def __init__(
        self,
        config: DmpConfig,
        http: HttpClient,
        assertions: AssertionMaker,
        observer: Observer | None,
        turns: Turns,
    ) -> None:
        self._config = config
        self._http = http
        self._assertions = assertions
        self._observer = observer
        self.turns = turns
        self._circuits = {
            service: Circuit(service, config.circuit_failures, config.circuit_seconds, observer) for service in SERVICES
        }

    def open_circuits(self) -> list[str]:
        """The services that are left alone now."""
        return [service for service, circuit in self._circuits.items() if circuit.is_open]

    @contextmanager
    def observed(self, transaction: Transaction) -> Iterator[None]:
        """Time a whole transaction and tell its result to the observer."""
        if self._observer is None:
            yield
            return
        _message_id.set("")
        began = time.perf_counter()
        result = "error"
        try:
            with self._observer.transaction(transaction.name):
                yield
            result = "ok"
        except DmpRefused as error:
            result = error.code
            raise
        except FacadeError as error:
            result = error.problems[0].code
            raise
        finally:
            self._observer.ended(transaction.name, time.perf_counter() - began, result, _message_id.get())

    def call(
        self, transaction: Transaction, mode: Mode, session: DmpSession, body: str, parts: Sequence[Part] = ()
    ) -> SoapAnswer:
        """Send ``body``, return the answer. Raises DmpRefused for a fault, DmpUnavailable without a usable answer.

        Raises TypeError for a change in a session that is not a ChangeSession: it would leave no trace if we died now.
        """
        if transaction.changes:
            if not isinstance(session, ChangeSession):
                raise TypeError(f"{transaction.name} changes the DMP: its intent is declared first")
            return self._exchange(transaction, mode, session, body, parts)
        began = time.monotonic()
        try:
            return self._exchange(transaction, mode, session, body, parts)
        except DmpUnavailable as error:
            if not _is_retried(error):
                raise
            first: list[DmpUnavailable] = [error]

        def attempt() -> SoapAnswer:
            # The first was made already: preparing for a second costs more than most exchanges need.
            if first:
                raise first.pop()
            return self._exchange(transaction, mode, session, body, parts)

        left = self._config.retry_seconds - (time.monotonic() - began)
        retrying = Retrying(
            stop=stop_after_attempt(self._config.read_attempts) | stop_after_delay(left),
            wait=wait_random_exponential(multiplier=0.1, max=1.0),
            retry=retry_if_exception(_is_retried),
            reraise=True,
        )
        return retrying(attempt)

    def _exchange(
        self, transaction: Transaction, mode: Mode, session: DmpSession, body: str, parts: Sequence[Part]
    ) -> SoapAnswer:
        with self._http.place(), self._circuits[transaction.service].guard():
            if self._observer is None:
                return self._sent(transaction, mode, session, body, parts, {})
            with self._observer.exchange():
                return self._sent(transaction, mode, session, body, parts, self._observer.headers())

    def _sent(
        self,
        transaction: Transaction,
        mode: Mode,
        session: DmpSession,
        body: str,
        parts: Sequence[Part],
        headers: Mapping[str, str],
    ) -> SoapAnswer:
        message_id = f"urn:uuid:{uuid.uuid4()}"
        _message_id.set(message_id)
        sent = self._message(transaction, mode, session, body, parts, message_id)
        url = self._config.url(transaction.service)
        answer = self._http.post(url, sent, transaction=transaction.name, changes=transaction.changes, headers=headers)
        limits = (self._config.max_answer_bytes, self._config.max_parts)
        # Of a package only the small message is parsed, whatever its documents weigh.
        with self.turns.of_bytes(0 if transaction.mtom else len(answer.body)):
            return soap.read(
                answer, message_id, changes=transaction.changes, limits=limits, shorten=transaction.shorten
            )

    def _message(
        self,
        transaction: Transaction,
        mode: Mode,
        session: DmpSession,
        body: str,
        parts: Sequence[Part],
        message_id: str,
    ) -> MultipartBody | PlainBody:
        action = self._config.actions.get(transaction.name, transaction.action)
        message = soap.envelope(
            action=action,
            to=self._config.url(transaction.service),
            message_id=message_id,
            assertion=self._assertions.assertion(session, mode, fresh=transaction.changes),
            body=body,
        )
        return MultipartBody(message, parts, action=action) if transaction.mtom else PlainBody(message, action=action)


def _is_retried(error: BaseException) -> bool:
    return isinstance(error, DmpUnavailable) and error.problems[0].code in _RETRIED
