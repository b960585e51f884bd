"""Misbehaviour on order: what the embedded DMP does wrong, and when, as a file in its data folder says.

The file is ``misbehave.json``. It is looked at on every request and every new connection; when it has changed, it is
read again and everything starts anew: counts, and the random sequence. Without the file nothing goes wrong. A file the
DMP does not understand is said in a fault on every request. ``order`` checks it and puts it there in one piece; whoever
writes it by hand writes another file and renames it. ::

    {"rules": [{"transaction": "TD3.1", "what": "delay", "seconds": 2, "times": 1, "skip": 0}],
     "random": {"seed": 7, "rate": 0.2, "what": ["close-before", "close-after"], "transactions": ["TD2.1"]}}

``rules``: the first rule that fits a request and is not used up is followed.

``transaction``
    TD0.2, TD0.3, TD0.4, TD1.3a, TD1.6, TD2.1, TD3.1, TD3.2, TD3.3a (b too: they are told apart only while they run),
    TD3.3c, TD3.3d, the beginning of some (``TD3.3``), or ``*``, as when it is left out.
``times``
    How many requests it befalls, 1 when left out; ``null``: all. A request whose answer has nothing of the kind in it
    (no entry to double) is answered as it should be and does not count.
``skip``
    How many requests that fit are answered well before it begins, 0 when left out.
``what``
    One of ``KINDS``; its options stand beside it: ``seconds`` (delay, delay-after; 1), ``code`` (soap-fault-*;
    ``Receiver``), ``count`` (many-results; 2000), ``slots`` (missing-slots; those the DMP requires), ``ins``
    (other-ins; a made-up one).

``random``: each request that no rule befalls is drawn for. ``rate`` is the part of requests that go wrong; ``what`` the
kinds to draw from, those that mean nothing for a transaction left aside; ``transactions`` where, everywhere when left
out; the options are those of rules. The same seed and the same sequence of requests go wrong in the same way.

Before the effect (nothing is checked, stored or changed): ``delay`` (late, but then all is done), ``close-before``,
``http-500-before``, ``soap-fault-before``. At the connection, whatever the transaction (``transaction`` must be ``*``
or left out, ``times`` counts handshakes): ``tls-close`` (closed without a byte), ``tls-alert`` (handshake_failure);
connections kept open from before are closed, at the latest when a request comes on one, as long as such a rule lasts.
All others come after the effect: the transaction is done and in the store, and then its answer goes wrong:

``close-after``, ``close-mid``
    Not a byte of the answer; half of it.
``delay-after``, ``http-500-after``, ``soap-fault-after``
    The right answer late; an HTML page or a fault in its place.
``truncated-mtom``, ``wrong-boundary``
    TD2.1, TD3.2: the package ends in the middle of its last part; another boundary in the Content-Type.
``wrong-relates-to``, ``other-answer``, ``other-body``
    The right answer to no request of ours; an earlier answer of the same transaction, of another patient if there is
    one, as it was; its body with the right RelatesTo.
``partial-success``
    TD2.1, TD3.x: PartialSuccess with an error. TD3.1 and TD3.2 keep a part of what was found.
``wrong-hash``
    TD3.1: the hash of every entry is another; TD3.2: a character of every document is.
``other-document``, ``other-bytes``
    TD3.1, TD3.2: the first entry or document is another one of the store, of another patient if there is one; TD3.2:
    its bytes under the name that was asked for.
``duplicate-entries``
    TD3.1, TD3.2: everything twice.
``missing-slots``, ``many-results``, ``other-ins``
    TD3.1: the first entry (none that signs a lot) without its required slots; copies of it with identifiers of their
    own; every entry with another INS in its patientId.

The journal says ``misbehaved:<what>`` as the result of such a request. Handshakes have no line.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any

FILE = "misbehave.json"
TRANSACTIONS = (
    "TD0.2",
    "TD0.3",
    "TD0.4",
    "TD1.3a",
    "TD1.6",
    "TD2.1",
    "TD3.1",
    "TD3.2",
    "TD3.3a",
    "TD3.3c",
    "TD3.3d",
)
CONNECTION = ("tls-close", "tls-alert")
BEFORE = ("delay", "close-before", "http-500-before", "soap-fault-before")
_PACKAGES, _QUERY, _RETRIEVE, _ANY = ("TD2.1", "TD3.2"), ("TD3.1",), ("TD3.2",), ("",)
AFTER: dict[str, tuple[str, ...]] = {
    "close-after": _ANY,
    "close-mid": _ANY,
    "delay-after": _ANY,
    "http-500-after": _ANY,
    "soap-fault-after": _ANY,
    "truncated-mtom": _PACKAGES,
    "wrong-boundary": _PACKAGES,
    "wrong-relates-to": _ANY,
    "other-answer": _ANY,
    "other-body": _ANY,
    "partial-success": ("TD2.1", "TD3."),
    "wrong-hash": (*_QUERY, *_RETRIEVE),
    "other-document": (*_QUERY, *_RETRIEVE),
    "other-bytes": _RETRIEVE,
    "duplicate-entries": (*_QUERY, *_RETRIEVE),
    "missing-slots": _QUERY,
    "many-results": _QUERY,
    "other-ins": _QUERY,
}
# What each kind means something for, as beginnings of transactions; the kinds of the connection know none.
KINDS: dict[str, tuple[str, ...]] = {**dict.fromkeys(CONNECTION, ()), **dict.fromkeys(BEFORE, _ANY), **AFTER}
_OPTIONS = {"seconds", "code", "count", "slots", "ins"}
_RULE = {"transaction", "times", "skip", "what", *_OPTIONS}
_RANDOM = {"seed", "rate", "what", "transactions", *_OPTIONS}


class BadOrder(ValueError):
    """The control file is not what this module describes."""


@dataclass(frozen=True, slots=True, eq=False)
class Fault:
    """One thing to do wrong; ``options`` as the rule has them."""

    kind: str
    options: Mapping[str, Any] = field(default_factory=dict)

    def fits(self, transaction: str) -> bool:
        """Whether it means something for a transaction."""
        return transaction.startswith(KINDS[self.kind]) if KINDS[self.kind] else False

    def wait(self) -> None:
        """Sleep as long as a delay says."""
        time.sleep(float(self.options.get("seconds", 1)))


@dataclass(slots=True)
class _Rule:
    transaction: str
    fault: Fault
    left: int | None
    skip: int

    def concerns(self, transaction: str) -> bool:
        return self.left != 0 and transaction.startswith(self.transaction) and self.fault.fits(transaction)

    def use(self) -> Fault | None:
        """Count one request or handshake; the fault unless it is one of those let through first."""
        if self.skip:
            self.skip -= 1
            return None
        if self.left is not None:
            self.left -= 1
        return self.fault


class _Chance:
    """The random part of the file."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        self._rate = float(given["rate"])
        self._where = tuple(given.get("transactions", _ANY))
        options = {name: given[name] for name in _OPTIONS & set(given)}
        self._faults = [Fault(kind, options) for kind in given["what"]]
        # Handshakes have a sequence of their own: how many there are depends on what clients keep open.
        self._requests = random.Random(f"requests {given['seed']}")  # noqa: S311 - faults, not secrets
        self._handshakes = random.Random(f"handshakes {given['seed']}")  # noqa: S311

    def request(self, transaction: str) -> Fault | None:
        fitting = [fault for fault in self._faults if fault.fits(transaction)]
        return self._draw(self._requests, fitting if transaction.startswith(self._where) else [])

    def handshake(self) -> Fault | None:
        return self._draw(self._handshakes, [fault for fault in self._faults if fault.kind in CONNECTION])

    def _draw(self, numbers: random.Random, faults: Sequence[Fault]) -> Fault | None:
        """Two numbers are used up every time, so that what is drawn depends on the place in the sequence only."""
        happens, which = numbers.random() < self._rate, numbers.random()
        return faults[int(which * len(faults))] if faults and happens else None


