"""The whole graph on real parts: Dagster runs over a real PostgreSQL and an LML over real HTTP."""

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import dagster as dg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from identity_assets.backend import database as database_module
from identity_assets.backend.database import Database, PartitionsBusyError
from identity_assets.backend.ledger.candidates import FIRST_BATCH_SIZE
from identity_assets.definitions import build_defs
from identity_assets.demo.fixture_lml import Fault, FaultKind, FixtureLmlThread
from identity_assets.figures import totals_in
from identity_assets.partition_keys import Buckets
from identity_assets.partitions import library_partitions
from identity_assets.progress import LogProgress
from identity_assets.settings import Bands, Scope, Settings
from identity_assets.terminal.run_pass import PassReport, run_pass
from identity_assets_tests.support import END_THE_HOLDER, Shelf

EVERY_KEY = library_partitions.get_partition_keys()
ASSETS = {
    "candidate_libraries",
    "lml_verdicts",
    "library_identity_source",
    "library_identity",
    "library_unresolved",
    "compilation_track_identity",
}


def run(
    settings_of_run: Settings,
    instance: dg.DagsterInstance,
    keys: Sequence[str] = EVERY_KEY,
    scope: Scope = Scope.full,
) -> PassReport:
    return run_pass(
        replace(settings_of_run, scope=scope), instance, keys, LogProgress(say=lambda _line: None)
    )


def stock(shelf: Shelf, rows: int = 64) -> list[int]:
    """A third known to LML, a third unknown, a sixth compilations, a sixth without an artist."""
    names = ["Known {n}", "Stranger {n}", "Various Artists", "Known {n}", "Stranger {n}", None]
    return shelf.put_many([name and name.format(n=n % 200) for n in range(rows) for name in [names[n % 6]]])


def test_the_definitions_load_in_a_fresh_interpreter_without_any_setting() -> None:
    code = "import identity_assets.code_location as d; print(len(list(d.defs.resolve_all_asset_keys())))"
    printed = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], env={}, capture_output=True, text=True, check=True
    )
    assert printed.stdout.strip() == "11"


def test_importing_the_definitions_loads_no_driver_and_starts_nothing() -> None:
    heavy = (
        "alembic",
        "httpx",
        "orjson",
        "psycopg2",
        "rich",
        "sentry_sdk",
        "sqlalchemy",
        "tenacity",
        "wxyc_etl",
    )
    code = (
        "import sys, logging, identity_assets.definitions\n"
        f"print([name for name in {heavy!r} if name in sys.modules], logging.getLogger('identity_assets').handlers)"
    )
    printed = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], env={}, capture_output=True, text=True, check=True
    )
    assert printed.stdout.strip() == "[] []"
    assert printed.stderr == ""


def test_the_graph_is_the_one_that_the_users_asked_for() -> None:
    graph = build_defs().resolve_asset_graph()
    parents = {
        key.to_user_string(): sorted(parent.to_user_string() for parent in graph.get(key).parent_keys)
        for key in graph.get_all_asset_keys()
    }
    assert parents == {
        "library": [],
        "flowsheet_match": [],
        "station_report": [],
        "canonical_entity_evidence": ["library"],
        "flowsheet_match_evidence": ["flowsheet_match", "library"],
        "candidate_libraries": ["library"],
        "lml_verdicts": ["candidate_libraries"],
        "library_identity_source": ["canonical_entity_evidence", "flowsheet_match_evidence", "lml_verdicts"],
        "library_identity": ["canonical_entity_evidence", "flowsheet_match_evidence", "lml_verdicts"],
        "library_unresolved": ["lml_verdicts"],
        "compilation_track_identity": ["lml_verdicts"],
    }


