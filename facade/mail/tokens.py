"""Access tokens for XOAUTH2, kept in memory for as long as they hold and nowhere else."""

from __future__ import annotations

import time

import requests

from facade.domain.mail import Deferred
from facade.mail.config import TokenSource

_MARGIN = 30.0
_DEFAULT_LIFE = 60.0
_OK = 200


class Tokens:
    """The tokens of one source. Not shared between threads: the outbox has one."""

    def __init__(self, source: TokenSource, timeout: float) -> None:
        self._source = source
        self._timeout = timeout
        self._token = ""
        self._until = 0.0

    def current(self) -> str:
        """A token that holds. Raises Deferred ``mail.token`` when none can be had."""
        if not self._token or time.monotonic() >= self._until:
            self._fetch()
        return self._token

    def forget(self) -> None:
        """The server refused the token: the next one is asked for anew."""
        self._token = ""

    def _fetch(self) -> None:
        source = self._source
        form = {"grant_type": "client_credentials"} | ({"scope": source.scope} if source.scope else {})
        try:
            answer = requests.post(
                source.url,
                data=form,
                auth=(source.client_id, source.client_secret),
                timeout=self._timeout,
                verify=str(source.ca) if source.ca else True,
                allow_redirects=False,
            )
            found = answer.json() if answer.status_code == _OK else {}
            token, life = str(found.get("access_token", "")), float(found.get("expires_in", _DEFAULT_LIFE))
        except (requests.RequestException, ValueError, TypeError, AttributeError):
            raise Deferred("mail.token") from None
        if not token.isascii() or not token.isprintable() or not token:
            raise Deferred("mail.token")
        self._token, self._until = token, time.monotonic() + max(life - _MARGIN, 0.0)
