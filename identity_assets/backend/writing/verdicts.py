"""The one writer: stored verdicts become source rows, main rows, history and sidecar, a chunk a transaction.

It asks nobody and decides nothing that LML decides; the rules it keeps are 1 to 6 in DOMAIN.md.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from identity_assets.backend.database import Database, DatabaseError, execute
from identity_assets.backend.writing import legs
from identity_assets.partition_keys import Buckets
from identity_assets.postgres import first_line, is_row_fault, is_worth_retrying

LML_BULK = "consumer:lml-bulk"
"""The notes of what is written from LML's answers (rule 4 in DOMAIN.md)."""


@dataclass(frozen=True)
class Written:
    """What was written, in rows of the tables named; `rows` is library rows dealt with.

    `rows_refused` of them the database would not take, and they were set aside.
    """

    rows: int = 0
    rows_refused: int = 0
    main_rows_written: int = 0
    source_rows_written: int = 0
    source_rows_removed: int = 0
    source_rows_skipped_null_confidence: int = 0
    history_rows_written: int = 0
    sidecar_rows_written: int = 0
    main_rows_removed: int = 0
    leg_rows_refused: int = 0

    def __add__(self, other: "Written") -> "Written":
        return Written(**{name: getattr(self, name) + getattr(other, name) for name in vars(self)})


def write_chunk(
    connection: Connection, library_ids: Sequence[int], run_id: str, *, with_legs: bool = False
) -> Written:
    """Apply the stored verdicts of these library rows within the caller's transaction, then what the legs know.

    New main rows come first; then those that stood there already are held, so that what is compared is what is
    replaced. What stood there is remembered under the run, so that it can be taken back. Under a main row that a
    person decided, nothing is written at all.
    """
    everything = list(library_ids)
    inserted = set(execute(connection, "insert_new_main_rows", library_ids=everything).scalars())
    held = execute(connection, "lock_main_rows", library_ids=everything)
    manual = {row.library_id for row in held if row.is_manual} - inserted
    writable = [library_id for library_id in everything if library_id not in manual]
    execute(connection, "rows_as_json")
    execute(connection, "remember_before", library_ids=writable, run_id=run_id)

    def rows_of(name: str, of: Sequence[int] = writable) -> int:
        return execute(connection, name, library_ids=of).rowcount

    stood_before = [library_id for library_id in writable if library_id not in inserted]
    history = rows_of("keep_history", stood_before)
    updated = rows_of("update_main_rows", stood_before)
    removed = rows_of("delete_dropped_source_rows")
    sources = rows_of("upsert_source_rows")
    unusable = int(execute(connection, "count_unusable_provenance", library_ids=writable).scalar_one())
    stamped = rows_of("stamp_unresolved")
    rows_of("clear_unresolved")
    of_legs = _reflect_legs(connection, everything, run_id) if with_legs else Written()
    if len(inserted) + updated + stamped < len(writable):
        execute(connection, "forget_untouched", library_ids=writable, run_id=run_id)
    execute(connection, "settle_written", library_ids=everything, manual_ids=sorted(manual))
    return of_legs + Written(
        rows=len(everything),
        main_rows_written=len(inserted) + updated,
        source_rows_written=sources,
        source_rows_removed=removed,
        source_rows_skipped_null_confidence=unusable,
        history_rows_written=history,
        sidecar_rows_written=stamped,
    )


def _reflect_legs(connection: Connection, library_ids: Sequence[int], run_id: str) -> Written:
    """What the legs know of library rows; no row of the ledger is settled."""
    return Written(**vars(legs.write_legs(connection, library_ids, run_id)))


@dataclass(frozen=True)
class Stage:
    """How a chunk is written, and how a row that the database refuses is set aside with its reason."""

    write: Callable[[Connection, Sequence[int]], Written]
    set_aside: Callable[[Database, int, str], Written]


def verdicts_stage(run_id: str, *, with_legs: bool = False) -> Stage:
    """Writes what is answered, in the name of a run."""

    def write(connection: Connection, library_ids: Sequence[int]) -> Written:
        return write_chunk(connection, library_ids, run_id, with_legs=with_legs)

    def set_aside(database: Database, library_id: int, detail: str) -> Written:
        with database.transaction() as connection:
            execute(connection, "settle_writer_error", library_id=library_id, detail=detail)
        return Written(rows=1, rows_refused=1)

    return Stage(write, set_aside)


def legs_stage(run_id: str) -> Stage:
    """Writes what only the legs know, in the name of a run."""

    def write(connection: Connection, library_ids: Sequence[int]) -> Written:
        return _reflect_legs(connection, library_ids, run_id)

    def set_aside(database: Database, library_id: int, detail: str) -> Written:
        legs.note_refusal(database, library_id, detail)
        return Written(leg_rows_refused=1)

    return Stage(write, set_aside)


def write_or_halve(database: Database, library_ids: Sequence[int], stage: Stage) -> Written:
    """Write these rows; where the database refuses one of them, halve down to it, set it aside, write the rest.

    Raises:
        DatabaseError: the fault is not a row's own. What was committed stands.
    """
    try:
        for attempt in Retrying(
            retry=retry_if_exception(
                lambda error: isinstance(error, DBAPIError) and is_worth_retrying(error)
            ),
            stop=stop_after_attempt(3),
            wait=wait_random_exponential(multiplier=0.2, max=3),
            reraise=True,
        ):
            with attempt, database.transaction() as connection:
                return stage.write(connection, library_ids)
    except DBAPIError as error:
        if not is_row_fault(error):
            raise DatabaseError(
                f"the database refused to write {len(library_ids)} library rows from {library_ids[0]} on: "
                f"{first_line(error)}. What was committed stands; run again when it is mended"
            ) from error
        if len(library_ids) == 1:
            return stage.set_aside(database, library_ids[0], first_line(error))
    middle = len(library_ids) // 2
    return write_or_halve(database, library_ids[:middle], stage) + write_or_halve(
        database, library_ids[middle:], stage
    )


def chunks_to_write(database: Database, buckets: Buckets, chunk_rows: int) -> Iterator[list[int]]:
    """The answered rows of the ledger that are not written yet, in library_id order, a chunk at a time."""
    after = 0
    while True:
        with database.transaction() as connection:
            ids = execute(
                connection, "next_chunk", **buckets.params(), after=after, chunk_rows=chunk_rows
            ).scalars()
            chunk = list(ids)
        if not chunk:
            return
        yield chunk
        after = chunk[-1]


def write_verdicts(
    database: Database,
    buckets: Buckets,
    chunk_rows: int,
    run_id: str,
    advance: Callable[[int], None],
    *,
    with_legs: bool = False,
) -> dict[int, Written]:
    """Write every answered row of these partitions in the name of this run; what was written, by bucket.

    `with_legs`: their library rows together with what the legs know of them, and then those of which only the legs
    have anything new. `advance` is told of each chunk of answered rows when they are committed.
    """
    answered, legs_alone = verdicts_stage(run_id, with_legs=with_legs), legs_stage(run_id)
    written = {}
    for bucket in buckets.buckets:
        total, one, done = Written(), Buckets(buckets.partitions, (bucket,)), set[int]()
        for chunk in chunks_to_write(database, one, chunk_rows):
            total += write_or_halve(database, chunk, answered)
            advance(len(chunk))
            done.update(chunk)
        for chunk in legs.chunks_of_legs(database, one, chunk_rows, done) if with_legs else ():
            total += write_or_halve(database, chunk, legs_alone)
        written[bucket] = total
    return written
