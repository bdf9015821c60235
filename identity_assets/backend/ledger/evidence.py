"""Stores the evidence of the legs: what a leg finds replaces what it found before, partition by partition.

What the evidence makes of the identity tables is written by writing/legs.py.
"""

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import orjson

from identity_assets.backend.database import Database, execute
from identity_assets.evidence import LARGEST_ID, Evidence, Gathered
from identity_assets.partition_keys import Buckets
from identity_assets.postgres import statements
from identity_assets.settings import Leg

_sql = statements(__file__)


@dataclass(frozen=True)
class EvidenceStored:
    """Rows of leg_evidence that were inserted or changed, and that were removed. Other rows were not touched."""

    written: int = 0
    removed: int = 0


def replace_evidence(
    database: Database, leg: Leg, buckets: Buckets, gathered: Gathered, run_id: str, page_rows: int
) -> EvidenceStored:
    """Replace the evidence of a leg in these partitions by what it has found, in one transaction."""
    evidence = sorted(gathered.evidence, key=lambda one: one.library_id)
    written = removed = 0
    with database.transaction() as connection:
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
    database.analyze("leg_evidence", written)
    return EvidenceStored(written, removed)


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
