"""Evidence put down for a test, what is made of it, and a discogs-cache of a few rows."""

from typing import Any

from sqlalchemy import create_engine, text

from identity_assets.backend.writing.chunks import Range
from identity_assets.backend.writing.legs import take_back_leg, write_legs_in_range
from identity_assets.backend.writing.written import Written
from identity_assets.settings import Settings
from identity_assets_tests.support import EVERY_BUCKET, Shelf

CACHE_TABLES = """
    CREATE SCHEMA wxyc;
    CREATE TABLE wxyc.flowsheet_match (
        artist_norm text NOT NULL, album_norm text NOT NULL, distinct_entities integer NOT NULL, master_id integer,
        release_id integer
    );
    CREATE TABLE wxyc.release (id integer PRIMARY KEY, master_id integer, title text NOT NULL, not_found boolean);
    CREATE TABLE wxyc.release_artist (release_id integer NOT NULL, artist_name text NOT NULL, extra integer DEFAULT 0)
"""


def evidence(
    shelf: Shelf,
    library_id: int,
    leg: str,
    entity: str,
    *,
    ambiguous: bool = False,
    checked: tuple[int, int] | None = None,
) -> None:
    """Store what a leg says of a library row, as `release 5` or `master 7`; `checked` is a release and its master.

    The leg read the library row as it is now.
    """
    kind, external_id = entity.split()
    release, master = checked or (None, None)
    shelf.run(
        "INSERT INTO leg_evidence (library_id, leg, source, external_id, method, confidence, verified_at, run_id, "
        "artist_name, album_title, canonical_entity_id, checked_release_id, checked_master_id) "
        "SELECT id, :leg, :source, :external_id, :method, :confidence, CAST(:verified_at AS timestamptz), 'run', "
        "CASE :leg WHEN 'S3' THEN artist_name END, CASE :leg WHEN 'S3' THEN album_title END, "
        "CASE :leg WHEN 'S1' THEN canonical_entity_id END, :release, :master FROM library WHERE id = :library_id",
        library_id=library_id,
        leg=leg,
        source=f"discogs_{kind}",
        external_id=external_id,
        method="alias_match" if ambiguous else "exact_match",
        confidence=0.75 if ambiguous else 1.0,
        verified_at=f"2026-0{leg[1]}-01",
        release=release,
        master=master,
    )
    shelf.run("INSERT INTO leg_gathered SELECT :leg, 1, 0 ON CONFLICT DO NOTHING", leg=leg)


def forget(shelf: Shelf, library_id: int, leg: str) -> None:
    """Let a leg no longer find anything for a library row."""
    shelf.run("DELETE FROM leg_evidence WHERE library_id = :id AND leg = :leg", id=library_id, leg=leg)


def put_source(
    shelf: Shelf, library_id: int, source: str, method: str, confidence: float, **values: Any
) -> None:
    """Somebody's source row."""
    given = {"external_id": "1", "notes": "somebody", "boost": None, **values}
    shelf.run(
        "INSERT INTO library_identity_source (library_id, source, external_id, method, confidence, last_verified_at, "
        "boost_sources, notes) "
        "VALUES (:id, :source, :external_id, :method, :confidence, '2026-02-01', :boost, :notes)",
        id=library_id,
        source=source,
        method=method,
        confidence=confidence,
        **given,
    )


def put_main(shelf: Shelf, library_id: int, method: str = "trigram", **values: Any) -> None:
    """Somebody's main row."""
    given = {"confidence": 0.8, "notes": "somebody", "master": None, "release": None, **values}
    shelf.run(
        "INSERT INTO library_identity (library_id, method, confidence, last_verified_at, notes, discogs_master_id, "
        "discogs_release_id) VALUES (:id, :method, :confidence, '2026-02-02', :notes, :master, :release)",
        id=library_id,
        method=method,
        **given,
    )


def reflect(shelf: Shelf, *library_ids: int) -> Written:
    """Write what the evidence of these library rows, and of those between them, makes of them."""
    with shelf.database.transaction() as connection:
        one = Range(min(library_ids, default=0), max(library_ids, default=0))
        return write_legs_in_range(connection, one, EVERY_BUCKET, "run").total()


