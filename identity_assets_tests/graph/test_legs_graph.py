"""The legs in the graph: off by default, switched on, and whole runs on real parts."""

import logging
from dataclasses import replace
from io import StringIO
from typing import Any

import dagster as dg
import pytest
from rich.console import Console

from identity_assets.backend.migrate import migrate
from identity_assets.definitions import build_defs
from identity_assets.demo.fixture_lml import FixtureLmlThread
from identity_assets.figures import totals_in
from identity_assets.partition_keys import range_tags
from identity_assets.partitions import library_partitions
from identity_assets.progress import LogProgress
from identity_assets.resources import make_resources
from identity_assets.settings import Leg, Scope, Settings
from identity_assets.terminal.pass_report import print_pass
from identity_assets.terminal.run_pass import PassReport, run_pass
from identity_assets.terminal.status_runs import last_runs
from identity_assets_tests.legs.support import Cache, identity, standing
from identity_assets_tests.support import Shelf

pytestmark = pytest.mark.long

EVERY_KEY = library_partitions.get_partition_keys()
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def quiet() -> LogProgress:
    return LogProgress(say=lambda _line: None)


def run(settings: Settings, instance: dg.DagsterInstance, *legs: Leg) -> PassReport:
    chosen = replace(settings, scope=Scope.full, identity_legs=legs)
    return run_pass(chosen, instance, EVERY_KEY, quiet())


def parents(legs: tuple[Leg, ...]) -> dict[str, set[str]]:
    graph = build_defs(legs=legs).resolve_asset_graph()
    return {
        key.to_user_string(): {parent.to_user_string() for parent in graph.get(key).parent_keys}
        for key in graph.get_all_asset_keys()
    }


EVIDENCE = {Leg.S1: "canonical_entity_evidence", Leg.S3: "flowsheet_match_evidence"}
EACH_CHOICE = [(), (Leg.S1,), (Leg.S3,), (Leg.S1, Leg.S3)]


@pytest.mark.parametrize("legs", EACH_CHOICE)
def test_the_evidence_of_both_legs_is_always_in_the_graph_and_in_the_job(
    legs: tuple[Leg, ...],
) -> None:
    assert parents(legs) == parents(())
    for table in ("library_identity_source", "library_identity"):
        assert parents(legs)[table] == {"lml_verdicts", *EVIDENCE.values()}
    assert parents(legs)["library_unresolved"] == {"lml_verdicts"}
    definitions = build_defs(legs=legs)
    graph = definitions.resolve_asset_graph()
    assert ("leg_conflicts" in {key.name for key in graph.asset_check_keys}) == bool(legs)
    assert "leg_matches" in {key.name for key in graph.asset_check_keys}
    assert ("refresh_evidence" in {job.name for job in definitions.resolve_all_job_defs()}) == bool(legs)
    for leg, name in EVIDENCE.items():
        node = graph.get(dg.AssetKey(name))
        assert node.is_materializable
        assert node.partitions_def == library_partitions
        assert node.backfill_policy == dg.BackfillPolicy.single_run()
        assert node.group_name == "identity"
        assert f"The leg {leg} is {'on' if leg in legs else 'off'}" in (node.description or "")
    # The UI warns before a run whose assets depend on others that were never materialised and are not in the run.
    steps = {node.name for node in definitions.resolve_job_def("refresh_library_identity").nodes}
    assert set(EVIDENCE.values()) <= steps


