"""What the UI shows of each table beside its numbers: name, owner, kinds and columns."""

from collections.abc import Mapping
from typing import Any, TypedDict

import dagster as dg

from identity_assets.settings import settings

OWNERS = ("team:data-engineering",)
KINDS = {"postgres", "table"}
OURS = "identity_assets"

# Under this name Dagster shows and plots it as the number of rows of a partition.
PARTITION_ROWS = "dagster/partition_row_count"


class Shown(TypedDict):
    """The arguments that `@dg.asset` and `dg.AssetSpec` have in common."""

    group_name: str
    owners: list[str]
    kinds: set[str]
    metadata: dict[str, Any]


def table(
    name: str, schema: str, columns: Mapping[str, tuple[str, str]], *, group: str = "identity"
) -> Shown:
    """How the table `schema.name` is shown; `columns` maps each name to its type and what it means."""
    described = [dg.TableColumn(column, kind, description=means) for column, (kind, means) in columns.items()]
    return {
        "group_name": group,
        "owners": list(OWNERS),
        "kinds": KINDS,
        "metadata": {
            "dagster/table_name": f"{schema}.{name}",
            "dagster/column_schema": dg.TableSchema(columns=described),
        },
    }


ID = ("integer", "the library row")
WHEN_VERIFIED = ("timestamptz", "when LML last said so")
WHO_WROTE = (
    "text",
    "who wrote it: consumer:lml-bulk is this graph, backfill:S1 and backfill:S3 the older legs",
)
METHOD = ("text", "how it was matched; manual is a person's decision, which nothing here changes")
CONFIDENCE = ("real", "from 0 to 1; below 0.70 counts as unresolved")
RUN = ("text", "the Dagster run")

BACKEND = settings().schema_name

LIBRARY = table(
    "library",
    BACKEND,
    {
        "id": ("integer", "one release on a shelf; `id % 16` is its partition"),
        "artist_name": ("varchar", "as printed; without one LML cannot be asked"),
        "album_title": ("varchar", "may be blank"),
        "canonical_entity_id": ("text", "what scope canonical looks for"),
        "code_volume_letters": ("varchar", "Z... says various artists"),
    },
    group="backend",
)
CANDIDATE_LIBRARIES = table(
    "candidate_library",
    OURS,
    {
        "library_id": ID,
        "scope": ("text", "canonical or full"),
        "cohort": ("text", "va: various artists, asked in smaller batches; non_va"),
        "reason": ("text", "never_asked, names_changed, retry_due, invalid_retry_due or stale"),
        "artist_name": ("text", "the name that is sent"),
        "album_title": ("text", "the title that is sent"),
        "answered_at": ("timestamptz", "when LML answered; null while it has not"),
        "outcome": ("text", "the one outcome; null while the pass is under way"),
        "detail": ("text", "why, where the outcome is a failure"),
        "selected_at": ("timestamptz", "when the pass began"),
        "run_id": RUN,
    },
)
LML_VERDICTS = table(
    "lml_verdict",
    OURS,
    {
        "library_id": ID,
        "kind": ("text", "single_artist, compilation or unresolved"),
        "verdict": ("jsonb", "LML's answer as it came"),
        "artist_name": ("text", "the name that was asked about"),
        "album_title": ("text", "the title that was asked about"),
        "asked_at": ("timestamptz", "when LML answered"),
        "applied_at": ("timestamptz", "when it was written to the identity tables; null: not yet"),
        "rejected_reason": ("text", "why it may not be written"),
        "previous_asked_at": ("timestamptz", "when LML was last asked about these names before"),
        "run_id": RUN,
    },
)
EVIDENCE: Mapping[str, tuple[str, str]] = {
    "library_id": ID,
    "leg": ("text", "S1: canonical_entity_id; S3: flowsheet_match"),
    "source": ("text", "discogs_master or discogs_release"),
    "external_id": ("text", "its id in Discogs"),
    "method": ("text", "exact_match; alias_match where the names fit several releases"),
    "confidence": ("real", "1.00; 0.75 where the names fit several releases"),
    "verified_at": ("timestamptz", "S1: when Backend resolved it; S3: since when it is found so"),
    "checked_release_id": ("integer", "where the legs name a release and a master: the release"),
    "checked_master_id": ("integer", "its master, as the discogs-cache knows it"),
    "refused_reason": ("text", "why the database refuses what is made of it; null: it does not"),
    "run_id": ("text", "the Dagster run that found it so"),
}
CANONICAL_ENTITY_EVIDENCE = table("leg_evidence", OURS, EVIDENCE)
FLOWSHEET_MATCH_EVIDENCE = table("leg_evidence", OURS, EVIDENCE)
FLOWSHEET_MATCH = table(
    "flowsheet_match",
    settings().discogs_schema_name,
    {
        "artist_norm": ("text", "the artist: lower case, unaccented, letters, digits and spaces only"),
        "album_norm": ("text", "the title in the same form"),
        "distinct_entities": ("integer", "how many releases the names fit; 1: no doubt"),
        "master_id": ("integer", "the master in Discogs, where there is one"),
        "release_id": ("integer", "the release in Discogs"),
    },
    group="discogs_cache",
)
LIBRARY_IDENTITY_SOURCE = table(
    "library_identity_source",
    BACKEND,
    {
        "library_id": ID,
        "source": ("text", "discogs, musicbrainz, wikidata, spotify, apple_music, bandcamp, or a leg's"),
        "external_id": ("text", "the source's own id"),
        "method": METHOD,
        "confidence": CONFIDENCE,
        "last_verified_at": WHEN_VERIFIED,
        "boost_sources": ("text", "both legs, where they name the same entity"),
        "notes": WHO_WROTE,
    },
)
LIBRARY_IDENTITY = table(
    "library_identity",
    BACKEND,
    {
        "library_id": ID,
        "wikidata_qid": ("text", "the artist in Wikidata"),
        "spotify_id": ("text", "the artist on Spotify"),
        "apple_music_id": ("text", "the artist on Apple Music"),
        "discogs_master_id": ("integer", "the release in Discogs; not LML's to say"),
        "discogs_release_id": ("integer", "the release in Discogs; not LML's to say"),
        "method": METHOD,
        "confidence": CONFIDENCE,
        "last_verified_at": WHEN_VERIFIED,
        "agreement_sources": ("text", "the sources that agree, where a leg composed the row"),
        "notes": WHO_WROTE,
    },
)
LIBRARY_UNRESOLVED = table(
    "library_unresolved",
    BACKEND,
    {
        "library_id": ID,
        "kind": ("text", "unresolved: LML found nothing; compilation: no album-level identity"),
        "attempted_at": ("timestamptz", "the last time that LML was asked"),
        "attempts": ("integer", "how often it was asked in all"),
        "first_attempted_at": ("timestamptz", "the first time"),
        "run_id": RUN,
    },
)
