"""Whole passes over compilations: the two cohorts, the real catalogue, a dry run, and what the gate reports."""

import csv
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg
import orjson
import pytest

from benchmarks._memory import PeakMemory
from identity_assets.backend.preview.changes import Change
from identity_assets.backend.preview.dry_run import dry_run
from identity_assets.backend.reports.gate import read_gate
from identity_assets.backend.reports.integrity import read_asked_twice, read_bad_track_links
from identity_assets.backend.reports.story import read_story
from identity_assets.lml.client import LmlClient
from identity_assets.partitions import library_partitions
from identity_assets.progress import LogProgress
from identity_assets.settings import Scope, Settings
from identity_assets.terminal.run_pass import PassReport, run_pass
from identity_assets_tests.backend.writing.test_tracks import (
    Compilations,
    compilation,
    count_statements,
    track,
)
from identity_assets_tests.scripted_lml import ScriptedLml, scripted_lml
from identity_assets_tests.support import EVERY_BUCKET, Shelf, nothing, provenance, single_artist
from identity_assets_tests.terminal.calling import clean_env, command

EVERY_KEY = library_partitions.get_partition_keys()
CATALOGUE = Path(__file__).parents[3] / "shared" / "data" / "freemusi-cc"


@pytest.fixture
def script() -> Iterator[ScriptedLml]:
    with scripted_lml() as server:
        yield server


def settings_for(shelf: Shelf, script: ScriptedLml) -> Settings:
    # These libraries hold compilations and little else: that hardly any row resolves is no sign of a fault.
    return replace(
        shelf.settings,
        library_metadata_url=script.url,
        lml_retry_wait_seconds=0.001,
        scope=Scope.full,
        resolved_share_floor=0.0,
    )


def run(shelf: Shelf, script: ScriptedLml, instance: dg.DagsterInstance) -> PassReport:
    report = run_pass(settings_for(shelf, script), instance, EVERY_KEY, LogProgress(say=lambda _line: None))
    assert report.failures == ()
    return report


def test_va_rows_are_asked_about_with_tracks_in_their_own_batches_and_the_others_without(
    shelf: Shelf, script: ScriptedLml, instance: dg.DagsterInstance
) -> None:
    va = [shelf.put("Various Artists", f"Sampler {n}", volume="Z") for n in range(150)]
    credited = shelf.put("Friends", "Split")
    shelf.run("INSERT INTO compilation_track_artist (library_id, artist_name) VALUES (:id, 'A')", id=credited)
    plain = shelf.put_many([f"Artist {n}" for n in range(200)])
    script.results = {one: nothing(one) for one in plain} | {one: compilation(one) for one in (*va, credited)}
    report = run(shelf, script, instance)
    assert sorted(script.asked_with_tracks) == sorted([*va, credited])
    assert sorted(script.asked) == sorted([*va, credited, *plain])
    # The first batches of the others are small.
    assert sorted(script.batch_sizes) == sorted([51, 100, *[32] * 6, 8])
    assert report.accounts.resolved_compilation == 151


def test_a_row_that_lml_calls_a_compilation_is_asked_again_with_tracks_once_and_is_va_from_then_on(
    shelf: Shelf, script: ScriptedLml, instance: dg.DagsterInstance
) -> None:
    odd = [shelf.put("Sampler Crew", "One", volume="z1"), shelf.put("Sampler Crew", "Two", volume=None)]
    script.results = {one: compilation(one) for one in odd}
    report = run(shelf, script, instance)
    assert sorted(script.asked) == sorted(odd * 2)
    assert sorted(script.asked_with_tracks) == sorted(odd)
    assert (report.accounts.scanned, report.accounts.resolved_compilation) == (2, 2)
    assert read_asked_twice(shelf.database, shelf.settings).count == 0

    shelf.age(8)
    script.asked.clear()
    script.asked_with_tracks.clear()
    run(shelf, script, instance)
    assert sorted(script.asked) == sorted(script.asked_with_tracks) == sorted(odd)


@pytest.mark.promise("asked once")
def test_a_producer_without_the_marker_is_asked_once_in_a_window(
    shelf: Shelf, script: ScriptedLml, instance: dg.DagsterInstance
) -> None:
    script.vouches = False
    odd = shelf.put("Sampler Crew")
    script.results = {odd: compilation(odd, track("A"))}
    report = run(shelf, script, instance)
    assert report.accounts.skipped == {"compilation": 1}
    assert script.asked == [odd, odd]
    run(shelf, script, instance)
    assert script.asked == [odd, odd]


