"""The one writer: stored answers become main rows, source rows, history and sidecar, a range of rows a transaction.

It asks nobody and decides nothing that LML decides. Which rows an answer makes stands in functions/lml_main_row.sql,
functions/provenance_entry.sql, functions/track_links.sql and functions/fate.sql; the rules are 1 to 6 in rules.md.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, TextClause

from identity_assets.backend.database import HASH_JOINS, Database, execute
from identity_assets.backend.writing import legs
from identity_assets.backend.writing.chunks import Range, Stage, read_ranges, write_ranges
from identity_assets.backend.writing.written import Written, WrittenByBucket
from identity_assets.partition_keys import Buckets
from identity_assets.postgres import statements
from identity_assets.settings import Settings

LML_BULK = "consumer:lml-bulk"
"""The notes of rows that are written from LML's answers (rule 4 in docs/rules.md)."""

TABLES = {
    "library_identity": "library_id, method, notes",
    "library_identity_source": "library_id, source, method, notes",
    "library_unresolved": "library_id, kind",
    "lml_verdict_state": "library_id, asked_at, held_at",
}
"""The tables that are written, with the columns by which statements search them."""

_sql = statements(__file__)


@dataclass(frozen=True)
class VerdictWriter:
    """Writes answered rows in the name of a run. `library_ids`: these stored answers, and not the ledger's open rows.

    `with_legs`: what the legs know of the same ranges is written in the same transaction.
    """

    run_id: str
    buckets: Buckets
    with_legs: bool = False
    library_ids: Sequence[int] | None = None

    def stage(self) -> Stage[WrittenByBucket]:
        """The write of one range, and the setting aside of one row."""
        return Stage(self._write, self._set_aside)

    def _write(self, connection: Connection, one: Range) -> WrittenByBucket:
        ids = None if self.library_ids is None else list(self.library_ids)
        execute(connection, HASH_JOINS)
        execute(connection, _sql("stage.sql"), **one.params(), **self.buckets.params(), library_ids=ids)
        written = WrittenByBucket()
        for statement in (
            _sql("write_main_rows.sql"),
            _sql("write_source_rows.sql"),
            _sql("write_tracks.sql"),
            _sql("settle.sql"),
        ):
            written += self._counts(connection, statement, one)
        if self.with_legs:
            written += legs.write_legs_in_range(connection, one, self.buckets, self.run_id)
        return written

    def _counts(self, connection: Connection, statement: TextClause, one: Range) -> WrittenByBucket:
        found = execute(
            connection, statement, **one.params(), run_id=self.run_id, partitions=self.buckets.partitions
        ).mappings()
        return WrittenByBucket(
            {row["bucket"]: Written(**{name: row[name] for name in row if name != "bucket"}) for row in found}
        )

    def _set_aside(self, connection: Connection, library_id: int, detail: str) -> WrittenByBucket:
        answered = execute(
            connection, _sql("settle_writer_error.sql"), library_id=library_id, detail=detail
        ).rowcount
        if not answered:
            legs.note_refusal(connection, library_id, detail)
        bucket = library_id % self.buckets.partitions
        refused = Written(rows=1, rows_refused=1) if answered else Written(leg_rows_refused=1)
        return WrittenByBucket({bucket: refused})


def write_verdicts(
    database: Database,
    buckets: Buckets,
    settings: Settings,
    run_id: str,
    advance: Callable[[int], None] = lambda _rows: None,
    *,
    with_legs: bool = False,
) -> dict[int, Written]:
    """Write every answered row of these partitions in the name of this run; returns what was written, by bucket.

    `with_legs`: also what the legs know. `advance` is called with the library rows of each range after its commit.
    """
    with database.transaction() as connection:
        ranges = read_ranges(
            connection,
            _sql("chunk_ranges.sql"),
            **buckets.params(),
            chunk_rows=settings.writer_chunk_rows,
            with_legs=with_legs,
        )
    written = WrittenByBucket()
    stage = VerdictWriter(run_id, buckets, with_legs).stage()
    for one in write_ranges(database, ranges, stage, settings.writer_connections):
        written += one
        advance(one.total().rows)
    total = written.total()
    database.analyze(TABLES, max(total.rows, total.main_rows_written, total.source_rows_written))
    return {bucket: written.get(bucket, Written()) for bucket in buckets.buckets}
