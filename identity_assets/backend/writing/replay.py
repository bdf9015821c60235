"""Stored answers judged and applied again, without a call to LML.

After a rule or a column has changed, or rows were set aside. How an answer is written is the writer's business.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Row

from identity_assets.backend.database import Database, execute
from identity_assets.backend.writing.verdicts import Written, verdicts_stage, write_or_halve
from identity_assets.lml.contract import judge
from identity_assets.partition_keys import Buckets
from identity_assets.settings import Bands, Settings


@dataclass(frozen=True)
class Replayed:
    """What a replay came to, in library rows; `left_alone` counts by reason those that were not applied."""

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
        """The object of `replay --json`, but for its run id and its seconds."""
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

    `only_rejected`: only answers that were set aside, by a rule or by the database; `since`: only those that came
    then or later. An answer that waits for its run, whose writing was taken back, or that speaks of names which
    have changed since, is left alone. The caller holds the partitions.
    """
    total, after = Replayed(), 0
    while True:
        with database.transaction() as connection:
            page = execute(
                connection,
                "next_replay",
                **buckets.params(),
                after=after,
                only_rejected=only_rejected,
                since=since,
                rows=settings.writer_chunk_rows,
            ).all()
        if not page:
            return total
        total += _replay_page(database, page, settings, run_id)
        advance(len(page))
        after = page[-1].library_id


def _replay_page(database: Database, page: Sequence[Row[Any]], settings: Settings, run_id: str) -> Replayed:
    left_alone = Counter(row.left_alone for row in page if row.left_alone is not None)
    open_rows = [row for row in page if row.left_alone is None]
    reasons = {
        row.library_id: judge(
            orjson.loads(row.verdict), reject_out_of_band=settings.confidence_bands is Bands.reject
        ).rejected_reason
        for row in open_rows
    }
    changed = [row for row in open_rows if (reasons[row.library_id] is None) != (row.rejected_reason is None)]
    if changed:
        judgements = [
            {"library_id": row.library_id, "rejected_reason": reasons[row.library_id]} for row in changed
        ]
        with database.transaction() as connection:
            execute(connection, "store_judgements", judgements=orjson.dumps(judgements).decode())
    stage = verdicts_stage(run_id, with_legs=bool(settings.identity_legs))
    accepted = [library_id for library_id, reason in reasons.items() if reason is None]
    left_alone["rejected"] += len(reasons) - len(accepted)
    return Replayed(
        found=len(page),
        newly_accepted=sum(reasons[row.library_id] is None for row in changed),
        newly_rejected=sum(row.rejected_reason is None for row in changed),
        left_alone=+left_alone,
        written=write_or_halve(database, accepted, stage) if accepted else Written(),
    )
