"""How long one run of the whole library takes, and how much memory: `python benchmarks/full_run.py [--rows N]`.

Each repetition fills a new library in an embedded PostgreSQL, starts a fixture LML without delay (or with
`--seconds-per-input`), and runs `identity-assets run --scope full --json` with Dagster's storage in the same
PostgreSQL. Seconds are the run's own, from its start to its end; memory is the resident peak of its process.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from identity_assets.demo.catalogue import seeded_catalogue
from identity_assets.demo.station import station
from identity_assets.settings import Settings


@dataclass(frozen=True)
class Measured:
    """One run: its own seconds, the whole command's peak of resident memory in MiB, and calls to LML."""

    seconds: float
    resident_mib: float
    lml_calls: int


def measure(rows: int, seconds_per_input: float) -> Measured:
    """Run once on a new library of `rows` rows."""
    with (
        tempfile.TemporaryDirectory() as home,
        station(
            Settings(), Path(home), lambda: seeded_catalogue(rows), seconds_per_input=seconds_per_input
        ) as here,
    ):
        command = [sys.executable, "-m", "identity_assets", "run", "--scope", "full", "--json"]
        env = {**os.environ, **here.environment()}
        process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        assert process.stdout is not None
        printed = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    report = json.loads(printed)
    settled = report["resolved"] + report["unresolved"] + sum(report["skipped"].values())
    if process.returncode or report["scanned"] != rows or settled != rows:
        raise SystemExit(f"the run did not settle all {rows} rows: {report}")
    peak = usage.ru_maxrss / (1024 if sys.platform == "linux" else 1024 * 1024)
    return Measured(report["seconds"], round(peak, 1), report["lml_total_calls"])


def main() -> None:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=64_676)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--seconds-per-input", type=float, default=0.0)
    asked = parser.parse_args()
    runs = [measure(asked.rows, asked.seconds_per_input) for _ in range(asked.repeat)]
    medians = {
        name: statistics.median(getattr(run, name) for run in runs) for name in ("seconds", "resident_mib")
    }
    print(
        json.dumps({"rows": asked.rows, "runs": [asdict(run) for run in runs], "median": medians}, indent=1)
    )


if __name__ == "__main__":
    main()
