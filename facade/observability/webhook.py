"""Tells another system of an alert: a signed POST, which says neither whom nor whose record it is about."""

from __future__ import annotations

import hmac
from collections.abc import Mapping

import orjson
import requests

_SECONDS = (3.0, 10.0)


class Webhook:
    """One address that is told. The body is signed as others do it: ``X-Signature-256: sha256=<HMAC in hex>``."""

    def __init__(self, url: str, secret: bytes) -> None:
        self._url = url
        self._secret = secret
        self._session = requests.Session()

    def tell(self, what: Mapping[str, str | int | bool]) -> bool:
        """Send one message. False when it was not taken (anything but 2xx): it is to be sent again later."""
        body = orjson.dumps(dict(what))
        signature = hmac.digest(self._secret, body, "sha256").hex()
        headers = {"Content-Type": "application/json", "X-Signature-256": f"sha256={signature}"}
        try:
            answer = self._session.post(self._url, data=body, headers=headers, timeout=_SECONDS, allow_redirects=False)
        except requests.RequestException:
            return False
        return answer.ok
