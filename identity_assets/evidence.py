"""The records that the two legs and the database side share: what a leg finds, and what it skips.

How a leg finds it belongs in legs/, and how it is stored in backend/ledger/evidence.py.
"""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

MASTER, RELEASE = "discogs_master", "discogs_release"
LARGEST_ID = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Evidence:
    """The Discogs entity that a leg pins one library row to; `verified_at` None: since it was first found.

    `checked_master_id` is the master to which the discogs-cache says that `checked_release_id` belongs: the
    release, where one leg pins a release and the other a master.
    """

    library_id: int
    source: str
    external_id: str
    method: str
    confidence: float
    verified_at: datetime | None = None
    checked_release_id: int | None = None
    checked_master_id: int | None = None


@dataclass
class Gathered:
    """What a leg found in some partitions. Each library row looked at is evidence or skipped for one reason.

    `skipped` counts by (bucket, reason).
    """

    evidence: list[Evidence] = field(default_factory=list)
    skipped: Counter[tuple[int, str]] = field(default_factory=Counter)

    @property
    def scanned(self) -> int:
        """Library rows looked at."""
        return len(self.evidence) + self.skipped.total()

    def reasons(self) -> dict[str, int]:
        """Library rows without evidence by reason, of all partitions."""
        totals: Counter[str] = Counter()
        for (_bucket, reason), rows in self.skipped.items():
            totals[reason] += rows
        return dict(sorted(totals.items()))


class LibraryRow(NamedTuple):
    """A library row as the legs read it."""

    library_id: int
    artist_name: str | None
    album_title: str
    canonical_entity_id: str | None
    canonical_entity_resolved_at: datetime | None