def test_all_partitions_in_one_run(
    shelf: Shelf, station_settings: Settings, lml: FixtureLmlThread, instance: dg.DagsterInstance
) -> None:
    ids = stock(shelf)
    report = run(station_settings, instance)

    assert report.failures == ()
    assert report.accounts.scanned == len(ids)
    assert report.accounts.resolved == sum(n % 6 in {0, 3} for n in range(64))
    assert report.accounts.unresolved == sum(n % 6 in {1, 4} for n in range(64))
    assert report.accounts.skipped == {
        "compilation": sum(n % 6 == 2 for n in range(64)) - report.accounts.resolved_compilation,
        "missing_artist_name": sum(n % 6 == 5 for n in range(64)),
    }
    assert instance.get_runs_count() == 1
    # Nothing marks these rows as V/A: LML calls them compilations, and is asked about their tracks.
    twice = {ids[n] for n in range(64) if n % 6 == 2}
    assert {one for one, times in lml.calls.by_library_id.items() if times > 1} == twice
    assert max(lml.calls.by_library_id.values()) == 2
    for name in ASSETS:
        materialised = instance.get_materialized_partitions(dg.AssetKey(name))
        assert materialised == set(EVERY_KEY)


@pytest.mark.promise("idempotent")
def test_running_again_asks_nothing_and_changes_nothing(
    shelf: Shelf, station_settings: Settings, lml: FixtureLmlThread, instance: dg.DagsterInstance
) -> None:
    stock(shelf)
    run(station_settings, instance)
    before = {name: rows for name, rows in shelf.tables().items() if name != "ledger"}
    lml.calls.reset()

    again = run(station_settings, instance)
    assert lml.calls.number == again.lml_total_calls == 0
    assert again.source_rows_written == again.history_rows_written == 0
    assert again.accounts.scanned == again.accounts.skipped["missing_artist_name"]
    assert {name: rows for name, rows in shelf.tables().items() if name != "ledger"} == before


def test_one_partition_touches_no_other(
    shelf: Shelf, station_settings: Settings, lml: FixtureLmlThread, instance: dg.DagsterInstance
) -> None:
    ids = stock(shelf)
    report = run(station_settings, instance, ["03"])
    assert report.accounts.scanned == sum(library_id % 16 == 3 for library_id in ids)
    assert {library_id % 16 for library_id in lml.calls.by_library_id} == {3}
    assert {library_id % 16 for library_id in shelf.outcomes()} == {3}


def test_each_range_of_neighbouring_partitions_is_one_run(
    shelf: Shelf, station_settings: Settings, instance: dg.DagsterInstance
) -> None:
    ids = stock(shelf)
    report = run(station_settings, instance, ["02", "03", "04", "09", "15"])
    assert instance.get_runs_count() == 3
    assert report.accounts.scanned == sum(library_id % 16 in {2, 3, 4, 9, 15} for library_id in ids)
    ranges = {
        (made.tags["dagster/asset_partition_range_start"], made.tags["dagster/asset_partition_range_end"])
        for made in instance.get_runs()
    }
    assert ranges == {("02", "04"), ("09", "09"), ("15", "15")}


def test_partitions_one_by_one_and_all_at_once_give_the_same_tables(
    shelf: Shelf, station_settings: Settings, instance: dg.DagsterInstance
) -> None:
    stock(shelf)
    keys = EVERY_KEY[2:6]
    run(station_settings, instance, keys)
    at_once = shelf.tables()
    assert at_once["main"]
    for table in (
        "library_identity_source",
        "library_identity",
        "library_unresolved",
        "lml_verdict",
        "candidate_library",
    ):
        shelf.run(f"DELETE FROM {table}")
    for key in keys:
        run(station_settings, instance, [key])
    assert shelf.tables() == at_once


def metadata_of(instance: dg.DagsterInstance, asset: str, key: str) -> dict[str, Any]:
    records = instance.fetch_materializations(
        dg.AssetRecordsFilter(asset_key=dg.AssetKey(asset), asset_partitions=[key]), limit=1
    ).records
    assert records[0].asset_materialization is not None
    return {name: value.value for name, value in records[0].asset_materialization.metadata.items()}


