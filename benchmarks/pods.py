"""How runs side by side share LML: `python -m benchmarks.pods`.

It stands for a cluster with one pod a run. Each run works on one partition, in a process of its own. All processes
share one PostgreSQL, which also holds Dagster's storage, and one fixture LML. The fixture works on `--capacity` calls
at a time, and further calls wait. The benchmark measures the throughput with 1, 2, 4 and 8 runs at a time. It plays
the run queue: at most so many runs work at a time, as the limit of the pool `lml` has it.

It stops with an error if LML had more calls in flight than runs at a time times `--in-flight`, if LML was asked twice
about a library row, or if a run did not settle all of its rows.

A pod brings its own cores, and this machine has few. So the processes are forked from one that has imported the
package: the time of the imports is in no figure.
"""

import multiprocessing
import os
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import httpx

from benchmarks import _pod
from benchmarks._harness import Report, arguments, finish
from benchmarks._server import BACKEND, DAGSTER, Server, server
from identity_assets.demo.catalogue import Catalogue, seeded_catalogue
from identity_assets.demo.fixture_lml import Capacity, FixtureLmlProcess
from identity_assets.demo.station import write_dagster_home


@dataclass(frozen=True)
class Cluster:
    """The numbers that all levels share: partitions, calls in flight of one run, inputs a call, and LML's speed.

    LML works on `capacity` calls at a time, and takes `seconds_per_input` for each input.
    """

    partitions: int = 64
    in_flight: int = 2
    batch_size: int = 10
    capacity: int = 4
    seconds_per_input: float = 0.04

    @property
    def inputs_per_second(self) -> float:
        """The largest number of inputs that LML answers in a second."""
        return self.capacity / self.seconds_per_input


class Pods:
    """Runs partitions of a fresh library, some at a time, and holds what a cluster must never break."""

    def __init__(
        self, postgres: Server, catalogue: Catalogue, lml: FixtureLmlProcess, cluster: Cluster
    ) -> None:
        self._postgres = postgres
        self._catalogue = catalogue
        self._lml = lml
        self._cluster = cluster
        self._forking = multiprocessing.get_context("forkserver")
        # Read at import: the process that all runs are forked from gets it from here.
        os.environ["LIBRARY_PARTITIONS"] = str(cluster.partitions)
        self._forking.set_forkserver_preload([_pod.__name__, __name__])

    def measure(self, at_once: int, runs: int) -> dict[str, float]:
        """Run the first `runs` partitions, `at_once` at a time.

        Raises:
            SystemExit: LML had too many calls in flight, was asked twice about a row, or a row was not settled.
        """
        self._postgres.fresh_library(self._catalogue)
        self._postgres.postgres.create_database(DAGSTER, fresh=True)
        width = max(2, len(str(self._cluster.partitions - 1)))
        keys = [f"{number:0{width}d}" for number in range(runs)]
        with tempfile.TemporaryDirectory() as folder:
            environment = self._environment(Path(folder))
            with ProcessPoolExecutor(at_once, self._forking, max_tasks_per_child=1) as pods:
                # The first processes wait for the one that they are forked from. Dagster makes its tables.
                pods.submit(_pod.make_storage, environment).result()
                self._ask_lml("POST", "reset")
                cpu_before, began = self._postgres.cpu_seconds(), time.monotonic()
                reports = list(pods.map(_pod.run_partition, [environment] * runs, keys))
                seconds, cpu_after = time.monotonic() - began, self._postgres.cpu_seconds()
        calls = self._ask_lml("GET", "calls").json()
        # The ids of the catalogue begin at 1 and have no gaps.
        rows = sum(
            number % self._cluster.partitions < runs for number in range(1, len(self._catalogue.rows) + 1)
        )
        allowed = at_once * self._cluster.in_flight
        if broken := what_is_broken(rows, allowed, reports, calls):
            raise SystemExit(f"{at_once} runs at a time: {broken}")
        return {
            "runs_made": runs,
            "seconds": round(seconds, 3),
            "cpu_seconds": round(sum(report["cpu_seconds"] for report in reports), 3),
            "postgres_cpu_seconds": round(cpu_after - cpu_before, 3),
            "lml_calls": calls["number"],
            "inputs": calls["inputs"],
            "inputs_per_second": round(calls["inputs"] / seconds, 1),
            "lml_load": round(calls["inputs"] / seconds / self._cluster.inputs_per_second, 3),
            "most_calls_at_once": calls["most_at_once"],
            "allowed_calls_at_once": allowed,
            "asked_twice": sum(times > 1 for times in calls["by_library_id"].values()),
        }

    def _environment(self, folder: Path) -> dict[str, str]:
        storage = self._postgres.postgres.url(DAGSTER)
        return {
            "DATABASE_URL": self._postgres.postgres.url(BACKEND),
            "LIBRARY_METADATA_URL": self._lml.url,
            "LML_MAX_IN_FLIGHT": str(self._cluster.in_flight),
            "BATCH_SIZE": str(self._cluster.batch_size),
            "VA_BATCH_SIZE": str(self._cluster.batch_size),
            "LIBRARY_PARTITIONS": str(self._cluster.partitions),
            "INCLUDE_NULL_CANONICAL": "true",
            "DAGSTER_HOME": str(write_dagster_home(folder / "dagster", storage)),
        }

    def _ask_lml(self, method: str, what: str) -> httpx.Response:
        with httpx.Client(trust_env=False, timeout=60) as http:
            return http.request(method, f"{self._lml.url}/_fixture/{what}").raise_for_status()


