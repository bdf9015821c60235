"""Predict what writing the evidence of a leg would change. This only reads.

What a leg finds belongs in legs/, and how it is written in writing/legs.py.
"""

from collections import Counter
from collections.abc import Sequence

from identity_assets.backend.database import Database, execute
from identity_assets.backend.ledger.evidence import as_json, evidence_between
from identity_assets.backend.library_pages import reading
from identity_assets.evidence import Evidence
from identity_assets.partition_keys import Buckets
from identity_assets.postgres import statements
from identity_assets.settings import Leg

_sql = statements(__file__)


def preview_leg(
    database: Database, leg: Leg, buckets: Buckets, evidence: Sequence[Evidence], page_rows: int
) -> Counter[str]:
    """Count the library rows of these partitions by what becomes of them if this evidence is written.

    `write` and the reasons not to write count the leg's source rows; `upsert_mains` counts main rows made or changed.
    `evidence` is in library_id order.
    """
    outcomes: Counter[str] = Counter()
    known = _known_ids(database, buckets)
    ids = sorted({*known, *(one.library_id for one in evidence)})
    for start in range(0, len(ids), page_rows):
        page = ids[start : start + page_rows]
        pending = as_json(evidence_between(evidence, page[0], page[-1]))
        with reading(database) as connection:
            found = execute(connection, _sql("leg_dry_run.sql"), library_ids=page, leg=leg, pending=pending)
            outcomes.update({row.outcome: row.rows for row in found})
    return outcomes


def _known_ids(database: Database, buckets: Buckets) -> list[int]:
    """The library rows that a leg has evidence for already, or wrote a source row of."""
    with reading(database) as connection:
        return list(execute(connection, _sql("leg_library_ids.sql"), **buckets.params()).scalars())
