"""The plain baseline: the whole job as one writes it at first, for comparison only.

`python -m benchmarks._plain DSN ENDPOINT`: one thread, one call at a time, one statement a row of a table, one
transaction a library row, and a marker on `library` itself. It stands in for the job that this project
replaces. It prints a JSON object with the number of its statements.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import Any

import httpx
import psycopg2
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

BATCH_SIZE = 500
NOTES = "consumer:lml-bulk"

_SELECT_DUE = """
    SELECT library.id, library.artist_name, library.album_title
    FROM library
    LEFT JOIN library_identity ON library_identity.library_id = library.id
    WHERE library.artist_name IS NOT NULL
      AND (library_identity.library_id IS NULL OR library_identity.last_verified_at < now() - interval '7 days')
      AND library.unresolved_attempted_at IS NULL
    ORDER BY library.id
"""
_SELECT_MAIN = "SELECT method FROM library_identity WHERE library_id = %s"
_INSERT_MAIN = """
    INSERT INTO library_identity (
        wikidata_qid, spotify_id, apple_music_id, discogs_artist_id, musicbrainz_artist_id, bandcamp_id,
        method, confidence, notes, last_verified_at, library_id
    ) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, now(), %s)
"""
_UPDATE_MAIN = """
    UPDATE library_identity SET
        wikidata_qid = %s, spotify_id = %s, apple_music_id = %s, discogs_artist_id = %s,
        musicbrainz_artist_id = %s, bandcamp_id = %s, method = %s, confidence = %s, notes = %s,
        last_verified_at = now()
    WHERE library_id = %s
"""
_UPSERT_SOURCE = """
    INSERT INTO library_identity_source (
        library_id, source, external_id, method, confidence, last_verified_at, notes
    ) VALUES (%s, %s, %s, %s, %s, now(), %s)
    ON CONFLICT (library_id, source) DO UPDATE SET
        external_id = excluded.external_id, method = excluded.method, confidence = excluded.confidence,
        last_verified_at = excluded.last_verified_at, notes = excluded.notes
"""
_UPSERT_UNRESOLVED = """
    INSERT INTO library_unresolved (library_id, kind, attempted_at, attempts, first_attempted_at)
    VALUES (%s, %s, now(), 1, now())
    ON CONFLICT (library_id) DO UPDATE SET kind = excluded.kind, attempted_at = excluded.attempted_at
"""
_MARK = {
    True: "UPDATE library SET unresolved_attempted_at = NULL WHERE id = %s",
    False: "UPDATE library SET unresolved_attempted_at = now() WHERE id = %s",
}


def write_row(cursor: Cursor, result: Mapping[str, Any]) -> int:
    """Write one answer. Returns the number of statements."""
    library_id = result["library_id"]
    cursor.execute(_SELECT_MAIN, (library_id,))
    standing = cursor.fetchone()
    if standing is not None and standing[0] == "manual":
        return 1
    resolved = result["kind"] == "single_artist"
    if resolved:
        statements = _write_identity(cursor, result, standing is not None)
    else:
        cursor.execute(_UPSERT_UNRESOLVED, (library_id, result["kind"]))
        statements = 1
    cursor.execute(_MARK[resolved], (library_id,))
    return 2 + statements


def _write_identity(cursor: Cursor, result: Mapping[str, Any], stands: bool) -> int:
    main, library_id = result["main"], result["library_id"]
    values = (
        main["wikidata_qid"],
        main["spotify_artist_id"],
        main["apple_music_artist_id"],
        main["discogs_artist_id"],
        main["musicbrainz_artist_id"],
        main["bandcamp_id"],
        result["method"],
        result["confidence"],
        NOTES,
        library_id,
    )
    cursor.execute(_UPDATE_MAIN if stands else _INSERT_MAIN, values)
    usable = [
        entry
        for entry in result["provenance"]
        if entry["confidence"] is not None and entry["external_id"] is not None
    ]
    for entry in usable:
        row = (library_id, entry["source"], entry["external_id"], entry["method"], entry["confidence"], NOTES)
        cursor.execute(_UPSERT_SOURCE, row)
    return 1 + len(usable)


def write_all(connection: Connection, results: Sequence[Mapping[str, Any]]) -> int:
    """Write these answers, one transaction each. Returns the number of statements, without COMMIT."""
    statements = 0
    with connection.cursor() as cursor:
        for result in results:
            statements += write_row(cursor, result)
            connection.commit()
    return statements


def connect(dsn: str) -> Connection:
    """A connection to Backend's database."""
    connection = psycopg2.connect(dsn)
    with connection.cursor() as cursor:
        cursor.execute("SET search_path = wxyc_schema, identity_assets")
    connection.commit()
    return connection


def main() -> None:
    """Run the whole job."""
    dsn, endpoint = sys.argv[1:3]
    statements = 1
    with (
        closing(connect(dsn)) as connection,
        httpx.Client(trust_env=False, timeout=60) as http,
    ):
        with connection.cursor() as cursor:
            cursor.execute(_SELECT_DUE)
            due = cursor.fetchall()
        connection.commit()
        for start in range(0, len(due), BATCH_SIZE):
            inputs = [
                {"library_id": library_id, "artist_name": artist, "album_title": title}
                for library_id, artist, title in due[start : start + BATCH_SIZE]
            ]
            response = http.post(endpoint, json={"inputs": inputs}).raise_for_status()
            statements += write_all(connection, response.json()["results"])
    print(json.dumps({"statements": statements}))


if __name__ == "__main__":
    main()
