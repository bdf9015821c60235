"""The legs' stage of the one writer: evidence becomes source rows and main rows, in the caller's transaction.

What the rows come to is worked out in the database, by the functions of migration 0004; the rules are those of
"Composition" and "The two legs" in DOMAIN.md. Where evidence comes from belongs in legs/.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from identity_assets.backend.database import Database, execute
from identity_assets.partition_keys import Buckets

WRITTEN, TAKEN_BACK = "backfill_recompute", "unwind"


@dataclass(frozen=True)
class LegsWritten:
    """Rows of the tables named."""

    source_rows_written: int = 0
    source_rows_removed: int = 0
    main_rows_written: int = 0
    main_rows_removed: int = 0
    history_rows_written: int = 0


def write_legs(connection: Connection, library_ids: Sequence[int], run_id: str | None = None) -> LegsWritten:
    """Let the source rows and main rows of these library rows say what the stored evidence of the legs says.

    A main row that a leg made is composed of its source rows; any other keeps all but its release columns. Nothing
    is written under a main row that a person decided. A row that says so already is not touched.
    """
    return _reflect(connection, library_ids, WRITTEN, run_id)


def recompose(connection: Connection, library_ids: Sequence[int]) -> LegsWritten:
    """The same after source rows and evidence were taken away by somebody else; history says `unwind`."""
    return _reflect(connection, library_ids, TAKEN_BACK, None)


def take_back_leg(
    connection: Connection, library_ids: Sequence[int], leg: str, run_id: str | None = None
) -> LegsWritten:
    """Take away all that a leg (`S1` or `S3`) has written for these library rows, as if it had never been on.

    Its evidence goes too, so that nothing is written again before the leg is gathered anew. A main row that only
    this leg stood behind is removed: a leg never takes the place of a row that it did not make.
    """
    execute(connection, "delete_leg_evidence", library_ids=list(library_ids), leg=leg)
    return _reflect(connection, library_ids, TAKEN_BACK, run_id, taken_back=leg)


def _reflect(
    connection: Connection,
    library_ids: Sequence[int],
    reason: str,
    run_id: str | None,
    taken_back: str | None = None,
) -> LegsWritten:
    """Main rows are held first, in library_id order, so that what is compared is what is replaced.

    What is touched is remembered under `run_id`, so that it can be taken back; under none it is not.
    """
    execute(connection, "lock_main_rows", library_ids=list(library_ids))
    writable = list(execute(connection, "leg_writable", library_ids=list(library_ids)).scalars())
    execute(connection, "rows_as_json")
    given = {
        "run_id": run_id,
        "library_ids": writable,
        "pending_leg": taken_back,
        "pending": None if taken_back is None else "[]",
    }
    sources = execute(connection, "write_leg_sources", **given).one()
    mains = execute(connection, "write_leg_mains", **given, reason=reason).one()
    execute(connection, "clear_leg_refusals", library_ids=writable)
    return LegsWritten(
        source_rows_written=sources.written,
        source_rows_removed=sources.removed,
        main_rows_written=mains.written,
        main_rows_removed=mains.removed,
        history_rows_written=mains.history,
    )


def chunks_of_legs(
    database: Database, buckets: Buckets, chunk_rows: int, besides: Collection[int] = ()
) -> Iterator[list[int]]:
    """The library rows that a leg has to do with, `besides` those done already, in library_id order.

    Writing them is also how it is found which of them are not yet as their evidence makes them.
    """
    with database.transaction() as connection:
        held = execute(connection, "leg_held_rows", **buckets.params()).scalars()
        rows = [library_id for library_id in held if library_id not in besides]
    for start in range(0, len(rows), chunk_rows):
        yield rows[start : start + chunk_rows]


def note_refusal(database: Database, library_id: int, detail: str) -> None:
    """Keep beside the evidence why the database refuses what is made of it; it is tried again in every run."""
    with database.transaction() as connection:
        execute(connection, "note_leg_refusal", library_id=library_id, detail=detail)