def test_a_leg_that_is_off_gathers_nothing_says_so_and_holds_nothing_up(
    shelf: Shelf, both_settings: Settings, cache: Cache, instance: dg.DagsterInstance
) -> None:
    stock(shelf, cache)
    settings = replace(both_settings, scope=Scope.full)
    definitions = build_defs(resources=make_resources(settings, quiet()), legs=())
    job = definitions.resolve_job_def("refresh_library_identity")
    ended = job.execute_in_process(instance=instance, tags=range_tags(EVERY_KEY), run_config=QUIET)
    assert ended.success
    for leg, name in EVIDENCE.items():
        # Dagster counts a backfill as failed if an asset in it is not materialised.
        assert instance.get_materialized_partitions(dg.AssetKey(name)) == set(EVERY_KEY)
        event = instance.get_latest_materialization_event(dg.AssetKey(name))
        assert event is not None
        assert event.asset_materialization is not None
        assert event.asset_materialization.metadata["off"].value == (
            f"the leg {leg} is off, so nothing is gathered: IDENTITY_LEGS={leg} turns it on"
        )
    assert instance.get_materialized_partitions(dg.AssetKey("library_identity")) == set(EVERY_KEY)
    assert shelf.rows("SELECT 1 FROM leg_evidence") == []
    said = [entry.user_message for entry in instance.all_logs(ended.run_id)]
    assert any(line.startswith("the leg S1 is off, so nothing is gathered") for line in said)


def stock(shelf: Shelf, cache: Cache) -> list[int]:
    """Rows that LML knows, rows that it does not know, a row that both legs name, and two rows with a conflict."""
    ids = [
        shelf.put("Known 1", "One", canonical="discogs:11"),
        shelf.put("Stranger", "Two", canonical="discogs:master:12"),
        shelf.put("Stranger 2", "Three", canonical=None),
        shelf.put("Stranger 3", "Four", canonical="discogs:14"),
        shelf.put("Stranger 4", "Five", canonical="discogs:15"),
        shelf.put(None, "Six", canonical="discogs:16"),
        shelf.put("Various Artists", "Seven", canonical=None, volume="Z"),
        shelf.put("Stranger 5", "Eight", canonical=None),
    ]
    cache.match("known 1", "one", 1, 21, 11)
    cache.match("stranger 2", "three", 4, 23, 13)
    cache.match("stranger 3", "four", 1, None, 24)
    cache.match("stranger 4", "five", 2, 25, 15)
    cache.match("various artists", "seven", 1, None, 17)
    cache.release(15, 99, "Five", "Stranger 4")
    return ids


def mains(shelf: Shelf) -> dict[int, tuple[Any, ...]]:
    columns = ("method", "discogs_master_id", "discogs_release_id", "notes")
    return {
        row["library_id"]: tuple(row[name] for name in columns)
        for row in shelf.rows("SELECT * FROM library_identity ORDER BY library_id")
    }


def test_a_run_with_both_legs_writes_all_three_sources_and_a_second_run_changes_nothing(
    shelf: Shelf, both_settings: Settings, cache: Cache, lml: FixtureLmlThread, instance: dg.DagsterInstance
) -> None:
    ids = stock(shelf, cache)
    report = run(both_settings, instance, Leg.S1, Leg.S3)
    assert report.failures == ()
    found = mains(shelf)
    assert found.pop(ids[0])[1:] == (21, 11, "consumer:lml-bulk")
    assert found == {
        ids[1]: ("exact_match", 12, None, "backfill:S1"),
        ids[2]: ("alias_match", 23, None, "backfill:S3"),
        ids[3]: ("exact_match", None, 14, "backfill:S1"),
        ids[4]: ("alias_match", None, 15, "backfill:S1"),
        ids[5]: ("exact_match", None, 16, "backfill:S1"),
        ids[6]: ("exact_match", None, 17, "backfill:S3"),
    }
    before = standing(shelf), shelf.rows("SELECT * FROM library_identity_history")
    lml.calls.reset()
    again = run(both_settings, instance, Leg.S1, Leg.S3)
    assert again.failures == ()
    assert (again.lml_total_calls, again.source_rows_written, again.history_rows_written) == (0, 0, 0)
    assert (standing(shelf), shelf.rows("SELECT * FROM library_identity_history")) == before


