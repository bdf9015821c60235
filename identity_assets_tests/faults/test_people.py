"""People and Backend's services at work while a run asks and writes, with Backend's real foreign keys."""

import random
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from typing import Any

import dagster as dg
import pytest

from identity_assets.backend.reports.integrity import (
    read_out_of_band,
    read_unbalanced,
    read_without_sources,
)
from identity_assets.backend.undo.by_run import Writes, unwind
from identity_assets.partitions import library_partitions
from identity_assets.progress import LogProgress
from identity_assets.settings import Leg, Scope, Settings
from identity_assets.terminal.run_pass import PassReport, run_pass
from identity_assets_tests.faults.backend_service import BackendService
from identity_assets_tests.legs.support import Cache
from identity_assets_tests.scripted_lml import ScriptedLml
from identity_assets_tests.support import EVERY_BUCKET, Shelf, nothing, provenance, single_artist

pytestmark = pytest.mark.long

KEYS = library_partitions.get_partition_keys()


@pytest.fixture
def scripted(scripted: ScriptedLml) -> Iterator[ScriptedLml]:
    """The same server, with what it says and does as before."""
    before = scripted.results
    yield scripted
    scripted.results, scripted.on_call = before, lambda _ids: None


@pytest.fixture
def service(shelf: Shelf) -> Iterator[BackendService]:
    with closing(BackendService(shelf.settings)) as opened:
        yield opened


def run(shelf: Shelf, lml: ScriptedLml, **changes: Any) -> PassReport:
    settings: Settings = replace(
        shelf.settings, library_metadata_url=lml.url, scope=Scope.full, lml_retry_wait_seconds=0.001
    )
    with dg.DagsterInstance.ephemeral() as instance:
        return run_pass(replace(settings, **changes), instance, KEYS, LogProgress(say=lambda _line: None))


def nothing_is_wrong(shelf: Shelf, report: PassReport) -> None:
    """The run ended well, and no check of the tables finds a row that offends."""
    assert report.failures == ()
    assert "pending" not in report.accounts.skipped
    assert "writer_error" not in report.accounts.skipped
    for found in (
        read_unbalanced(shelf.database, EVERY_BUCKET),
        read_out_of_band(shelf.database),
        read_without_sources(shelf.database),
    ):
        assert found.count == 0, found


def once(work: Callable[[], None]) -> Callable[[list[int]], None]:
    """Do this at the first call to LML: after the rows were selected and before any of them is written."""
    done = threading.Lock()

    def on_call(_ids: list[int]) -> None:
        if done.acquire(blocking=False):
            work()

    return on_call


@pytest.mark.promise("people meanwhile")
def test_rows_deleted_renamed_merged_and_decided_between_ask_and_write(
    shelf: Shelf, scripted: ScriptedLml, service: BackendService
) -> None:
    ids = shelf.put_many([f"Artist {n}" for n in range(12)])
    deleted, renamed, duplicate, survivor, decided, decided_before, *others = ids
    scripted.results = {one: single_artist(one) for one in ids}
    nothing_is_wrong(shelf, run(shelf, scripted))
    shelf.run("DELETE FROM library_identity_source WHERE library_id IN (:a, :b)", a=survivor, b=decided)
    shelf.run("DELETE FROM library_identity WHERE library_id IN (:a, :b)", a=survivor, b=decided)
    shelf.age(8)
    scripted.results = {one: single_artist(one, main={"wikidata_qid": f"Q9{one}"}) for one in ids}

    def work() -> None:
        service.delete(deleted)
        service.rename(renamed)
        service.merge(duplicate, survivor)
        service.decide(decided)
        service.decide(decided_before)

    scripted.on_call = once(work)
    report = run(shelf, scripted)
    nothing_is_wrong(shelf, report)
    assert shelf.outcomes() == {
        deleted: "library_row_gone",
        renamed: "names_changed",
        duplicate: "library_row_gone",
        survivor: "resolved",
        decided: "manual_override",
        decided_before: "manual_override",
        **dict.fromkeys(others, "resolved"),
    }
    mains = {row["library_id"]: row["wikidata_qid"] for row in shelf.tables()["main"]}
    assert mains == {
        renamed: f"Q{renamed}",
        survivor: f"Q9{survivor}",
        decided: "Q1",
        decided_before: "Q1",
        **{one: f"Q9{one}" for one in others},
    }

    scripted.on_call = lambda _ids: None
    scripted.asked.clear()
    nothing_is_wrong(shelf, run(shelf, scripted))
    assert scripted.asked == [renamed]