def what_is_broken(
    rows: int, allowed: int, reports: Sequence[Mapping[str, Any]], calls: Mapping[str, Any]
) -> str | None:
    """What a cluster must never do, in one sentence; None if all is well.

    `rows` are the library rows of the runs, `allowed` the calls in flight that LML may see. `reports` are objects of
    `run --json`, `calls` is what the fixture LML has counted.
    """
    if calls["most_at_once"] > allowed:
        return f"LML had {calls['most_at_once']} calls in flight, and {allowed} are allowed"
    if twice := sorted(int(one) for one, times in calls["by_library_id"].items() if times > 1):
        return f"LML was asked twice about {len(twice)} library rows, such as {twice[0]}"
    scanned = sum(report["scanned"] for report in reports)
    settled = sum(
        report["resolved"]
        + report["resolved_compilation"]
        + report["unresolved"]
        + sum(report["skipped"].values())
        for report in reports
    )
    if not scanned == settled == rows:
        return f"of {rows} library rows {scanned} were selected and {settled} were settled"
    return None


def measure(postgres: Server, rows: int, levels: Sequence[tuple[int, int]], cluster: Cluster) -> Report:
    """Run the benchmark. Each level is a number of runs at a time and the number of partitions that are run."""
    catalogue = seeded_catalogue(rows)
    known = sorted(catalogue.known_artists)
    capacity = Capacity(cluster.capacity, "wait")
    with FixtureLmlProcess(known, seconds_per_input=cluster.seconds_per_input, capacity=capacity) as lml:
        pods = Pods(postgres, catalogue, lml, cluster)
        measured = {f"{at_once} at a time": [pods.measure(at_once, runs)] for at_once, runs in levels}
    return Report(
        "pods", rows, asdict(cluster), measured, {"lml_inputs_per_second": cluster.inputs_per_second}
    )


def levels_of(most: int, runs: int) -> list[tuple[int, int]]:
    """1, 2, 4 ... `most` runs at a time. The last level has `runs` runs; the others fewer, to take less time."""
    at_once = [2**power for power in range(most.bit_length()) if 2**power < most]
    return [*((number, min(runs, 2 * number)) for number in at_once), (most, runs)]


def main() -> None:
    """Measure, print the table and write the JSON."""
    default = Cluster()
    parser = arguments(__doc__, rows=6_400, repeat=None)
    parser.add_argument("--partitions", type=int, default=default.partitions, help="default: %(default)s")
    parser.add_argument(
        "--runs-at-once", type=int, default=8, help="the most runs at a time (default: %(default)s)"
    )
    parser.add_argument("--runs", type=int, help="runs of the last level (default: one for each partition)")
    parser.add_argument("--in-flight", type=int, default=default.in_flight, help="LML_MAX_IN_FLIGHT of a run")
    parser.add_argument("--batch-size", type=int, default=default.batch_size, help="inputs a call")
    parser.add_argument(
        "--capacity", type=int, default=default.capacity, help="calls that LML works on at a time"
    )
    parser.add_argument(
        "--seconds-per-input", type=float, default=default.seconds_per_input, help="LML's time"
    )
    asked = parser.parse_args()
    cluster = Cluster(
        asked.partitions, asked.in_flight, asked.batch_size, asked.capacity, asked.seconds_per_input
    )
    with server(asked.bindir, with_fsync=not asked.no_fsync) as postgres:
        report = measure(
            postgres, asked.rows, levels_of(asked.runs_at_once, asked.runs or asked.partitions), cluster
        )
    finish(report, asked.json)


if __name__ == "__main__":
    main()
