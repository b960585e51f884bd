"""No transaction that changes the DMP leaves without an intent, whoever asks for it (EXI 18)."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import fields

import pytest

import facade.dmp
from facade.dmp.channel import Transaction
from facade.dmp.gateway import SoapGateway
from facade.dmp.vihf import Mode
from facade.domain.dmp import AuthorisationChange, DmpSession
from facade.domain.document import Availability
from tests.support.dmp_callers import session
from tests.support.dmp_entries import ENTRY, LOT, SUBMISSION
from tests.support.dmp_server import DmpServer


def _changes() -> dict[str, Transaction]:
    """Every transaction of the gateway that changes something, by its name, in whatever module it is."""
    modules = [importlib.import_module(f"facade.dmp.{each.name}") for each in pkgutil.iter_modules(facade.dmp.__path__)]
    found = [each for module in modules for each in vars(module).values() if isinstance(each, Transaction)]
    return {each.name: each for each in found if each.changes}


CHANGES = _changes()
ASKED: dict[str, Callable[[SoapGateway, DmpSession], object]] = {
    "TD0.3": lambda gateway, it: gateway.change_authorisation(it, AuthorisationChange.DECLARE),  # type: ignore[arg-type]
    "TD2.1": lambda gateway, it: gateway.publish(it, SUBMISSION),  # type: ignore[arg-type]
    "TD3.3": lambda gateway, it: gateway.update_metadata(it, LOT, ENTRY),  # type: ignore[arg-type]
    "TD3.3 status": lambda gateway, it: gateway.update_status(it, LOT, ENTRY, Availability.DELETED),  # type: ignore[arg-type]
}


def without_intent() -> DmpSession:
    """The session of a question."""
    declared = session()
    return DmpSession(**{each.name: getattr(declared, each.name) for each in fields(DmpSession)})


def test_these_change_the_dmp() -> None:
    assert sorted(CHANGES) == sorted({name.split()[0] for name in ASKED})


@pytest.mark.parametrize("name", sorted(CHANGES))
def test_the_channel_sends_no_change_without_an_intent(server: DmpServer, gateway: SoapGateway, name: str) -> None:
    with pytest.raises(TypeError, match="intent"):
        gateway._channel.call(CHANGES[name], Mode.REINFORCED, without_intent(), "<a/>")
    assert server.seen == []


@pytest.mark.parametrize("name", sorted(ASKED))
def test_the_gateway_makes_no_change_without_an_intent(server: DmpServer, gateway: SoapGateway, name: str) -> None:
    """What the type checker refuses (see the ignores above) is refused when it runs, too."""
    with pytest.raises(TypeError, match="intent"):
        ASKED[name](gateway, without_intent())
    assert server.seen == []