def test_each_materialisation_carries_the_numbers_of_its_partition_and_of_the_run(
    shelf: Shelf, station_settings: Settings, instance: dg.DagsterInstance
) -> None:
    # They fill one batch. With two, it would depend on time whether the compilations are asked about in one call.
    ids = stock(shelf, FIRST_BATCH_SIZE)
    run(station_settings, instance)

    of_partition = metadata_of(instance, "library_identity", "03")
    outcomes = ("resolved", "resolved_compilation", "unresolved", "skipped")
    assert of_partition["scanned"] == sum(of_partition.get(outcome, 0) for outcome in outcomes)
    assert of_partition["scanned"] == sum(library_id % 16 == 3 for library_id in ids)
    assert totals_of(instance, "library_identity", "03")["scanned"] == len(ids)
    state = {
        name: of_partition[name] for name in ("resolved_share", "unresolved_rows", "due_rows", "stale_rows")
    }
    held = shelf.rows("SELECT count(*) AS rows FROM library_identity WHERE library_id % 16 = 3")[0]["rows"]
    rows = sum(library_id % 16 == 3 for library_id in ids)
    assert state == {
        "resolved_share": round(held / rows, 4),
        "unresolved_rows": rows - held,
        "due_rows": "0",
        "stale_rows": "0",
    }
    assert "oldest_answer" in of_partition
    assert metadata_of(instance, "candidate_libraries", "03")["scanned"] == of_partition["scanned"]
    verdicts = metadata_of(instance, "lml_verdicts", "03")
    assert verdicts["lml_total_calls"] == 2
    assert {"lml_total_latency_ms", "seconds"} <= verdicts.keys()
    assert of_partition["dagster/partition_row_count"] == held > 0


def totals_of(instance: dg.DagsterInstance, asset: str, key: str) -> dict[str, int | float]:
    records = instance.fetch_materializations(
        dg.AssetRecordsFilter(asset_key=dg.AssetKey(asset), asset_partitions=[key]), limit=1
    ).records
    assert records[0].asset_materialization is not None
    return totals_in(records[0].asset_materialization.metadata)


def test_after_a_run_with_nothing_due_no_plot_falls_to_zero(
    shelf: Shelf, station_settings: Settings, instance: dg.DagsterInstance
) -> None:
    shelf.put_many([f"Known {n}" if n % 2 else f"Stranger {n}" for n in range(32)])
    run(station_settings, instance)
    run(station_settings, instance)
    for asset in sorted(ASSETS):
        for key in EVERY_KEY:
            metadata = metadata_of(instance, asset, key)
            zeros = [name for name, value in metadata.items() if isinstance(value, int | float) and not value]
            # A share of 0 is the state of a partition in which LML knows no artist.
            assert [name for name in zeros if name != "resolved_share"] == []


def test_a_run_from_the_command_line_belongs_to_the_code_location_and_says_who_launched_it(
    shelf: Shelf, station_settings: Settings, instance: dg.DagsterInstance
) -> None:
    shelf.put("Known 1")
    run(replace(station_settings, code_location_name="station"), instance, ["03"])
    [made] = instance.get_runs(filters=dg.RunsFilter(tags={".dagster/repository": "__repository__@station"}))
    assert made.job_name == "refresh_library_identity"
    assert made.tags["launched_by"].endswith(", command line")


@pytest.mark.promise("lml down")
def test_lml_down_fails_the_step_in_one_line_and_keeps_what_was_answered(
    shelf: Shelf, station_settings: Settings, lml: FixtureLmlThread, instance: dg.DagsterInstance
) -> None:
    ids = shelf.put_many([f"Known {n}" for n in range(40)])
    lml.faults.add(*(Fault("status", library_id=library_id, status=503) for library_id in ids[20:]))
    patient = replace(station_settings, batch_size=4, lml_max_in_flight=1)

    report = run(patient, instance)
    [failure] = report.failures
    assert failure.startswith("lml_verdicts: LML is down")
    assert "20 of 40 library rows were answered, and the next run of these partitions writes them" in failure
    assert report.accounts.skipped == {"lml_error": 20, "pending": 20}
    assert report.lml_total_calls > 5

    lml.faults.clear()
    lml.calls.reset()
    again = run(patient, instance)
    assert again.accounts.resolved == 40
    assert set(lml.calls.by_library_id) == set(ids[20:])