@dataclass(frozen=True, slots=True)
class _Plan:
    rules: tuple[_Rule, ...] = ()
    chance: _Chance | None = None


class Misbehaviour:
    """What is ordered in one data folder. Used by all threads of one server."""

    def __init__(self, data: Path) -> None:
        self._file = data / FILE
        self._lock = Lock()
        self._stamp: tuple[int, int, int] | None = None
        self._plan = _Plan()

    def request(self, transaction: str) -> Fault | None:
        """What to do wrong with a request, None mostly. Raises BadOrder."""
        with self._lock:
            plan = self._current()
            for rule in plan.rules:
                if rule.concerns(transaction):
                    fault = rule.use()
                    if fault is not None:
                        return fault
            return plan.chance.request(transaction) if plan.chance else None

    def handshake(self) -> Fault | None:
        """What to do wrong with a new connection; None while the file is not understood."""
        with self._lock:
            plan = self._current_or_none()
            for rule in self._refusals(plan):
                fault = rule.use()
                if fault is not None:
                    return fault
            return plan.chance.handshake() if plan.chance else None

    @property
    def refuses_connections(self) -> bool:
        """Whether a rule says that the next handshake fails."""
        with self._lock:
            return any(not rule.skip for rule in self._refusals(self._current_or_none()))

    def give_back(self, fault: Fault) -> None:
        """The answer had nothing of the kind in it: the rule has not been used."""
        with self._lock:
            for rule in self._plan.rules:
                if rule.fault is fault and rule.left is not None:
                    rule.left += 1

    def _refusals(self, plan: _Plan) -> list[_Rule]:
        return [rule for rule in plan.rules if rule.fault.kind in CONNECTION and rule.left != 0]

    def _current_or_none(self) -> _Plan:
        try:
            return self._current()
        except BadOrder:
            return _Plan()

    def _current(self) -> _Plan:
        try:
            state = self._file.stat()
        except FileNotFoundError:
            self._stamp, self._plan = None, _Plan()
            return self._plan
        stamp = (state.st_mtime_ns, state.st_size, state.st_ino)
        if stamp != self._stamp:
            self._plan = _read(self._file.read_text(encoding="utf-8"))
            self._stamp = stamp
        return self._plan


