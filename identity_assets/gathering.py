"""Runs one leg on some partitions: it finds evidence and stores it, or only counts it for a dry run.

This module joins the legs and the database, which do not know each other. How a leg finds evidence is in legs/; how
evidence is stored and written is in backend/.
"""

from collections import Counter
from typing import Any

from identity_assets.backend.database import Database
from identity_assets.backend.ledger.evidence import EvidenceStored, ShrinkLimit, replace_evidence
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
    """What the leg finds in these partitions; nothing is written. S3 reads `cache`, or the cache of the settings.

    Raises:
        DiscogsCacheError: the leg is S3, and the discogs-cache cannot be read.
        SettingsError: the leg is S3, and DATABASE_URL_DISCOGS is not set.
    """
    page_rows = settings.writer_chunk_rows
    if leg is Leg.S1:
        pages = library_pages(database, buckets, page_rows, canonical_only=True)
        return gather_canonical_entity(pages, buckets.partitions)
    pages = library_pages(database, buckets, page_rows)
    return gather_flowsheet_match(
        pages, cache or DiscogsCache(settings, database.application_name), buckets.partitions
    )


def gather_and_store(
    leg: Leg,
    database: Database,
    settings: Settings,
    buckets: Buckets,
    run_id: str,
    cache: DiscogsCache | None = None,
    *,
    accept_shrink: bool = False,
) -> tuple[Gathered, EvidenceStored]:
    """Replace the leg's stored evidence by what it finds now. `accept_shrink`: however much of it is lost.

    Raises:
        EvidenceShrunkError: more evidence would be removed than EVIDENCE_SHRINK_LIMIT allows; nothing was stored.
        DiscogsCacheError, SettingsError: as `gather`; nothing was stored.
    """
    gathered = gather(leg, database, settings, buckets, cache)
    limit = ShrinkLimit(settings.evidence_shrink_limit, accept_shrink)
    stored = replace_evidence(database, leg, buckets, gathered, run_id, settings.writer_chunk_rows, limit)
    return gathered, stored


def dry_run_leg(database: Database, settings: Settings, leg: Leg, buckets: Buckets) -> dict[str, Any]:
    """Predict what gathering and writing this leg would change. It only reads, and needs no right but `SELECT`.

    `scanned` counts library rows: for S1 those with a canonical_entity_id, for S3 all. For each of them, the leg's
    source row would be written, or the row is in `skipped` for one reason: a reason of `gather`, `manual_override` (a
    person set the main row or the source row), `other_writer` (the source row belongs to another writer), `conflict`
    (the id of the other leg stays), `rejected_by_person`, `unchanged`, or what Backend did after the leg read the
    row: `library_row_gone`, `names_changed` (S3) or `canonical_entity_changed` (S1). So
    `scanned == would_write_sources + sum(skipped)`.
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
