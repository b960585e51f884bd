"""The console's way to the FHIR API: requests to this very application, with the chosen reader's token.

They go through the whole of it, from the token to the trace, as requests from outside do; only the socket is spared.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import orjson
from flask import Flask
from werkzeug.test import Client

from facade.console.cast import Reader

_JSON = "application/fhir+json"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the API answered: an HTTP status and a FHIR resource."""

    status: int
    resource: dict[str, Any] = field(repr=False)

    @property
    def ok(self) -> bool:
        """Whether it is what was asked for."""
        return 200 <= self.status < 300  # noqa: PLR2004 - the range of success

    @property
    def resources(self) -> list[dict[str, Any]]:
        """The resources of a Bundle that match, and not what is said about them."""
        entries = self.resource.get("entry", []) if self.ok else []
        return [entry["resource"] for entry in entries if entry.get("search", {}).get("mode") != "outcome"]

    @property
    def refusal(self) -> dict[str, str]:
        """Why it is not what was asked for: code, text, rule and basis of the first issue; empty strings otherwise."""
        issue: dict[str, Any] = next(iter(self.resource.get("issue", [])), {})
        codings = issue.get("details", {}).get("coding", [{}])
        return {
            "code": codings[0].get("code", ""),
            "rule": codings[-1].get("code", "") if len(codings) > 1 else "",
            "text": issue.get("details", {}).get("text", "") or issue.get("diagnostics", ""),
        }


class FhirClient:
    """The API as one reader. ``reason`` opens an emergency of ``purpose``."""

    def __init__(self, app: Flask, reader: Reader, language: str, purpose: str = "normal", reason: str = "") -> None:
        self._client = Client(app.wsgi_app)
        self._headers = {
            "Authorization": f"Bearer {reader.token.get_secret_value()}",
            "Accept": _JSON,
            "Accept-Language": language,
        }
        if purpose != "normal":
            self._headers |= {"Purpose-Of-Use": purpose, "Purpose-Of-Use-Reason": quote(reason)}

    def get(self, path: str, **params: str) -> Answer:
        """One GET below /fhir."""
        return self._answer(self._client.get(f"/fhir{path}", query_string=params, headers=self._headers))

    def post(self, path: str, resource: dict[str, Any]) -> Answer:
        """POST a resource."""
        body = orjson.dumps(resource)
        return self._answer(self._client.post(f"/fhir{path}", data=body, headers=self._headers, content_type=_JSON))

    def patch(self, path: str, operations: list[dict[str, Any]]) -> Answer:
        """A JSON Patch."""
        body = orjson.dumps(operations)
        content_type = "application/json-patch+json"
        sent = self._client.patch(f"/fhir{path}", data=body, headers=self._headers, content_type=content_type)
        return self._answer(sent)

    @staticmethod
    def _answer(response: Any) -> Answer:
        body = response.get_data()
        return Answer(response.status_code, orjson.loads(body) if body else {})
