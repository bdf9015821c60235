"""The state of the library by partition: how much is resolved, what is due, how old the oldest answer is.

The same figures for the whole library, by state and by day, are in overview.py.
"""

from dataclasses import dataclass
from datetime import datetime

from identity_assets.backend.database import HASH_JOINS, Database, execute
from identity_assets.backend.ledger.candidates import windows
from identity_assets.partition_keys import Buckets
from identity_assets.postgres import statements
from identity_assets.settings import Settings

_sql = statements(__file__)


@dataclass(frozen=True)
class PartitionState:
    """One partition in library rows. The next run asks about `due`; `stale` counts the due rows asked about before.

    `oldest_answer_at` is None if LML was never asked about any of its rows.
    """

    bucket: int
    library_rows: int = 0
    resolved: int = 0
    due: int = 0
    stale: int = 0
    oldest_answer_at: datetime | None = None

    @property
    def unresolved(self) -> int:
        """Rows without a main row of confidence 0.70 or more."""
        return self.library_rows - self.resolved

    @property
    def resolved_share(self) -> float:
        """Resolved rows as a share of all, from 0 to 1; 0 if the partition has no rows."""
        return self.resolved / self.library_rows if self.library_rows else 0.0


def read_partition_states(
    database: Database, settings: Settings, buckets: Buckets
) -> dict[int, PartitionState]:
    """The state of each of these partitions, by bucket; one without library rows has zeros.

    Raises:
        DatabaseError: the server cannot be reached, or went away.
    """
    with database.transaction() as connection:
        execute(connection, HASH_JOINS)
        rows = execute(
            connection,
            _sql("partition_states.sql"),
            **buckets.params(),
            **windows(settings),
            scope=str(settings.scope),
        ).mappings()
        found = {row["bucket"]: PartitionState(**row) for row in rows}
    return {bucket: found.get(bucket, PartitionState(bucket)) for bucket in buckets.buckets}
