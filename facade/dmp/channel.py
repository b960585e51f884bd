"""One exchange with the DMP: VIHF, envelope, HTTPS, answer; with retries for reads and a circuit per service.

What is retried, counted, timed and logged is decided here, once for all transactions. Nothing logged names a patient,
a person, a document or a token.
"""

from __future__ import annotations

import re
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog
from pybreaker import STATE_CLOSED, CircuitBreaker, CircuitBreakerError, CircuitMemoryStorage
from tenacity import Retrying, retry_if_exception, stop_after_attempt, stop_after_delay, wait_random_exponential

from facade.dmp import soap
from facade.dmp.config import SERVICES, DmpConfig
from facade.dmp.http import HttpClient, PlainBody
from facade.dmp.multipart import MultipartBody, Part
from facade.dmp.soap import SoapAnswer
from facade.dmp.vihf import AssertionMaker, Mode
from facade.domain.dmp import DmpSession
from facade.domain.errors import DmpRefused, DmpUnavailable, FacadeError
from facade.domain.turns import Turns

Observer = Callable[[str, float, str], None]
_RETRIED = ("dmp.unreachable", "dmp.connection-lost")
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Transaction:
    """What a transaction is on the wire. ``changes``: never retried, its failure may leave the outcome unknown."""

    name: str
    service: str
    action: str
    changes: bool = False
    mtom: bool = False


class Circuit:
    """Stops asking a service that does not answer. Only DmpUnavailable counts; a refusal is a healthy answer."""

    def __init__(self, service: str, failures: int, seconds: int) -> None:
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
        )

    @contextmanager
    def guard(self) -> Iterator[None]:
        """Run one exchange. Raises DmpUnavailable ``dmp.circuit-open`` at once while the service is left alone.

        ``calling`` and not ``call``: the latter holds a lock while it waits for the network. Of the exchanges that
        come when the pause is over one goes out as a trial, the others wait for what it finds.
        """
        trial = self._breaker.current_state != STATE_CLOSED
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
            service: Circuit(service, config.circuit_failures, config.circuit_seconds) for service in SERVICES
        }

    @contextmanager
    def observed(self, transaction: Transaction) -> Iterator[None]:
        """Time a whole transaction and tell its result to the log and the observer."""
        began = time.perf_counter()
        result = "error"
        try:
            yield
            result = "ok"
        except DmpRefused as error:
            result = error.code
            raise
        except FacadeError as error:
            result = error.problems[0].code
            raise
        finally:
            seconds = time.perf_counter() - began
            _log.info("dmp.transaction", transaction=transaction.name, seconds=round(seconds, 4), result=result)
            if self._observer is not None:
                self._observer(transaction.name, seconds, result)

    def call(
        self, transaction: Transaction, mode: Mode, session: DmpSession, body: str, parts: Sequence[Part] = ()
    ) -> SoapAnswer:
        """Send ``body``, return the answer. Raises DmpRefused for a fault, DmpUnavailable without a usable answer."""
        if transaction.changes:
            return self._exchange(transaction, mode, session, body, parts)
        retrying = Retrying(
            stop=stop_after_attempt(self._config.read_attempts) | stop_after_delay(self._config.retry_seconds),
            wait=wait_random_exponential(multiplier=0.1, max=1.0),
            retry=retry_if_exception(_is_retried),
            reraise=True,
        )
        return retrying(self._exchange, transaction, mode, session, body, parts)

    def _exchange(
        self, transaction: Transaction, mode: Mode, session: DmpSession, body: str, parts: Sequence[Part]
    ) -> SoapAnswer:
        message_id = f"urn:uuid:{uuid.uuid4()}"
        with self._http.place(), self._circuits[transaction.service].guard():
            sent = self._message(transaction, mode, session, body, parts, message_id)
            headers = {"traceparent": session.traceparent} if _TRACEPARENT.fullmatch(session.traceparent) else {}
            url = self._config.url(transaction.service)
            answer = self._http.post(
                url, sent, transaction=transaction.name, changes=transaction.changes, headers=headers
            )
            limits = (self._config.max_answer_bytes, self._config.max_parts)
            # Of a package only the small message is parsed, whatever its documents weigh.
            with self.turns.of_bytes(0 if transaction.mtom else len(answer.body)):
                return soap.read(answer, message_id, changes=transaction.changes, limits=limits)

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
