"""The checks in real Dagster runs: alone, and at the end of the whole graph on some partitions."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import dagster as dg
import pytest

from identity_assets.assets.candidate_libraries import candidate_libraries
from identity_assets.assets.library import library
from identity_assets.assets.library_identity import identity_tables_with
from identity_assets.assets.lml_verdicts import lml_verdicts
from identity_assets.backend.database import DatabaseError
from identity_assets.checks.accounts import accounts_balance
from identity_assets.checks.evaluation import Check, CheckRun, Evaluation, checks_in_one_step
from identity_assets.checks.integrity import integrity_checks
from identity_assets.checks.set_aside import rows_set_aside
from identity_assets.checks.staleness import stale_rows
from identity_assets.checks.tracks import track_links_hold
from identity_assets.partition_keys import range_tags
from identity_assets.partitions import library_partitions
from identity_assets.progress import LogProgress
from identity_assets.resources import make_resources
from identity_assets.settings import Scope, Settings
from identity_assets_tests.support import Shelf

pytestmark = pytest.mark.long

EVERY_KEY = library_partitions.get_partition_keys()
CHECKS = (stale_rows, accounts_balance, rows_set_aside, *integrity_checks, track_links_hold)
NAMES = {
    "stale_rows",
    "accounts_balance",
    "rows_set_aside",
    "times_in_future",
    "confidence_in_band",
    "main_rows_have_sources",
    "nothing_asked_twice",
    "identities_withdrawn",
    "track_links_hold",
}


def execute(
    settings: Settings,
    instance: dg.DagsterInstance,
    selection: dg.AssetSelection,
    tags: Mapping[str, str] | None = None,
    checks: Sequence[Check] = CHECKS,
) -> dg.ExecuteInProcessResult:
    """Run the selected assets and checks in this process."""
    definitions = dg.Definitions(
        assets=[library, candidate_libraries, lml_verdicts, identity_tables_with([], [])],
        asset_checks=[checks_in_one_step(checks)],
        jobs=[dg.define_asset_job("job", selection=selection)],
        resources=make_resources(settings, LogProgress(say=lambda _line: None)),
        executor=dg.in_process_executor,
    )
    return definitions.resolve_job_def("job").execute_in_process(
        instance=instance,
        tags=dict(tags or {}),
        run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        raise_on_error=False,
    )


def results_of(result: dg.ExecuteInProcessResult) -> dict[str, dg.AssetCheckEvaluation]:
    return {one.check_name: one for one in result.get_asset_check_evaluations()}


def check(settings: Settings, instance: dg.DagsterInstance) -> dict[str, dg.AssetCheckEvaluation]:
    """The checks alone, as a schedule or a person launches them."""
    result = execute(settings, instance, dg.AssetSelection.all_asset_checks())
    assert result.success
    return results_of(result)


def materialise(
    settings: Settings, instance: dg.DagsterInstance, keys: Sequence[str] = EVERY_KEY
) -> dict[str, dg.AssetCheckEvaluation]:
    """The whole graph with its checks on a contiguous range of partitions."""
    everything = dg.AssetSelection.groups("identity") | dg.AssetSelection.all_asset_checks()
    result = execute(replace(settings, scope=Scope.full), instance, everything, range_tags(keys))
    assert result.success
    return results_of(result)


def value(evaluation: dg.AssetCheckEvaluation, name: str) -> Any:
    return evaluation.metadata[name].value


def table(evaluation: dg.AssetCheckEvaluation, name: str = "sample") -> list[dict[str, Any]]:
    metadata = evaluation.metadata[name]
    assert isinstance(metadata, dg.TableMetadataValue)
    return [dict(record.data) for record in metadata.records]


def failed(evaluations: Mapping[str, dg.AssetCheckEvaluation]) -> set[str]:
    return {name for name, one in evaluations.items() if not one.passed}


def stock(shelf: Shelf, rows: int = 48) -> list[int]:
    """A third known to LML, a third unknown, a sixth compilations, a sixth without an artist."""
    names = ["Known {n}", "Stranger {n}", "Various Artists", "Known {n}", "Stranger {n}", None]
    return shelf.put_many([name and name.format(n=n) for n in range(rows) for name in [names[n % 6]]])


def test_a_range_run_of_the_whole_graph_ends_with_every_check_passed(
    shelf: Shelf, station_settings: Settings, instance: dg.DagsterInstance
) -> None:
    stock(shelf)
    evaluations = materialise(station_settings, instance)
    assert set(evaluations) == NAMES
    assert failed(evaluations) == set()
    for one in evaluations.values():
        assert value(one, "offending_rows") == 0
        assert table(one) == []
        assert one.description is not None
        assert "\n\n**What to do.** Nothing.\n\n**Why it is checked.** " in one.description
        assert not one.blocking
    assert {one.asset_key.to_user_string() for one in evaluations.values()} == {
        "library_identity",
        "lml_verdicts",
        "compilation_track_identity",
    }
    assert value(evaluations["accounts_balance"], "partitions") == f"{EVERY_KEY[0]} to {EVERY_KEY[-1]}"


def test_the_checks_run_alone_also_on_empty_tables(
    shelf: Shelf, station_settings: Settings, instance: dg.DagsterInstance
) -> None:
    assert failed(check(station_settings, instance)) == set()
    stock(shelf)
    materialise(station_settings, instance)
    evaluations = check(station_settings, instance)
    assert set(evaluations) == NAMES
    assert failed(evaluations) == set()
    assert value(evaluations["accounts_balance"], "scanned") == 48
    accounts = {
        row["outcome"]: row["library_rows"] for row in table(evaluations["accounts_balance"], "accounts")
    }
    assert accounts["resolved_compilation"] + accounts["skipped: compilation"] == 8


SPOILS: dict[str, tuple[str, str]] = {
    "stale_rows": (
        "UPDATE library_identity SET last_verified_at = now() - interval '8 days' WHERE library_id = :id",
        "WARN",
    ),
    "accounts_balance": ("UPDATE candidate_library SET outcome = NULL WHERE library_id = :id", "ERROR"),
    "confidence_in_band": (
        "UPDATE library_identity SET method = 'llm', confidence = 0.95 WHERE library_id = :id",
        "ERROR",
    ),
    "main_rows_have_sources": ("DELETE FROM library_identity_source WHERE library_id = :id", "ERROR"),
    "nothing_asked_twice": (
        "UPDATE lml_verdict SET previous_asked_at = asked_at - interval '1 hour', previous_kind = kind "
        "WHERE library_id = :id",
        "WARN",
    ),
    "track_links_hold": (
        "INSERT INTO compilation_track_artist (library_id, artist_name, track_artist_link_method) "
        "VALUES (:id, 'Gone', 'lml_backfill')",
        "WARN",
    ),
    "identities_withdrawn": (
        "INSERT INTO library_unresolved SELECT id, 'unresolved', now(), 1, now() FROM library WHERE id = :id",
        "WARN",
    ),
}


@pytest.mark.parametrize("name", SPOILS)
def test_one_spoiled_row_is_named_and_fails_only_its_own_check(
    shelf: Shelf, station_settings: Settings, instance: dg.DagsterInstance, name: str
) -> None:
    ids = shelf.put_many([f"Known {n}" for n in range(40)])
    materialise(station_settings, instance)
    spoil, severity = SPOILS[name]
    assert shelf.run(spoil, id=ids[7]) >= 1

    evaluations = check(station_settings, instance)
    assert failed(evaluations) == {name}
    spoiled = evaluations[name]
    assert spoiled.severity.name == severity
    assert value(spoiled, "offending_rows") == 1
    assert [row["library_id"] for row in table(spoiled)] == [ids[7]]
    assert spoiled.description is not None
    assert ": 1.\n\n" in spoiled.description
    assert "**What to do.** " in spoiled.description
    assert "**What to do.** Nothing." not in spoiled.description
    assert "**Why it is checked.** " in spoiled.description
    # The UI hides Markdown in metadata behind a click.
    assert not [name for name, one in spoiled.metadata.items() if isinstance(one, dg.MarkdownMetadataValue)]
    assert isinstance(spoiled.metadata["about"], dg.DagsterAssetMetadataValue)


def test_the_sample_holds_at_most_twenty_rows_and_the_count_is_exact(
    shelf: Shelf, station_settings: Settings, instance: dg.DagsterInstance
) -> None:
    ids = shelf.put_many([f"Known {n}" for n in range(37)])
    materialise(station_settings, instance)
    shelf.run("DELETE FROM library_identity_source")
    spoiled = check(station_settings, instance)["main_rows_have_sources"]
    assert value(spoiled, "offending_rows") == 37
    assert [row["library_id"] for row in table(spoiled)] == ids[:20]
    assert "first 20" in (spoiled.description or "")


@pytest.mark.parametrize(("limit", "severity"), [(0.49, "ERROR"), (0.5, "WARN")])
def test_stale_rows_is_an_error_if_the_stale_share_is_above_the_setting(
    shelf: Shelf, station_settings: Settings, instance: dg.DagsterInstance, limit: float, severity: str
) -> None:
    ids = shelf.put_many([f"Known {n}" for n in range(8)])
    materialise(station_settings, instance)
    shelf.run(
        "UPDATE library_identity SET last_verified_at = now() - interval '10 days' WHERE library_id = ANY (:ids)",
        ids=ids[:4],
    )
    stale = check(replace(station_settings, stale_rows_error=limit), instance)["stale_rows"]
    assert (stale.passed, stale.severity.name) == (False, severity)
    assert (value(stale, "share"), value(stale, "oldest_age_days")) == (0.5, 10.0)
    by_partition = {row["partition"]: row for row in table(stale, "by_partition")}
    assert list(by_partition) == EVERY_KEY
    assert by_partition[EVERY_KEY[ids[0] % 16]] == {
        "partition": EVERY_KEY[ids[0] % 16],
        "stale": 1,
        "retry_due": 0,
        "names_changed": 0,
        "invalid_retry_due": 0,
        "oldest_age_days": 10.0,
        "asked_ever": 1,
    }


PARTITION_TAGS: dict[str, Callable[[str, str], dict[str, str]]] = {
    "a range": lambda first, last: range_tags([first, last]),
    "one key": lambda first, _last: {"dagster/partition": first},
}


@pytest.mark.parametrize("how", PARTITION_TAGS)
def test_in_a_run_of_some_partitions_the_accounts_of_only_these_are_read(
    shelf: Shelf, station_settings: Settings, instance: dg.DagsterInstance, how: str
) -> None:
    shelf.put_many([f"Known {n}" for n in range(32)])
    shelf.select()
    elsewhere = {library_id for library_id in shelf.outcomes() if library_id % 16 not in {2, 3}}
    everything = dg.AssetSelection.groups("identity") | dg.AssetSelection.all_asset_checks()
    run_settings = replace(station_settings, scope=Scope.full)
    tags = PARTITION_TAGS[how]("02", "03")

    result = execute(run_settings, instance, everything, tags)
    assert result.success
    within = results_of(result)
    assert set(within) == NAMES
    assert failed(within) == set()
    assert value(within["accounts_balance"], "partitions") == ("02 to 03" if how == "a range" else "02")

    pending = elsewhere if how == "a range" else elsewhere | {i for i in shelf.outcomes() if i % 16 == 3}
    alone = check(station_settings, instance)["accounts_balance"]
    assert value(alone, "offending_rows") == len(pending)
    assert {row["library_id"] for row in table(alone)} <= pending
    assert {row["outcome"] for row in table(alone)} == {"pending"}


def test_an_outage_fails_the_run_and_is_not_a_finding(
    shelf: Shelf, station_settings: Settings, instance: dg.DagsterInstance
) -> None:
    away = station_settings.require_database_url().set(host="127.0.0.1", port=1, query={})
    result = execute(
        replace(station_settings, database_url=away), instance, dg.AssetSelection.all_asset_checks()
    )
    assert not result.success
    assert results_of(result) == {}
    [step] = result.get_failed_step_keys()
    error = result.failure_data_for_node(step)
    assert error is not None
    assert error.error is not None
    assert error.error.cause is not None
    assert error.error.cause.cls_name == DatabaseError.__name__
    assert shelf.outcomes() == {}


def test_a_check_that_raises_fails_the_run_and_the_others_are_still_evaluated(
    station_settings: Settings, instance: dg.DagsterInstance
) -> None:
    def raises(_run: CheckRun) -> Evaluation:
        raise ZeroDivisionError("no rows")

    broken = Check("broken", "library_identity", "It always raises.", raises)
    everything = dg.AssetSelection.all_asset_checks()
    result = execute(station_settings, instance, everything, checks=[broken, *CHECKS])
    assert not result.success
    assert set(results_of(result)) == NAMES
    [step] = result.get_failed_step_keys()
    error = result.failure_data_for_node(step)
    assert error is not None
    assert error.error is not None
    assert error.error.cause is not None
    assert error.error.cause.cls_name == "ZeroDivisionError"


def test_all_checks_of_a_run_are_one_step_and_each_can_be_run_by_itself(
    station_settings: Settings, instance: dg.DagsterInstance
) -> None:
    everything = execute(station_settings, instance, dg.AssetSelection.all_asset_checks())
    assert [event.step_key for event in everything.all_events if event.is_step_start] == ["identity_checks"]
    for one in CHECKS:
        result = execute(station_settings, instance, dg.AssetSelection.checks(one.key))
        assert set(results_of(result)) == {one.name}