def test_the_evidence_assets_report_their_numbers_by_partition(
    shelf: Shelf, both_settings: Settings, cache: Cache, instance: dg.DagsterInstance
) -> None:
    ids = stock(shelf, cache)
    run(both_settings, instance, Leg.S1, Leg.S3)
    key = f"{ids[2] % 16:02d}"
    metadata: dict[str, dict[str, Any]] = {}
    totals: dict[str, dict[str, int | float]] = {}
    for asset in EVIDENCE.values():
        [record] = instance.fetch_materializations(
            dg.AssetRecordsFilter(asset_key=dg.AssetKey(asset), asset_partitions=[key]), limit=1
        ).records
        assert record.asset_materialization is not None
        metadata[asset] = {name: value.value for name, value in record.asset_materialization.metadata.items()}
        totals[asset] = totals_in(record.asset_materialization.metadata)
    s1, s3 = metadata.values()
    # A figure that is zero is left out, so that no plot falls to zero.
    assert not {"scanned", "dagster/partition_row_count"} & s1.keys()
    assert (s3["scanned"], s3["dagster/partition_row_count"]) == (1, 1)
    found = totals["flowsheet_match_evidence"]
    assert found["scanned"] == len(ids)
    skipped = sum(rows for name, rows in found.items() if name.startswith("skipped_"))
    assert found["pinned"] + skipped == len(ids)


def test_leg_conflicts_lists_the_rows_on_which_the_legs_disagree(
    shelf: Shelf, both_settings: Settings, cache: Cache, instance: dg.DagsterInstance
) -> None:
    ids = stock(shelf, cache)
    settings = replace(both_settings, scope=Scope.full, identity_legs=(Leg.S1, Leg.S3))
    job = build_defs(resources=make_resources(settings, quiet()), legs=settings.identity_legs)
    result = job.resolve_job_def("refresh_library_identity").execute_in_process(
        instance=instance, tags=range_tags(EVERY_KEY), run_config=QUIET
    )
    [check] = [one for one in result.get_asset_check_evaluations() if one.check_name == "leg_conflicts"]
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert check.metadata["offending_rows"].value == 2
    sample = check.metadata["sample"]
    assert isinstance(sample, dg.TableMetadataValue)
    rows = [record.data for record in sample.records]
    assert [(row["library_id"], row["s1_says"], row["s3_says"], row["stands"]) for row in rows] == [
        (ids[3], "discogs_release 14", "discogs_release 24", "S1"),
        (ids[4], "discogs_release 15", "discogs_master 25", "S1"),
    ]
    assert rows[1]["release_belongs_to_master"] == 99
    failed = {one.check_name for one in result.get_asset_check_evaluations() if not one.passed}
    assert failed == {"leg_conflicts"}

    shelf.run("UPDATE library SET canonical_entity_id = NULL")
    accepted = {"ops": {"canonical_entity_evidence": {"config": {"accept_shrink": True}}}}
    again = job.resolve_job_def("refresh_library_identity").execute_in_process(
        instance=instance, tags=range_tags(EVERY_KEY), run_config={**QUIET, **accepted}
    )
    [check] = [one for one in again.get_asset_check_evaluations() if one.check_name == "leg_conflicts"]
    assert check.passed


def test_the_config_of_a_run_turns_a_leg_on_or_off(
    shelf: Shelf, both_settings: Settings, cache: Cache, instance: dg.DagsterInstance
) -> None:
    ids = stock(shelf, cache)

    def launch(on: tuple[Leg, ...], config: dict[str, Any]) -> None:
        settings = replace(both_settings, scope=Scope.full, identity_legs=on)
        definitions = build_defs(resources=make_resources(settings, quiet()), legs=on)
        ops = {"identity_tables": {"config": config}}
        ended = definitions.resolve_job_def("refresh_library_identity").execute_in_process(
            instance=instance, tags=range_tags(EVERY_KEY), run_config={"ops": ops, **QUIET}
        )
        assert ended.success

    launch((), {})
    launch((Leg.S1, Leg.S3), {"legs": []})
    assert set(mains(shelf)) == {ids[0]}
    shelf.run("DELETE FROM leg_evidence")
    launch((), {"legs": ["S1", "S3"]})
    by_config = identity(shelf)
    assert len(by_config[0]) == 7
    launch((Leg.S1, Leg.S3), {})
    assert identity(shelf) == by_config


