"""The key ring of one issuer: fetched when first needed, kept, and fetched again only when there is a reason to.

Never per request: an unknown kid makes at most one fetch per interval, whoever asks and however often. Keys grow old
and are then renewed in the background; a server that is down does not take away the keys already known, for a day.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path

import requests
from jose.backends.base import Key

from facade.domain.errors import FacadeError, Problem, Unauthenticated
from facade.identity.config import IssuerConfig, require_safe_url
from facade.identity.keys import KeyName, signing_keys
from facade.observability import metrics

_MAX_DOCUMENT = 256 * 1024
_TIMEOUT = (3.05, 5.0)
_WHOLE_ANSWER = 10.0
_RETRY_AFTER_FAILURE = 5.0
_KEEP_AT_MOST = 86_400.0
_PATIENCE = 15.0
_WAITING_AT_MOST = 8


class KeyRing:
    """Thread-safe. ``clock`` is monotonic, in seconds."""

    def __init__(
        self,
        issuer: IssuerConfig,
        *,
        refresh_interval: float,
        max_age: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._issuer = issuer
        self._interval = refresh_interval
        self._max_age = max_age
        self._clock = clock
        self._turn = threading.Lock()
        self._queue = threading.BoundedSemaphore(_WAITING_AT_MOST)
        self._keys: dict[KeyName, Key] = {}
        self._fetched_at: float | None = None
        self._next_attempt = 0.0
        self._last_failed = False
        self._renewing = False

    def key(self, kid: str | None, algorithm: str) -> Key:
        """The key a token names; one that names none gets the only key there is for its algorithm.

        Raises Unauthenticated ``token.unknown-key``, or FacadeError ``identity.keys-unavailable`` (503) when the
        issuer cannot be asked, or is being asked for many others already.
        """
        found = self._find(kid, algorithm)
        if found is None:
            self._refresh_for_one()
            found = self._find(kid, algorithm)
        elif self._age() > self._max_age:
            self.renew_in_background()
        if found is not None:
            return found
        if self._last_failed:
            raise self._unavailable()
        raise Unauthenticated.of("token.unknown-key")

    @property
    def is_missing(self) -> bool:
        """No key is known and the issuer could not be asked: none of its tokens can be verified now."""
        return self._last_failed and not self._keys

    def renew_in_background(self) -> None:
        """Fetch the keys on a thread of its own, unless that is already being done or was just done."""
        if self._renewing or self._clock() < self._next_attempt:
            return
        self._renewing = True
        threading.Thread(target=self._renew, name="jwks", daemon=True).start()

    def _renew(self) -> None:
        try:
            self._refresh()
        finally:
            self._renewing = False

    def _find(self, kid: str | None, algorithm: str) -> Key | None:
        keys = self._keys if self._age() <= max(_KEEP_AT_MOST, self._max_age) else {}
        if kid is not None:
            return keys.get((kid, algorithm))
        candidates = [key for (_, name), key in keys.items() if name == algorithm]
        return candidates[0] if len(candidates) == 1 else None

    def _age(self) -> float:
        return float("inf") if self._fetched_at is None else self._clock() - self._fetched_at

    def _refresh_for_one(self) -> None:
        """Where keys are known, few wait for newer ones: tokens anybody made up must not hold every thread."""
        if self._clock() < self._next_attempt:
            return
        if not self._keys:
            self._refresh()
            return
        if not self._queue.acquire(blocking=False):
            raise self._unavailable()
        try:
            self._refresh()
        finally:
            self._queue.release()

    def _refresh(self) -> None:
        if self._clock() < self._next_attempt:
            return
        if not self._turn.acquire(timeout=_PATIENCE):
            return
        try:
            if self._clock() >= self._next_attempt:
                self._fetch()
        finally:
            self._turn.release()

    def _fetch(self) -> None:
        try:
            keys = signing_keys(_jwks(self._issuer), self._issuer.algorithms)
        except (requests.RequestException, OSError, ValueError, RecursionError):
            self._last_failed = True
            self._next_attempt = self._clock() + min(_RETRY_AFTER_FAILURE, self._interval)
            metrics.observe_jwks(self._issuer.kind.value, fetched=False)
            return
        metrics.observe_jwks(self._issuer.kind.value, fetched=True)
        self._keys = keys
        self._fetched_at = self._clock()
        self._last_failed = False
        self._next_attempt = self._fetched_at + self._interval

    def _unavailable(self) -> FacadeError:
        wait = max(1, round(self._next_attempt - self._clock()))
        return FacadeError(Problem("identity.keys-unavailable"), retry_after=wait)


def _jwks(issuer: IssuerConfig) -> object:
    if issuer.jwks_file is not None:
        return json.loads(_read(issuer.jwks_file))
    uri = issuer.jwks_uri or _discovered(issuer)
    return _get(uri, issuer.ca_bundle)


def _discovered(issuer: IssuerConfig) -> str:
    document = _get(issuer.discovery_uri, issuer.ca_bundle)
    if not isinstance(document, dict) or document.get("issuer") != issuer.issuer:
        raise ValueError("the discovery document is of another issuer")
    uri = str(document.get("jwks_uri", ""))
    require_safe_url(uri)
    return uri


def _get(uri: str, ca_bundle: str) -> object:
    deadline = time.monotonic() + _WHOLE_ANSWER
    with requests.get(
        uri,
        headers={"Accept": "application/json"},
        timeout=_TIMEOUT,
        allow_redirects=False,
        stream=True,
        verify=ca_bundle or True,
    ) as response:
        if response.status_code != requests.codes.ok:
            raise ValueError("the keys were not served")
        body = b""
        for chunk in response.iter_content(16 * 1024):
            body += chunk
            if len(body) > _MAX_DOCUMENT or time.monotonic() > deadline:
                raise ValueError("the document is too large, or too slow, to be a JWKS")
    return json.loads(body)


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_MAX_DOCUMENT)
