"""Every error the facade raises on purpose.

FacadeError                     what the caller is told: one or more Problems
├── InvalidInput                the request is wrong; nothing was done
├── Unauthenticated             the token is missing or wrong
├── Refused                     the policy said no to something the caller may know of
├── NotFound                    does not exist, or does not exist for this caller
├── Conflict                    the state of the record does not allow it (duplicate, version)
├── DmpRefused                  the DMP answered with an error of its own
└── DmpUnavailable              the DMP did not answer, or not in a way that can be trusted

A Problem names a row of mappings/errors: HTTP status, FHIR issue type, French and English text come from there.
No text here or there may carry an INS, a name, a token or the content of a document.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from facade.domain.access import Decision


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong.

    ``code`` is a row of mappings/errors/facade.csv; ``expression`` FHIRPath(s) or parameter name(s) concerned;
    ``values`` fill the placeholders of the row's texts; ``rule`` and ``basis`` name the rule that was applied.
    """

    code: str
    expression: tuple[str, ...] = ()
    values: Mapping[str, str] = field(default_factory=dict)
    severity: str = "error"
    rule: str = ""
    basis: str = ""


class FacadeError(Exception):
    """Base of all expected errors. ``retry_after`` is in seconds."""

    retry_after: int | None = None

    def __init__(self, problems: Problem | Sequence[Problem], *, retry_after: int | None = None) -> None:
        self.problems: tuple[Problem, ...] = (problems,) if isinstance(problems, Problem) else tuple(problems)
        self.retry_after = retry_after
        super().__init__(", ".join(problem.code for problem in self.problems))

    @classmethod
    def of(cls, code: str, /, *expression: str, **values: str) -> FacadeError:
        """One problem by its code, e.g. ``InvalidInput.of("code.unknown", "DocumentReference.type", code="x")``."""
        return cls(Problem(code, expression, values))


class InvalidInput(FacadeError):
    """The request cannot be understood or breaks a rule of content."""


class Unauthenticated(FacadeError):
    """No token, or one that must not be believed."""


class Refused(FacadeError):
    """The policy refused an act on something the caller may know of."""

    def __init__(self, decision: Decision, *expression: str, values: Mapping[str, str] | None = None) -> None:
        """``values`` fill the placeholders of the rule's texts, where it has any."""
        told = values or {}
        super().__init__(Problem("access.refused", expression, told, rule=decision.rule, basis=decision.basis))
        self.decision = decision


class NotFound(FacadeError):
    """It does not exist, or must not exist for this caller: the two are never told apart."""


class Conflict(FacadeError):
    """The present state does not allow it."""


class DmpRefused(FacadeError):
    """An error answer of the DMP, whichever of its four channels it came through.

    ``code`` is the DMP's or XDS's code, ``channel`` one of ``fault``, ``hl7``, ``status``, ``registry``.
    ``text`` is for the log only after it was cleaned; it may name a person.
    """

    def __init__(self, code: str, text: str, channel: str, *, location: str = "", severity: str = "error") -> None:
        super().__init__(Problem("dmp.refused", values={"code": code}))
        self.code = code
        self.text = text
        self.channel = channel
        self.location = location
        self.severity = severity


class DmpUnavailable(FacadeError):
    """No answer, no connection, or an answer that cannot be trusted.

    ``outcome_unknown`` is true when a change may or may not have been made by the DMP.
    """

    def __init__(self, code: str, *, outcome_unknown: bool = False, retry_after: int = 5, **values: str) -> None:
        super().__init__(Problem(code, values=values), retry_after=retry_after)
        self.outcome_unknown = outcome_unknown
