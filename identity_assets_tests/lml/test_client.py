"""One call to LML: every failure is typed, retried where that helps, and silent about the key."""

from __future__ import annotations

import logging
import socket
import threading
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from identity_assets.demo.fixture_lml import Fault, FaultKind, FixtureLmlThread
from identity_assets.lml.address import normalise_base_url
from identity_assets.lml.client import (
    Call,
    LmlClient,
    LmlError,
    LmlMalformedAnswer,
    LmlRefused,
    LmlStopped,
    LmlTimedOut,
    LmlUnauthorised,
    LmlUnavailable,
    LmlUnreachable,
    Stop,
)
from identity_assets.lml.contract import LibraryInput

KEY = "s3cr3t-key-of-the-station"


def inputs(*ids: int) -> list[LibraryInput]:
    return [LibraryInput(library_id, "Stereolab", "Dots and Loops") for library_id in ids]


def an_unused_url() -> str:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.mark.parametrize("prefix", ["http://lml.example", "https://lml.example:8443/behind/a/proxy"])
@pytest.mark.parametrize("ending", ["", "/", "/api/v1", "/api/v1/"])
def test_the_four_forms_of_the_url_mean_the_same(prefix: str, ending: str) -> None:
    assert normalise_base_url(prefix + ending) == f"{prefix}/api/v1/identity/bulk-resolve-libraries"


@pytest.mark.parametrize("url", ["", "lml.example", "ftp://lml.example", "http://", "http://x:port"])
def test_what_is_no_http_url_is_refused_by_the_name_of_the_variable(url: str) -> None:
    with pytest.raises(ValueError, match="LIBRARY_METADATA_URL takes"):
        normalise_base_url(url)


@pytest.mark.parametrize("url", [f"http://user:{KEY}@lml.example", f"http://lml.example/?token={KEY}"])
def test_a_url_with_a_secret_in_it_is_refused_without_being_repeated(url: str) -> None:
    with pytest.raises(ValueError, match="takes no user name") as caught:
        normalise_base_url(url)
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("key", [f"{KEY}\nX-Other: 1", f"{KEY} two", f"{KEY}é"])
def test_a_key_that_no_header_can_carry_is_refused_without_being_repeated(key: str) -> None:
    with pytest.raises(ValueError, match="LML_API_KEY takes") as caught:
        LmlClient("http://lml.example", key)
    assert KEY not in str(caught.value)


def test_an_answer_comes_back_keyed_and_is_counted(lml: FixtureLmlThread, client: LmlClient) -> None:
    answer = client.resolve(inputs(1, 2))
    assert [verdict.library_id for verdict in answer.verdicts] == [1, 2]
    assert answer.cache_stats["memory_hits"] == 1
    assert client.calls == lml.calls.number == 1
    assert client.latency_ms > 0


def test_the_key_is_sent_and_a_newline_at_its_end_is_no_part_of_it() -> None:
    with FixtureLmlThread(api_key=KEY) as guarded, LmlClient(guarded.url, KEY + "\n") as client:
        assert len(client.resolve(inputs(1)).verdicts) == 1


@pytest.mark.parametrize(
    ("key", "said"), [("wrong", "the key that was sent"), (None, "a call without a key")]
)
def test_a_wrong_key_is_an_error_that_names_the_variable_and_is_not_retried(
    key: str | None, said: str
) -> None:
    with (
        FixtureLmlThread(api_key=KEY) as guarded,
        LmlClient(guarded.url, key) as client,
        pytest.raises(LmlUnauthorised, match="LML_API_KEY") as caught,
    ):
        client.resolve(inputs(1))
    assert said in str(caught.value)
    assert (caught.value.status, caught.value.retryable) == (401, False)
    assert guarded.calls.number == 1


@pytest.mark.parametrize("status", [400, 404, 409, 413, 422, 302])
def test_a_refusal_is_not_retried(lml: FixtureLmlThread, client: LmlClient, status: int) -> None:
    lml.faults.add(Fault("status", status=status))
    with pytest.raises(LmlRefused, match="as the fixture was told") as caught:
        client.resolve(inputs(1))
    assert (caught.value.status, caught.value.retryable) == (status, False)
    assert lml.calls.number == 1


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_an_unavailable_lml_is_asked_again_and_its_answer_taken(
    lml: FixtureLmlThread, client: LmlClient, status: int
) -> None:
    lml.faults.add(Fault("status", status=status, times=2))
    assert len(client.resolve(inputs(1)).verdicts) == 1
    assert client.calls == lml.calls.number == 3


def test_after_the_last_attempt_the_last_error_is_raised(lml: FixtureLmlThread, client: LmlClient) -> None:
    lml.faults.add(Fault("status", status=500, times=2), Fault("status", status=503))
    with pytest.raises(LmlUnavailable) as caught:
        client.resolve(inputs(1))
    assert (caught.value.status, caught.value.retryable) == (503, True)
    assert lml.calls.number == 3


@pytest.mark.parametrize(
    ("kind", "error"),
    [("drop", LmlUnavailable), ("truncated", LmlUnavailable), ("malformed", LmlMalformedAnswer)],
)
def test_a_broken_answer_is_asked_for_again(
    lml: FixtureLmlThread, client: LmlClient, kind: FaultKind, error: type[LmlError]
) -> None:
    lml.faults.add(Fault(kind, times=1))
    assert len(client.resolve(inputs(1)).verdicts) == 1
    lml.faults.add(Fault(kind))
    with pytest.raises(error):
        client.resolve(inputs(1), attempts=2)
    assert lml.calls.number == 4