def test_a_wrong_key_fails_at_once_and_names_the_variable_and_not_the_key(
    shelf: Shelf, station_settings: Settings, instance: dg.DagsterInstance
) -> None:
    shelf.put_many([f"Known {n}" for n in range(40)])
    with FixtureLmlThread(api_key="right-key") as strict:
        wrong = replace(
            station_settings, library_metadata_url=strict.url, lml_api_key="wrong-key", batch_size=2
        )
        report = run(wrong, instance)
        assert strict.calls.inputs == 0
    assert "LML_API_KEY" in report.failures[0]
    assert "wrong-key" not in repr(instance.all_logs(instance.get_runs()[0].run_id))


def test_the_second_run_on_a_partition_stops_at_once_and_names_the_first(
    shelf: Shelf, station_settings: Settings, lml: FixtureLmlThread, instance: dg.DagsterInstance
) -> None:
    shelf.put_many([f"Known {n}" for n in range(40)])
    with Database(station_settings, "run the-first") as first, first.partitions_locked(Buckets(16, (3,))):
        report = run(station_settings, instance, ["02", "03", "04"])
        [failure] = report.failures
        assert "partition 03 is being worked on by identity_assets run the-first" in failure
        assert lml.calls.number == 0
        assert run(station_settings, instance, ["05"]).failures == ()
    assert run(station_settings, instance, ["02", "03", "04"]).failures == ()


def test_a_database_that_goes_away_fails_in_one_line_and_the_next_run_goes_on(
    shelf: Shelf, station_settings: Settings, lml: FixtureLmlThread, instance: dg.DagsterInstance
) -> None:
    ids = shelf.put_many([f"Known {n}" for n in range(60)])
    lml.faults.add(Fault("delay", seconds=0.3))

    def cut(_line: str) -> None:
        shelf.run(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
            "AND datname = current_database()"
        )

    class Cutting(LogProgress):
        def __init__(self) -> None:
            super().__init__(say=cut, clock=iter(range(0, 10_000, 10)).__next__)

    settings_of_run = replace(station_settings, scope=Scope.full, batch_size=10, lml_max_in_flight=1)
    report = run_pass(settings_of_run, instance, EVERY_KEY, Cutting())
    assert "PostgreSQL cannot be reached or went away" in report.failures[0]

    lml.faults.clear()
    assert run(settings_of_run, instance).accounts.resolved == len(ids)
    # LML may be asked again only about the rows that were in flight when the connection was lost.
    assert sum(times - 1 for times in lml.calls.by_library_id.values()) <= 20


