"""Stored answers judged and applied again, without a call to LML.

After a rule or a column has changed, or rows were set aside. How an answer is written belongs in verdicts.py.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Connection, Row

from identity_assets.backend.database import HASH_JOINS, Database, execute
from identity_assets.backend.ledger.verdicts import set_aside_json
from identity_assets.backend.writing.chunks import Range, Stage, read_ranges, write_ranges
from identity_assets.backend.writing.verdicts import VerdictWriter
from identity_assets.backend.writing.written import Written, WrittenByBucket
from identity_assets.lml.judging import Judgement, judge
from identity_assets.partition_keys import Buckets
from identity_assets.postgres import statements
from identity_assets.settings import Bands, Settings

_sql = statements(__file__)


@dataclass(frozen=True)
class Replayed:
    """What a replay came to, in library rows; `left_alone` counts by reason the rows that were not applied."""

    found: int = 0
    newly_accepted: int = 0
    newly_rejected: int = 0
    left_alone: Mapping[str, int] = field(default_factory=dict)
    written: Written = field(default_factory=Written)

    def __add__(self, other: "Replayed") -> "Replayed":
        return Replayed(
            self.found + other.found,
            self.newly_accepted + other.newly_accepted,
            self.newly_rejected + other.newly_rejected,
            dict(Counter(self.left_alone) + Counter(other.left_alone)),
            self.written + other.written,
        )

    def as_dict(self) -> dict[str, Any]:
        """The object of `replay --json`, except its run id and its seconds."""
        return {
            "answers": self.found,
            "applied": self.written.rows - self.written.rows_refused,
            "refused": self.written.rows_refused,
            "left_alone": dict(self.left_alone),
            "newly_accepted": self.newly_accepted,
            "newly_rejected": self.newly_rejected,
            "main_rows_written": self.written.main_rows_written,
            "source_rows_written": self.written.source_rows_written,
            "source_rows_removed": self.written.source_rows_removed,
            "history_rows_written": self.written.history_rows_written,
            "sidecar_rows_written": self.written.sidecar_rows_written,
        }


def replay(
    database: Database,
    buckets: Buckets,
    settings: Settings,
    *,
    run_id: str,
    only_rejected: bool = False,
    since: datetime | None = None,
    advance: Callable[[int], None] = lambda _rows: None,
) -> Replayed:
    """Judge and apply the stored answers of these partitions again, in the name of `run_id`; LML is not asked.

    `only_rejected`: only answers that were set aside, by a rule or by the database. `since`: only answers stored at
    that moment or later. An answer is left alone where it waits for its run, where its writing was taken back, and
    where the names in the library are not the names that were asked. The caller holds the partitions.
    """
    with database.transaction() as connection:
        ranges = read_ranges(
            connection, _sql("replay_ranges.sql"), **buckets.params(), rows=settings.writer_chunk_rows
        )
    total = Replayed()
    for one in ranges:
        with database.transaction() as connection:
            execute(connection, HASH_JOINS)
            page = execute(
                connection,
                _sql("answers_to_replay.sql"),
                **one.params(),
                **buckets.params(),
                only_rejected=only_rejected,
                since=since,
            ).all()
        if page:
            total += _replay_page(database, buckets, page, settings, run_id)
            advance(len(page))
    return total


def _replay_page(
    database: Database, buckets: Buckets, page: Sequence[Row[Any]], settings: Settings, run_id: str
) -> Replayed:
    left_alone = Counter(row.left_alone for row in page if row.left_alone is not None)
    open_rows = [row for row in page if row.left_alone is None]
    judged = {
        row.library_id: judge(
            orjson.loads(row.verdict), reject_out_of_band=settings.confidence_bands is Bands.reject
        )
        for row in open_rows
    }
    changed = [
        _judgement(row.library_id, judged[row.library_id])
        for row in open_rows
        if _is_judged_otherwise(row, judged[row.library_id])
    ]
    accepted = [library_id for library_id, one in judged.items() if one.rejected_reason is None]
    with database.transaction() as connection:
        _store(connection, [one for one in changed if one["rejected_reason"] is not None])
    left_alone["rejected"] += len(judged) - len(accepted)
    to_accept = {one["library_id"]: one for one in changed if one["rejected_reason"] is None}
    written = _apply(database, buckets, accepted, to_accept, settings, run_id) if accepted else Written()
    left_alone["names_changed"] += written.rows_renamed
    left_alone["library_row_gone"] += written.rows_gone
    return Replayed(
        found=len(page),
        newly_accepted=sum(
            row.rejected_reason is not None and judged[row.library_id].rejected_reason is None
            for row in open_rows
        ),
        newly_rejected=sum(
            row.rejected_reason is None and judged[row.library_id].rejected_reason is not None
            for row in open_rows
        ),
        left_alone=+left_alone,
        written=written,
    )


def _is_judged_otherwise(row: Row[Any], judgement: Judgement) -> bool:
    before = None if row.set_aside is None else orjson.loads(row.set_aside)
    return (row.rejected_reason is None) != (judgement.rejected_reason is None) or (
        before != set_aside_json(judgement.set_aside)
    )


def _judgement(library_id: int, judgement: Judgement) -> Mapping[str, Any]:
    """The judgement as store_judgements.sql reads it."""
    return {
        "library_id": library_id,
        "rejected_reason": judgement.rejected_reason,
        "set_aside": set_aside_json(judgement.set_aside),
    }


def _store(connection: Connection, judgements: Sequence[Mapping[str, Any]]) -> None:
    if judgements:
        execute(connection, _sql("store_judgements.sql"), judgements=orjson.dumps(judgements).decode())


def _apply(
    database: Database,
    buckets: Buckets,
    library_ids: Sequence[int],
    to_accept: Mapping[int, Mapping[str, Any]],
    settings: Settings,
    run_id: str,
) -> Written:
    """Write these answers as one range, on one connection. `to_accept`: those of them that were rejected before.

    An answer is accepted in the transaction that writes it. If it were accepted and not written, the next replay
    would leave it to a run.
    """
    writer = VerdictWriter(run_id, buckets, bool(settings.identity_legs), library_ids).stage()

    def write(connection: Connection, one: Range) -> WrittenByBucket:
        chosen = (library_id for library_id in to_accept if one.first_id <= library_id <= one.last_id)
        _store(connection, [to_accept[library_id] for library_id in chosen])
        return writer.write(connection, one)

    def set_aside(connection: Connection, library_id: int, reason: str) -> WrittenByBucket:
        _store(connection, [to_accept[library_id]] if library_id in to_accept else [])
        return writer.set_aside(connection, library_id, reason)

    whole = Range(library_ids[0], library_ids[-1])
    pages = write_ranges(database, [whole], Stage(write, set_aside), connections=1)
    return sum((one.total() for one in pages), Written())
