"""Places and the queue of one process: order of arrival, an end to waiting, no place lost."""

from __future__ import annotations

import pytest

from facade.serving.admission import Admission, QueueFull


def test_a_place_goes_to_the_one_that_waits_longest() -> None:
    admission = Admission(1, 2)
    first, second, third = admission.enter(), admission.enter(), admission.enter()
    assert [ticket.done() for ticket in (first, second, third)] == [True, False, False]
    with pytest.raises(QueueFull):
        admission.enter()
    admission.leave()
    assert [ticket.done() for ticket in (second, third)] == [True, False]
    # The place went to the queue: whoever comes now does not overtake it.
    assert not admission.enter().done()


def test_who_gave_up_neither_gets_a_place_nor_keeps_one_in_the_queue() -> None:
    admission = Admission(1, 1)
    admission.enter()
    assert admission.enter().cancel()
    waiting = admission.enter()
    admission.leave()
    assert waiting.done()
    admission.leave()
    assert admission.enter().done()


def test_who_gives_up_too_late_has_the_place() -> None:
    admission = Admission(1, 1)
    admission.enter()
    waiting = admission.enter()
    admission.leave()
    assert not waiting.cancel()
