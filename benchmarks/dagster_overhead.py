"""What Dagster's storage costs a run: `python -m benchmarks.dagster_overhead [--rows N] [--repeat N]`.

Two comparisons, each sampled in turn in this process over one embedded PostgreSQL:
- a run of the whole library with Dagster's storage in that PostgreSQL, beside the same run with no storage kept;
- a run with nothing due, beside an empty graph of the same shape (assets, partitions, checks, steps) on the same
  Dagster instance: with the settings that our command makes (`empty_graph`), and as Dagster does it by itself
  (`empty_graph_plain`: a connection and five statements for each materialisation).

Prints one JSON object with the medians, the ratios, and the events and SQL statements of one run.
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import dagster as dg
from sqlalchemy import Connection, event, text
from sqlalchemy.engine import Engine

from identity_assets.backend.database import Database
from identity_assets.definitions import CHECKS
from identity_assets.demo.catalogue import seeded_catalogue
from identity_assets.demo.station import Station, station
from identity_assets.partition_keys import all_keys, range_tags
from identity_assets.partitions import library_partitions, one_run
from identity_assets.progress import LogProgress
from identity_assets.settings import Scope, Settings
from identity_assets.telemetry.dagster_internals import EVENT_BATCH_SIZE
from identity_assets.terminal.run_pass import PassReport, run_pass

# Everything that a run writes.
WRITTEN_TABLES = (
    "SELECT format('%I.%I', schemaname, relname) FROM pg_stat_user_tables WHERE schemaname = 'identity_assets' "
    "AND relname <> 'alembic_version' OR relname LIKE 'library_identity%' OR relname = 'library_unresolved'"
)
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def empty_graph() -> dg.Definitions:
    """A graph with the shape of ours whose steps do nothing."""

    def spec(name: str, *deps: str) -> dg.AssetSpec:
        return dg.AssetSpec(name, deps=deps, group_name="identity")

    def step(name: str, *specs: dg.AssetSpec) -> dg.AssetsDefinition:
        @dg.multi_asset(name=name, specs=specs, partitions_def=library_partitions, backfill_policy=one_run)
        def does_nothing() -> Iterator[dg.MaterializeResult[None]]:
            for one in specs:
                yield dg.MaterializeResult(asset_key=one.key)

        return does_nothing

    written = (
        "library_identity_source",
        "library_identity",
        "library_unresolved",
        "compilation_track_identity",
    )
    # A run without legs does not evaluate the checks of their evidence.
    checks = [check for check in CHECKS if check.asset in ("lml_verdicts", *written)]

    @dg.multi_asset_check(
        name="identity_checks",
        specs=[dg.AssetCheckSpec(check.name, asset=check.asset) for check in checks],
    )
    def identity_checks() -> Iterator[dg.AssetCheckResult]:
        for check in checks:
            yield dg.AssetCheckResult(passed=True, asset_key=check.key.asset_key, check_name=check.name)

    return dg.Definitions(
        assets=[
            dg.AssetSpec("library"),
            step("select", spec("candidate_libraries", "library")),
            step("ask", spec("lml_verdicts", "candidate_libraries")),
            step("write", *(spec(name, "lml_verdicts") for name in written)),
        ],
        asset_checks=[identity_checks],
        jobs=[dg.define_asset_job("empty", selection=dg.AssetSelection.groups("identity"))],
        executor=dg.in_process_executor,
    )


def run_empty_graph(instance: dg.DagsterInstance) -> str:
    """Run the empty graph on all partitions; the run's id."""
    result = (
        empty_graph()
        .resolve_job_def("empty")
        .execute_in_process(instance=instance, tags=range_tags(all_keys()), run_config=QUIET)
    )
    return result.run_id


def plain_seconds_of_empty_graph() -> float:
    """How long the empty graph takes on an instance that our command has not set up."""
    batch_size = os.environ.pop(EVENT_BATCH_SIZE, None)
    try:
        with dg.DagsterInstance.get() as plain:
            return seconds_of(lambda: run_empty_graph(plain))
    finally:
        if batch_size is not None:
            os.environ[EVENT_BATCH_SIZE] = batch_size


