"""Taking back all that one writer has left its notes on: LML's answers, or a leg.

Unlike `unwind`, which puts back what a run replaced, this works out what stands without that writer: what other
sources remain make the main row; else what it replaced comes back from history; else there is none. It is a write
like any other, remembered under a run id of its own, and can be taken back itself.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection

from identity_assets.backend.database import Database, execute
from identity_assets.backend.undo.by_run import Unwound, in_chunks
from identity_assets.backend.writing.legs import recompose, take_back_leg
from identity_assets.backend.writing.verdicts import LML_BULK

LEG_OF = {"backfill:S1": "S1", "backfill:S3": "S3"}
WRITERS = (LML_BULK, *LEG_OF)


def plan_unwind_notes(database: Database, notes: str, chunk_rows: int) -> Unwound:
    """What `unwind_notes` would do now; nothing is written."""

    def chunk(connection: Connection, after: int) -> list[Mapping[str, Any]]:
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

    The caller holds the partitions. Under a main row that a person decided, nothing is changed.
    """

    def chunk(connection: Connection, after: int) -> list[Mapping[str, Any]]:
        ids = _noted(connection, notes, after, chunk_rows)
        if not ids:
            return []
        execute(connection, "lock_main_rows", library_ids=ids)
        page = _plan(connection, notes, ids)
        going = [row["library_id"] for row in page if row["left_alone"] is None]
        if notes == LML_BULK:
            _take_back_lml(connection, going, run_id)
        else:
            take_back_leg(connection, going, LEG_OF[notes], run_id)
        return page

    return in_chunks(database, chunk, advance)


def _noted(connection: Connection, notes: str, after: int, rows: int) -> list[int]:
    return list(execute(connection, "notes_rows", notes=notes, after=after, rows=rows).scalars())


def _plan(connection: Connection, notes: str, ids: Sequence[int]) -> list[Mapping[str, Any]]:
    if notes == LML_BULK:
        found = execute(connection, "plan_unwind_lml", library_ids=list(ids))
    else:
        found = execute(connection, "plan_unwind_leg", library_ids=list(ids), leg=LEG_OF[notes])
    return list(map(dict, found.mappings()))


def _take_back_lml(connection: Connection, ids: Sequence[int], run_id: str) -> None:
    execute(connection, "rows_as_json")
    execute(connection, "remember_before", library_ids=list(ids), run_id=run_id)
    for name in ("unwind_lml_keep_history", "unwind_lml_main_rows", "unwind_lml_source_rows"):
        execute(connection, name, library_ids=list(ids))
    recompose(connection, ids)
    for name in ("unwind_lml_restore_from_history", "unwind_lml_verdicts"):
        execute(connection, name, library_ids=list(ids))
    execute(connection, "forget_untouched", library_ids=list(ids), run_id=run_id)
