"""The job `dry_run` in Dagster, and the variable DRY_RUN, which prevents every write."""

from dataclasses import replace
from typing import Any

import dagster as dg
import pytest

from identity_assets.definitions import build_defs
from identity_assets.demo.fixture_lml import Fault, FixtureLmlThread
from identity_assets.partitions import library_partitions
from identity_assets.progress import LogProgress
from identity_assets.resources import Backend, make_resources
from identity_assets.schedules import refresh_due_partitions
from identity_assets.settings import Leg, Settings
from identity_assets.terminal.run_pass import run_pass
from identity_assets_tests.support import Shelf


def launch(
    settings: Settings, instance: dg.DagsterInstance, **config: Any
) -> tuple[dg.ExecuteInProcessResult, dict[str, Any]]:
    """Run the job; its result and its metadata, or the metadata of its failure."""
    result = (
        build_defs(resources=make_resources(settings))
        .resolve_job_def("dry_run")
        .execute_in_process(
            instance=instance, run_config={"ops": {"predict": {"config": config}}}, raise_on_error=False
        )
    )
    if not result.success:
        [failed] = [event for event in result.all_events if event.is_step_failure]
        failure = failed.step_failure_data.user_failure_data
        assert failure is not None
        return result, {name: value.value for name, value in failure.metadata.items()}
    [output] = [event for event in result.all_events if event.is_successful_output]
    return result, {name: value.value for name, value in output.step_output_data.metadata.items()}


@pytest.mark.promise("dry run")
def test_it_predicts_the_figures_of_the_next_run_and_materialises_nothing(
    shelf: Shelf, station_settings: Settings, instance: dg.DagsterInstance
) -> None:
    shelf.put_many(["Known 1", "Stranger", "Various Artists", None])
    before = shelf.tables()
    _, shown = launch(station_settings, instance, scope="full")
    assert shelf.tables() == before
    for key in build_defs().resolve_asset_graph().get_all_asset_keys():
        assert instance.get_latest_materialization_event(key) is None
    assert shown["would_be_new"] == 1
    [change] = shown["first_changes"].records
    assert change.data["artist_name"] == "Known 1"

    report = run_pass(
        replace(station_settings, scope=type(station_settings.scope).full),
        instance,
        library_partitions.get_partition_keys(),
        LogProgress(say=lambda _line: None),
    )
    assert (shown["scanned"], shown["would_resolve"], shown["would_unresolved"]) == (
        report.accounts.scanned,
        report.accounts.resolved,
        report.accounts.unresolved,
    )
    assert {reason: rows for reason, rows in shown["would_skip"].items() if rows} == report.accounts.skipped


def test_it_works_on_the_given_partitions_and_in_the_scope_of_the_settings(
    shelf: Shelf, station_settings: Settings, instance: dg.DagsterInstance
) -> None:
    ids = shelf.put_many(["Known 1", "Known 2"])
    shelf.put("Known 3", canonical=None)
    _, shown = launch(station_settings, instance, partitions=[f"{ids[0] % 16:02d}"])
    assert shown["scanned"] == 1
    _, shown = launch(station_settings, instance)
    assert (shown["scope"], shown["scanned"]) == ("canonical", 2)
    result, _ = launch(station_settings, instance, partitions=["77"])
    assert not result.success


def test_it_fails_if_lml_fails_and_still_shows_its_figures(
    shelf: Shelf, station_settings: Settings, instance: dg.DagsterInstance, lml: FixtureLmlThread
) -> None:
    shelf.put_many(["Known 1", "Known 2"])
    lml.faults.add(Fault("status", status=403))
    result, shown = launch(station_settings, instance)
    assert not result.success
    assert shown["would_skip"]["lml_error"] == 2


@pytest.mark.parametrize(
    "asset", ["candidate_libraries", "lml_verdicts", "library_identity", "canonical_entity_evidence"]
)
def test_with_dry_run_set_no_asset_writes_and_the_schedule_launches_nothing(
    asset: str, shelf: Shelf, station_settings: Settings, instance: dg.DagsterInstance
) -> None:
    shelf.put("Known 1")
    dry = replace(station_settings, dry_run=True, identity_legs=(Leg.S1,))
    defs = build_defs(resources=make_resources(dry), legs=dry.identity_legs)
    job = defs.resolve_implicit_global_asset_job_def()
    result = job.execute_in_process(
        instance=instance,
        partition_key="00",
        asset_selection=[
            dg.AssetKey(key)
            for key in (
                [
                    "library_identity",
                    "library_identity_source",
                    "library_unresolved",
                    "compilation_track_identity",
                ]
                if asset == "library_identity"
                else [asset]
            )
        ],
        raise_on_error=False,
    )
    assert not result.success
    [failed] = [event for event in result.all_events if event.is_step_failure]
    assert failed.step_failure_data.error is not None
    assert "DRY_RUN=true: nothing is written" in failed.step_failure_data.error.to_string()
    assert shelf.tables()["ledger"] == []

    with dg.build_schedule_context(instance=instance) as context:
        skipped = refresh_due_partitions(context, Backend(dry))
    assert isinstance(skipped, dg.SkipReason)
    assert "DRY_RUN=true" in str(skipped.skip_message)
