"""The schedules: each way a tick can end, on a real PostgreSQL, with the keys that Dagster would launch."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import pytest

from identity_assets.checks.gate import truly_unresolved_rows
from identity_assets.checks.integrity import integrity_checks
from identity_assets.checks.staleness import stale_rows
from identity_assets.definitions import build_defs
from identity_assets.freshness import fresh_for
from identity_assets.gathering import gather_and_store
from identity_assets.jobs.refresh import RUN_CHECKS
from identity_assets.partition_keys import range_tags
from identity_assets.partitions import library_partitions
from identity_assets.progress import LogProgress
from identity_assets.resources import Backend, make_resources
from identity_assets.schedules import (
    nightly_evidence,
    nightly_evidence_at,
    nightly_refresh,
    nightly_refresh_at,
)
from identity_assets.settings import Leg, Scope, Settings, SettingsError
from identity_assets.telemetry.dagster_internals import COMPLETED_CHECK_STATUSES
from identity_assets.terminal.run_pass import run_pass
from identity_assets_tests.support import EVERY_BUCKET, Shelf, nothing, single_artist

pytestmark = pytest.mark.long

KEYS = library_partitions.get_partition_keys()


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    """An instance with storage on disk, which a schedule needs."""
    with dg.instance_for_test() as made:
        yield made


def tick(settings: Settings, instance: dg.DagsterInstance) -> Any:
    with dg.build_schedule_context(
        instance=instance,
        scheduled_execution_time=datetime.now(UTC),
        repository_def=build_defs().get_repository_def(),
        resources={"backend": Backend(settings)},
    ) as context:
        return nightly_refresh.evaluate_tick(context)


def requested(data: Any) -> list[str]:
    return [str(request.partition_key) for request in data.run_requests or []]


def inputs_of(request: Any) -> Any:
    return request.run_config["ops"]["candidate_libraries"]["config"].get("max_inputs")


def in_bucket(shelf: Shelf, bucket: int, rows: int = 1) -> list[int]:
    """Put this number of rows into one partition."""
    ids: list[int] = []
    while len(ids) < rows:
        library_id = shelf.put()
        if library_id % 16 == bucket:
            ids.append(library_id)
        else:
            shelf.run("DELETE FROM library WHERE id = :id", id=library_id)
    return ids


def settle(shelf: Shelf, ids: Sequence[int], days_ago: float) -> None:
    """Store and write answers for these rows as if LML had been asked `days_ago` days ago."""
    shelf.select()
    shelf.answer(*(single_artist(one) if n % 2 else nothing(one) for n, one in enumerate(ids)))
    shelf.write()
    listed = {"ids": list(ids), "days": days_ago}
    for table, column in (("library_identity", "last_verified_at"), ("library_unresolved", "attempted_at")):
        shelf.run(
            f"UPDATE {table} SET {column} = now() - make_interval(secs => 86400 * :days) "
            "WHERE library_id = ANY (:ids)",
            **listed,
        )


def test_with_nothing_due_the_tick_is_skipped_and_says_when_the_next_rows_become_due(
    shelf: Shelf, instance: dg.DagsterInstance
) -> None:
    ids = in_bucket(shelf, 3, rows=3)
    settle(shelf, ids, days_ago=2)
    data = tick(shelf.settings, instance)
    assert requested(data) == []
    day = f"{datetime.now(UTC) + timedelta(days=5):%Y-%m-%d}"
    assert data.skip_message == f"0 rows are due (scope canonical); the next 3 are due on {day}"


def test_an_empty_library_is_skipped_with_a_reason(shelf: Shelf, instance: dg.DagsterInstance) -> None:
    assert tick(shelf.settings, instance).skip_message == (
        "0 rows are due (scope canonical); none become due within a week"
    )


def test_each_partition_with_due_rows_gets_one_run_the_most_overdue_first(
    shelf: Shelf, instance: dg.DagsterInstance
) -> None:
    settle(shelf, in_bucket(shelf, 5), days_ago=9)
    settle(shelf, in_bucket(shelf, 2), days_ago=30)
    settle(shelf, in_bucket(shelf, 9), days_ago=1)
    in_bucket(shelf, 11)

    data = tick(shelf.settings, instance)
    assert requested(data) == ["02", "05", "11"]
    assert [request.run_key for request in data.run_requests or []] == ["02", "05", "11"]
    assert all(inputs_of(request) is None for request in data.run_requests or [])


def test_only_the_last_run_of_a_tick_reads_the_whole_library_for_its_checks(
    shelf: Shelf, station_settings: Settings, instance: dg.DagsterInstance
) -> None:
    for bucket in (2, 5):
        in_bucket(shelf, bucket)
    graph = build_defs(resources=make_resources(station_settings))
    job = graph.resolve_job_def("refresh_library_identity")
    every_check = {key.name for key in job.asset_layer.asset_graph.asset_check_keys}

    def run(request: Any) -> dict[str, dg.AssetCheckEvaluation]:
        keys = request.asset_check_keys
        subset = job.get_subset(
            asset_selection=set(request.asset_selection),
            asset_check_selection=None if keys is None else set(keys),
        )
        result = subset.execute_in_process(
            instance=instance, partition_key=request.partition_key, run_config=dict(request.run_config)
        )
        assert result.success
        steps = {event.step_key for event in result.all_events if event.is_step_success}
        assert {"canonical_entity_evidence", "flowsheet_match_evidence"} < steps
        return {one.check_name: one for one in result.get_asset_check_evaluations()}

    first, last = [run(request) for request in tick(station_settings, instance).run_requests or []]
    assert {name: str(one.metadata["partitions"].value) for name, one in first.items()} == {
        "answers_plausible": "02",
        "accounts_balance": "02",
        "rows_set_aside": "02",
    }
    assert set(last) == every_check
    assert {name for name, one in last.items() if "partitions" in one.metadata} == set(first)


def test_only_the_last_range_of_a_pass_reads_the_whole_library_for_its_checks(
    shelf: Shelf, station_settings: Settings, instance: dg.DagsterInstance
) -> None:
    def evaluations(check: dg.AssetCheckKey) -> int:
        return len(
            instance.event_log_storage.get_asset_check_execution_history(
                check, limit=10, status=COMPLETED_CHECK_STATUSES
            )
        )

    in_bucket(shelf, 2)
    run_pass(station_settings, instance, ["02", "05", "07"], LogProgress(say=lambda _line: None))
    assert {evaluations(key) for key in RUN_CHECKS} == {3}
    assert {evaluations(check.key) for check in (truly_unresolved_rows, stale_rows, *integrity_checks)} == {1}


def test_a_row_without_an_artist_name_does_not_cause_a_run(
    shelf: Shelf, instance: dg.DagsterInstance
) -> None:
    shelf.put(None)
    assert requested(tick(shelf.settings, instance)) == []


def test_the_scope_comes_from_the_settings(shelf: Shelf, instance: dg.DagsterInstance) -> None:
    shelf.put(canonical=None)
    assert requested(tick(shelf.settings, instance)) == []
    assert len(requested(tick(replace(shelf.settings, scope=Scope.full), instance))) == 1


def test_the_budget_is_never_exceeded_and_the_last_run_gets_the_rest_of_it(
    shelf: Shelf, instance: dg.DagsterInstance
) -> None:
    for bucket, rows in ((1, 4), (2, 3), (3, 2)):
        in_bucket(shelf, bucket, rows)
    data = tick(replace(shelf.settings, lml_nightly_input_budget=6), instance)
    assert [(request.partition_key, inputs_of(request)) for request in data.run_requests or []] == [
        ("01", 4),
        ("02", 2),
    ]


def test_a_run_with_a_budget_asks_about_the_rows_that_have_waited_longest(
    shelf: Shelf, station_settings: Settings, instance: dg.DagsterInstance
) -> None:
    never, older, old = (in_bucket(shelf, 1)[0] for _ in range(3))
    settle(shelf, [older], days_ago=20)
    settle(shelf, [old], days_ago=10)
    [request] = tick(replace(station_settings, lml_nightly_input_budget=2), instance).run_requests or []

    graph = build_defs(resources=make_resources(station_settings))
    result = graph.resolve_job_def("refresh_library_identity").execute_in_process(
        instance=instance, partition_key=request.partition_key, run_config=dict(request.run_config)
    )
    assert result.success
    assert set(shelf.outcomes()) == {older, old}
    assert never not in shelf.outcomes()


@pytest.fixture
def busy(instance: dg.DagsterInstance) -> Iterator[Any]:
    """Makes runs that have not ended, with the given tags."""

    def make(**tags: str) -> None:
        named = {f"dagster/{name}": value for name, value in tags.items()}
        job = build_defs().resolve_job_def("refresh_library_identity")
        instance.create_run_for_job(job, tags=named, status=dg.DagsterRunStatus.STARTED)

    return iter([make])


def test_partitions_of_runs_that_have_not_ended_are_skipped(
    shelf: Shelf, instance: dg.DagsterInstance, busy: Iterator[Any]
) -> None:
    for bucket in (1, 4, 5, 8):
        in_bucket(shelf, bucket)
    make = next(busy)
    make(partition="01")
    make(asset_partition_range_start="04", asset_partition_range_end="06")
    assert requested(tick(shelf.settings, instance)) == ["08"]

    make(partition="08")
    skipped = tick(shelf.settings, instance)
    assert requested(skipped) == []
    assert skipped.skip_message == (
        "4 rows are due in 4 partitions. Runs that have not ended already work on all of them"
    )


def test_partitions_of_a_run_that_has_ended_are_not_skipped(
    shelf: Shelf, station_settings: Settings, instance: dg.DagsterInstance
) -> None:
    run_pass(station_settings, instance, KEYS, LogProgress())
    in_bucket(shelf, 1)
    assert requested(tick(shelf.settings, instance)) == ["01"]


def test_the_schedules_and_jobs_are_these() -> None:
    made = [one for one in build_defs().schedules or [] if isinstance(one, dg.ScheduleDefinition)]
    assert {one.name: (one.cron_schedule, one.job_name) for one in made} == {
        "nightly_refresh": ("0 5 * * *", "refresh_library_identity"),
        "daily_gate_report": ("0 8 * * *", "gate_report"),
        "weekly_event_log_retention": ("0 10 * * 0", "event_log_retention"),
    }
    assert {one.execution_timezone for one in made} == {"America/New_York"}


def test_the_legs_add_the_schedule_that_gathers_their_evidence_before_the_nightly_refresh() -> None:
    made = [
        one for one in build_defs(legs=(Leg.S3,)).schedules or [] if isinstance(one, dg.ScheduleDefinition)
    ]
    [added] = [one for one in made if one.name == "nightly_evidence"]
    assert (added.cron_schedule, added.job_name) == ("0 4 * * *", "refresh_evidence")
    assert added.execution_timezone == "America/New_York"


def tick_of_legs(schedule: dg.ScheduleDefinition, settings: Settings, instance: dg.DagsterInstance) -> Any:
    legs = (Leg.S1,)
    with dg.build_schedule_context(
        instance=instance,
        scheduled_execution_time=datetime.now(UTC),
        repository_def=build_defs(legs=legs).get_repository_def(),
        resources={"backend": Backend(replace(settings, identity_legs=legs))},
    ) as context:
        return schedule.evaluate_tick(context)


def range_of(request: Any) -> dict[str, str]:
    return {name: value for name, value in request.tags.items() if "partition_range" in name}


def test_evidence_is_refreshed_once_for_all_partitions(
    shelf: Shelf, instance: dg.DagsterInstance, busy: Iterator[Any]
) -> None:
    [request] = tick_of_legs(nightly_evidence, shelf.settings, instance).run_requests
    assert range_of(request) == range_tags(KEYS)
    make = next(busy)
    make(partition="03")
    requests = tick_of_legs(nightly_evidence, shelf.settings, instance).run_requests
    assert [range_of(request) for request in requests] == [range_tags(KEYS[:3]), range_tags(KEYS[4:])]
    skipped = tick_of_legs(nightly_evidence, replace(shelf.settings, dry_run=True), instance)
    assert "DRY_RUN" in skipped.skip_message


def test_partitions_whose_evidence_changed_are_started_also_when_lml_has_nothing_due(
    shelf: Shelf, station_settings: Settings, instance: dg.DagsterInstance
) -> None:
    pinned, kept, lost = (in_bucket(shelf, bucket)[0] for bucket in (2, 5, 9))
    settings = replace(station_settings, identity_legs=(Leg.S1,))
    graph = build_defs(resources=make_resources(settings), legs=(Leg.S1,))

    def gather_evidence() -> None:
        gather_and_store(Leg.S1, shelf.database, settings, EVERY_BUCKET, "run")

    def wanted() -> list[Any]:
        return list(tick_of_legs(nightly_refresh, settings, instance).run_requests or [])

    def launch(request: Any) -> None:
        result = graph.resolve_job_def("refresh_library_identity").execute_in_process(
            instance=instance,
            partition_key=request.partition_key,
            run_config=dict(request.run_config),
            asset_selection=request.asset_selection,
        )
        assert result.success
        steps = {event.step_key for event in result.all_events if event.is_step_success}
        assert "canonical_entity_evidence" not in steps

    gather_evidence()
    for request in wanted():
        launch(request)
    assert wanted() == []
    shelf.run("UPDATE library SET canonical_entity_id = 'discogs:77' WHERE id = :id", id=pinned)
    shelf.run("UPDATE library SET canonical_entity_id = 'bandcamp:1' WHERE id = :id", id=lost)
    assert wanted() == []
    gather_evidence()
    requests = wanted()
    assert [(request.partition_key, inputs_of(request)) for request in requests] == [("02", 0), ("09", 0)]
    for request in requests:
        launch(request)
    assert wanted() == []
    rows = shelf.rows(
        "SELECT library_id, external_id FROM library_identity_source WHERE notes = 'backfill:S1'"
    )
    assert {(row["library_id"], row["external_id"]) for row in rows} == {(pinned, "77"), (kept, "1")}


def test_a_row_that_the_database_refuses_starts_no_run(
    shelf: Shelf, station_settings: Settings, instance: dg.DagsterInstance
) -> None:
    [library_id] = in_bucket(shelf, 2)
    settings = replace(station_settings, identity_legs=(Leg.S1,))
    settle(shelf, [library_id], days_ago=1)
    gather_and_store(Leg.S1, shelf.database, settings, EVERY_BUCKET, "run")
    assert requested(tick_of_legs(nightly_refresh, settings, instance)) == ["02"]
    shelf.run("UPDATE leg_evidence SET refused_reason = 'a constraint'")
    assert requested(tick_of_legs(nightly_refresh, settings, instance)) == []


def test_a_spent_budget_does_not_keep_evidence_from_being_written(
    shelf: Shelf, instance: dg.DagsterInstance
) -> None:
    for bucket in (1, 2, 3):
        in_bucket(shelf, bucket)
    settings = replace(shelf.settings, lml_nightly_input_budget=1)
    gather_and_store(Leg.S1, shelf.database, settings, EVERY_BUCKET, "run")
    data = tick_of_legs(nightly_refresh, settings, instance)
    inputs = [(request.partition_key, inputs_of(request)) for request in data.run_requests]
    assert inputs == [("01", 1), ("02", 0), ("03", 0)]


def test_a_cron_expression_that_dagster_rejects_is_one_clear_line() -> None:
    with pytest.raises(SettingsError, match=r"EVIDENCE_CRON='99 5 \* \* \*' is not valid"):
        nightly_evidence_at("99 5 * * *")
    with pytest.raises(SettingsError, match=r"REFRESH_CRON='99 5 \* \* \*' is not valid"):
        nightly_refresh_at("99 5 * * *")


def test_every_table_asset_is_fresh_for_the_window_of_the_selection() -> None:
    specs = {spec.key.to_user_string(): spec for spec in build_defs().resolve_all_asset_specs()}
    week = dg.FreshnessPolicy.time_window(fail_window=timedelta(days=7), warn_window=timedelta(days=6))
    assert {name: spec.freshness_policy for name, spec in specs.items()} == {
        "library": None,
        "flowsheet_match": None,
        "canonical_entity_evidence": None,
        "flowsheet_match_evidence": None,
        "station_report": None,
        "candidate_libraries": week,
        "lml_verdicts": week,
        "library_identity_source": week,
        "library_identity": week,
        "library_unresolved": week,
        "compilation_track_identity": week,
    }
    assert fresh_for(1) == dg.FreshnessPolicy.time_window(fail_window=timedelta(days=1))
