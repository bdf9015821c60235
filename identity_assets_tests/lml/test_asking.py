"""Many batches: every input that was begun ends in one place, one bad input spoils itself alone."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from identity_assets.demo.fixture_lml import Fault, FaultKind, FixtureLmlThread
from identity_assets.lml import asking
from identity_assets.lml.asking import Asked, Failure, LmlDown, Resolver
from identity_assets.lml.asking_state import FAILED_CALLS_IN_A_ROW
from identity_assets.lml.client import LmlClient, LmlUnauthorised
from identity_assets.lml.contract import Answer, Batch, LibraryInput

ONE_INPUT_SPOILED: list[FaultKind] = ["status", "drop", "malformed", "truncated"]
INVALID_VERDICTS: list[FaultKind] = [
    "unknown_kind",
    "unknown_method",
    "out_of_band",
    "missing_confidence",
    "missing_provenance",
    "huge_integer",
    "main_on_unresolved",
]


def batch(ids: Sequence[int]) -> Batch:
    return Batch(
        "non_va", False, tuple(LibraryInput(library_id, "Stereolab", "Dots and Loops") for library_id in ids)
    )


def batches(count: int, size: int) -> Iterator[Batch]:
    return (batch(range(n * size, (n + 1) * size)) for n in range(count))


def ask(
    parts: Iterable[Batch],
    client: Resolver,
    *,
    max_in_flight: int,
    store: Callable[[Asked], None] = lambda _asked: None,
    patience_seconds: float = 120.0,
    run_seconds: float | None = None,
) -> Generator[Asked, None, None]:
    """`asking.ask` for tests that do not store."""
    return asking.ask(
        parts,
        client,
        store=store,
        max_in_flight=max_in_flight,
        patience_seconds=patience_seconds,
        run_seconds=run_seconds,
    )


def failures(asked: Sequence[Asked]) -> dict[int, Failure]:
    return {library_id: failure for one in asked for library_id, failure in one.failures.items()}


def answered(asked: Sequence[Asked]) -> list[int]:
    return sorted(verdict.library_id for one in asked for verdict in one.verdicts)


def keep(answers: Iterator[Asked], got: list[Asked]) -> None:
    """Take what comes until the asking ends, in whatever way."""
    for asked in answers:
        got.append(asked)


def threads_of_lml() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("lml")]


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    yield
    assert threads_of_lml() == []


@pytest.mark.promise("asked once")
def test_all_batches_are_answered_and_nothing_is_asked_twice(
    lml: FixtureLmlThread, client: LmlClient
) -> None:
    asked = list(ask(batches(10, 20), client, max_in_flight=4))
    assert len(asked) == 10
    assert answered(asked) == list(range(200))
    assert failures(asked) == {}
    assert set(lml.calls.by_library_id.values()) == {1}


def test_no_batch_and_an_empty_batch_ask_nothing(lml: FixtureLmlThread, client: LmlClient) -> None:
    assert list(ask([], client, max_in_flight=2)) == []
    assert list(ask([batch([])], client, max_in_flight=2)) == [Asked((), {}, 0, 0)]
    assert lml.calls.number == 0


def test_calls_overlap_and_never_more_than_was_allowed(lml: FixtureLmlThread) -> None:
    lml.faults.add(Fault("delay", seconds=0.1))
    with LmlClient(lml.url, max_in_flight=8) as client:
        started = time.monotonic()
        assert len(list(ask(batches(9, 1), client, max_in_flight=3))) == 9
    assert lml.calls.most_at_once == 3
    assert time.monotonic() - started < 0.9


def test_batches_are_read_by_the_calling_thread_and_only_when_there_is_room(
    lml: FixtureLmlThread, client: LmlClient
) -> None:
    read: list[str] = []

    def source() -> Iterator[Batch]:
        for one in batches(6, 1):
            read.append(threading.current_thread().name)
            yield one

    answers = ask(source(), client, max_in_flight=2)
    assert read == []
    next(answers)
    assert len(read) <= 2 + asking.READ_AHEAD + 1
    list(answers)
    assert set(read) == {threading.current_thread().name}
    assert lml.calls.inputs == 6


@pytest.mark.parametrize("kind", ONE_INPUT_SPOILED)
def test_one_input_that_spoils_its_batch_is_found_by_halving_and_fails_alone(
    lml: FixtureLmlThread, client: LmlClient, kind: FaultKind
) -> None:
    lml.faults.add(Fault(kind, library_id=13))
    asked = list(ask(batches(2, 32), client, max_in_flight=2))
    outcome = "lml_invalid_verdict" if kind == "malformed" else "lml_error"
    assert {key: value.outcome for key, value in failures(asked).items()} == {13: outcome}
    assert answered(asked) == [n for n in range(64) if n != 13]


@pytest.mark.promise("bad answers")
@pytest.mark.parametrize("status", [400, 409, 413, 422])
def test_a_refused_batch_is_halved_down_to_the_input_that_is_refused(
    lml: FixtureLmlThread, client: LmlClient, status: int
) -> None:
    lml.faults.add(Fault("status", library_id=5, status=status))
    asked = list(ask(batches(1, 16), client, max_in_flight=2))
    (failed,) = failures(asked).items()
    assert failed[0] == 5
    assert failed[1].outcome == "lml_error"
    assert f"refused 1 inputs with {status}" in failed[1].detail


def test_a_batch_that_times_out_is_asked_in_halves(lml: FixtureLmlThread) -> None:
    lml.faults.add(Fault("hang", library_id=3, seconds=5))
    with LmlClient(lml.url, timeout=0.15, attempts=2, wait_initial=0.001) as hasty:
        asked = list(ask(batches(1, 4), hasty, max_in_flight=1))
    assert answered(asked) == [0, 1, 2]
    assert "within 0.15 s" in failures(asked)[3].detail


def test_one_bad_input_in_a_full_batch_does_not_look_like_lml_down(
    lml: FixtureLmlThread, client: LmlClient
) -> None:
    lml.faults.add(Fault("status", library_id=0), Fault("status", library_id=1999))
    asked = list(ask(batches(2, 1000), client, max_in_flight=1))
    assert sorted(failures(asked)) == [0, 1999]
    assert len(answered(asked)) == 1998


@pytest.mark.parametrize("kind", INVALID_VERDICTS)
def test_an_invalid_verdict_is_handed_over_with_its_reason_and_spoils_no_other(
    lml: FixtureLmlThread, client: LmlClient, kind: FaultKind
) -> None:
    lml.faults.add(Fault(kind, library_id=2))
    (asked,) = ask(batches(1, 4), client, max_in_flight=1)
    assert [one.library_id for one in asked.verdicts if one.rejected_reason] == [2]
    assert len(asked.verdicts) == 4
    assert lml.calls.number == 1


def test_a_nul_character_is_no_reason_to_lose_a_verdict(lml: FixtureLmlThread, client: LmlClient) -> None:
    lml.faults.add(Fault("nul_character", library_id=2))
    (asked,) = ask(batches(1, 4), client, max_in_flight=1)
    assert not any(one.rejected for one in asked.verdicts)
    assert "12\ufffd34".encode() in b"".join(one.body for one in asked.verdicts)


@pytest.mark.parametrize("kind", ["string_library_id", "verdict_not_object"])
def test_a_result_that_cannot_be_told_whose_it_is_is_foreign_and_its_input_missing(
    lml: FixtureLmlThread, client: LmlClient, kind: FaultKind
) -> None:
    lml.faults.add(Fault(kind, library_id=2))
    (asked,) = ask(batches(1, 4), client, max_in_flight=1)
    assert asked.foreign == 1
    assert asked.failures[2].outcome == "lml_cardinality_mismatch"


def test_a_short_answer_leaves_its_missing_input_due(lml: FixtureLmlThread, client: LmlClient) -> None:
    lml.faults.add(Fault("short", library_id=2))
    (asked,) = ask(batches(1, 4), client, max_in_flight=1)
    detail = "LML answered 3 of 4 inputs of this batch, not this one"
    assert asked.failures == {2: Failure("lml_cardinality_mismatch", detail)}


def test_foreign_duplicated_and_reordered_results_are_counted_and_harmless(
    lml: FixtureLmlThread, client: LmlClient
) -> None:
    lml.faults.add(Fault("duplicated", library_id=2), Fault("reordered"), Fault("foreign"))
    (asked,) = ask(batches(1, 4), client, max_in_flight=1)
    assert (asked.foreign, asked.duplicates, answered([asked])) == (1, 1, [0, 1, 2, 3])


def test_an_id_that_stands_twice_in_a_batch_has_one_outcome(lml: FixtureLmlThread, client: LmlClient) -> None:
    lml.faults.add(Fault("status", times=3))
    (asked,) = ask([batch([1, 2, 1, 3])], client, max_in_flight=1)
    assert answered([asked]) == [1, 2, 3]
    assert lml.calls.by_library_id[1] == 4


def test_a_wrong_key_stops_everything_at_once() -> None:
    with (
        FixtureLmlThread(api_key="right") as guarded,
        LmlClient(guarded.url, "wrong") as client,
        pytest.raises(LmlUnauthorised, match="LML_API_KEY"),
    ):
        list(ask(batches(50, 4), client, max_in_flight=2))
    assert guarded.calls.number <= 2


def test_a_key_that_is_revoked_midway_loses_no_answer_that_was_given(
    lml: FixtureLmlThread, client: LmlClient
) -> None:
    lml.faults.add(Fault("status", library_id=40, status=403), Fault("delay", library_id=30, seconds=0.3))
    got: list[Asked] = []
    with pytest.raises(LmlUnauthorised):
        keep(ask(batches(40, 10), client, max_in_flight=2), got)
    assert set(range(30, 40)) <= set(answered(got))
    assert {failure.outcome for failure in failures(got).values()} == {"lml_error"}
    assert sorted(failures(got)) == list(range(40, 50))
    assert lml.calls.number <= 6


def test_an_lml_that_fails_every_call_is_down_and_no_more_is_asked(
    lml: FixtureLmlThread, client: LmlClient
) -> None:
    lml.faults.add(Fault("status", status=503))
    got: list[Asked] = []
    with pytest.raises(LmlDown, match="20 calls in a row") as caught:
        keep(ask(batches(1000, 10), client, max_in_flight=2), got)
    message = str(caught.value)
    assert "LML answered 503" in message
    assert "(the last error: " in message
    assert (caught.value.status, caught.value.retryable) == (503, True)
    assert lml.calls.number <= (FAILED_CALLS_IN_A_ROW + 2) * 3
    begun = set(lml.calls.by_library_id)
    assert begun <= set(failures(got))
    assert {failure.outcome for failure in failures(got).values()} == {"lml_error"}


@pytest.mark.promise("lml down")
def test_when_lml_goes_down_what_was_answered_is_handed_over(
    lml: FixtureLmlThread, client: LmlClient
) -> None:
    def source() -> Iterator[Batch]:
        for number, one in enumerate(batches(1000, 4)):
            if number == 6:
                lml.faults.add(Fault("drop"))
            yield one

    got: list[Asked] = []
    with pytest.raises(LmlDown):
        keep(ask(source(), client, max_in_flight=2), got)
    assert len(answered(got)) >= 12
    assert not set(answered(got)) & set(failures(got))


def test_a_port_where_nobody_listens_is_told_from_an_answer_also_with_a_single_batch() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    with LmlClient(url, attempts=1) as nobody:
        answers = ask(batches(1, 2), nobody, max_in_flight=2)
        assert next(answers).failures[1].outcome == "lml_error"
        with pytest.raises(LmlDown, match="the last batch reached no LML"):
            next(answers)


def test_a_port_where_nobody_listens_is_given_up_after_three_batches_unhalved() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    got: list[Asked] = []
    with LmlClient(url, attempts=2, wait_initial=0.001) as client:
        with pytest.raises(LmlDown, match="3 batches in a row reached no LML"):
            keep(ask(batches(100, 8), client, max_in_flight=1), got)
        assert client.calls == 6
    assert sorted(failures(got)) == list(range(24))


def test_an_address_without_the_endpoint_is_given_up_as_soon(lml: FixtureLmlThread) -> None:
    with (
        LmlClient(lml.url + "/elsewhere") as client,
        pytest.raises(LmlDown, match="refused 8 inputs with 404"),
    ):
        list(ask(batches(100, 8), client, max_in_flight=1))


def test_what_the_batches_raise_comes_through_after_the_answers(
    lml: FixtureLmlThread, client: LmlClient
) -> None:
    def source() -> Iterator[Batch]:
        yield from batches(2, 2)
        raise OSError("the database is gone")

    got: list[Asked] = []
    with pytest.raises(OSError, match="the database is gone"):
        keep(ask(source(), client, max_in_flight=4), got)
    assert answered(got) == [0, 1, 2, 3]
    assert lml.calls.number == 2


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_an_exception_in_the_callers_loop_ends_retries_and_halving_promptly(
    lml: FixtureLmlThread, error: type[BaseException]
) -> None:
    lml.faults.add(*(Fault("status", library_id=n, retry_after="60") for n in range(4, 400)))

    def store_one(client: LmlClient) -> None:
        for _ in ask(batches(100, 4), client, max_in_flight=3):
            raise error("in the caller's loop")

    with LmlClient(lml.url, timeout=5) as client:
        started = time.monotonic()
        with pytest.raises(error):
            store_one(client)
        assert time.monotonic() - started < 2
    assert threads_of_lml() == []
    # A call that was on its way is counted when it arrives.
    time.sleep(0.5)
    calls = lml.calls.number
    time.sleep(0.2)
    assert lml.calls.number == calls <= 4


def test_closing_the_generator_ends_its_threads(lml: FixtureLmlThread, client: LmlClient) -> None:
    answers = ask(batches(1000, 2), client, max_in_flight=3)
    next(answers)
    answers.close()
    assert threads_of_lml() == []
    assert lml.calls.number <= 8


def test_a_fault_of_our_own_in_a_call_is_an_error_of_its_inputs_with_its_cause() -> None:
    class Broken:
        def resolve(self, inputs: Sequence[LibraryInput], **_: object) -> Answer:
            if 3 in (one.library_id for one in inputs):
                raise TypeError(f"cannot ask about\n{len(inputs)} inputs")
            return Answer((), tuple(one.library_id for one in inputs), 0, 0, {}, False)

    got = list(ask(batches(3, 2), Broken(), max_in_flight=2))
    assert failures(got)[3] == Failure("lml_error", "asking failed: TypeError: cannot ask about 1 inputs")
    assert {one.outcome for key, one in failures(got).items() if key != 3} == {"lml_cardinality_mismatch"}


@pytest.mark.promise("stored first")
def test_a_batch_is_stored_by_the_worker_that_asked_before_it_asks_again(
    lml: FixtureLmlThread, client: LmlClient
) -> None:
    seen: list[tuple[str, int, int]] = []

    def store(_asked: Asked) -> None:
        seen.append((threading.current_thread().name, lml.calls.number, len(seen)))
        time.sleep(0.01)

    got = list(ask(batches(12, 3), client, max_in_flight=1, store=store))
    assert len(got) == 12
    assert seen == [("lml_0", number + 1, number) for number in range(12)]


@pytest.mark.promise("stored first")
@pytest.mark.parametrize("in_flight", [1, 2, 4])
def test_when_the_database_is_gone_at_most_what_was_in_flight_is_asked_again(
    lml: FixtureLmlThread, client: LmlClient, in_flight: int
) -> None:
    stored: list[int] = []

    def store(asked: Asked) -> None:
        if len(stored) >= 30:
            raise ConnectionError("the database is gone")
        stored.extend(one.library_id for one in asked.verdicts)

    got: list[Asked] = []
    with pytest.raises(ConnectionError, match="the database is gone"):
        keep(ask(batches(100, 5), client, max_in_flight=in_flight, store=store), got)
    lost = set(lml.calls.by_library_id) - set(stored)
    assert 0 < len(lost) <= in_flight * 5
    assert answered(got) == sorted(stored)


def test_an_lml_that_hangs_on_every_call_ends_the_run_within_the_patience_and_one_timeout(
    lml: FixtureLmlThread,
) -> None:
    lml.faults.add(Fault("hang", seconds=30))
    started = time.monotonic()
    got: list[Asked] = []
    with (
        LmlClient(lml.url, timeout=0.5, attempts=4, wait_initial=0.001) as hasty,
        pytest.raises(LmlDown, match=r"no call succeeded for 1 s \(LML_PATIENCE_SECONDS=1\)"),
    ):
        keep(ask(batches(100, 4), hasty, max_in_flight=4, patience_seconds=1.0), got)
    assert 1.0 <= time.monotonic() - started < 1.0 + 0.5 + 0.4
    assert {one.outcome for one in failures(got).values()} == {"lml_error"}


def test_retry_after_does_not_outlast_the_patience(lml: FixtureLmlThread, client: LmlClient) -> None:
    lml.faults.add(Fault("status", status=503, retry_after="60"))
    started = time.monotonic()
    with pytest.raises(LmlDown, match=r"LML_PATIENCE_SECONDS=0\.5"):
        list(ask(batches(100, 4), client, max_in_flight=4, patience_seconds=0.5))
    assert time.monotonic() - started < 2


def test_retry_after_does_not_outlast_the_patience_either_where_another_call_succeeds_after_it(
    lml: FixtureLmlThread, client: LmlClient
) -> None:
    lml.faults.add(Fault("status", status=429, retry_after="60", library_id=1))
    lml.faults.add(Fault("delay", seconds=0.3, library_id=0))
    started = time.monotonic()
    got: list[Asked] = []
    with pytest.raises(LmlDown, match=r"LML_PATIENCE_SECONDS=1\).*429"):
        keep(ask(batches(100, 1), client, max_in_flight=2, patience_seconds=1.0), got)
    assert 1.0 <= time.monotonic() - started < 3
    assert answered(got) == [0]


def test_a_slow_lml_that_answers_is_not_down(lml: FixtureLmlThread, client: LmlClient) -> None:
    lml.faults.add(Fault("delay", seconds=0.5))
    got = list(ask(batches(2, 4), client, max_in_flight=2, patience_seconds=0.2))
    assert len(answered(got)) == 8


def test_after_its_time_a_run_asks_nothing_more_and_reports_what_it_left(
    lml: FixtureLmlThread, client: LmlClient
) -> None:
    lml.faults.add(Fault("delay", seconds=0.1), Fault("status", library_id=1))
    started = time.monotonic()
    got = list(ask(batches(1000, 4), client, max_in_flight=2, run_seconds=0.6))
    assert time.monotonic() - started < 1.5
    assert 4 <= len(answered(got)) < 100
    left = [one for asked in got for one in asked.unasked]
    everything = sorted([*answered(got), *failures(got), *left])
    assert everything == list(range(len(everything)))
    assert set(failures(got)) <= {1}


def test_tracks_are_asked_for_and_trusted_on_the_answers_own_word(
    lml: FixtureLmlThread, client: LmlClient
) -> None:
    various = (LibraryInput(1, "Various Artists - Rock", "Nuggets"),)
    (asked,) = ask([Batch("va", True, various)], client, max_in_flight=1)
    assert [(one.kind, one.tracks_trusted) for one in asked.verdicts] == [("compilation", True)]
    (plain,) = ask([Batch("va", False, various)], client, max_in_flight=1)
    assert [one.tracks_trusted for one in plain.verdicts] == [False]
    assert lml.calls.number == 2


FAULTS = st.builds(
    Fault,
    st.sampled_from(
        [
            *ONE_INPUT_SPOILED,
            *INVALID_VERDICTS,
            "short",
            "foreign",
            "duplicated",
            "reordered",
            "nul_character",
            "string_library_id",
            "verdict_not_object",
        ]
    ),
    library_id=st.integers(0, 23),
    times=st.none() | st.integers(1, 4),
    status=st.sampled_from([400, 422, 429, 500, 503]),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(faults=st.lists(FAULTS, max_size=5), size=st.integers(1, 24), in_flight=st.integers(1, 3))
def test_for_any_mix_of_faults_each_input_ends_as_a_verdict_or_as_a_failure(
    lml: FixtureLmlThread, client: LmlClient, faults: list[Fault], size: int, in_flight: int
) -> None:
    lml.faults.clear()
    lml.faults.add(*faults)
    ids = list(range(24))
    parts = [batch(ids[start : start + size]) for start in range(0, 24, size)]
    asked: list[Asked] = []
    down = False
    try:
        keep(ask(parts, client, max_in_flight=in_flight), asked)
    except LmlDown:
        down = True
    ends = sorted([*answered(asked), *(library_id for one in asked for library_id in one.failures)])
    assert len(ends) == len(set(ends))
    assert down or ends == ids
