"""How the checks run: one step evaluates every check that a run selects, two at a time.

What a check looks for is in the module of its subject; how a finding is shown is in findings.py.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from typing import TYPE_CHECKING

import dagster as dg

from identity_assets.errors import OperatorError
from identity_assets.resources import Backend
from identity_assets.settings import Settings

if TYPE_CHECKING:
    from identity_assets.backend.database import Database

PARTITIONS = "partitions"
"""The metadata that names the partitions which a check has read. A check without it reads the whole library."""
CHECKS_AT_ONCE = 2


@dataclass(frozen=True)
class CheckRun:
    """What an evaluation may read: the database, the settings, and the Dagster run that it belongs to."""

    database: "Database"
    settings: Settings
    context: dg.AssetCheckExecutionContext


@dataclass(frozen=True)
class Evaluation:
    """The outcome of a check. The description is what the UI shows first."""

    passed: bool
    severity: dg.AssetCheckSeverity
    description: str
    metadata: Mapping[str, dg.MetadataValue]


@dataclass(frozen=True)
class Check:
    """A check: its name, the asset that the UI shows it on, a description, and the function that evaluates it."""

    name: str
    asset: str
    description: str
    evaluate: Callable[[CheckRun], Evaluation]

    @property
    def key(self) -> dg.AssetCheckKey:
        """Dagster's key of the check."""
        return dg.AssetCheckKey(dg.AssetKey(self.asset), self.name)


def checks_in_one_step(checks: Sequence[Check]) -> dg.AssetChecksDefinition:
    """One definition of these checks. A run may select any of them; they are evaluated in one step."""

    @dg.multi_asset_check(
        name="identity_checks",
        specs=[
            dg.AssetCheckSpec(check.name, asset=check.asset, description=check.description)
            for check in checks
        ],
        can_subset=True,
        description="Reads the tables after a run and judges them. It writes nothing.",
    )
    def identity_checks(
        context: dg.AssetCheckExecutionContext, backend: dg.ResourceParam[Backend]
    ) -> Iterator[dg.AssetCheckResult]:
        """Evaluate the selected checks. An outage is not a finding: it fails the step.

        If one check raises, the others are still evaluated, unless the database cannot be used at all.
        """
        first_error: Exception | None = None
        selected = [check for check in checks if check.key in context.selected_asset_check_keys]
        with backend.database(context.run.run_id) as database, ThreadPoolExecutor(CHECKS_AT_ONCE) as threads:
            run = CheckRun(database, backend.settings, context)
            begun = [threads.submit(copy_context().run, check.evaluate, run) for check in selected]
            for check, evaluated in zip(selected, begun, strict=True):
                try:
                    evaluation = evaluated.result()
                except OperatorError:
                    threads.shutdown(wait=False, cancel_futures=True)
                    raise
                except Exception as error:
                    context.log.error(f"the check {check.name} could not be evaluated: {error}")
                    first_error = first_error or error
                else:
                    yield _result(check, evaluation)
        if first_error is not None:
            raise first_error

    return identity_checks


def _result(check: Check, evaluation: Evaluation) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        asset_key=check.key.asset_key,
        check_name=check.name,
        passed=evaluation.passed,
        severity=evaluation.severity,
        description=evaluation.description,
        metadata=evaluation.metadata,
    )