def test_a_timeout_is_not_repeated_at_the_same_size_but_for_a_single_input(lml: FixtureLmlThread) -> None:
    lml.faults.add(Fault("hang"))
    with LmlClient(lml.url, timeout=0.1, attempts=2, wait_initial=0.001) as hasty:
        with pytest.raises(LmlTimedOut, match=r"2 inputs within 0.1 s") as caught:
            hasty.resolve(inputs(1, 2))
        assert caught.value.retryable
        assert lml.calls.number == 1
        with pytest.raises(LmlTimedOut):
            hasty.resolve(inputs(1))
        assert lml.calls.number == 3


def test_a_connection_that_cannot_be_opened_says_where_to() -> None:
    url = an_unused_url()
    with (
        LmlClient(url, KEY, attempts=2, wait_initial=0.001) as client,
        pytest.raises(LmlUnreachable, match=url) as caught,
    ):
        client.resolve(inputs(1))
    assert caught.value.retryable
    assert client.calls == 2


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_retry_after_is_honoured(lml: FixtureLmlThread, client: LmlClient, form: str) -> None:
    # A date has whole seconds only, so one that is two ahead is at least one away.
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True)
    lml.faults.add(Fault("status", status=503, times=1, retry_after="0.3" if form == "seconds" else soon))
    started = time.monotonic()
    client.resolve(inputs(1))
    assert time.monotonic() - started >= 0.3


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("86400", 60.0), ("-5", 0.0), ("nan", None), ("inf", None), ("soon", None), ("", None)],
)
@pytest.mark.parametrize("status", [429, 503])
def test_a_retry_after_is_capped_and_nonsense_is_ignored(
    lml: FixtureLmlThread, client: LmlClient, header: str, seconds: float | None, status: int
) -> None:
    lml.faults.add(Fault("status", status=status, retry_after=header))
    with pytest.raises(LmlUnavailable) as caught:
        client.resolve(inputs(1), attempts=1)
    assert caught.value.retry_after == seconds


def test_a_retry_after_in_the_past_is_no_wait(lml: FixtureLmlThread, client: LmlClient) -> None:
    lml.faults.add(Fault("status", status=503, retry_after="Wed, 21 Oct 2015 07:28:00 -0000"))
    with pytest.raises(LmlUnavailable) as caught:
        client.resolve(inputs(1), attempts=1)
    assert caught.value.retry_after == 0.0


def test_a_stop_ends_the_wait_between_attempts_at_once(lml: FixtureLmlThread, client: LmlClient) -> None:
    lml.faults.add(Fault("status", status=503, retry_after="60"))
    stop = Stop()
    timer = threading.Timer(0.2, stop.finish)
    timer.start()
    started = time.monotonic()
    with pytest.raises(LmlStopped):
        client.resolve(inputs(1), stop=stop)
    timer.join()
    assert time.monotonic() - started < 2
    assert lml.calls.number == 1


def test_every_http_request_is_reported_to_the_hook(lml: FixtureLmlThread, client: LmlClient) -> None:
    seen: list[Call] = []
    client.on_call = seen.append
    lml.faults.add(Fault("status", status=503, times=1), Fault("drop", times=1))
    client.resolve(inputs(1, 2))
    assert [(call.batch_size, call.status) for call in seen] == [(2, 503), (2, None), (2, 200)]
    assert seen[-1].cache_stats["pg_hits"] == 1
    assert all(call.seconds > 0 for call in seen)


def test_a_hook_that_raises_does_no_harm(
    lml: FixtureLmlThread, client: LmlClient, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_: Call) -> None:
        raise KeyError("no such span")

    client.on_call = broken
    assert len(client.resolve(inputs(1)).verdicts) == 1
    assert "KeyError" in caplog.text
    assert lml.calls.number == 1


def test_a_retry_is_one_line_in_the_log_and_nothing_on_stdout(
    lml: FixtureLmlThread,
    client: LmlClient,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    lml.faults.add(Fault("status", status=503, times=1))
    client.resolve(inputs(1, 2))
    (record,) = [one for one in caplog.records if one.name == "identity_assets.lml"]
    line = record.getMessage()
    assert line.startswith("attempt 1 with 2 inputs failed: LML answered 503:")
    assert "again in 0.0 s" in line
    assert "\n" not in line
    assert capsys.readouterr().out == ""


@pytest.mark.promise("secrets")
def test_the_key_is_in_no_log_no_error_and_no_repr(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with FixtureLmlThread(api_key=KEY) as guarded:
        guarded.faults.add(Fault("status", status=503, times=1), Fault("status", status=422))
        with LmlClient(guarded.url, KEY, wait_initial=0.001) as client, pytest.raises(LmlRefused) as caught:
            client.resolve(inputs(1))
        with LmlClient(guarded.url, KEY + "x") as client, pytest.raises(LmlUnauthorised) as denied:
            client.resolve(inputs(1))
    told = [
        str(caught.value),
        repr(caught.value),
        str(denied.value),
        repr(client),
        repr(vars(client)["_connections"]),
    ]
    assert not any(KEY in text for text in [*told, caplog.text])


def test_threads_may_share_a_client_and_wait_for_a_connection_without_failing(lml: FixtureLmlThread) -> None:
    # Eight rounds of 0.15 s: the last thread waits for longer than any call may take.
    lml.faults.add(Fault("delay", seconds=0.15))
    with LmlClient(lml.url, timeout=1, max_in_flight=2) as narrow:
        threads = [threading.Thread(target=narrow.resolve, args=(inputs(n),)) for n in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert narrow.calls == lml.calls.number == 16
    assert lml.calls.most_at_once == 2