def test_a_leg_that_only_the_config_of_a_run_names_is_guarded_and_a_person_accepts_there_too(
    shelf: Shelf, both_settings: Settings, cache: Cache, instance: dg.DagsterInstance
) -> None:
    stock(shelf, cache)
    definitions = build_defs(
        resources=make_resources(replace(both_settings, scope=Scope.full), quiet()), legs=()
    )

    def launch(**config: Any) -> dg.ExecuteInProcessResult:
        return definitions.resolve_job_def("refresh_library_identity").execute_in_process(
            instance=instance,
            tags=range_tags(EVERY_KEY),
            run_config={"ops": {"identity_tables": {"config": {"legs": ["S3"], **config}}}, **QUIET},
            raise_on_error=False,
        )

    assert launch().success
    before = identity(shelf)
    assert len(before[0]) == 5
    cache.run("TRUNCATE wxyc.flowsheet_match")
    refused = launch()
    [failed] = [event for event in refused.all_events if event.is_step_failure]
    assert failed.step_failure_data.error is not None
    assert "S3 would remove its evidence for 5 of 5" in failed.step_failure_data.error.to_string()
    assert identity(shelf) == before

    assert launch(accept_shrink=True).success
    assert len(identity(shelf)[0]) == 1
    event = instance.get_latest_materialization_event(dg.AssetKey("library_identity"))
    assert event is not None
    assert event.asset_materialization is not None
    assert totals_in(event.asset_materialization.metadata)["S3_evidence_removed"] == 5


def test_the_summary_line_of_a_run_has_what_was_removed_and_what_is_kept(
    shelf: Shelf, both_settings: Settings, cache: Cache, instance: dg.DagsterInstance
) -> None:
    stock(shelf, cache)
    console = Console(record=True, width=300, file=StringIO())
    print_pass(console, "run", run(both_settings, instance, Leg.S1, Leg.S3))
    cache.run("DELETE FROM wxyc.flowsheet_match WHERE ctid = (SELECT min(ctid) FROM wxyc.flowsheet_match)")
    print_pass(console, "run", run(both_settings, instance, Leg.S1, Leg.S3))
    first, second = console.export_text().splitlines()
    kept = [
        row["rows"]
        for row in shelf.rows("SELECT count(*) AS rows FROM leg_evidence GROUP BY leg ORDER BY leg")
    ]
    assert f" S1: 0 rows of evidence removed, {kept[0]} kept; S3: 0 rows of evidence removed, " in first
    assert f" S3: 1 rows of evidence removed, {kept[1]} kept;" in second


def test_a_discogs_cache_that_cannot_be_read_fails_in_one_line_and_nothing_is_written(
    shelf: Shelf, both_settings: Settings, cache: Cache, instance: dg.DagsterInstance
) -> None:
    stock(shelf, cache)
    cache.run("DROP TABLE wxyc.flowsheet_match")
    report = run(both_settings, instance, Leg.S3)
    [failure] = report.failures
    assert failure.startswith(
        "flowsheet_match_evidence: the discogs-cache cannot be read: a table is missing"
    )
    assert identity(shelf) == [[], []]
    assert shelf.rows("SELECT 1 FROM leg_evidence") == []
    unnamed = run(replace(both_settings, database_url_discogs=None), instance, Leg.S3)
    assert unnamed.failures[0].startswith("flowsheet_match_evidence: DATABASE_URL_DISCOGS is not set")
    without = run(both_settings, instance)
    assert (without.failures, len(identity(shelf)[0])) == ((), 1)


