"""Receivers of webhooks: a few posts at once for each, and no next one right after a silence."""

from uuid import uuid4

import pytest

from app.domain.errors import Busy, Unavailable
from app.services import receivers as module
from app.services.receivers import AT_ONCE, Receivers


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


HOOK, OTHER = uuid4(), uuid4()


def fails(receivers: Receivers, clock: Clock, after_s: float, rest_s: float = 8) -> None:
    with pytest.raises(Unavailable, match="no answer"), receivers.turn(HOOK, rest_s):
        clock.now += after_s
        raise Unavailable("no answer")


def test_a_receiver_has_a_few_posts_under_way_and_the_others_have_theirs() -> None:
    receivers = Receivers()
    with receivers.turn(HOOK, 8), pytest.raises(Busy), receivers.turn(HOOK, 8):
        raise AssertionError("it has answered nothing yet")
    turns = [receivers.turn(HOOK, 8) for _ in range(AT_ONCE)]
    for turn in turns:
        turn.__enter__()
    with pytest.raises(Busy), receivers.turn(HOOK, 8):
        pass
    with receivers.turn(OTHER, 8):
        pass
    turns[0].__exit__(None, None, None)
    with receivers.turn(HOOK, 8):
        pass


def test_who_kept_silent_has_one_at_a_time_until_it_answers(clock: Clock) -> None:
    receivers = Receivers()
    with receivers.turn(HOOK, 8):
        pass
    fails(receivers, clock, after_s=5)
    clock.now += 60
    with receivers.turn(HOOK, 8), pytest.raises(Busy), receivers.turn(HOOK, 8):
        raise AssertionError
    with receivers.turn(HOOK, 8), receivers.turn(HOOK, 8):
        pass


def test_after_a_silence_the_receiver_is_left_alone_for_its_rest(clock: Clock) -> None:
    receivers = Receivers()
    fails(receivers, clock, after_s=5)
    clock.now += 7.9
    with pytest.raises(Unavailable, match="no answer"), receivers.turn(HOOK, 8):
        raise AssertionError
    with receivers.turn(OTHER, 8):
        pass
    clock.now += 0.2
    with receivers.turn(HOOK, 8):
        pass


def test_who_refuses_at_once_holds_nobody_up_and_is_asked_again(clock: Clock) -> None:
    receivers = Receivers()
    fails(receivers, clock, after_s=0.1)
    with receivers.turn(HOOK, 8):
        pass


def test_a_shorter_rest_does_not_end_a_longer_one(clock: Clock) -> None:
    receivers = Receivers()
    with receivers.turn(HOOK, 8):
        pass
    with pytest.raises(Unavailable), receivers.turn(HOOK, 8):
        fails(receivers, clock, after_s=5, rest_s=60)
        clock.now += 5
        raise Unavailable("no answer")
    clock.now += 50
    with pytest.raises(Unavailable), receivers.turn(HOOK, 8):
        raise AssertionError


def test_nothing_is_kept_of_receivers_that_answer(clock: Clock) -> None:
    receivers = Receivers()
    fails(receivers, clock, after_s=5)
    clock.now += 60
    with receivers.turn(HOOK, 8):
        pass
    assert (receivers._under_way, receivers._silent) == ({}, {})
