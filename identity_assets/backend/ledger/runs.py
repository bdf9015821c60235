"""Which run a person means, by the traces that runs leave in our tables."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from identity_assets.backend.database import Database, execute
from identity_assets.errors import OperatorError
from identity_assets.postgres import statements

_sql = statements(__file__)

SHORTEST = 8


class UnknownRunError(OperatorError):
    """No run, or more than one, goes by this id."""

    exit_code = 2


@dataclass(frozen=True)
class KnownRun:
    """A run that has left something: since when, and since when answers of LML's (None: it left none)."""

    run_id: str
    seen_at: datetime
    asked_at: datetime | None


def require_run_id(run_id: str) -> None:
    """Refuse a beginning that is so short, or empty, that it may name a run which nobody meant.

    Raises:
        UnknownRunError: it has fewer than eight characters.
    """
    if len(run_id) < SHORTEST:
        raise UnknownRunError(
            f"{run_id!r} is not a run id: give the whole id, or its first {SHORTEST} characters"
        )


def find_run(database: Database, run_id: str) -> KnownRun:
    """The run with this id, or with an id that begins so, as the Dagster UI shows its first eight characters.

    Raises:
        UnknownRunError: there is none, or there are several.
    """
    require_run_id(run_id)
    with database.transaction() as connection:
        found = execute(connection, _sql("find_run.sql"), run_id=run_id).all()
    if not found:
        raise UnknownRunError(
            f"no run {run_id} is known here: it wrote nothing, or too long ago, or to another database. "
            "`identity-assets status` lists the last runs"
        )
    if len(found) > 1:
        raise UnknownRunError(f"several runs begin with {run_id}: give the whole id")
    return KnownRun(**found[0]._mapping)


def runs_that_wrote(database: Database, run_ids: Sequence[str]) -> tuple[str, ...]:
    """Those of these runs that the journal knows, in the same order: there is something to take back."""
    with database.transaction() as connection:
        found = execute(connection, _sql("runs_that_wrote.sql"), run_ids=list(run_ids)).scalars()
        written = set(found)
    return tuple(run_id for run_id in run_ids if run_id in written)