@contextmanager
def counted_statements(shelf: Shelf) -> Iterator[list[int]]:
    """How many statements a block sends to the credits; the list has one number when the block has ended."""
    found: list[int] = []
    shelf.run("UPDATE statement_sent SET count = 0")
    yield found
    found.append(int(shelf.rows("SELECT count FROM statement_sent")[0]["count"]))


def entry_of(row: dict[str, str]) -> dict[str, Any]:
    """LML's entry for one track of the catalogue."""
    sources = [provenance("discogs", "exact_match", 1.0, "1")]
    return track(row["trackartist"], row["title"], track_position=row["track"], sources=sources)


def stock_from_catalogue(shelf: Shelf) -> dict[int, dict[str, Any]]:
    """Put the real catalogue on the shelf; LML's answer for each release, which names the artist of each track."""
    with (CATALOGUE / "releases.csv").open(encoding="utf-8", newline="") as file:
        releases = list(csv.DictReader(file))
    with (CATALOGUE / "tracks.csv").open(encoding="utf-8", newline="") as file:
        tracks: dict[str, list[dict[str, str]]] = {}
        for row in csv.DictReader(file):
            tracks.setdefault(row["id"], []).append(row)
    shelf.run(
        "INSERT INTO artists (artist_name) "
        "SELECT DISTINCT artist FROM jsonb_to_recordset(:releases) AS r (artist text)",
        releases=orjson.dumps(releases).decode(),
    )
    made = shelf.rows(
        "INSERT INTO library (id, artist_id, artist_name, album_title, legacy_release_id) "
        "SELECT n, artists.id, r.artist, left(r.album, 128), n FROM ROWS FROM (jsonb_to_recordset(:releases) AS "
        "(artist text, album text, id text)) WITH ORDINALITY AS r (artist, album, release, n) "
        "JOIN artists ON artists.artist_name = r.artist RETURNING id",
        releases=orjson.dumps(releases).decode(),
    )
    assert len(made) == len(releases)
    answers: dict[int, dict[str, Any]] = {}
    credits: list[dict[str, Any]] = []
    for library_id, release in enumerate(releases, start=1):
        if release["artist"] != "Various Artists":
            answers[library_id] = single_artist(library_id)
            continue
        rows = tracks.get(release["id"], [])
        answers[library_id] = compilation(library_id, *map(entry_of, rows))
        credits += [{"id": library_id, "artist": row["trackartist"], "title": row["title"]} for row in rows]
    shelf.run(
        "INSERT INTO compilation_track_artist (library_id, artist_name, track_title) "
        "SELECT DISTINCT id, artist, title FROM jsonb_to_recordset(:credits) AS c (id int, artist text, title text)",
        credits=orjson.dumps(credits).decode(),
    )
    return answers


@pytest.mark.long
@pytest.mark.skipif(not CATALOGUE.exists(), reason="the real catalogue is not beside the project")
def test_on_the_real_catalogue_every_credit_of_an_artist_in_it_is_linked_and_a_second_run_sends_nothing(
    shelf: Shelf, script: ScriptedLml, instance: dg.DagsterInstance
) -> None:
    script.results = stock_from_catalogue(shelf)
    count_statements(shelf)
    first = run(shelf, script, instance)
    assert first.accounts.resolved_compilation == 386
    missed = shelf.rows(
        """
        SELECT credit.artist_name, credit.track_title, found.artists, credit.track_artist_id
        FROM compilation_track_artist AS credit
        CROSS JOIN LATERAL (
            SELECT count(*) AS artists, min(artists.id) AS id FROM artists
            WHERE fold_artist_name(artists.artist_name) = fold_artist_name(credit.artist_name)
        ) AS found
        WHERE credit.track_artist_id IS DISTINCT FROM CASE WHEN found.artists = 1 THEN found.id END
        """
    )
    assert missed == []
    assert first.track_rows_written > 900
    assert first.positions_written > 6_000
    assert read_bad_track_links(shelf.database).count == 0

    shelf.age(8)
    with counted_statements(shelf) as sent:
        second = run(shelf, script, instance)
    assert second.accounts.resolved_compilation == 386
    assert (second.track_rows_written, second.track_rows_unchanged) == (0, first.track_rows_written)
    assert sent == [0]


