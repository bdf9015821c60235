"""The legs' evidence as it is kept: what a leg found takes the place of what it found before, partition by partition.

What becomes of it in the identity tables is written by leg_writer.py.
"""

from bisect import bisect_left, bisect_right
from collections import Counter
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
    """Rows of leg_evidence: put in or changed, and removed. The others were not touched."""

    written: int = 0
    removed: int = 0


def replace_evidence(
    database: Database, leg: Leg, buckets: Buckets, gathered: Gathered, run_id: str, page_rows: int
) -> EvidenceStored:
    """Keep what a leg has found in these partitions, and nothing else of it there: all of it, or nothing."""
    evidence = sorted(gathered.evidence, key=lambda one: one.library_id)
    written = removed = 0
    with database.transaction() as connection:
        after = 0
        for start in range(0, max(1, len(evidence)), page_rows):
            page = evidence[start : start + page_rows]
            is_last = start + page_rows >= len(evidence)
            upto = LARGEST_ID if is_last else page[-1].library_id
            found = as_json(page)
            place = {**buckets.params(), "leg": leg, "after": after, "upto": upto, "evidence": found}
            removed += execute(connection, _sql("delete_lost_evidence.sql"), **place).rowcount
            written += execute(
                connection, _sql("store_evidence.sql"), leg=leg, evidence=found, run_id=run_id
            ).rowcount
            after = upto
        execute(connection, _sql("mark_gathered.sql"), leg=leg, **buckets.params())
    return EvidenceStored(written, removed)


def as_json(evidence: list[Evidence]) -> str:
    """The array that the statements read evidence from."""
    return orjson.dumps(evidence).decode()


def evidence_between(evidence: list[Evidence], first: int, last: int) -> list[Evidence]:
    """Of evidence in library_id order, that of the library rows from `first` to `last`."""
    begin = bisect_left(evidence, first, key=_library_id)
    return evidence[begin : bisect_right(evidence, last, key=_library_id)]


def _library_id(one: Evidence) -> int:
    return one.library_id


def count_by_bucket(gathered: Gathered, partitions: int) -> Counter[int]:
    """How many library rows have evidence, by bucket."""
    return Counter(one.library_id % partitions for one in gathered.evidence)
