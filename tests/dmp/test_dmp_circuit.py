"""When the DMP is left alone: after failures in a row, and while as many exchanges go on as there may be."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from facade.dmp.gateway import SoapGateway
from facade.domain.errors import DmpRefused, DmpUnavailable
from tests.support import dmp_answers as answers
from tests.support.dmp_acts import HTML, find, mask, publish, unavailable
from tests.support.dmp_server import DmpServer, Reply, Seen, envelope

Make = Callable[..., SoapGateway]


def test_a_full_pool_refuses_at_once_and_is_no_failure_of_the_dmp(server: DmpServer, make_gateway: Make) -> None:
    gateway = make_gateway(pool_size=2, circuit_failures=1)
    release = threading.Event()

    def respond(seen: Seen) -> Reply:
        release.wait(5)
        return Reply(envelope(answers.search(), seen.message_id))

    server.respond = respond
    threads = [threading.Thread(target=find, args=(gateway,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    while server.busy < 2:
        time.sleep(0.01)
    began = time.monotonic()
    for act in (find, publish):
        error = unavailable(act, gateway)
        assert error.problems[0].code == "dmp.pool-full"
        assert not error.outcome_unknown
    assert time.monotonic() - began < 1
    release.set()
    for thread in threads:
        thread.join()
    find(gateway)
    assert len(server.seen) == 3


def test_after_several_failures_the_dmp_is_left_alone_and_tried_again(server: DmpServer, make_gateway: Make) -> None:
    gateway = make_gateway(circuit_failures=3, circuit_seconds=1)
    server.respond = lambda _: HTML
    for _ in range(3):
        assert unavailable(find, gateway).problems[0].code == "dmp.answer-invalid"
    error = unavailable(find, gateway)
    assert error.problems[0].code == "dmp.circuit-open"
    assert not unavailable(mask, gateway).outcome_unknown
    assert 1 <= (error.retry_after or 0) <= 2
    assert len(server.seen) == 3
    time.sleep(1.1)
    server.respond = answers.plain(answers.search())
    find(gateway)
    find(gateway)
    assert len(server.seen) == 5


def test_a_failed_trial_leaves_it_alone_again(server: DmpServer, make_gateway: Make) -> None:
    gateway = make_gateway(circuit_failures=1, circuit_seconds=1)
    server.respond = lambda _: HTML
    unavailable(find, gateway)
    time.sleep(1.1)
    assert unavailable(find, gateway).problems[0].code == "dmp.answer-invalid"
    assert unavailable(find, gateway).problems[0].code == "dmp.circuit-open"


def test_one_trial_at_a_time(server: DmpServer, make_gateway: Make) -> None:
    gateway = make_gateway(circuit_failures=1, circuit_seconds=1)
    server.respond = lambda _: HTML
    unavailable(find, gateway)
    time.sleep(1.1)
    server.respond = lambda seen: Reply(envelope(answers.search(), seen.message_id), delay=0.4)
    codes: list[str] = []

    def work() -> None:
        try:
            find(gateway)
            codes.append("ok")
        except DmpUnavailable as error:
            codes.append(error.problems[0].code)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(codes) == ["dmp.circuit-open"] * 3 + ["ok"]


def test_refusals_do_not_open_the_circuit_and_services_are_apart(server: DmpServer, make_gateway: Make) -> None:
    gateway = make_gateway(circuit_failures=2)
    server.respond = answers.plain(answers.fault("env:DMPInvalidCertificate", "x"))
    for _ in range(4):
        with pytest.raises(DmpRefused):
            find(gateway)
    server.respond = lambda _: HTML
    for _ in range(3):
        unavailable(find, gateway)
    server.respond = answers.plain(answers.registry())
    publish(gateway)
