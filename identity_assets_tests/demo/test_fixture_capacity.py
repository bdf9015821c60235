"""The fixture LML has the capacity that a test gives it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import httpx

from identity_assets.demo.fixture_lml import ENDPOINT, Capacity, FixtureLmlProcess, FixtureLmlThread

BODY = {"inputs": [{"library_id": 1, "artist_name": "a", "album_title": "b"}]}
CALL_SECONDS = 0.1


def at_once(url: str, calls: int) -> tuple[float, Sequence[httpx.Response]]:
    """Send so many calls together; the seconds until all have ended, and the answers."""
    with httpx.Client(base_url=url, trust_env=False) as http, ThreadPoolExecutor(calls) as threads:
        http.get("/_fixture/calls")
        began = time.monotonic()
        answers = list(threads.map(lambda _: http.post(ENDPOINT, json=BODY), range(calls)))
        return time.monotonic() - began, answers


def seconds_of(capacity: Capacity | None, calls: int) -> float:
    with FixtureLmlThread(seconds_per_input=CALL_SECONDS, capacity=capacity) as lml:
        seconds, answers = at_once(lml.url, calls)
    assert [answer.status_code for answer in answers] == [200] * calls
    return seconds


def test_without_a_capacity_all_calls_overlap() -> None:
    assert seconds_of(None, 8) < 6 * CALL_SECONDS


def test_calls_beyond_the_capacity_wait_for_a_place() -> None:
    assert seconds_of(Capacity(2), 8) >= 4 * CALL_SECONDS


def test_a_degrading_capacity_slows_calls_by_the_square_of_the_overload() -> None:
    assert seconds_of(Capacity(2, "degrade"), 6) >= 9 * CALL_SECONDS


def test_a_refusing_capacity_answers_429_with_its_retry_after_and_then_answers_again() -> None:
    capacity = Capacity(2, "refuse", retry_after="3")
    with FixtureLmlThread(seconds_per_input=CALL_SECONDS, capacity=capacity) as lml:
        _, answers = at_once(lml.url, 6)
        statuses = [answer.status_code for answer in answers]
        assert statuses.count(200) >= 2
        assert 429 in statuses
        assert {a.headers["retry-after"] for a in answers if a.status_code == 429} == {"3"}
        _, (after,) = at_once(lml.url, 1)
        assert after.status_code == 200


def test_the_speed_can_change_while_the_fixture_runs() -> None:
    with FixtureLmlThread() as lml:
        assert [answer.status_code for answer in at_once(lml.url, 4)[1]] == [200] * 4
        lml.set_speed(CALL_SECONDS, Capacity(1))
        assert at_once(lml.url, 4)[0] >= 4 * CALL_SECONDS


def test_a_process_of_its_own_takes_the_capacity_too() -> None:
    with FixtureLmlProcess([], seconds_per_input=CALL_SECONDS, capacity=Capacity(1, "refuse")) as lml:
        _, answers = at_once(lml.url, 4)
    assert {answer.status_code for answer in answers} == {200, 429}
