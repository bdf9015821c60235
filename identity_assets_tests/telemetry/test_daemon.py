"""A backfill that a real Dagster daemon launches: each run is a process of its own, of the implicit asset job."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
import psutil
import pytest
from dagster._core.execution.backfill import PartitionBackfill

from identity_assets.definitions import build_defs
from identity_assets.demo.fixture_lml import Fault, FixtureLmlThread
from identity_assets_tests.support import Shelf
from identity_assets_tests.telemetry.reading import data_of, log_lines, run_ids, secrets_in
from identity_assets_tests.telemetry.receiver import Receiver

NAMES = [
    "candidate_libraries",
    "lml_verdicts",
    "library_identity_source",
    "library_identity",
    "library_unresolved",
    "compilation_track_identity",
]


def request_backfill(home: Path, keys: list[str]) -> None:
    """Request a backfill of these partitions, as the UI does."""
    with dg.DagsterInstance.from_config(str(home)) as instance:
        instance.add_backfill(
            PartitionBackfill.from_asset_partitions(
                backfill_id="requested",
                asset_graph=build_defs().resolve_asset_graph(),
                partition_names=keys,
                asset_selection=[dg.AssetKey(name) for name in NAMES],
                backfill_timestamp=time.time(),
                tags={},
                dynamic_partitions_store=instance,
                all_partitions=False,
                title=None,
                description=None,
                run_config=None,
            )
        )


@contextmanager
def daemon(env: dict[str, str], output: Path) -> Iterator[None]:
    """A running daemon. All processes that it started end with it."""
    command = [sys.executable, "-m", "dagster._daemon", "run", "-m", "identity_assets.code_location"]
    with output.open("w", encoding="utf-8") as kept:
        process = subprocess.Popen(command, env=env, stdout=kept, stderr=kept)
        try:
            yield
        finally:
            started = psutil.Process(process.pid).children(recursive=True)
            process.terminate()
            process.wait(30)
            _, alive = psutil.wait_procs(started, timeout=30)
            for one in alive:
                one.kill()


@pytest.mark.long
@pytest.mark.filterwarnings("ignore:Function `AssetSelection.sources`")
def test_the_runs_of_a_backfill_are_reported_and_logged_like_those_of_the_command(
    shelf: Shelf, env: dict[str, str], lml: FixtureLmlThread, receiver: Receiver, tmp_path: Path
) -> None:
    ids = shelf.put_many([f"Known {n}" for n in range(32)])
    well, ill = (f"{library_id % 16:02d}" for library_id in (ids[0], ids[2]))
    lml.faults.add(Fault("status", library_id=ids[2], status=401))
    (tmp_path / "dagster.yaml").write_text("telemetry:\n  enabled: false\n", encoding="utf-8")
    request_backfill(tmp_path, [well, ill])

    with daemon({**env, "DAGSTER_HOME": str(tmp_path), "PYTHONWARNINGS": "ignore"}, tmp_path / "output"):
        deadline = time.monotonic() + 90
        while len(receiver.items("transaction")) < 2 and time.monotonic() < deadline:
            time.sleep(0.1)

    told = {data_of(one)["consumer.run_id"]: one for one in receiver.items("transaction")}
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        runs = {run.run_id: run for run in instance.get_runs()}
    assert told.keys() == runs.keys()
    partitions = {run_id: run.tags["dagster/asset_partition_range_start"] for run_id, run in runs.items()}
    assert sorted(partitions.values()) == sorted([well, ill])
    for run_id, transaction in told.items():
        assert transaction["contexts"]["trace"]["trace_id"] == run_id.replace("-", "")
        assert data_of(transaction)["consumer.scanned"] == 2
        assert data_of(transaction)["consumer.lml_total_calls"] == 1
        assert sum(one["description"] == "lml.bulk_resolve_libraries" for one in transaction["spans"]) == 1
        assert (data_of(transaction)["consumer.rows_resolved"] == 2) == (partitions[run_id] == well)

    [event] = receiver.items("event")
    [exception] = event["exception"]["values"]
    assert (exception["type"], event["tags"]["asset"]) == ("LmlUnauthorised", "lml_verdicts")
    assert (event["tags"]["partition"], partitions[event["tags"]["run_id"]]) == (ill, ill)

    # The daemon's own lines follow Dagster's option `--log-format`; the lines of the runs are ours.
    output = (tmp_path / "output").read_text(encoding="utf-8")
    lines = log_lines("\n".join(line for line in output.splitlines() if line.startswith("{")))
    assert run_ids(lines) == set(runs)
    assert all(partitions[line["run_id"]] == line["partition"] for line in lines)
    [failed] = [line for line in lines if line["message"] == 'Execution of step "lml_verdicts" failed.']
    assert (failed["level"], failed["asset"], failed["step"]) == ("error", "lml_verdicts", "lml_verdicts")
    assert "LmlUnauthorised" in failed["exception"]
    assert secrets_in(receiver, output) == []
