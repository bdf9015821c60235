"""Dry run, replay and unwind beside a run, on random libraries: what is predicted happens, and can be taken back."""

from collections import Counter
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from identity_assets.backend.database import Database
from identity_assets.backend.ledger.accounts import Accounts, read_accounts
from identity_assets.backend.ledger.verdicts import ask_and_store
from identity_assets.backend.preview.changes import PREDICTED, Change
from identity_assets.backend.preview.dry_run import DryRun, dry_run
from identity_assets.backend.undo.by_run import Writes, plan_unwind, unwind
from identity_assets.backend.writing.replay import replay
from identity_assets.lml.client import client_of
from identity_assets.settings import Scope, Settings
from identity_assets_tests.scripted_lml import ScriptedLml, scripted_lml
from identity_assets_tests.support import EVERY_BUCKET, Shelf, nothing, provenance, single_artist

TABLES = ("library_identity", "library_identity_source", "library_unresolved")
IDS = ("discogs_artist_id", "musicbrainz_artist_id", "bandcamp_id")


@pytest.fixture(scope="module")
def lml() -> Iterator[ScriptedLml]:
    with scripted_lml() as server:
        yield server


def snapshot(shelf: Shelf) -> dict[str, list[dict[str, Any]]]:
    """The identity tables, every column of every row."""
    return {
        table: sorted(shelf.rows(f"SELECT * FROM {table}"), key=lambda row: str(list(row.values())))
        for table in TABLES
    }


@dataclass
class Desk:
    """A run and a dry run of one library, without Dagster."""

    shelf: Shelf
    lml: ScriptedLml
    settings: Settings

    def run(self, run_id: str) -> Accounts:
        self.shelf.select(run_id=run_id)
        with client_of(self.settings) as client:
            for _ in ask_and_store(self.shelf.database, client, EVERY_BUCKET, self.settings, run_id):
                pass
        self.shelf.write(3, run_id)
        return sum(read_accounts(self.shelf.database, EVERY_BUCKET).values(), Accounts())

    def dry_run(self) -> tuple[DryRun, dict[int, Change]]:
        changes: list[Change] = []
        with (
            Database(self.settings, "dry run", read_only=True) as database,
            client_of(self.settings) as client,
        ):
            foreseen = dry_run(
                database,
                client,
                EVERY_BUCKET,
                self.settings,
                Scope.full,
                stage=lambda _rows: nullcontext(lambda _done: None),
                on_change=changes.append,
            )
        assert len(changes) == len({one.library_id for one in changes})
        return foreseen, {one.library_id: one for one in changes}


@pytest.fixture
def desk(shelf: Shelf, lml: ScriptedLml) -> Desk:
    lml.results, lml.asked = {}, []
    return Desk(shelf, lml, replace(shelf.settings, library_metadata_url=lml.url, batch_size=3))


SOURCES = st.sampled_from(["discogs", "musicbrainz", "wikidata", "spotify"])
EXTERNAL = st.sampled_from(["x1", "x2"])
METHODS = st.sampled_from(
    [("exact_match", 1.0), ("trigram", 0.75), ("llm", 0.6), ("cross_source_agreement", 0.95)]
)
ENTRIES = st.lists(
    st.tuples(SOURCES, METHODS, EXTERNAL, st.booleans()).map(
        lambda one: provenance(one[0], one[1][0], None if one[3] else one[1][1], None if one[3] else one[2])
    ),
    max_size=4,
)
MAIN = st.fixed_dictionaries(
    {},
    optional={
        "wikidata_qid": st.sampled_from(["Q1", "Q2", None]),
        "spotify_artist_id": st.sampled_from(["s1", None]),
        "discogs_artist_id": st.sampled_from([1, 2, None]),
        "bandcamp_id": st.sampled_from(["b1", None]),
    },
)
VERDICTS = st.one_of(
    st.tuples(METHODS, MAIN, ENTRIES).map(
        lambda one: {"main": one[1], "method": one[0][0], "confidence": one[0][1], "provenance": one[2]}
    ),
    st.sampled_from(["unresolved", "compilation", "invalid", "out_of_band", "left_out"]),
)
MAIN_BEFORE = st.none() | st.fixed_dictionaries(
    {
        "method": st.sampled_from(["exact_match", "manual", "trigram"]),
        "notes": st.sampled_from(["consumer:lml-bulk", "backfill:S3", None]),
        "age": st.sampled_from([1, 9]),
        "wikidata_qid": st.sampled_from(["Q1", None]),
        "discogs_artist_id": st.sampled_from([1, None]),
        "discogs_release_id": st.sampled_from([7, None]),
        "agreement_sources": st.sampled_from(["discogs,wikidata", None]),
    }
)
SOURCES_BEFORE = st.dictionaries(
    SOURCES,
    st.tuples(
        st.sampled_from(["exact_match", "manual"]),
        EXTERNAL,
        st.sampled_from(["consumer:lml-bulk", "backfill:S3", None]),
        st.sampled_from(["discogs", None]),
    ),
    max_size=3,
)
ATTEMPT_BEFORE = st.none() | st.tuples(
    st.sampled_from(["unresolved", "compilation"]), st.sampled_from([1, 9])
)
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "artist": st.sampled_from(["Anna Nyberg", "Anna Nyberg", "Anna Nyberg", None, " "]),
            "volume": st.sampled_from([None, "Z"]),
            "main": MAIN_BEFORE,
            "sources": SOURCES_BEFORE,
            "attempt": ATTEMPT_BEFORE,
            "stored": st.none() | VERDICTS,
            "verdict": VERDICTS,
        }
    ),
    min_size=1,
    max_size=8,
)


