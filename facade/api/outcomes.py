"""Errors as OperationOutcome, and their HTTP status: one table for all of them.

The texts and statuses are rows of mappings/errors (facade.csv, dmp.csv) and, for a refusal of the policy, the rule's
own row of mappings/access/rules.csv. FHIR R4 OperationOutcome; MHD 2:3.65.4.1.3 asks for the XDS code to be kept.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from facade.domain.errors import DmpRefused, FacadeError, Problem, Refused
from facade.knowledge import Row

ERROR_SYSTEM = "urn:dmp-facade:error"
RULE_SYSTEM = "urn:dmp-facade:rule"
_UNEXPECTED = "server.unexpected"
# Matricules, RPPS and the like; the arcs of an OID are shorter or follow a dot.
_LONG_NUMBER = re.compile(r"(?<![.\d])\d[\d ABab]{9,}\d(?!\.)")


Classify = Callable[[DmpRefused], Mapping[str, str] | None]


@dataclass(frozen=True, slots=True)
class Meaning:
    """What one error code means to a client."""

    status: int
    issue_type: str
    text: Mapping[str, str]


class ErrorTable:
    """The meaning of every error code. Codes that have no row are a defect and read as ``server.unexpected``."""

    def __init__(
        self, facade: Iterable[Row], classify: Classify, rules: Iterable[Row], mhd: Iterable[Row] = ()
    ) -> None:
        self._facade = {row["code"]: _meaning(row) for row in facade}
        self._classify = classify
        self._mhd = {(row["code"], row["value"]): row["mhd_code"] for row in mhd}
        self._rules = {row["rule"]: _meaning({**row, "issue_type": "forbidden"}) for row in rules}

    def of(self, code: str) -> Meaning:
        """The meaning of one of the facade's own codes."""
        return self._facade.get(code) or self._facade[_UNEXPECTED]

    def of_dmp(self, error: DmpRefused) -> Meaning:
        """The meaning of an error of the DMP, by its text or code; an unknown one is passed through with 502."""
        row = self._classify(error)
        return _meaning(row) if row is not None else self._facade["dmp.refused"]

    def of_rule(self, rule: str) -> Meaning:
        """The meaning of a refusal by a rule of the policy."""
        return self._rules.get(rule) or self._facade["access.refused"]

    def status(self, error: FacadeError) -> int:
        """The HTTP status of an error: that of its first problem."""
        return self._of_error(error, error.problems[0]).status

    def outcome(self, error: FacadeError, language: str) -> dict[str, Any]:
        """The OperationOutcome of an error, in ``fr`` or ``en``."""
        return outcome([self._issue(error, problem, language) for problem in error.problems])

    def issue(self, problem: Problem, language: str) -> dict[str, Any]:
        """One issue for a problem that is not an error of the whole request (a warning, an information).

        Where MHD has a code for it, that follows ours; MHD gives it no system.
        """
        issue = _issue(problem, self.of(problem.code), language, problem.code, ERROR_SYSTEM)
        mhd = self._mhd.get((problem.code, problem.values.get("code", "")))
        if mhd is not None:
            issue["details"]["coding"].append({"code": mhd})
        return issue

    def dmp_warning(self, warning: DmpRefused, language: str) -> dict[str, Any]:
        """A warning of a partial answer of the DMP, its code kept."""
        problem = Problem("dmp.partial", values={"code": warning.code}, severity="warning")
        return _issue(problem, self.of("dmp.partial"), language, warning.code, "urn:dmp:error")

    def _of_error(self, error: FacadeError, problem: Problem) -> Meaning:
        if isinstance(error, Refused):
            return self.of_rule(problem.rule)
        if isinstance(error, DmpRefused):
            return self.of_dmp(error)
        return self.of(problem.code)

    def _issue(self, error: FacadeError, problem: Problem, language: str) -> dict[str, Any]:
        meaning = self._of_error(error, problem)
        if isinstance(error, DmpRefused):
            issue = _issue(problem, meaning, language, error.code, "urn:dmp:error")
            if error.text:
                issue["diagnostics"] = _without_identities(error.text)
            return issue
        if isinstance(error, Refused):
            issue = _issue(problem, meaning, language, problem.rule, RULE_SYSTEM)
            issue["diagnostics"] = problem.basis
            return issue
        return _issue(problem, meaning, language, problem.code, ERROR_SYSTEM)


def outcome(issues: list[dict[str, Any]]) -> dict[str, Any]:
    """An OperationOutcome of these issues."""
    return {"resourceType": "OperationOutcome", "issue": issues}


def _without_identities(text: str) -> str:
    """The DMP's own words, which a client must be able to show (PRE_ERR), without a number that could identify."""
    return _LONG_NUMBER.sub("…", text)[:300]


def _meaning(row: Mapping[str, str]) -> Meaning:
    return Meaning(int(row["http_status"]), row["issue_type"], {"fr": row["text_fr"], "en": row["text_en"]})


def _issue(problem: Problem, meaning: Meaning, language: str, code: str, system: str) -> dict[str, Any]:
    text = _fill(meaning.text[language], problem.values)
    issue: dict[str, Any] = {
        "severity": problem.severity,
        "code": meaning.issue_type,
        "details": {"coding": [{"system": system, "code": code}], "text": text},
    }
    if problem.expression:
        issue["expression"] = list(problem.expression)
    return issue


def _fill(text: str, values: Mapping[str, str]) -> str:
    """Fill ``{placeholders}``; one that has no value stays readable instead of failing the error itself."""
    for name, value in values.items():
        text = text.replace("{" + name + "}", value)
    return text