def test_a_run_that_has_lost_the_connection_of_its_locks_is_still_alone(
    shelf: Shelf,
    station_settings: Settings,
    lml: FixtureLmlThread,
    instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(database_module, "SHARE_TIMEOUT", "300ms")
    ids = shelf.put_many([f"Known {n}" for n in range(60)])
    lml.faults.add(Fault("delay", seconds=0.3))
    refused: list[str] = []

    def lose_the_locks(_line: str) -> None:
        if refused:
            return
        shelf.run(END_THE_HOLDER)
        with (
            Database(station_settings, "run second") as second,
            pytest.raises(PartitionsBusyError) as raised,
            second.partitions_locked(Buckets(16, tuple(range(16)))),
        ):
            pass
        refused.append(str(raised.value))

    progress = LogProgress(say=lose_the_locks, clock=iter(range(0, 10_000, 10)).__next__)
    settings_of_run = replace(station_settings, scope=Scope.full, batch_size=10, lml_max_in_flight=1)
    report = run_pass(settings_of_run, instance, EVERY_KEY, progress)
    assert f"is being worked on by identity_assets run {report.run_ids[0]}"[:60] in refused[0]
    lml.faults.clear()
    if report.failures:
        # It needed one connection more.
        [failure] = report.failures
        assert failure.startswith(
            "lml_verdicts: the connection that holds the locks of the partitions has ended"
        )
        assert "\n" not in failure
        report = run(settings_of_run, instance)
    assert report.accounts.resolved == len(ids)
    assert max(lml.calls.by_library_id.values()) <= 2


WHOLE_CALL: list[FaultKind] = ["status", "drop", "malformed", "truncated"]
ONE_RESULT: list[FaultKind] = [
    "short",
    "foreign",
    "duplicated",
    "reordered",
    "unknown_kind",
    "out_of_band",
    "missing_provenance",
    "nul_character",
    "huge_integer",
    "string_library_id",
    "verdict_not_object",
]
faults = st.lists(
    st.builds(
        Fault,
        st.sampled_from(WHOLE_CALL + ONE_RESULT),
        library_id=st.none() | st.integers(1, 30),
        times=st.integers(1, 4),
        status=st.sampled_from([429, 500, 503, 422]),
    ),
    max_size=5,
)


@pytest.mark.long
@pytest.mark.promise("one outcome")
@given(
    faults=faults,
    rows=st.integers(0, 30),
    refused=st.sets(st.integers(1, 30), max_size=3),
    batch_size=st.integers(1, 12),
)
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_accounts_balance_whatever_goes_wrong(
    shelf: Shelf,
    station_settings: Settings,
    lml: FixtureLmlThread,
    faults: list[Fault],
    rows: int,
    refused: set[int],
    batch_size: int,
) -> None:
    shelf.run(
        "TRUNCATE library, library_identity, library_identity_source, library_unresolved, "
        "compilation_track_artist, candidate_library, lml_verdict RESTART IDENTITY"
    )
    shelf.run("ALTER TABLE library_identity DROP CONSTRAINT IF EXISTS refused")
    listed = ", ".join(map(str, sorted(refused | {0})))
    shelf.run(f"ALTER TABLE library_identity ADD CONSTRAINT refused CHECK (library_id NOT IN ({listed}))")
    ids = stock(shelf, rows)
    lml.faults.clear()
    lml.calls.reset()
    lml.faults.add(*faults)

    with dg.DagsterInstance.ephemeral() as own:
        report = run(replace(station_settings, batch_size=batch_size), own)

    accounts = report.accounts
    assert set(shelf.outcomes()) == set(ids)
    assert accounts.scanned == rows
    if not report.failures:
        accounts.check(selected=rows)
        assert "pending" not in accounts.skipped
    written = {row["library_id"] for row in shelf.rows("SELECT library_id FROM library_identity")}
    outcomes = shelf.outcomes()
    assert written == {library_id for library_id in ids if outcomes[library_id] == "resolved"}
    stamped = {row["library_id"] for row in shelf.rows("SELECT library_id FROM library_unresolved")}
    assert stamped == {i for i in ids if outcomes[i] in {"unresolved", "compilation"}}


def test_with_bands_that_only_warn_a_verdict_outside_its_band_is_written_and_listed(
    shelf: Shelf, station_settings: Settings, lml: FixtureLmlThread, instance: dg.DagsterInstance
) -> None:
    odd, _ = shelf.put_many(["Known 1", "Known 2"])
    lml.faults.add(Fault("out_of_band", library_id=odd))
    report = run(replace(station_settings, confidence_bands=Bands.warn), instance)
    assert (report.accounts.resolved, report.accounts.skipped) == (2, {})
    logged = [entry.user_message for entry in instance.all_logs(report.run_ids[0])]
    assert any("1 verdicts with a confidence outside their method's band" in line for line in logged)
    [check] = [
        event.dagster_event.asset_check_evaluation_data
        for event in instance.all_logs(report.run_ids[0], dg.DagsterEventType.ASSET_CHECK_EVALUATION)
        if event.dagster_event
        and event.dagster_event.asset_check_evaluation_data.check_name == "confidence_in_band"
    ]
    assert not check.passed