def run_graph(settings: Settings, instance: dg.DagsterInstance) -> PassReport:
    """Run our graph on all partitions."""
    report = run_pass(settings, instance, all_keys(), LogProgress(say=lambda _line: None))
    if report.failures:
        raise SystemExit("\n".join(report.failures))
    return report


def forget(settings: Settings) -> None:
    """Make every library row due again."""
    with Database(settings, "benchmark") as database, database.transaction() as connection:
        tables = connection.execute(text(WRITTEN_TABLES)).scalars().all()
        connection.execute(text(f"TRUNCATE {', '.join(tables)}"))


def seconds_of(work: Callable[[], object]) -> float:
    """How long the work takes."""
    started = time.monotonic()
    work()
    return time.monotonic() - started


@contextmanager
def statements_counted() -> Iterator[Counter[str]]:
    """Counts the statements that this process sends to each database while the block lasts."""
    counts: Counter[str] = Counter()

    def count(connection: Connection, *_args: object) -> None:
        counts[str(connection.engine.url.database)] += 1

    event.listen(Engine, "before_cursor_execute", count)
    try:
        yield counts
    finally:
        event.remove(Engine, "before_cursor_execute", count)


def measure(here: Station, repeat: int) -> dict[str, object]:
    """The samples of both comparisons, and the counts of one run with nothing due."""
    settings = replace(here.settings, scope=Scope.full)
    samples: dict[str, list[float]] = {
        name: [] for name in ("full_kept", "full_not_kept", "nothing_due", "empty_graph", "empty_graph_plain")
    }
    with dg.DagsterInstance.get() as kept:
        run_graph(settings, kept)
        run_empty_graph(kept)
        for _ in range(repeat):
            forget(settings)
            samples["full_kept"].append(seconds_of(lambda: run_graph(settings, kept)))
            samples["nothing_due"].append(seconds_of(lambda: run_graph(settings, kept)))
            samples["empty_graph"].append(seconds_of(lambda: run_empty_graph(kept)))
            samples["empty_graph_plain"].append(plain_seconds_of_empty_graph())
            forget(settings)
            with dg.DagsterInstance.ephemeral() as not_kept:
                samples["full_not_kept"].append(seconds_of(lambda: run_graph(settings, not_kept)))
        with statements_counted() as statements:
            [run_id] = run_graph(settings, kept).run_ids
        with statements_counted() as of_empty_graph:
            run_empty_graph(kept)
        events = Counter(
            entry.dagster_event.event_type_value if entry.dagster_event else "LOG"
            for entry in kept.all_logs(run_id)
        )
    medians = {name: round(statistics.median(seconds), 2) for name, seconds in samples.items()}
    return {
        "rows": here.library_rows,
        "median_seconds": medians,
        "samples": {name: [round(one, 2) for one in seconds] for name, seconds in samples.items()},
        "full_kept_to_not_kept": round(medians["full_kept"] / medians["full_not_kept"], 2),
        "nothing_due_to_empty_graph": round(medians["nothing_due"] / medians["empty_graph"], 2),
        "nothing_due_to_empty_graph_plain": round(medians["nothing_due"] / medians["empty_graph_plain"], 2),
        "nothing_due_statements": dict(statements),
        "empty_graph_statements": dict(of_empty_graph),
        "events": {"all": events.total(), **dict(events.most_common())},
    }


def main() -> None:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=64_676)
    parser.add_argument("--repeat", type=int, default=3)
    asked = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as home,
        station(Settings(), Path(home), lambda: seeded_catalogue(asked.rows)) as here,
    ):
        os.environ["DAGSTER_HOME"] = str(here.dagster_home)
        print(json.dumps(measure(here, asked.repeat), indent=1))


if __name__ == "__main__":
    main()
