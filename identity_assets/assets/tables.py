"""What the UI shows of each table: its name, owner, kinds and columns.

Each table is a text with one line for each column: name, type, description. A line that has only a name takes the
type and the description from `SHARED`, because that column means the same in every table. Row counts are not here:
each asset reports its own.
"""

from typing import TypedDict

import dagster as dg

from identity_assets.settings import settings

OWNERS = ("team:data-engineering",)
KINDS = {"postgres", "table"}
OWN_SCHEMA = "identity_assets"
BACKEND_SCHEMA = settings().schema_name

# Dagster shows and plots metadata of this name as the number of rows in a partition.
PARTITION_ROWS = "dagster/partition_row_count"

SHARED = """
library_id        integer      The id of the library row.
artist_name       text         The artist name that LML is asked about.
album_title       text         The album title that LML is asked about.
method            text         How the identity was found. No run changes a row with the method manual.
confidence        real         From 0 to 1. Below 0.70 the row counts as unresolved.
last_verified_at  timestamptz  When the source last confirmed the row.
notes             text         Who wrote the row. consumer:lml-bulk: LML's answers. backfill:S1 or :S3: a leg.
run_id            text         The Dagster run that wrote the row.
"""


class TableArguments(TypedDict):
    """The arguments that `@dg.asset` and `dg.AssetSpec` share."""

    group_name: str
    owners: list[str]
    kinds: set[str]
    metadata: dict[str, object]


def table(name: str, schema: str, columns: str, *, group: str = "identity") -> TableArguments:
    """The arguments that describe `schema.name`; `columns` has one line for each column (see the module)."""
    return {
        "group_name": group,
        "owners": list(OWNERS),
        "kinds": KINDS,
        "metadata": {
            "dagster/table_name": f"{schema}.{name}",
            "dagster/column_schema": dg.TableSchema(
                columns=[_column(line) for line in columns.strip().splitlines()]
            ),
        },
    }


def _column(line: str) -> dg.TableColumn:
    name, *rest = line.split(maxsplit=2)
    kind, description = rest or SHARED_COLUMNS[name]
    return dg.TableColumn(name, kind, description=description)


SHARED_COLUMNS = {
    name: (kind, description)
    for name, kind, description in (line.split(maxsplit=2) for line in SHARED.strip().splitlines())
}