@pytest.mark.promise("people meanwhile")
def test_rows_renamed_between_gathering_and_writing_get_no_release_of_their_former_names(
    shelf: Shelf, scripted: ScriptedLml, service: BackendService, cache: Cache
) -> None:
    ids = shelf.put_many([f"Artist {n}" for n in range(6)], canonical=None)
    for number, library_id in enumerate(ids):
        cache.match(f"artist {number}", f"album {number}", 1, None, library_id)
    renamed, renamed_unknown, *others = ids
    scripted.results = {one: single_artist(one) for one in ids} | {renamed_unknown: nothing(renamed_unknown)}
    gathered: list[int] = []

    def work() -> None:
        gathered.extend(row["library_id"] for row in shelf.rows("SELECT library_id FROM leg_evidence"))
        service.rename(renamed)
        service.rename(renamed_unknown)

    with_leg = {"identity_legs": (Leg.S3,), "database_url_discogs": cache.settings.database_url_discogs}
    scripted.on_call = once(work)
    nothing_is_wrong(shelf, run(shelf, scripted, **with_leg))
    assert sorted(gathered) == ids

    def releases() -> dict[int, int]:
        rows = shelf.rows("SELECT library_id, discogs_release_id FROM library_identity")
        return {row["library_id"]: row["discogs_release_id"] for row in rows}

    assert shelf.outcomes()[renamed] == shelf.outcomes()[renamed_unknown] == "names_changed"
    assert releases() == {one: one for one in others}
    assert {row["library_id"] for row in shelf.tables()["source"]} == set(others)

    scripted.on_call = lambda _ids: None
    cache.match("renamed", "album 0", 1, None, 99)
    nothing_is_wrong(shelf, run(shelf, scripted, **with_leg))
    assert releases() == {renamed: 99, **{one: one for one in others}}


@pytest.mark.promise("people meanwhile")
@pytest.mark.parametrize("seed", [0, *[pytest.param(seed, marks=pytest.mark.faults) for seed in range(1, 6)]])
def test_whatever_backend_does_while_a_run_writes_both_get_through(
    shelf: Shelf, scripted: ScriptedLml, seed: int
) -> None:
    ids = shelf.put_many([f"Artist {n}" for n in range(240)])
    scripted.results = {one: single_artist(one) for one in ids}
    nothing_is_wrong(shelf, run(shelf, scripted))
    shelf.age(8)
    scripted.results = {one: _with_another_source(one) for one in ids}
    chance = random.Random(seed)
    touched = chance.sample(ids[:-1], 80)
    began, took = threading.Event(), list[float]()
    scripted.on_call = lambda _ids: began.set()

    def work(chosen: list[int]) -> None:
        with closing(BackendService(shelf.settings)) as service:
            assert began.wait(60)
            for one in chosen:
                match one % 4:
                    case 0:
                        took.append(service.delete(one))
                    case 1:
                        took.append(service.merge(one, ids[-1]))
                    case 2:
                        took.append(service.rename(one))
                    case 3:
                        took.append(service.decide(one))

    with ThreadPoolExecutor(2) as executor:
        working = [executor.submit(work, touched[:40]), executor.submit(work, touched[40:])]
        report = run(shelf, scripted, writer_chunk_rows=20, batch_size=40)
        for done in working:
            done.result()
    assert len(took) == 80
    assert report.failures == ()
    assert "pending" not in report.accounts.skipped
    outcomes = shelf.outcomes()
    for one in set(ids[:-1]) - set(touched):
        assert outcomes[one] == "resolved"
    scripted.on_call = lambda _ids: None
    nothing_is_wrong(shelf, run(shelf, scripted))
    gone = {one for one in touched if one % 4 < 2}
    assert {row["id"] for row in shelf.rows("SELECT id FROM library")} == set(ids) - gone
    manual = shelf.rows("SELECT library_id FROM library_identity WHERE method = 'manual'")
    assert {row["library_id"] for row in manual} >= {one for one in touched if one % 4 == 3} - gone