def order(data: Path, rules: Sequence[Mapping[str, Any]] = (), chance: Mapping[str, Any] | None = None) -> None:
    """Tell the embedded DMP of a data folder what to do wrong; ``chance`` is the ``random`` part. Raises BadOrder."""
    given: dict[str, Any] = {"rules": list(rules)} | ({} if chance is None else {"random": chance})
    written = json.dumps(given)
    _read(written)
    draft = data / f"{FILE}.new"
    draft.write_text(written, encoding="utf-8")
    draft.replace(data / FILE)


def behave(data: Path) -> None:
    """End all misbehaviour of a data folder."""
    (data / FILE).unlink(missing_ok=True)


def _read(text: str) -> _Plan:
    """The content of the control file. Raises BadOrder."""
    try:
        given = json.loads(text)
        rules = tuple(_rule(rule) for rule in given.get("rules", []))
        chance = given.get("random")
        return _Plan(rules, None if chance is None else _chance(chance))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise BadOrder(f"{FILE}: {error}") from error


def _rule(given: Mapping[str, Any]) -> _Rule:
    kind, transaction = given["what"], given.get("transaction", "*").removesuffix("*")
    _known(set(given), _RULE)
    _known({kind}, set(KINDS))
    concerned = [known for known in TRANSACTIONS if known.startswith(transaction)]
    befallen = not transaction if kind in CONNECTION else any(known.startswith(KINDS[kind]) for known in concerned)
    if not concerned or not befallen:
        raise BadOrder(f"{transaction} is no transaction {kind} can befall")
    times = given.get("times", 1)
    fault = Fault(kind, {name: given[name] for name in _OPTIONS & set(given)})
    return _Rule(transaction, fault, None if times is None else int(times), int(given.get("skip", 0)))


def _chance(given: Mapping[str, Any]) -> _Chance:
    _known(set(given), _RANDOM)
    _known(set(given["what"]), set(KINDS))
    return _Chance(given)


def _known(names: set[str], known: set[str]) -> None:
    if names - known:
        raise BadOrder(f"unknown: {', '.join(sorted(names - known))}")