def materialised(instance: dg.DagsterInstance, asset: str) -> dict[str, Any]:
    """The metadata of the latest materialisation."""
    event = instance.get_latest_materialization_event(dg.AssetKey(asset))
    assert event is not None
    assert event.asset_materialization is not None
    return {name: value.value for name, value in event.asset_materialization.metadata.items()}


def test_an_emptied_cache_deletes_no_identity_and_a_person_accepts_it_by_the_config_of_a_run(
    shelf: Shelf, both_settings: Settings, cache: Cache, instance: dg.DagsterInstance
) -> None:
    stock(shelf, cache)
    run(both_settings, instance, Leg.S3)
    before = identity(shelf)
    assert len(before[0]) == 5
    cache.run("TRUNCATE wxyc.flowsheet_match")
    report = run(both_settings, instance, Leg.S3)
    assert report.failures == (
        "flowsheet_match_evidence: S3 would remove its evidence for 5 of 5 library rows, and EVIDENCE_SHRINK_LIMIT "
        "is 10%: nothing was removed; look at the discogs-cache, or launch the run with the config "
        "accept_shrink: true if this is right",
    )
    assert identity(shelf) == before

    settings = replace(both_settings, scope=Scope.full, identity_legs=(Leg.S3,))
    graph = build_defs(resources=make_resources(settings, quiet()), legs=settings.identity_legs)
    accepted = {"ops": {"flowsheet_match_evidence": {"config": {"accept_shrink": True}}}}
    result = graph.resolve_job_def("refresh_library_identity").execute_in_process(
        instance=instance, tags=range_tags(EVERY_KEY), run_config={**QUIET, **accepted}
    )
    assert result.success
    metadata = materialised(instance, "flowsheet_match_evidence")
    assert (metadata["evidence_rows_removed"], metadata.get("evidence_rows_kept", 0)) == (5, 0)
    assert len(identity(shelf)[0]) == 1


def test_the_step_reports_what_it_saw_in_numbers_that_dagster_plots(
    shelf: Shelf, both_settings: Settings, cache: Cache, instance: dg.DagsterInstance
) -> None:
    stock(shelf, cache)
    cache.match("somebody", "else", 1, 7, 5)
    cache.match("", "", 1, 7, 5)
    run(both_settings, instance, Leg.S3)
    metadata = materialised(instance, "flowsheet_match_evidence")
    saw = {name: value for name, value in metadata.items() if name.startswith(("cache_", "evidence_rows"))}
    assert saw == {
        "cache_pairs_read": 7,
        "cache_usable": 6,
        "cache_matched": 5,
        "cache_ambiguous": 2,
        "cache_tombstones": 0,
        "cache_empty_names": 1,
        "cache_no_discogs_id": 0,
        "cache_co_artists": 0,
        "evidence_rows_written": 5,
        "evidence_rows_kept": 5,
    }


def test_a_snapshot_that_matches_nothing_is_a_warning_and_a_red_check(
    shelf: Shelf,
    both_settings: Settings,
    cache: Cache,
    instance: dg.DagsterInstance,
) -> None:
    shelf.put("Stranger", "Two")
    for number in range(3):
        cache.match(f"somebody {number}x", "else", 1, 7, 5)
    settings = replace(both_settings, scope=Scope.full, identity_legs=(Leg.S3,))
    graph = build_defs(resources=make_resources(settings, quiet()), legs=settings.identity_legs)
    job = graph.resolve_job_def("refresh_evidence")

    def check() -> tuple[dg.AssetCheckEvaluation, list[str]]:
        result = job.execute_in_process(instance=instance, tags=range_tags(EVERY_KEY), run_config=QUIET)
        [evaluation] = result.get_asset_check_evaluations()
        entries = instance.all_logs(result.run_id)
        return evaluation, [entry.user_message for entry in entries if entry.level == logging.WARNING]

    red, [warning] = check()
    assert warning.startswith("S3: 0 of 3 pairs are ours")
    assert (red.check_name, red.passed, red.severity) == ("leg_matches", False, dg.AssetCheckSeverity.ERROR)
    assert red.description is not None
    assert red.description.startswith("0 of 3 pairs are ours.")
    cache.match("stranger", "two", 1, 7, 5)
    green, warnings = check()
    assert warnings == []
    assert (green.passed, green.description) == (True, "1 of 4 pairs are ours.")