def _with_another_source(library_id: int) -> dict[str, object]:
    return single_artist(
        library_id,
        main={"wikidata_qid": f"Q9{library_id}"},
        provenance=[
            provenance("discogs", "exact_match", 1.0, f"d{library_id}"),
            provenance("wikidata", "exact_match", 1.0, f"Q9{library_id}"),
        ],
    )


@pytest.mark.parametrize("command", ["write", "unwind"])
def test_a_chunk_gives_way_to_a_delete_of_backend_that_waits_for_it(shelf: Shelf, command: str) -> None:
    ids = shelf.put_many([f"Artist {n}" for n in range(20)])
    write_twice(shelf, ids, until_written=command == "unwind")

    def work() -> None:
        if command == "write":
            shelf.write(run_id="second")
        else:
            unwind(shelf.database, Writes({"second": None}), 100)

    with (
        closing(BackendService(shelf.settings)) as service,
        ThreadPoolExecutor(1) as executor,
        service.deleting(ids[7]) as go_on,
    ):
        working = executor.submit(work)
        # The chunk has locked the main rows, and waits for the library row that Backend has locked.
        until = time.monotonic() + 20
        while not shelf.rows("SELECT 1 FROM pg_locks WHERE NOT granted"):
            assert time.monotonic() < until
        go_on()
        working.result()
    assert not shelf.rows("SELECT 1 FROM library WHERE id = :id", id=ids[7])
    sources = shelf.rows(
        "SELECT DISTINCT library_id FROM library_identity_source WHERE source = :source",
        source="wikidata" if command == "write" else "musicbrainz",
    )
    assert {row["library_id"] for row in sources} == {*ids} - {ids[7]}
    if command == "write":
        assert shelf.outcomes() == {**dict.fromkeys(ids, "resolved"), ids[7]: "library_row_gone"}


def write_twice(shelf: Shelf, ids: list[int], *, until_written: bool) -> None:
    """Write answers; let LML say something else a week later, so that each library row gets a new source row."""
    shelf.select()
    shelf.answer(*map(single_artist, ids))
    shelf.write(chunk_rows=len(ids))
    shelf.age(8)
    shelf.select(run_id="second")
    shelf.answer(*map(_with_another_source, ids), run_id="second")
    if until_written:
        shelf.write(run_id="second")


@pytest.mark.faults
def test_a_delete_of_backend_gets_through_within_two_seconds_while_chunks_of_the_default_size_are_written(
    shelf: Shelf,
) -> None:
    rows = shelf.settings.writer_chunk_rows
    shelf.put()
    shelf.run(
        "INSERT INTO library (artist_id, artist_name, album_title, legacy_release_id) "
        "SELECT 1, 'Artist ' || n, 'Album', n FROM generate_series(1, :rows) AS n",
        rows=4 * rows,
    )
    ids = [row["id"] for row in shelf.rows("SELECT id FROM library ORDER BY id")]
    write_twice(shelf, ids, until_written=False)
    ended, took = threading.Event(), list[float]()
    random.Random(1).shuffle(ids)

    def work() -> None:
        with closing(BackendService(shelf.settings)) as service:
            for one in ids:
                if ended.is_set():
                    return
                took.append(service.delete(one))

    with ThreadPoolExecutor(1) as executor:
        working = executor.submit(work)
        try:
            written = shelf.write(chunk_rows=rows)
        finally:
            ended.set()
        working.result()
    assert written.main_rows_written > rows
    print(f"{len(took)} deletes, the slowest in {max(took):.2f} s")
    assert len(took) > 10
    assert max(took) < 2
    assert read_unbalanced(shelf.database, EVERY_BUCKET).count == 0