@pytest.mark.long
def test_a_va_batch_with_2364_credits_on_one_release_and_483_on_many_stays_within_250_mib(
    shelf: Shelf, script: ScriptedLml
) -> None:
    va = [shelf.put("Various Artists", f"Sampler {n}", volume="Z") for n in range(100)]
    shelf.run(
        "INSERT INTO compilation_track_artist (library_id, artist_name, track_title) "
        "SELECT library.id, 'Artist ' || n, 'Track ' || n FROM library "
        "CROSS JOIN LATERAL generate_series(1, CASE library.id WHEN :first THEN 2364 ELSE 483 END) AS n",
        first=va[0],
    )
    shelf.run(
        "INSERT INTO artists (id, artist_name) SELECT 100 + n, 'Artist ' || n FROM generate_series(1, 2364) AS n"
    )
    script.results = {
        one: compilation(
            one, *(track(f"Artist {n}", f"Track {n}") for n in range(1, 2365 if one == va[0] else 484))
        )
        for one in va
    }
    url = shelf.settings.require_database_url().render_as_string(hide_password=False)
    environment = clean_env(DATABASE_URL=url, LIBRARY_METADATA_URL=script.url)
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            command("run", "--scope", "full", "--json"),
            env=environment,
            stdout=output,
            stderr=subprocess.DEVNULL,
        )
        memory = PeakMemory(process.pid)
        process.wait()
        output.seek(0)
        report = orjson.loads(output.read())
    assert script.batch_sizes == [100]
    assert report["track_rows_written"] == 2_364 + 99 * 483
    assert 50 < memory.mib < 250


def changes_of(shelf: Shelf, script: ScriptedLml) -> tuple[dict[str, Any], list[Change]]:
    found: list[Change] = []
    settings = settings_for(shelf, script)

    @contextmanager
    def stage(_rows: int) -> Iterator[Any]:
        yield lambda _done: None

    with LmlClient(script.url, None) as client:
        report = dry_run(
            shelf.database, client, EVERY_BUCKET, settings, Scope.full, stage=stage, on_change=found.append
        )
    return report.as_dict(), found


def test_a_dry_run_shows_the_links_that_a_run_would_make_and_take_away(
    shelf: Shelf, script: ScriptedLml
) -> None:
    release = Compilations(shelf)
    anna, credit, other = release.artist("Anna"), release.credit("Anna"), release.credit("Berta")
    release.artist("Berta")
    odd = shelf.put("Crew", volume="z1")
    script.results = {release.id: compilation(release.id, track("Anna")), odd: compilation(odd)}
    shown, changes = changes_of(shelf, script)
    assert (shown["scanned"], shown["would_resolve_compilation"]) == (2, 2)
    assert script.asked_with_tracks.count(odd) == 1
    change, about_odd = sorted(changes, key=lambda one: one.library_id)
    assert (about_odd.library_id, about_odd.kind, about_odd.columns) == (odd, "compilation", {})
    assert (change.kind, change.columns["track Anna - One.track_artist_id"]) == ("new", (None, anna))
    assert release.link(credit)[0] is None

    release.answer(track("Anna"))
    shelf.age(8)
    script.results = {release.id: compilation(release.id, track("Berta"))}
    _shown, changes = changes_of(shelf, script)
    [change] = changes
    assert change.kind == "changed"
    assert change.columns["track Anna - One.track_artist_id"] == (anna, None)
    assert "track Berta - One.track_artist_id" in change.columns
    assert release.link(other)[0] is None


def test_the_gate_counts_compilations_with_known_tracks_apart_and_its_figure_stays(shelf: Shelf) -> None:
    release = Compilations(shelf)
    shelf.put("Nobody")
    before = read_gate(shelf.database, 1000)
    release.answer(track("Anna"))
    report = read_gate(shelf.database, 1000)
    assert (before.truly_unresolved_rows, before.compilations_with_known_tracks) == (2, 0)
    assert (report.truly_unresolved_rows, report.compilations_with_known_tracks) == (2, 1)
    assert report.truly_unresolved_rows_without_them == 1
    assert report.residual["compilation"] == 1


def test_explain_says_of_each_track_who_plays_and_why_it_is_linked_or_not(shelf: Shelf) -> None:
    release = Compilations(shelf)
    anna = release.artist("Anna")
    release.credit("Anna")
    release.credit("Guest", None)
    release.answer(track("Anna"), track("Guest", None))
    story = read_story(shelf.database, shelf.settings, release.id)
    assert story is not None
    told = story.as_dict()
    assert told["track_counts"] == {"track_rows_unchanged": 1, "track_rows_no_catalogue_artist": 1}
    [linked, guest] = sorted(told["tracks"], key=lambda row: str(row["artist_name"]))
    assert (linked["track_artist_id"], linked["sources"][0]["external_id"]) == (anna, "d-Anna")
    assert guest["track_artist_id"] is None
    assert {due["why"] for due in told["due"]} == {"resolved_compilation_in_window"}
