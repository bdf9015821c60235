"""How long the definitions take to import, beside `import dagster`: `python -m benchmarks.imports [--repeat N]`.

Each sample is a process of its own. The three imports are sampled in turn, so that a busy machine slows all of them
alike; the ratios of the medians are printed as one JSON object. `build` also builds the definitions, as Dagster does
when it loads the code location.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time

SAMPLES = {
    "dagster": "import dagster",
    "definitions": "import identity_assets.definitions",
    "build": "from identity_assets.definitions import build_defs; build_defs()",
}


def seconds_of(statement: str) -> float:
    """Seconds of processor time and waiting that a new interpreter takes to run the statement."""
    started = time.monotonic()
    subprocess.run([sys.executable, "-W", "ignore", "-c", statement], check=True, env={**os.environ})
    return time.monotonic() - started


def main() -> None:
    """Sample in turn and print the medians and their ratios to `import dagster`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=15)
    repeat = parser.parse_args().repeat
    samples: dict[str, list[float]] = {name: [] for name in SAMPLES}
    for statement in SAMPLES.values():
        # The first import of all reads from disk, and may write byte code.
        seconds_of(statement)
    for _ in range(repeat):
        for name, statement in SAMPLES.items():
            samples[name].append(seconds_of(statement))
    medians = {name: round(statistics.median(seconds), 3) for name, seconds in samples.items()}
    ratios = {name: round(seconds / medians["dagster"], 2) for name, seconds in medians.items()}
    print(json.dumps({"median_seconds": medians, "ratio_to_import_dagster": ratios}, indent=1))


if __name__ == "__main__":
    main()