def test_the_check_sees_a_leg_that_only_the_config_of_a_run_names(
    shelf: Shelf, both_settings: Settings, cache: Cache, instance: dg.DagsterInstance
) -> None:
    shelf.put("Known 1", "Two")
    cache.match("somebody else", "else", 1, 7, 5)
    settings = replace(both_settings, scope=Scope.full)
    graph = build_defs(resources=make_resources(settings, quiet()), legs=())
    job = graph.resolve_job_def("refresh_library_identity")

    def check(legs: list[str]) -> dg.AssetCheckEvaluation:
        config = {"ops": {"identity_tables": {"config": {"legs": legs}}}, **QUIET}
        result = job.execute_in_process(instance=instance, tags=range_tags(EVERY_KEY), run_config=config)
        [found] = [one for one in result.get_asset_check_evaluations() if one.check_name == "leg_matches"]
        return found

    never = check(["by_setting"])
    assert (never.passed, never.description) == (True, "S3 was not gathered.")
    red = check(["S3"])
    assert (red.passed, red.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert red.description is not None
    assert red.description.startswith("0 of 1 pairs are ours.")
    cache.match("known 1", "two", 1, 7, 5)
    green = check(["S3"])
    assert (green.passed, green.description) == (True, "1 of 2 pairs are ours.")


def test_the_job_refresh_evidence_gathers_and_neither_asks_nor_writes(
    shelf: Shelf, both_settings: Settings, cache: Cache, lml: FixtureLmlThread, instance: dg.DagsterInstance
) -> None:
    stock(shelf, cache)
    settings = replace(both_settings, identity_legs=(Leg.S1, Leg.S3))
    graph = build_defs(resources=make_resources(settings, quiet()), legs=settings.identity_legs)
    result = graph.resolve_job_def("refresh_evidence").execute_in_process(
        instance=instance, tags=range_tags(EVERY_KEY), run_config=QUIET
    )
    assert result.success
    steps = {event.step_key for event in result.all_events if event.is_step_success}
    assert steps == {"canonical_entity_evidence", "flowsheet_match_evidence", "identity_checks"}
    assert len(shelf.rows("SELECT 1 FROM leg_evidence")) == 10
    assert identity(shelf) == [[], []]
    assert lml.calls.number == 0


def test_the_migration_of_the_legs_goes_up_and_down(shelf: Shelf) -> None:
    def ours() -> set[str]:
        rows = shelf.rows(
            "SELECT proname AS name FROM pg_proc WHERE pronamespace = 'identity_assets'::regnamespace "
            "UNION SELECT relname FROM pg_class WHERE relnamespace = 'identity_assets'::regnamespace"
        )
        return {row["name"] for row in rows if row["name"].startswith("leg_")}

    before = ours()
    assert len(before) > 9
    migrate(shelf.database, "base")
    assert ours() == set()
    migrate(shelf.database)
    assert ours() == before


def test_status_counts_the_rows_that_a_run_selected_and_not_those_that_a_leg_read(
    shelf: Shelf, both_settings: Settings, instance: dg.DagsterInstance
) -> None:
    shelf.put_many(["Known 0", "Known 1"])
    run(both_settings, instance, Leg.S1, Leg.S3)
    run(both_settings, instance, Leg.S1, Leg.S3)
    again, first = (line.counts.get("scanned", 0) for line in last_runs(instance))
    assert (first, again) == (2, 0)