def take_back(shelf: Shelf, leg: str, *library_ids: int) -> Written:
    """Take back all that a leg has written for these library rows."""
    with shelf.database.transaction() as connection:
        return take_back_leg(connection, library_ids, leg, "taken back")


def main_row(shelf: Shelf, library_id: int) -> dict[str, Any] | None:
    rows = shelf.rows("SELECT * FROM library_identity WHERE library_id = :id", id=library_id)
    return rows[0] if rows else None


def said(shelf: Shelf, library_id: int) -> tuple[Any, ...] | None:
    """What the main row says: method, confidence, agreement, the master, the release, who wrote it."""
    row = main_row(shelf, library_id)
    names = ("method", "confidence", "agreement_sources", "discogs_master_id", "discogs_release_id", "notes")
    return None if row is None else tuple(row[name] for name in names)


def sources(shelf: Shelf, library_id: int) -> dict[str, tuple[Any, ...]]:
    rows = shelf.rows("SELECT * FROM library_identity_source WHERE library_id = :id", id=library_id)
    return {
        row["source"]: (row["external_id"], row["confidence"], row["boost_sources"], row["notes"])
        for row in rows
    }


def standing(shelf: Shelf) -> list[list[dict[str, Any]]]:
    """Main rows and source rows with all their columns and where they lie: the same after a write that wrote none."""
    return [
        shelf.rows("SELECT *, ctid::text AS place FROM library_identity ORDER BY library_id"),
        shelf.rows("SELECT *, ctid::text AS place FROM library_identity_source ORDER BY library_id, source"),
        shelf.rows("SELECT *, ctid::text AS place FROM leg_evidence ORDER BY library_id, leg"),
    ]


def identity(shelf: Shelf) -> list[list[dict[str, Any]]]:
    """Main rows and source rows with all their columns."""
    return [
        shelf.rows("SELECT * FROM library_identity ORDER BY library_id"),
        shelf.rows("SELECT * FROM library_identity_source ORDER BY library_id, source"),
    ]


def history(shelf: Shelf) -> list[tuple[Any, ...]]:
    rows = shelf.rows("SELECT * FROM library_identity_history ORDER BY history_id")
    return [(row["library_id"], row["method"], row["notes"], row["superseded_reason"]) for row in rows]


class Cache:
    """A discogs-cache of one test, filled by its owner."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._engine = create_engine(settings.require_database_url_discogs())

    def run(self, sql: str, **params: Any) -> None:
        with self._engine.begin() as connection:
            connection.execute(text(sql), params)

    def rows(self, sql: str) -> list[dict[str, Any]]:
        with self._engine.begin() as connection:
            return [dict(row) for row in connection.execute(text(sql)).mappings()]

    def match(self, artist: str, album: str, entities: int, master: int | None, release: int | None) -> None:
        """Put a pair into the snapshot."""
        self.run(
            "INSERT INTO wxyc.flowsheet_match VALUES (:artist, :album, :entities, :master, :release)",
            artist=artist,
            album=album,
            entities=entities,
            master=master,
            release=release,
        )

    def release(
        self, number: int, master: int | None, title: str, *artists: str, extra: int | None = 0
    ) -> None:
        """Put a release with its artists into the cache; one with a minus before it is a credit of another kind.

        `extra` is what stands in that column for the others.
        """
        self.run(
            "INSERT INTO wxyc.release VALUES (:id, :master, :title)", id=number, master=master, title=title
        )
        for artist in artists:
            self.run(
                "INSERT INTO wxyc.release_artist VALUES (:id, :artist, :extra)",
                id=number,
                artist=artist.removeprefix("-"),
                extra=1 if artist.startswith("-") else extra,
            )

    def tombstone(self, number: int) -> None:
        """Mark a release as gone from Discogs."""
        self.run("UPDATE wxyc.release SET not_found = true WHERE id = :id", id=number)

    def dispose(self) -> None:
        self._engine.dispose()


def empty_cache(settings: Settings) -> Cache:
    """The discogs-cache of these settings with empty tables."""
    cache = Cache(settings)
    cache.run("DROP SCHEMA IF EXISTS wxyc CASCADE")
    cache.run(CACHE_TABLES)
    return cache