def result_of(library_id: int, verdict: Any) -> dict[str, Any] | None:
    if isinstance(verdict, dict):
        return single_artist(library_id, **verdict)
    return {
        "unresolved": nothing(library_id),
        "compilation": nothing(library_id, "compilation"),
        "invalid": single_artist(library_id, method="astrology"),
        "out_of_band": single_artist(library_id, method="exact_match", confidence=0.9),
        "left_out": None,
    }[verdict]


def put_before(shelf: Shelf, library_id: int, row: dict[str, Any]) -> None:
    if row["main"] is not None:
        shelf.run(
            "INSERT INTO library_identity (library_id, method, confidence, notes, last_verified_at, wikidata_qid, "
            "discogs_artist_id, discogs_release_id, agreement_sources) VALUES (:id, :method, 0.9, :notes, "
            "now() - make_interval(days => :age), :wikidata_qid, :discogs_artist_id, :discogs_release_id, "
            ":agreement_sources)",
            id=library_id,
            **row["main"],
        )
    for source, (method, external_id, notes, boost) in row["sources"].items():
        shelf.run(
            "INSERT INTO library_identity_source (library_id, source, external_id, method, confidence, "
            "last_verified_at, boost_sources, notes) VALUES (:id, :source, :external_id, :method, 1, "
            "now() - interval '9 days', :boost, :notes)",
            id=library_id,
            source=source,
            external_id=external_id,
            method=method,
            boost=boost,
            notes=notes,
        )
    if row["attempt"] is not None:
        kind, age = row["attempt"]
        shelf.run(
            "INSERT INTO library_unresolved (library_id, kind, attempted_at, attempts, first_attempted_at) "
            "VALUES (:id, :kind, now() - make_interval(days => :age), 2, now() - interval '30 days')",
            id=library_id,
            kind=kind,
            age=age,
        )


def fill(desk: Desk, rows: list[dict[str, Any]]) -> list[int]:
    """Put the rows on the shelf, with what stands in the tables before; and answers that nobody has applied."""
    shelf = desk.shelf
    shelf.run(
        "TRUNCATE artists, library, lml_verdict, lml_verdict_state, lml_verdict_history, candidate_library, "
        "library_unresolved, journal_chunk, journal_image, library_identity_history CASCADE"
    )
    ids = [shelf.put(row["artist"], volume=row["volume"]) for row in rows]
    desk.lml.results = {
        library_id: result
        for library_id, row in zip(ids, rows, strict=True)
        if (result := result_of(library_id, row["verdict"])) is not None
    }
    shelf.select(run_id="earlier")
    selected = {one for one, outcome in shelf.outcomes().items() if outcome is None}
    stored = [
        result
        for library_id, row in zip(ids, rows, strict=True)
        if library_id in selected
        and row["stored"] is not None
        and (result := result_of(library_id, row["stored"])) is not None
    ]
    if stored:
        shelf.answer(*stored, run_id="earlier")
    for library_id, row in zip(ids, rows, strict=True):
        put_before(shelf, library_id, row)
    return ids


