"""Whole runs against an LML that sends anything: a real Dagster run, a real HTTP server, a real PostgreSQL."""

import gzip
import json
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import dagster as dg
import pytest
from sqlalchemy import text

from benchmarks._memory import PeakMemory
from identity_assets.backend.reports.story import read_story
from identity_assets.partitions import library_partitions
from identity_assets.progress import LogProgress
from identity_assets.settings import Scope, Settings
from identity_assets.terminal.run_pass import PassReport, run_pass
from identity_assets_tests.lml.raw_lml import RawLml, Request, answer_of, raw_lml
from identity_assets_tests.lml.test_hostile_lml import endless_body, endless_headers, spaces_in_gzip
from identity_assets_tests.support import Shelf, provenance
from identity_assets_tests.terminal.calling import clean_env, command

pytestmark = pytest.mark.long

EVERY_KEY = library_partitions.get_partition_keys()
KEY = "s3cr3t-key-of-the-station"

# Status and headers of an error, and its body: each stopped all writing, or raised what nothing caught.
POISONS: Sequence[tuple[bytes, Sequence[bytes], bytes]] = [
    (b"500 Oh no", [b"Content-Type: text/plain; charset=utf-8"], b"broken \x00 text"),
    (b"500 Oh no", [b"Content-Type: text/plain; charset=utf-7"], b"+2AA- lone"),
    (b"500 Oh no", [b"Content-Type: text/plain; charset=unicode_escape"], b"\\ud800 lone"),
    *[
        (b"500 Oh no", [b"Content-Type: text/plain; charset=" + charset], b"text")
        for charset in (
            b"hex",
            b"zlib",
            b"bz2",
            b"base64",
            b"quopri",
            b"uu",
            b"rot13",
            b"idna",
            b"undefined",
            b"utf-16",
        )
    ],
    (b"503 Busy", [b"Retry-After: Wed, 21 Oct 99999999999999999999 07:28:00 GMT"], b"later"),
    (b"500 Oh no", [b"Content-Encoding: gzip"], b"this is no gzip"),
]


def run(chosen: Settings, lml: RawLml, **changes: Any) -> PassReport:
    chosen = replace(chosen, library_metadata_url=lml.url, scope=Scope.full, **changes)
    with dg.DagsterInstance.ephemeral() as instance:
        return run_pass(chosen, instance, EVERY_KEY, LogProgress(say=lambda _line: None))


def details(shelf: Shelf) -> Mapping[int, str]:
    rows = shelf.rows("SELECT library_id, detail FROM candidate_library WHERE detail IS NOT NULL")
    return {row["library_id"]: row["detail"] for row in rows}


# 1: one error body stops all writing for good


