"""Stores the evidence of the legs: what a leg finds replaces what it found before, partition by partition.

What the evidence makes of the identity tables is written by writing/legs.py.
"""

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import orjson
from sqlalchemy import Connection

from identity_assets.backend.database import Database, execute
from identity_assets.errors import OperatorError
from identity_assets.evidence import LARGEST_ID, Evidence, Gathered
from identity_assets.partition_keys import Buckets
from identity_assets.postgres import statements
from identity_assets.settings import Leg

_sql = statements(__file__)


LEAST_ROWS_LOST = 50
"""A leg that would lose fewer rows of evidence than this fails only if it finds none at all."""


class EvidenceShrunkError(OperatorError):
    """A leg finds much less than before. The input of the leg is more likely broken than right."""


@dataclass(frozen=True)
class ShrinkLimit:
    """How much of its evidence a leg may lose: a share of it, from 0 to 1. `accepted` by a person: any loss."""

    share: float
    accepted: bool = False

    def check(self, leg: Leg, stored: int, lost: int, found: int) -> None:
        """Compare the library rows that had evidence with those of them that lose it.

        Raises:
            EvidenceShrunkError: more is lost than the limit allows, or the leg finds nothing and found some before.
        """
        # Divided, not multiplied: 0.29 * 200 is a little less than 58.
        is_too_much = lost >= LEAST_ROWS_LOST and lost / stored > self.share
        if self.accepted or not (is_too_much or (stored and not found)):
            return
        raise EvidenceShrunkError(
            f"{leg} would remove its evidence for {lost:,} of {stored:,} library rows, and EVIDENCE_SHRINK_LIMIT is "
            f"{100 * self.share:g}%: nothing was removed; look at {INPUTS[leg]}, or launch the run with the config "
            "accept_shrink: true if this is right"
        )


INPUTS = {Leg.S1: "canonical_entity_id in Backend's library", Leg.S3: "the discogs-cache"}


@dataclass(frozen=True)
class EvidenceStored:
    """Rows of leg_evidence that were inserted or changed, that were removed, and that there are now."""

    written: int = 0
    removed: int = 0
    kept: int = 0


def replace_evidence(
    database: Database,
    leg: Leg,
    buckets: Buckets,
    gathered: Gathered,
    run_id: str,
    page_rows: int,
    limit: ShrinkLimit,
) -> EvidenceStored:
    """Replace the evidence of a leg in these partitions by what it has found, in one transaction.

    Raises:
        EvidenceShrunkError: more evidence would be removed than `limit` allows; nothing was changed.
    """
    evidence = sorted(gathered.evidence, key=lambda one: one.library_id)
    written = removed = 0
    with database.transaction() as connection:
        _check_lost(connection, leg, buckets, evidence, limit)
        after = 0
        for start in range(0, max(1, len(evidence)), page_rows):
            page = evidence[start : start + page_rows]
            is_last = start + page_rows >= len(evidence)
            upto = LARGEST_ID if is_last else page[-1].library_id
            found = as_json(page)
            place = {"leg": leg, "after": after, "upto": upto, "evidence": found}
            removed += execute(
                connection, _sql("delete_lost_evidence.sql"), **buckets.params(), **place
            ).rowcount
            written += execute(connection, _sql("store_evidence.sql"), **place, run_id=run_id).rowcount
            after = upto
        execute(connection, _sql("mark_gathered.sql"), leg=leg, **buckets.params())
    database.analyze({"leg_evidence": "library_id, leg, source"}, written)
    return EvidenceStored(written, removed, len(evidence))


def _check_lost(
    connection: Connection, leg: Leg, buckets: Buckets, evidence: Sequence[Evidence], limit: ShrinkLimit
) -> None:
    found = [one.library_id for one in evidence]
    rows = execute(
        connection, _sql("count_lost_evidence.sql"), **buckets.params(), leg=leg, library_ids=found
    )
    row = rows.one()
    limit.check(leg, row.stored, row.lost, len(found))


def pending_evidence(database: Database, partitions: int) -> dict[int, int]:
    """By bucket, the library rows whose evidence the writer has not written yet; buckets without any are left out."""
    pending = {}
    for bucket in range(partitions):
        with database.transaction() as connection:
            place = Buckets(partitions, (bucket,)).params()
            pending[bucket] = int(
                execute(connection, _sql("count_pending_evidence.sql"), **place).scalar_one()
            )
    return {bucket: rows for bucket, rows in pending.items() if rows}


def as_json(evidence: Sequence[Evidence]) -> str:
    """Evidence as the JSON array that the statements read."""
    return orjson.dumps(evidence).decode()


def evidence_between(evidence: Sequence[Evidence], first: int, last: int) -> Sequence[Evidence]:
    """The evidence of the library rows from `first` to `last`; `evidence` is in library_id order."""
    begin = bisect_left(evidence, first, key=_library_id)
    return evidence[begin : bisect_right(evidence, last, key=_library_id)]


def _library_id(one: Evidence) -> int:
    return one.library_id


def count_by_bucket(gathered: Gathered, partitions: int) -> Counter[int]:
    """Count the library rows that have evidence, by bucket."""
    return Counter(one.library_id % partitions for one in gathered.evidence)
