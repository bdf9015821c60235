"""One run of one partition, as a pod of its own would make it. `pods` starts one process for each run.

Importing this module loads all that a run needs, so a process that is forked from one that has imported it starts at
once. LIBRARY_PARTITIONS is read at import.
"""

import importlib
import pkgutil
import time
import warnings
from collections.abc import Mapping
from typing import Any

import dagster as dg
import dagster_postgres  # noqa: F401 - a run loads it when it opens its instance

# Dagster calls what the design stands on beta, and says so when the definitions are imported.
warnings.filterwarnings("ignore", category=dg.BetaWarning)

import identity_assets  # noqa: E402 - after the filter
from identity_assets.progress import LogProgress  # noqa: E402 - after the filter
from identity_assets.settings import load_settings  # noqa: E402 - after the filter
from identity_assets.terminal.run_pass import run_pass  # noqa: E402 - after the filter

STARTS_SOMETHING = ("__main__", "code_location", "demo", "_migrations")

# Most of them are imported in the step that uses them.
for _module in pkgutil.walk_packages(identity_assets.__path__, "identity_assets."):
    if not set(_module.name.split(".")) & set(STARTS_SOMETHING):
        importlib.import_module(_module.name)


def make_storage(environment: Mapping[str, str]) -> None:
    """Let Dagster make its tables, so that no run has to."""
    with dg.DagsterInstance.from_config(environment["DAGSTER_HOME"]) as instance:
        instance.get_run_ids(limit=1)


def run_partition(environment: Mapping[str, str], partition_key: str) -> dict[str, Any]:
    """Run the graph on one partition with these settings.

    Returns the object of `run --json`, and the `cpu_seconds` of this process.

    `DAGSTER_HOME` of the environment names the Dagster instance; without it the instance lasts for this run.

    Raises:
        RuntimeError: a step failed.
    """
    home = environment.get("DAGSTER_HOME")
    with dg.DagsterInstance.from_config(home) if home else dg.DagsterInstance.ephemeral() as instance:
        silent = LogProgress(say=lambda _line: None)
        report = run_pass(load_settings(environment), instance, [partition_key], silent)
    if report.failures:
        raise RuntimeError(f"the run of partition {partition_key} failed: {'; '.join(report.failures)}")
    return {**report.as_dict(), "cpu_seconds": time.process_time()}
