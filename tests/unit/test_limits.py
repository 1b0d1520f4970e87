"""Rate limits."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.security.limits import RateLimiter, upload_body_bytes


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_burst_passes_and_the_next_request_is_told_when_to_come_back() -> None:
    clock = Clock()
    limiter = RateLimiter(60, 3, clock=clock)
    assert [limiter.take("key") for _ in range(3)] == [0.0, 0.0, 0.0]
    assert limiter.take("key") == pytest.approx(1.0)
    clock.now += 1.0
    assert limiter.take("key") == 0.0
    assert limiter.take("key") > 0


def test_a_refused_request_does_not_push_the_next_one_back() -> None:
    clock = Clock()
    limiter = RateLimiter(60, 1, clock=clock)
    limiter.take("key")
    assert limiter.take("key") == limiter.take("key")


def test_keys_do_not_spend_each_others_requests() -> None:
    limiter = RateLimiter(60, 1, clock=Clock())
    assert limiter.take("one") == 0.0
    assert limiter.take("two") == 0.0
    assert limiter.take("one") > 0


def test_memory_is_bounded_and_the_busy_key_stays_limited() -> None:
    limiter = RateLimiter(60, 1, clock=Clock(), most_keys=10)
    limiter.take("busy")
    for number in range(100):
        limiter.take(f"passer-by {number}")
        assert limiter.take("busy") > 0
    assert len(limiter._buckets) == 10


def test_a_clock_that_steps_back_takes_nothing_away() -> None:
    clock = Clock()
    limiter = RateLimiter(60, 2, clock=clock)
    limiter.take("key")
    clock.now -= 500
    assert limiter.take("key") == 0.0


@given(st.integers(1, 600), st.integers(1, 50), st.lists(st.floats(0, 30), max_size=200))
def test_never_more_than_the_burst_and_the_rate_pass(per_minute: int, burst: int, gaps: list[float]) -> None:
    clock = Clock()
    limiter = RateLimiter(per_minute, burst, clock=clock)
    passed = 0
    for gap in gaps:
        clock.now += gap
        wait = limiter.take("key")
        passed += wait == 0
        assert wait <= 60 / per_minute + 1e-6
    assert passed <= burst + sum(gaps) * per_minute / 60 + 1e-3


def test_an_uploads_body_may_be_a_little_larger_than_its_file() -> None:
    assert upload_body_bytes(64) > 64 * 1024 * 1024
