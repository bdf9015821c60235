"""One leg looked at in some partitions: what it finds, kept, or only counted as a dry run does.

How each leg finds it belongs in its own module; how evidence is kept and written, in backend/.
"""

from collections import Counter
from typing import Any

from identity_assets.backend.database import Database
from identity_assets.backend.ledger.evidence import EvidenceStored, replace_evidence
from identity_assets.backend.library_pages import library_pages
from identity_assets.backend.preview.leg_dry_run import preview_leg
from identity_assets.evidence import Gathered
from identity_assets.legs.canonical_entity import gather_canonical_entity
from identity_assets.legs.discogs_cache import DiscogsCache
from identity_assets.legs.flowsheet_match import gather_flowsheet_match
from identity_assets.partition_keys import Buckets
from identity_assets.settings import Leg, Settings


def gather(
    leg: Leg, database: Database, settings: Settings, buckets: Buckets, cache: DiscogsCache | None = None
) -> Gathered:
    """What the leg finds. Nothing is written. S3 reads `cache`; without one, that which the settings name.

    Raises:
        DiscogsCacheError: S3, and the discogs-cache cannot be read.
        SettingsError: S3, and DATABASE_URL_DISCOGS is not set.
    """
    rows = settings.writer_chunk_rows
    if leg is Leg.S1:
        pages = library_pages(database, buckets, rows, canonical_only=True)
        return gather_canonical_entity(pages, buckets.partitions)
    read = cache or DiscogsCache(settings, database.application_name)
    return gather_flowsheet_match(library_pages(database, buckets, rows), read, buckets.partitions)


def gather_and_store(
    leg: Leg,
    database: Database,
    settings: Settings,
    buckets: Buckets,
    run_id: str,
    cache: DiscogsCache | None = None,
) -> tuple[Gathered, EvidenceStored]:
    """Keep what the leg finds in place of what it found before. Raises as `gather` does; nothing is stored then."""
    gathered = gather(leg, database, settings, buckets, cache)
    stored = replace_evidence(database, leg, buckets, gathered, run_id, settings.writer_chunk_rows)
    return gathered, stored


def dry_run_leg(database: Database, settings: Settings, leg: Leg, buckets: Buckets) -> dict[str, Any]:
    """What gathering and writing this leg would come to, by reading only: `SELECT` is all the right it takes.

    `scanned` is library rows: S1's are those with a canonical_entity_id, S3's are all. Each of them would have the
    leg's source row written, or is in `skipped` for one reason: those of `gather`, `manual_override` (a person
    decided the main row or the source row), `other_writer` (somebody else's source row stands there), `conflict`
    (the other leg's id stands) and `unchanged`. So `scanned == would_write_sources + sum(skipped)`.
    """
    gathered = gather(leg, database, settings, buckets)
    outcomes = preview_leg(database, leg, buckets, gathered.evidence, settings.writer_chunk_rows)
    skipped = Counter(gathered.reasons()) + outcomes
    would_write, would_upsert = skipped.pop("write", 0), skipped.pop("upsert_mains", 0)
    return {
        "source": str(leg),
        "scanned": gathered.scanned,
        "would_write_sources": would_write,
        "would_upsert_mains": would_upsert,
        "skipped": dict(sorted((reason, count) for reason, count in skipped.items() if count)),
    }
