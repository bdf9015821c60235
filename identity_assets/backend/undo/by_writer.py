"""Take back all rows that carry the notes of one writer: LML's answers, or a leg.

`by_run` puts back what a run replaced. This module works out what remains without the writer: the main row that the
remaining sources make, or the row from history that the writer replaced, or no row. It is a write like any other: the
journal keeps it under its own run id, and it can be taken back too.
"""

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Connection

from identity_assets.backend.database import HASH_JOINS, Database, execute
from identity_assets.backend.undo.by_run import Plan, Unwound, in_chunks
from identity_assets.backend.writing.chunks import Range
from identity_assets.backend.writing.legs import recompose, take_back_leg
from identity_assets.backend.writing.verdicts import LML_BULK
from identity_assets.postgres import statements

LEG_OF = {"backfill:S1": "S1", "backfill:S3": "S3"}
WRITERS = (LML_BULK, *LEG_OF)

_sql = statements(__file__)


def plan_unwind_notes(database: Database, notes: str, chunk_rows: int) -> Unwound:
    """What `unwind_notes` does now; nothing is written."""

    def chunk(connection: Connection, after: int) -> Plan:
        return _plan(connection, notes, _noted(connection, notes, after, chunk_rows))

    return in_chunks(database, chunk)


def unwind_notes(
    database: Database,
    notes: str,
    chunk_rows: int,
    *,
    run_id: str,
    advance: Callable[[int], None] = lambda _rows: None,
) -> Unwound:
    """Take back what this writer, one of `WRITERS`, wrote; a chunk of library rows is one transaction.

    The caller holds the partitions. Where a person decided the main row, nothing is changed.
    """

    def chunk(connection: Connection, after: int) -> Plan:
        ids = _noted(connection, notes, after, chunk_rows)
        execute(connection, HASH_JOINS)
        if ids:
            execute(connection, _sql("lock_noted_rows.sql"), **_range_of(ids))
        page = _plan(connection, notes, ids)
        if notes == LML_BULK:
            _take_back_lml(connection, page, run_id)
        else:
            take_back_leg(connection, _going(page), LEG_OF[notes], run_id)
        return page

    return in_chunks(database, chunk, advance)


def _noted(connection: Connection, notes: str, after: int, rows: int) -> list[int]:
    found = execute(connection, _sql("notes_rows.sql"), notes=notes, after=after, rows=rows)
    return list(found.scalars())


def _plan(connection: Connection, notes: str, ids: Sequence[int]) -> Plan:
    if notes == LML_BULK:
        found = execute(connection, _sql("plan_unwind_lml.sql"), library_ids=list(ids))
    else:
        found = execute(connection, _sql("plan_unwind_leg.sql"), library_ids=list(ids), leg=LEG_OF[notes])
    return list(map(dict, found.mappings()))


def _going(page: Plan, main_row: str | None = None) -> list[int]:
    """The library rows that are restored; with `main_row`, only those whose main row is restored in this way."""
    return [
        row["library_id"] for row in page if row["left_alone"] is None and main_row in (None, row["main_row"])
    ]


def _range_of(ids: Sequence[int]) -> dict[str, Any]:
    return {**Range(min(ids), max(ids)).params(), "library_ids": list(ids)}


def _take_back_lml(connection: Connection, page: Plan, run_id: str) -> None:
    """Remove LML's rows, and write what stands without them."""
    ids = _going(page)
    if not ids:
        return
    execute(connection, _sql("unwind_lml_main_rows.sql"), **_range_of(ids), run_id=run_id)
    execute(connection, _sql("unwind_lml_source_rows.sql"), library_ids=ids, run_id=run_id)
    execute(connection, _sql("unwind_lml_tracks.sql"), library_ids=ids, run_id=run_id)
    recompose(connection, ids, run_id)
    execute(
        connection,
        _sql("unwind_lml_restore_from_history.sql"),
        library_ids=_going(page, "restore"),
        run_id=run_id,
    )
    execute(connection, _sql("unwind_lml_verdicts.sql"), library_ids=ids)
