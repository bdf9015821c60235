"""How long the definitions take to import, beside `import dagster`: `python -m benchmarks.imports [--repeat N]`.

Each sample is a process of its own. The imports are sampled in turn, so that a busy machine slows all of them
alike; the ratios of the medians are printed as one JSON object. `build` also builds the definitions, as Dagster does
when it loads the code location. `with_database_url` imports them where DATABASE_URL is set: SQLAlchemy reads it.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field

DEFINITIONS = "import identity_assets.definitions"
DATABASE_URL = {"DATABASE_URL": "postgresql://nobody@127.0.0.1/nothing"}


@dataclass(frozen=True)
class Sample:
    """A statement for a new interpreter, and the settings in its environment."""

    statement: str
    variables: Mapping[str, str] = field(default_factory=dict)

    def seconds(self) -> float:
        """Processor time of the interpreter from its start to its end: waiting for a busy machine does not count."""
        kept = {name: value for name, value in os.environ.items() if name.startswith(("PATH", "PYTHON"))}
        command = [sys.executable, "-W", "ignore", "-c", self.statement]
        process = subprocess.Popen(command, env={**kept, **self.variables})
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise SystemExit(f"{self.statement} failed")
        return usage.ru_utime + usage.ru_stime


SAMPLES = {
    "dagster": Sample("import dagster"),
    "definitions": Sample(DEFINITIONS),
    "with_database_url": Sample(DEFINITIONS, DATABASE_URL),
    "build": Sample("from identity_assets.definitions import build_defs; build_defs()"),
}


def main() -> None:
    """Sample in turn and print the medians and their ratios to `import dagster`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=15)
    repeat = parser.parse_args().repeat
    samples: dict[str, list[float]] = {name: [] for name in SAMPLES}
    for sample in SAMPLES.values():
        # The first import reads from the disk and may write byte code.
        sample.seconds()
    for _ in range(repeat):
        for name, sample in SAMPLES.items():
            samples[name].append(sample.seconds())
    medians = {name: round(statistics.median(seconds), 3) for name, seconds in samples.items()}
    ratios = {name: round(seconds / medians["dagster"], 2) for name, seconds in medians.items()}
    print(json.dumps({"median_processor_seconds": medians, "ratio_to_import_dagster": ratios}, indent=1))


if __name__ == "__main__":
    main()