LIBRARY = table(
    "library",
    BACKEND_SCHEMA,
    """
id                            integer      The id of the release. Modulo LIBRARY_PARTITIONS, it is the partition.
artist_id                     integer      The artist in Backend's table artists.
genre_id                      integer      The genre of the shelf.
format_id                     integer      The format: LP, CD and so on.
album_title                   varchar      The title. It may be blank.
artist_name                   varchar      The artist as printed. LML cannot be asked about a row without one.
alternate_artist_name         varchar      Another name of the artist.
label                         text         The record label.
legacy_release_id             integer      The id in the catalogue before Backend.
code_number                   smallint     The number on the shelf.
code_volume_letters           varchar      The letter Z at the beginning marks a various-artists release.
disc_quantity                 smallint     How many discs the release has.
on_streaming                  boolean      Whether streaming services have it.
plays                         integer      How often it was played.
canonical_entity_id           text         The Discogs entity. The scope canonical selects the rows with one.
canonical_entity_confidence   real         How sure Backend is of it.
canonical_entity_resolved_at  timestamptz  When Backend found it.
unresolved_attempted_at       timestamptz  A mark of the job that this project replaces. This project does not use it.
added_at                      timestamptz  When the row was added.
last_modified                 timestamptz  When the row was last changed.
""",
    group="backend",
)
CANDIDATE_LIBRARIES = table(
    "candidate_library",
    OWN_SCHEMA,
    """
library_id
scope              text         canonical or full.
cohort             text         va: a various-artists release, asked in smaller batches. non_va: every other release.
reason             text         Why the row is due: never_asked, names_changed, stale, retry_due or invalid_retry_due.
artist_name
album_title
legacy_release_id  integer      The id in the catalogue before Backend. LML gets it too.
selected_at        timestamptz  When the pass selected the row.
run_id
answers_since      timestamptz  An answer that was stored at this moment or later belongs to the row.
outcome            text         The one outcome of the row in this pass. Null while the pass runs.
detail             text         Why the row failed.
""",
)
LML_VERDICTS = table(
    "lml_verdict",
    OWN_SCHEMA,
    """
library_id
kind               text         single_artist, compilation or unresolved. Null if the answer breaks the contract.
verdict            jsonb        LML's answer, unchanged.
tracks_trusted     boolean      Whether its tracks may be trusted (tracks_contract_version is 1).
artist_name
album_title
asked_at           timestamptz  When LML answered.
run_id
previous_asked_at  timestamptz  When LML was asked about the same names the time before.
previous_kind      text         The kind of that answer; invalid if it was set aside, whole or in part.
resolved_tracks    integer      How many tracks a resolved compilation lists. Null for every other answer.
lacks_tracks       boolean      Whether it is a compilation whose tracks were not asked for: LML is asked again.
""",
)
# Both legs keep their evidence in one table.
LEG_EVIDENCE = table(
    "leg_evidence",
    OWN_SCHEMA,
    """
library_id
leg                  text         S1: canonical_entity_id. S3: flowsheet_match.
source               text         discogs_master or discogs_release.
external_id          text         The id in Discogs.
method               text         exact_match; alias_match if the names fit several releases.
confidence           real         1.00; 0.75 if the names fit several releases.
verified_at          timestamptz  S1: when Backend resolved the row. S3: when the match was first found.
run_id
artist_name          text         The artist of the library row when S3 read it. Null for S1.
album_title          text         The title of the library row when S3 read it. Null for S1.
canonical_entity_id  text         The canonical_entity_id of the library row when S1 read it. Null for S3.
checked_release_id   integer      The release, if one leg names a release and the other a master.
checked_master_id    integer      The master of that release, according to the discogs-cache.
refused_reason       text         Why the database refuses the row that this evidence makes. Null if it does not.
""",
)
FLOWSHEET_MATCH = table(
    "flowsheet_match",
    settings().discogs_schema_name,
    """
artist_norm        text     The artist in lower case, without accents; letters, digits and spaces only.
album_norm         text     The title in the same form.
distinct_entities  integer  How many releases the names fit. 1 means the match is certain.
master_id          integer  The master in Discogs, if there is one.
release_id         integer  The release in Discogs.
""",
    group="discogs_cache",
)
LIBRARY_IDENTITY_SOURCE = table(
    "library_identity_source",
    BACKEND_SCHEMA,
    """
library_id
source            text         discogs, musicbrainz, wikidata, spotify, apple_music, bandcamp, or a source of a leg.
external_id       text         The id that the source uses.
method
confidence
last_verified_at
boost_sources     text         Both legs, if they name the same entity.
notes
""",
)
LIBRARY_IDENTITY = table(
    "library_identity",
    BACKEND_SCHEMA,
    """
library_id
discogs_master_id               integer  The master of the release in Discogs. Only the legs fill it.
discogs_release_id              integer  The release in Discogs. Only the legs fill it.
musicbrainz_release_group_mbid  uuid     The release group in MusicBrainz. This project does not fill it.
musicbrainz_release_mbid        uuid     The release in MusicBrainz. This project does not fill it.
musicbrainz_recording_mbid      uuid     The recording in MusicBrainz. This project does not fill it.
wikidata_qid                    text     The artist in Wikidata.
spotify_id                      text     The artist on Spotify.
apple_music_id                  text     The artist on Apple Music.
last_verified_at
method
confidence
agreement_sources               text     The sources that agree, if the legs composed the row.
notes
distinct_unresolved_sources     integer  How many of the eight id columns above are empty. PostgreSQL computes it.
discogs_artist_id               integer  The artist in Discogs.
musicbrainz_artist_id           text     The artist in MusicBrainz.
bandcamp_id                     text     The artist on Bandcamp.
""",
)
COMPILATION_TRACK_IDENTITY = table(
    "compilation_track_artist",
    BACKEND_SCHEMA,
    """
id                            integer  The id of one credit: an artist on one track of a various-artists release.
library_id
artist_name                   varchar  The artist of the track, as printed.
track_title                   varchar  The title of the track. Some credits have none.
track_position                varchar  The place on the record. An empty one is filled if LML offers exactly one.
track_artist_id               integer  The artist in the catalogue. Null if nobody is linked.
track_artist_link_confidence  real     From 0 to 1, as LML gave it.
track_artist_link_method      text     lml_backfill: linked by this project. No run changes a credit of a librarian.
""",
)
LIBRARY_UNRESOLVED = table(
    "library_unresolved",
    BACKEND_SCHEMA,
    """
library_id
kind                text         unresolved: LML found nothing. compilation: the release has no album-level identity.
attempted_at        timestamptz  When LML was last asked.
attempts            integer      How many times LML was asked.
first_attempted_at  timestamptz  When LML was first asked.
run_id
""",
)
