"""The retention of runs, on a year of nights in a Dagster database of its own."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from sqlalchemy import Connection, create_engine, make_url, text

from identity_assets.demo.postgres import EmbeddedPostgres
from identity_assets.gate_trend import GATE_CHECK as GATE
from identity_assets.jobs.event_log_retention import delete_old_runs
from identity_assets_tests.deploy.instances import deployed_instance

pytestmark = pytest.mark.long

DATABASE = "dagster_retention"
PARTITIONS = ("00", "01", "02")
NIGHTS = 365
RETENTION = timedelta(days=90)


@dg.multi_asset_check(specs=[dg.AssetCheckSpec(GATE.name, asset=GATE.asset_key)])
def gate() -> Iterator[dg.AssetCheckResult]:
    """The gate without a database."""
    yield dg.AssetCheckResult(passed=True, asset_key=GATE.asset_key, check_name=GATE.name)


@dg.asset(key=GATE.asset_key, partitions_def=dg.StaticPartitionsDefinition(list(PARTITIONS)))
def library_identity() -> None:
    """The table without a database."""


JOB = dg.Definitions(
    assets=[library_identity], asset_checks=[gate], jobs=[dg.define_asset_job("night", selection="*")]
).resolve_job_def("night")


@pytest.fixture
def instance(tmp_path: Path, postgres: EmbeddedPostgres) -> Iterator[dg.DagsterInstance]:
    """A new instance of deploy/dagster.yaml."""
    with deployed_instance(tmp_path, postgres, DATABASE) as made:
        yield made


@pytest.fixture
def storage(instance: dg.DagsterInstance, postgres: EmbeddedPostgres) -> Iterator[Connection]:
    """Dagster's tables, once the instance has made them."""
    assert instance.get_run_ids() == []
    engine = create_engine(make_url(postgres.url(DATABASE)), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def count(storage: Connection, table: str) -> int:
    return int(storage.execute(text(f"SELECT count(*) FROM {table}")).scalar_one())


def night(instance: dg.DagsterInstance, partition: str) -> str:
    """One run of the graph on this partition; its id."""
    result = JOB.execute_in_process(instance=instance, partition_key=partition)
    assert result.success
    return result.run_id


def copy_to_other_nights(storage: Connection, run_id: str, nights: int) -> None:
    """Store the run and its events again for each of the nights before it."""
    columns = {
        table: [
            str(name)
            for name in storage.execute(
                text(
                    "SELECT column_name FROM information_schema.columns "
                    "WHERE table_name = :table AND column_name <> 'id'"
                ),
                {"table": table},
            ).scalars()
        ]
        for table in ("runs", "event_logs", "asset_check_executions")
    }
    for table, names in columns.items():
        new = ["run_id || '-' || night" if name == "run_id" else _older(name) for name in names]
        storage.execute(
            text(
                f"INSERT INTO {table} ({', '.join(names)}) SELECT {', '.join(new)} FROM {table}, "
                "generate_series(1, :nights) night WHERE run_id = :run_id ORDER BY night DESC"
            ),
            {"run_id": run_id, "nights": nights},
        )


def _older(column: str) -> str:
    stamps = {"create_timestamp", "update_timestamp", "timestamp"}
    return f"{column} - make_interval(days => night)" if column in stamps else column


@pytest.mark.promise("growth")
def test_after_a_year_of_nights_ninety_days_of_runs_remain_and_the_whole_history_of_the_gate(
    instance: dg.DagsterInstance, storage: Connection
) -> None:
    run_id = night(instance, "00")
    events_a_night, checks_a_night = count(storage, "event_logs"), count(storage, "asset_check_executions")
    copy_to_other_nights(storage, run_id, NIGHTS - 1)
    assert count(storage, "event_logs") == NIGHTS * events_a_night
    newest = night(instance, "00")

    deleted, kept = delete_old_runs(instance, [GATE.asset_key], datetime.now(UTC) - RETENTION)

    assert (deleted, kept) == (NIGHTS - RETENTION.days, 0)
    left = NIGHTS - deleted
    assert count(storage, "runs") == left + 1
    assert count(storage, "event_logs") == (left + 1) * events_a_night
    assert count(storage, "asset_check_executions") == (NIGHTS + 1) * checks_a_night
    history = instance.event_log_storage.get_asset_check_execution_history(GATE, limit=1000)
    assert len([record for record in history if record.evaluation]) == NIGHTS + 1
    assert newest in instance.get_run_ids()


def test_the_run_with_the_newest_materialisation_of_a_partition_is_kept_however_old_it_is(
    instance: dg.DagsterInstance, storage: Connection
) -> None:
    replaced, only, newer = night(instance, "00"), night(instance, "01"), night(instance, "00")
    storage.execute(text("UPDATE runs SET create_timestamp = create_timestamp - interval '200 days'"))

    assert delete_old_runs(instance, [GATE.asset_key], datetime.now(UTC) - RETENTION) == (1, 2)
    assert set(instance.get_run_ids()) == {only, newer}
    assert replaced not in instance.get_run_ids()
    materialised = instance.get_materialized_partitions(GATE.asset_key)
    assert materialised == {"00", "01"}


def test_a_run_that_has_not_ended_is_never_deleted(instance: dg.DagsterInstance, storage: Connection) -> None:
    run = instance.create_run_for_job(JOB, status=dg.DagsterRunStatus.STARTED)
    storage.execute(text("UPDATE runs SET create_timestamp = create_timestamp - interval '200 days'"))
    assert delete_old_runs(instance, [GATE.asset_key], datetime.now(UTC) - RETENTION) == (0, 0)
    assert instance.get_run_ids() == [run.run_id]


def test_the_job_deletes_by_the_setting_and_reports_what_it_did(
    instance: dg.DagsterInstance, storage: Connection
) -> None:
    from identity_assets.definitions import build_defs  # noqa: PLC0415  # only here

    night(instance, "02")
    storage.execute(text("UPDATE runs SET create_timestamp = create_timestamp - interval '89 days'"))
    job = build_defs().resolve_job_def("event_log_retention")
    result = job.execute_in_process(instance=instance)
    [output] = result.filter_events(lambda event: event.event_type_value == "STEP_OUTPUT")
    metadata = output.step_output_data.metadata
    assert {name: value.value for name, value in metadata.items()} == {
        "deleted_runs": 0,
        "kept_runs": 0,
        "run_retention_days": 90,
    }
