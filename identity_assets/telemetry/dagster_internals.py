"""The private names of Dagster that we need, in one place; a test fails when a new version of Dagster lacks one.

Each is here because no public name does the same. Nothing else in the package imports a private module of Dagster.
"""

import logging
from collections.abc import Callable

import dagster as dg

# The finished states of a check: its history also holds evaluations that were planned and never made.
from dagster._core.definitions.dependency import NodeHandle
from dagster._core.storage.asset_check_execution_record import (
    COMPLETED_ASSET_CHECK_EXECUTION_RECORD_STATUSES as COMPLETED_CHECK_STATUSES,
)
from dagster._core.utils import coerce_valid_log_level
from dagster_shared.error import SerializableErrorInfo

__all__ = [
    "COMPLETED_CHECK_STATUSES",
    "NodeHandle",
    "SerializableErrorInfo",
    "add_hook",
    "coerce_valid_log_level",
    "job_and_tags_of",
    "replace_console_logger",
]


def replace_console_logger(made: Callable[[dg.InitLoggerContext], logging.Logger]) -> None:
    """Let every run of this process log through `made`.

    `Definitions(loggers=...)` serves only runs whose config names the logger, which no run from the UI does.
    """
    dg.colored_console_logger._logger_fn = made


def add_hook(definition: dg.AssetsDefinition, hook: dg.HookDefinition) -> None:
    """Attach a hook to an asset or a check in place: `with_hooks` turns a check into a plain asset."""
    definition._hook_defs = definition.hook_defs | {hook}


def job_and_tags_of(context: dg.HookContext) -> tuple[dg.JobDefinition, dict[str, str]]:
    """The job of the step that a hook is called for, and the tags of its run."""
    step = context._step_execution_context
    return step.job_def, dict(step.run_tags)
