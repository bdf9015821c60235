"""The legs' stage of the one writer: evidence becomes source rows and main rows, in the caller's transaction.

functions/leg_main.sql, and the functions that it reads, say what the evidence makes of a library row. The rules are
those of "Composition" and "The two legs" in docs/rules.md. Where evidence comes from belongs in legs/.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, TextClause

from identity_assets.backend.database import execute
from identity_assets.backend.writing.chunks import Range
from identity_assets.backend.writing.written import Written, WrittenByBucket
from identity_assets.partition_keys import Buckets
from identity_assets.postgres import statements

WRITTEN, TAKEN_BACK = "backfill_recompute", "unwind"
"""The reasons in history for a main row that the legs replace or remove."""

_EVERY_BUCKET = Buckets(1, (0,))
_sql = statements(__file__)


@dataclass(frozen=True)
class _LegRows:
    """The library rows to write, for which run and why.

    `library_ids`: only these rows; None writes every row of the range that a leg has to do with.
    `taken_back`: this leg counts as having found nothing.
    """

    one: Range
    buckets: Buckets
    run_id: str
    reason: str
    library_ids: Sequence[int] | None = None
    taken_back: str | None = None

    def write(self, connection: Connection) -> WrittenByBucket:
        chosen = {
            **self.one.params(),
            **self.buckets.params(),
            "library_ids": None if self.library_ids is None else list(self.library_ids),
        }
        execute(connection, _sql("lock_leg_rows.sql"), **chosen)
        execute(connection, _sql("stage_leg_rows.sql"), **chosen, taken_back=self.taken_back)
        written = self._counts(connection, _sql("write_leg_sources.sql"), partitions=self.buckets.partitions)
        written += self._counts(connection, _sql("write_leg_mains.sql"), reason=self.reason)
        execute(connection, _sql("write_leg_filled.sql"), **self.one.params(), run_id=self.run_id)
        return written

    def _counts(self, connection: Connection, statement: TextClause, **params: object) -> WrittenByBucket:
        found = execute(connection, statement, **self.one.params(), run_id=self.run_id, **params)
        return WrittenByBucket({row.pop("bucket"): Written(**row) for row in map(dict, found.mappings())})


def write_legs_in_range(connection: Connection, one: Range, buckets: Buckets, run_id: str) -> WrittenByBucket:
    """Let the source rows and main rows of a range say what the stored evidence of the legs says, by partition.

    A main row that a leg made is composed of its source rows; any other keeps all but its release columns. Nothing
    is written where a person decided the main row. A row that says so already is not touched.
    """
    return _LegRows(one, buckets, run_id, WRITTEN).write(connection)


def recompose(
    connection: Connection, library_ids: Sequence[int], run_id: str, reason: str = TAKEN_BACK
) -> Written:
    """Write these library rows anew after somebody else removed source rows or evidence; history has the reason."""
    return _write_anew(connection, library_ids, run_id, reason, None)


def take_back_leg(connection: Connection, library_ids: Sequence[int], leg: str, run_id: str) -> Written:
    """Remove all that a leg (`S1` or `S3`) has written for these library rows, as if it had never been on.

    Its evidence is deleted too, so that nothing is written again before the leg is gathered anew. A main row that
    only this leg made is removed.
    """
    execute(connection, _sql("delete_leg_evidence.sql"), library_ids=list(library_ids), leg=leg)
    return _write_anew(connection, library_ids, run_id, TAKEN_BACK, leg)


def _write_anew(
    connection: Connection, library_ids: Sequence[int], run_id: str, reason: str, taken_back: str | None
) -> Written:
    if not library_ids:
        return Written()
    one = Range(min(library_ids), max(library_ids))
    rows = _LegRows(one, _EVERY_BUCKET, run_id, reason, library_ids, taken_back)
    return rows.write(connection).total()


def note_refusal(connection: Connection, library_id: int, detail: str) -> None:
    """Keep beside the evidence why the database refuses what is made of it; every run tries it again."""
    execute(connection, _sql("note_leg_refusal.sql"), library_id=library_id, detail=detail)
