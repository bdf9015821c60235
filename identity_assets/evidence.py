"""The records that the two legs and the database side share: what a leg finds, and what it skips.

How a leg finds it belongs in legs/, and how it is stored in backend/ledger/evidence.py.
"""

from collections import Counter
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import NamedTuple

MASTER, RELEASE = "discogs_master", "discogs_release"
LARGEST_ID = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Evidence:
    """The Discogs entity that a leg pins one library row to; `verified_at` None: since it was first found.

    The evidence is for a library row that still has what the leg read: `artist_name` and `album_title` for S3,
    `canonical_entity_id` for S1. `checked_master_id` is the master to which the discogs-cache says that
    `checked_release_id` belongs: the release, where one leg pins a release and the other a master.
    """

    library_id: int
    source: str
    external_id: str
    method: str
    confidence: float
    verified_at: datetime | None = None
    artist_name: str | None = None
    album_title: str | None = None
    canonical_entity_id: str | None = None
    checked_release_id: int | None = None
    checked_master_id: int | None = None


@dataclass(frozen=True, slots=True)
class CacheSeen:
    """What S3 saw in the discogs-cache, in pairs of `flowsheet_match` (in releases, if they are computed afresh).

    `matched` pairs are found by a library row and are evidence; `ambiguous` ones of these fit several releases or
    artists. `tombstones` and `co_artists` (releases by several artists) are counted only among pairs with a title
    of the library, unless all releases are read.
    """

    pairs_read: int = 0
    matched: int = 0
    ambiguous: int = 0
    tombstones: int = 0
    empty_names: int = 0
    no_discogs_id: int = 0
    co_artists: int = 0

    @property
    def usable(self) -> int:
        """Pairs that could be evidence for a library row."""
        return self.pairs_read - self.tombstones - self.empty_names - self.no_discogs_id

    def as_dict(self) -> dict[str, int]:
        """All figures by name."""
        return {**asdict(self), "usable": self.usable}


@dataclass
class Gathered:
    """What a leg found in some partitions. Each library row looked at is evidence or skipped for one reason.

    `skipped` counts by (bucket, reason). `seen` is None for a leg that does not read the discogs-cache.
    """

    evidence: list[Evidence] = field(default_factory=list)
    skipped: Counter[tuple[int, str]] = field(default_factory=Counter)
    seen: CacheSeen | None = None

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
