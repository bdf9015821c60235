"""Held answers: which there are, and what a person decides about them.

When answers are held back is decided in plausible.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from identity_assets.backend.database import Database, execute
from identity_assets.backend.ledger.runs import UnknownRunError, find_run, require_run_id
from identity_assets.errors import OperatorError
from identity_assets.partition_keys import all_keys, buckets_of
from identity_assets.postgres import statements

_sql = statements(__file__)


class NothingHeldError(OperatorError):
    """A run that is known has no held answers."""


@dataclass(frozen=True)
class HeldRun:
    """The held answers of one run: since when they are held, how many there are, and how many are of each kind."""

    run_id: str
    held_at: datetime
    answers: int
    single_artist: int
    unresolved: int
    compilation: int

    def as_dict(self) -> dict[str, Any]:
        """The run as `held --json` prints it; the time is ISO 8601 in UTC."""
        return {**vars(self), "held_at": self.held_at.astimezone(UTC).isoformat()}


def read_held(database: Database, run_id: str | None = None) -> list[HeldRun]:
    """The runs whose answers are held, the latest first; with `run_id`, the one whose id begins so.

    Raises:
        UnknownRunError: no run, or more than one, has an id that begins with `run_id`, or `run_id` is too short.
        NothingHeldError: the run has no held answers.
    """
    if run_id is not None:
        require_run_id(run_id)
    with database.transaction() as connection:
        found = [HeldRun(**row) for row in execute(connection, _sql("held_runs.sql")).mappings()]
    if run_id is None:
        return found
    named = [one for one in found if one.run_id.startswith(run_id)]
    if len(named) > 1:
        raise UnknownRunError(f"several runs with held answers begin with {run_id!r}: give the whole id")
    if not named:
        known = find_run(database, run_id)
        raise NothingHeldError(
            f"no answers of run {known.run_id} are held: `identity-assets held` lists the runs that have some"
        )
    return named


def decide(database: Database, runs: Sequence[HeldRun], *, accept: bool) -> int:
    """Accept the held answers of these runs, or drop them; returns how many.

    The next run of their partitions writes accepted answers without asking LML, and asks LML again about the library
    rows of dropped ones.

    Raises:
        PartitionsBusyError: a run works on one of the partitions.
    """
    with database.partitions_locked(buckets_of(all_keys())), database.transaction() as connection:
        run_ids = [one.run_id for one in runs]
        decided = execute(connection, _sql("decide_held.sql"), is_accepted=accept, run_ids=run_ids)
        return int(decided.scalar_one())