@pytest.mark.promise("bad answers")
def test_error_bodies_of_every_kind_cost_their_own_inputs_alone_and_the_next_run_asks_only_those(
    shelf: Shelf, station_settings: Settings
) -> None:
    ids = shelf.put_many(["Anna Nyberg"] * 2000)
    poisons = dict(zip(ids[7 :: 2000 // len(POISONS)], POISONS, strict=False))
    assert len(poisons) == len(POISONS)

    def respond(request: Request) -> None:
        poisoned = next((poisons[one] for one in request.ids if one in poisons), None)
        if poisoned is None:
            return request.answer()
        status, headers, body = poisoned
        return request.respond(body, *headers, status=status)

    with raw_lml(respond) as lml:
        report = run(station_settings, lml)
        assert report.failures == ()
        assert report.accounts.resolved == 2000 - len(POISONS)
        assert report.accounts.skipped == {"lml_error": len(POISONS)}
        said = details(shelf)
        assert said.keys() == poisons.keys()
        assert all(one.startswith("LML answered 50") and one.isprintable() for one in said.values())

        lml.requests.clear()
        poisons.clear()
        again = run(station_settings, lml)
        assert (again.accounts.resolved, sorted(lml.asked)) == (len(POISONS), sorted(said))


# 6: what may not be written


def echoing(request: Request) -> None:
    """Blank ids, a NUL in an id, an error that is no gzip, and the key in an answer and in an error."""
    key = next(line for line in request.head.split("\r\n") if line.startswith("Authorization")).rsplit(
        " ", 1
    )[1]
    match request.ids:
        case [1]:
            request.respond(b"this is no gzip", b"Content-Encoding: gzip", status=b"500 Oh no")
        case [2]:
            request.respond(f"you sent {key}".encode(), status=b"422 No")
        case [3]:
            entries = [provenance("discogs", "exact_match", 1.0, one) for one in ("", "  ", "d\x00")]
            entries.append(provenance("wikidata", "exact_match", 1.0, "Q3"))
            request.respond(answer_of([3], provenance=entries))
        case [4]:
            request.respond(answer_of([4], main={"wikidata_qid": "Q4\x00", "spotify_artist_id": " "}))
        case _:
            request.respond(answer_of(request.ids, echo=f"Bearer {key}"))


def test_broken_gzip_is_an_error_and_blank_ids_nul_and_the_key_are_neither_written_nor_shown(
    shelf: Shelf, station_settings: Settings
) -> None:
    ids = shelf.put_many(["Anna Nyberg"] * 5)
    assert ids == [1, 2, 3, 4, 5]
    with raw_lml(echoing) as lml:
        report = run(station_settings, lml, batch_size=1, lml_api_key=KEY)
    assert report.failures == ()
    assert {one: shelf.outcomes()[one] for one in (1, 2)} == {1: "lml_error", 2: "lml_error"}
    assert details(shelf)[1] == "LML answered 500: no text"
    assert "you sent ***" in details(shelf)[2]

    assert shelf.rows("SELECT source, external_id FROM library_identity_source WHERE library_id = 3") == [
        {"source": "wikidata", "external_id": "Q3"}
    ]
    written = [row for name in ("main", "source") for row in shelf.tables()[name]]
    texts = [value for row in written for value in row.values() if isinstance(value, str)]
    assert all(text.strip() and text.isprintable() and "\ufffd" not in text for text in texts)

    assert KEY not in everything_stored(shelf)
    stories = [read_story(shelf.database, station_settings, one) for one in ids]
    assert not any(KEY in str(story and story.as_dict()) for story in stories)


def everything_stored(shelf: Shelf) -> str:
    """All rows of all tables of the database, as text."""
    tables = shelf.rows(
        "SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables "
        "WHERE schemaname IN ('wxyc_schema', 'identity_assets')"
    )
    assert len(tables) > 10
    return "\n".join(str(shelf.rows(f"SELECT * FROM {table['name']}")) for table in tables)


# Patience, and the time of a run


@pytest.mark.promise("lml down")
@pytest.mark.parametrize("respond", [endless_body, endless_headers])
def test_a_run_against_an_lml_that_hangs_on_every_call_ends_within_its_patience_and_one_time_out(
    shelf: Shelf, station_settings: Settings, respond: Callable[[Request], None]
) -> None:
    shelf.put_many(["Anna Nyberg"] * 60)
    began: list[float] = []

    def hang(request: Request) -> None:
        began.append(time.monotonic())
        respond(request)

    patience, timeout = 3.0, 1.5
    with raw_lml(hang) as lml:
        report = run(
            station_settings, lml, batch_size=10, lml_patience_seconds=patience, lml_timeout_seconds=timeout
        )
        # The run also ends its steps and reads its report.
        assert time.monotonic() - began[0] < patience + timeout + 1.0
    [failure] = report.failures
    assert failure.startswith("lml_verdicts: LML is down: no call succeeded for ")
    assert "LML_PATIENCE_SECONDS=3" in failure
    assert report.accounts.skipped == {"lml_error": 60}


def test_a_run_that_may_not_ask_for_longer_keeps_what_it_has_and_says_how_much_is_left(
    shelf: Shelf, station_settings: Settings
) -> None:
    ids = shelf.put_many(["Anna Nyberg"] * 200)

    def respond(request: Request) -> None:
        time.sleep(0.2)
        request.answer()

    with raw_lml(respond) as lml:
        report = run(station_settings, lml, batch_size=10, lml_max_in_flight=2, lml_run_seconds=0.9)
        left = report.accounts.skipped["not_asked"]
        assert report.failures == ()
        assert 50 <= left < 200
        assert report.accounts.resolved == 200 - left == len(lml.asked)
        assert report.as_dict()["skipped"] == {"not_asked": left}
        assert set(details(shelf).values()) == {"not asked: LML_RUN_SECONDS, 0.9 s, were over"}

        again = run(station_settings, lml)
        assert (again.accounts.scanned, again.accounts.resolved) == (left, left)
        assert sorted(lml.asked) == ids


# 5: answers that wait to be stored


@contextmanager
def lml_that_notes() -> Iterator[tuple[RawLml, list[int]]]:
    """An LML that answers well, and the library ids that it has answered."""
    answered: list[int] = []

    def respond(request: Request) -> None:
        request.answer()
        answered.extend(request.ids)

    with raw_lml(respond) as lml:
        yield lml, answered


def not_stored(shelf: Shelf, received: Sequence[int]) -> list[int]:
    """The library ids that LML has answered and whose answer is not stored."""
    stored = {row["library_id"] for row in shelf.rows("SELECT library_id FROM lml_verdict")}
    return [one for one in received if one not in stored]


@pytest.mark.promise("stored first")
def test_when_postgresql_goes_away_at_most_what_is_in_flight_is_asked_again(
    shelf: Shelf, station_settings: Settings
) -> None:
    shelf.put_many(["Anna Nyberg"] * 400)
    batch_size, in_flight = 10, 4
    with lml_that_notes() as (lml, received):
        with while_answers_wait(shelf, lambda: len(received) >= 100, end_connections):
            report = run(station_settings, lml, batch_size=batch_size, lml_max_in_flight=in_flight)
        assert "PostgreSQL cannot be reached or went away" in report.failures[0]
        lost = not_stored(shelf, received)
        # Answers did wait, and each worker loses the one batch that it was storing.
        assert batch_size <= len(lost) <= batch_size * in_flight

        lml.requests.clear()
        answered = set(received)
        assert run(station_settings, lml).accounts.resolved == 400
        assert sorted(one for one in lml.asked if one in answered) == sorted(lost)


@pytest.mark.promise("killed")
def test_when_the_process_is_killed_at_most_what_is_in_flight_is_asked_again(
    shelf: Shelf, station_settings: Settings
) -> None:
    shelf.put_many(["Anna Nyberg"] * 400)
    batch_size, in_flight = 10, 4
    with lml_that_notes() as (lml, received):
        sizes = {"BATCH_SIZE": str(batch_size), "LML_MAX_IN_FLIGHT": str(in_flight)}
        with (
            start_run(station_settings, lml, **sizes) as process,
            while_answers_wait(shelf, lambda: len(received) >= 100, lambda _shelf: process.kill()),
        ):
            assert process.wait(60) == -signal.SIGKILL
        time.sleep(0.3)
        lost = not_stored(shelf, received)
        assert batch_size <= len(lost) <= batch_size * in_flight

        lml.requests.clear()
        answered = set(received)
        # PostgreSQL notices within a moment that the killed process holds its partitions no more.
        assert run(station_settings, lml).accounts.resolved == 400
        assert sorted(one for one in lml.asked if one in answered) == sorted(lost)


@contextmanager
def while_answers_wait(
    shelf: Shelf, begins: Callable[[], bool], strike: Callable[[Shelf], None]
) -> Iterator[None]:
    """Strike the run inside the block while answers that it has received wait to be stored."""

    def keep_from_storing_and_strike() -> None:
        wait_until(begins)
        with shelf.database.transaction() as connection:
            connection.execute(text("LOCK TABLE lml_verdict IN EXCLUSIVE MODE"))
            wait_until(lambda: len(shelf.rows(WAITING)) >= 2)
            strike(shelf)

    with ThreadPoolExecutor(1) as executor:
        striking = executor.submit(keep_from_storing_and_strike)
        yield
        striking.result()


OF_THE_RUN = "datname = current_database() AND application_name LIKE 'identity_assets run%'"
WAITING = f"SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND {OF_THE_RUN}"


def end_connections(shelf: Shelf) -> None:
    shelf.run(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {OF_THE_RUN}")


def wait_until(happened: Callable[[], bool]) -> None:
    until = time.monotonic() + 30
    while not happened():
        assert time.monotonic() < until
        time.sleep(0.01)


def start_run(chosen: Settings, lml: RawLml, **variables: str) -> subprocess.Popen[str]:
    """`identity-assets run --scope full` in a process of its own."""
    url = chosen.require_database_url().render_as_string(hide_password=False)
    env = clean_env(
        DATABASE_URL=url, LIBRARY_METADATA_URL=lml.url, LML_RETRY_WAIT_SECONDS="0.001", **variables
    )
    return subprocess.Popen(
        command("run", "--scope", "full", "--json"),
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


# 2 and 3: signals and memory, in a process


@pytest.mark.parametrize("respond", [endless_body, endless_headers])
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_run_within_5_s_though_lml_hangs(
    shelf: Shelf, station_settings: Settings, respond: Callable[[Request], None], sent: signal.Signals
) -> None:
    shelf.put_many(["Anna Nyberg"] * 40)
    with (
        raw_lml(respond) as lml,
        start_run(station_settings, lml, BATCH_SIZE="5", LML_TIMEOUT_SECONDS="60") as process,
    ):
        wait_until(lambda: bool(lml.requests))
        sent_at = time.monotonic()
        process.send_signal(sent)
        said, _ = process.communicate(timeout=60)
        assert time.monotonic() - sent_at < 5
    assert process.returncode == 130
    assert json.loads(said.splitlines()[-1]) == {"error": "interrupted", "exit_code": 130}


def test_the_memory_of_a_run_stays_under_250_mib_whatever_lml_sends_to_several_calls_at_once(
    shelf: Shelf, station_settings: Settings
) -> None:
    shelf.put_many(["Anna Nyberg"] * 16)
    gzipped = b"Content-Encoding: gzip"
    bomb = spaces_in_gzip(1024)
    pieces = ["{},", "[],", '{"library_id":1,"kind":[[],[]]},', '"\\ud800",']
    packed = [
        gzip.compress(('{"results": [' + piece * (2**24 // len(piece)) + "0]}").encode(), 1)
        for piece in pieces
    ]

    def respond(request: Request) -> None:
        number = request.ids[0] % 8
        if number < len(packed):
            return request.respond(packed[number], gzipped)
        return request.respond(bomb, gzipped, status=b"500 Oh no" if number == 4 else b"200 OK")

    with (
        raw_lml(respond) as lml,
        start_run(station_settings, lml, BATCH_SIZE="1", LML_TIMEOUT_SECONDS="60") as process,
    ):
        memory = PeakMemory(process.pid)
        said, _ = process.communicate()
    assert len(lml.requests) >= 16, said
    outcomes = set(shelf.outcomes().values())
    assert outcomes == {"lml_error", "lml_invalid_verdict"}, said
    assert 50 < memory.mib < 250
