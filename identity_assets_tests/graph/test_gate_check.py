"""The check of the gate in real Dagster runs: what an operator reads, and the change since the last evaluation."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import dagster as dg
import pytest

from identity_assets.assets.candidate_libraries import candidate_libraries
from identity_assets.assets.library import library
from identity_assets.assets.library_identity import identity_tables_with
from identity_assets.assets.lml_verdicts import lml_verdicts
from identity_assets.backend.database import DatabaseError
from identity_assets.checks.evaluation import checks_in_one_step
from identity_assets.checks.gate import truly_unresolved_rows
from identity_assets.gate_trend import GATE_CHECK, gate_trend
from identity_assets.partition_keys import range_tags
from identity_assets.partitions import library_partitions
from identity_assets.progress import LogProgress
from identity_assets.resources import make_resources
from identity_assets.settings import Scope, Settings
from identity_assets_tests.support import Shelf

THE_GATE = dg.AssetSelection.checks(GATE_CHECK)


def execute(
    settings: Settings,
    instance: dg.DagsterInstance,
    selection: dg.AssetSelection = THE_GATE,
    keys: Sequence[str] = (),
) -> dg.ExecuteInProcessResult:
    definitions = dg.Definitions(
        assets=[library, candidate_libraries, lml_verdicts, identity_tables_with([], [])],
        asset_checks=[checks_in_one_step([truly_unresolved_rows])],
        jobs=[dg.define_asset_job("job", selection=selection)],
        resources=make_resources(settings, LogProgress(say=lambda _line: None)),
        executor=dg.in_process_executor,
    )
    return definitions.resolve_job_def("job").execute_in_process(
        instance=instance,
        tags=range_tags(keys) if keys else None,
        run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        raise_on_error=False,
    )


def evaluate(settings: Settings, instance: dg.DagsterInstance) -> dg.AssetCheckEvaluation:
    """Evaluate the gate alone, as the job `gate_report` does."""
    result = execute(settings, instance)
    assert result.success
    [evaluation] = result.get_asset_check_evaluations()
    return evaluation


def values(evaluation: dg.AssetCheckEvaluation) -> dict[str, Any]:
    return {name: metadata.value for name, metadata in evaluation.metadata.items()}


def table(evaluation: dg.AssetCheckEvaluation, name: str) -> list[dict[str, Any]]:
    metadata = evaluation.metadata[name]
    assert isinstance(metadata, dg.TableMetadataValue)
    return [dict(record.data) for record in metadata.records]


def identify(shelf: Shelf, library_id: int) -> None:
    shelf.run(
        "INSERT INTO library_identity (library_id, method, confidence, last_verified_at) "
        "VALUES (:id, 'manual', 1, now())",
        id=library_id,
    )


def test_the_evaluation_has_the_figures_the_reasons_the_artists_and_the_advice(
    shelf: Shelf, instance: dg.DagsterInstance
) -> None:
    first, *_ = shelf.put_many(["A", "A"], artist_id=1)
    shelf.put_many(["B", "B", None], artist_id=2)
    shelf.put("C", artist_id=3)
    identify(shelf, first)
    evaluation = evaluate(replace(shelf.settings, gate_threshold=4), instance)

    assert evaluation.passed is False
    said, advised = (evaluation.description or "").split("\n\n")
    assert said == "4 of 6 library rows are truly unresolved; the gate passes below 4: FAIL"
    figures = values(evaluation)
    assert {
        "total_library_rows": "6",
        "unresolved_rows": 5,
        "fallback_resolved_rows": "1",
        "truly_unresolved_rows": 4,
        "gate_status": "FAIL",
        "threshold": "4",
    }.items() <= figures.items()
    assert "change_since_last" not in figures
    assert table(evaluation, "residual_by_reason") == [
        {"reason": "never_asked", "library_rows": 3, "these_are": "never asked"},
        {"reason": "no_artist_name", "library_rows": 1, "these_are": "without an artist name"},
    ]
    assert table(evaluation, "top_artists") == [
        {"artist_id": 2, "artist_name": "x", "truly_unresolved_rows": 3},
        {"artist_id": 3, "artist_name": "x", "truly_unresolved_rows": 1},
    ]
    assert "**3 never asked**" in advised


def test_the_figure_that_counts_is_plotted_first_and_constants_are_not_plotted(
    shelf: Shelf, instance: dg.DagsterInstance
) -> None:
    shelf.put()
    evaluate(shelf.settings, instance)
    evaluation = evaluate(shelf.settings, instance)
    numbers = (dg.IntMetadataValue, dg.FloatMetadataValue)
    plotted = sorted(name for name, value in evaluation.metadata.items() if isinstance(value, numbers))
    assert plotted == ["truly_unresolved_rows", "unresolved_rows"]


def test_the_trend_has_the_last_evaluations_the_oldest_first(
    shelf: Shelf, instance: dg.DagsterInstance
) -> None:
    assert gate_trend(instance, 14) == []
    for number in range(1, 5):
        shelf.put(artist_id=number)
        evaluate(shelf.settings, instance)
    assert [one.truly_unresolved_rows for one in gate_trend(instance, 3)] == [2, 3, 4]
    moments = [one.evaluated_at for one in gate_trend(instance, 14)]
    assert moments == sorted(moments)
    assert len(moments) == 4


def test_below_the_threshold_it_passes_also_with_empty_tables(
    shelf: Shelf, instance: dg.DagsterInstance
) -> None:
    evaluation = evaluate(shelf.settings, instance)
    assert evaluation.passed is True
    assert values(evaluation)["gate_status"] == "PASS"
    assert table(evaluation, "residual_by_reason") == table(evaluation, "top_artists") == []


@pytest.mark.parametrize(
    ("enforced", "severity"), [(False, dg.AssetCheckSeverity.WARN), (True, dg.AssetCheckSeverity.ERROR)]
)
def test_it_warns_by_default_is_an_error_if_enforced_and_never_blocks(
    shelf: Shelf, instance: dg.DagsterInstance, enforced: bool, severity: dg.AssetCheckSeverity
) -> None:
    shelf.put()
    evaluation = evaluate(replace(shelf.settings, gate_threshold=1, gate_enforced=enforced), instance)
    assert (evaluation.passed, evaluation.severity) == (False, severity)
    assert not evaluation.blocking


def test_each_evaluation_says_the_change_since_the_last_completed_one(
    shelf: Shelf, instance: dg.DagsterInstance
) -> None:
    one, *_ = (shelf.put(artist_id=number) for number in range(1, 6))
    assert "change_since_last" not in values(evaluate(shelf.settings, instance))

    identify(shelf, one)
    fewer = evaluate(shelf.settings, instance)
    assert values(fewer)["change_since_last"] == "-1"
    assert fewer.description is not None
    assert "PASS (1 fewer than at the last evaluation)\n\n" in fewer.description

    away = shelf.settings.require_database_url().set(host="127.0.0.1", port=1, query={})
    assert not execute(replace(shelf.settings, database_url=away), instance).success

    shelf.put(artist_id=6)
    shelf.put(artist_id=7)
    assert values(evaluate(shelf.settings, instance))["change_since_last"] == "+2"
    same = evaluate(shelf.settings, instance)
    assert values(same)["change_since_last"] == "0"
    assert "as many as at the last evaluation" in (same.description or "")


def test_an_outage_fails_the_run_and_is_not_an_evaluation(shelf: Shelf, instance: dg.DagsterInstance) -> None:
    away = shelf.settings.require_database_url().set(host="127.0.0.1", port=1, query={})
    result = execute(replace(shelf.settings, database_url=away), instance)
    assert not result.success
    assert result.get_asset_check_evaluations() == []
    [step] = result.get_failed_step_keys()
    failure = result.failure_data_for_node(step)
    assert failure is not None
    assert failure.error is not None
    assert failure.error.cause is not None
    assert failure.error.cause.cls_name == DatabaseError.__name__


def test_in_a_run_of_some_partitions_it_reads_the_whole_library_after_the_write(
    shelf: Shelf, station_settings: Settings, instance: dg.DagsterInstance
) -> None:
    for number in range(32):
        shelf.put(f"Known {number}", artist_id=number + 1)
    everything = dg.AssetSelection.groups("identity") | THE_GATE
    failing = replace(station_settings, scope=Scope.full, gate_threshold=1, gate_enforced=True)

    result = execute(failing, instance, everything, ["02", "03"])
    assert result.success
    [evaluation] = result.get_asset_check_evaluations()
    assert values(evaluation)["total_library_rows"] == "32"
    assert values(evaluation)["truly_unresolved_rows"] == 28
    assert instance.get_materialized_partitions(GATE_CHECK.asset_key) == {"02", "03"}

    everything_done = execute(failing, instance, everything, library_partitions.get_partition_keys())
    [evaluation] = everything_done.get_asset_check_evaluations()
    assert (evaluation.passed, values(evaluation)["change_since_last"]) == (True, "-28")