def columns_that_changed(
    before: dict[str, Any] | None, after: dict[str, Any] | None, prefix: str = ""
) -> dict[str, tuple[Any, Any]]:
    """What differs between two rows of a table, but for keys, the moment of verification and what is generated."""
    names = (before or after or {}).keys() - {
        "library_id",
        "source",
        "last_verified_at",
        "distinct_unresolved_sources",
    }
    pairs = {prefix + name: ((before or {}).get(name), (after or {}).get(name)) for name in names}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def what_happened(
    before: dict[str, list[dict[str, Any]]], after: dict[str, list[dict[str, Any]]], outcomes: dict[int, Any]
) -> dict[int, tuple[str, dict[str, tuple[Any, Any]]]]:
    """The changes of a run as the tables show them: the kind of each, and its columns."""
    mains = [{row["library_id"]: row for row in tables["library_identity"]} for tables in (before, after)]
    sources = [
        {(row["library_id"], row["source"]): row for row in tables["library_identity_source"]}
        for tables in (before, after)
    ]
    happened = {}
    for library_id, outcome in outcomes.items():
        old, new = mains[0].get(library_id), mains[1].get(library_id)
        columns = columns_that_changed(old, new)
        for key in sources[0].keys() | sources[1].keys():
            if key[0] == library_id:
                columns |= columns_that_changed(sources[0].get(key), sources[1].get(key), f"{key[1]}.")
        if outcome == "resolved":
            kind = "new" if old is None else "changed" if columns else "confirmed"
            happened[library_id] = (kind, columns)
        elif outcome in ("unresolved", "compilation") and old and old["notes"] != "backfill:S3":
            assert not columns
            happened[library_id] = ("withdrawn", {})
        elif outcome in ("unresolved", "compilation"):
            assert not columns
            happened[library_id] = (outcome, {})
        else:
            assert not columns
    return happened


@pytest.mark.promise("unwind")
@pytest.mark.promise("dry run")
@given(rows=ROWS)
@hypothesis_settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_a_dry_run_predicts_the_run_a_replay_changes_nothing_and_an_unwind_gives_everything_back(
    desk: Desk, rows: list[dict[str, Any]]
) -> None:
    fill(desk, rows)
    shelf, before = desk.shelf, snapshot(desk.shelf)
    ledger = shelf.rows("SELECT * FROM candidate_library ORDER BY library_id")

    foreseen, changes = desk.dry_run()
    again, changes_again = desk.dry_run()
    assert replace(again, lml_total_latency_ms=0) == replace(foreseen, lml_total_latency_ms=0)
    assert changes_again == changes
    assert snapshot(shelf) == before
    assert shelf.rows("SELECT * FROM candidate_library ORDER BY library_id") == ledger

    accounts = desk.run("first")
    after = snapshot(shelf)
    shown = foreseen.as_dict()
    assert shown["scanned"] == accounts.scanned
    assert shown["would_resolve"] == accounts.resolved
    assert shown["would_unresolved"] == accounts.unresolved
    assert {name: rows for name, rows in shown["would_skip"].items() if rows} == accounts.skipped
    assert {one: (str(change.kind), change.columns) for one, change in changes.items()} == what_happened(
        before, after, shelf.outcomes()
    )
    assert foreseen.changes == {
        **{str(kind): 0 for kind in PREDICTED},
        **Counter(str(one.kind) for one in changes.values()),
    }

    replayed = replay(shelf.database, EVERY_BUCKET, desk.settings, run_id="replay")
    assert snapshot(shelf) == after
    assert replayed.written.main_rows_written == replayed.written.source_rows_written == 0
    assert not shelf.rows("SELECT FROM journal_chunk WHERE run_id = 'replay'")

    planned = plan_unwind(shelf.database, Writes({"first": None}), 3)
    assert snapshot(shelf) == after
    assert unwind(shelf.database, Writes({"first": None}), 3) == planned
    assert planned.left_alone == ()
    assert snapshot(shelf) == before
    assert not shelf.rows("SELECT FROM journal_chunk")


@pytest.mark.promise("unwind")
@given(rows=ROWS, second=st.lists(VERDICTS, min_size=8, max_size=8))
@hypothesis_settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_runs_are_taken_back_in_the_reverse_order_of_their_writing(
    desk: Desk, rows: list[dict[str, Any]], second: list[Any]
) -> None:
    ids = fill(desk, rows)
    shelf = desk.shelf
    states = [snapshot(shelf)]
    desk.run("first")
    states.append(snapshot(shelf))
    desk.lml.results = {
        library_id: result
        for library_id, verdict in zip(ids, second, strict=False)
        if (result := result_of(library_id, verdict)) is not None
    }
    # Windows of no days: everything is due again at once.
    shelf.settings = replace(shelf.settings, stale_threshold_days=0, unresolved_retry_days=0)
    desk.run("second")
    states.append(snapshot(shelf))
    written = {
        run: {
            row["library_id"]
            for row in shelf.rows(
                "SELECT library_id FROM journal_entry WHERE run_id = :run AND before <> 'same' "
                "AND (before <> 'absent' OR row_hash IS NOT NULL)",
                run=run,
            )
        }
        for run in ("first", "second")
    }

    early = plan_unwind(shelf.database, Writes({"first": None}), 100)
    assert {(one.library_id, one.reason, one.run_id) for one in early.left_alone} == {
        (one, "written_again", "second") for one in written["first"] & written["second"]
    }
    unwind(shelf.database, Writes({"second": None}), 3)
    assert snapshot(shelf) == states[1]
    assert unwind(shelf.database, Writes({"first": None}), 3).left_alone == ()
    assert snapshot(shelf) == states[0]
