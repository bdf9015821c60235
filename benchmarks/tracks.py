"""How long the tracks of compilations take, from stored answers to linked credits: `python -m benchmarks.tracks`.

`--rows` V/A releases have four credits each, and 15 have one more: 25,215 credits with 6,300 rows. LML's answer
resolves all of them, nine of ten to an artist of the catalogue. `ours` is the writer; it then writes the same answers
again, when no credit changes. `plain` sends one statement a row and commits each release. `floor` is
tracks_floor.sql.
"""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import orjson
import psycopg2

from benchmarks import _ours, _plain
from benchmarks._harness import Report, arguments, finish, with_programs
from benchmarks._server import BACKEND, STORED, Server, measured_block, server
from benchmarks._statements import recorded
from identity_assets.demo.catalogue import Catalogue

_FLOOR = Path(__file__).with_name("tracks_floor.sql").read_text(encoding="utf-8")
_FLOOR_STATEMENTS = 5
_CREDITS, _MORE_CREDITS, _ARTISTS = 4, 15, 20_000
_ANSWERS = 100

_FILL = (
    "INSERT INTO artists (id, artist_name) VALUES (0, 'Various Artists')",
    f"INSERT INTO artists SELECT n, 'Ártist ' || n FROM generate_series(1, {_ARTISTS}) AS n",
    "INSERT INTO library (id, artist_id, artist_name, album_title, legacy_release_id, code_volume_letters) "
    "SELECT n, 0, 'Various Artists', 'Sampler ' || n, n, 'Z' FROM generate_series(1, {rows}) AS n",
    "INSERT INTO compilation_track_artist (library_id, artist_name, track_title, track_position) "
    "SELECT one.library_id, one.artist_name, one.track_title, 'A1' FROM jsonb_to_recordset(%s) "
    "AS one (library_id integer, artist_name text, track_title text)",
    "ANALYZE",
)
_WRITTEN = """
    SELECT
        (SELECT ROW(count(*), sum(hashtextextended(CAST(ROW(
             id, track_artist_id, track_artist_link_confidence
         ) AS text), 0)))
         FROM compilation_track_artist WHERE track_artist_id IS NOT NULL),
        (SELECT ROW(count(*), sum(hashtextextended(CAST(ROW(
             library_id, artist_name, track_title, source, external_id, method, confidence
         ) AS text), 0)))
         FROM library_track_identity_source)
"""
_FIND_ARTIST = "SELECT id FROM artists WHERE fold_artist_name(artist_name) = fold_artist_name(%s)"
_LINK = """
    UPDATE compilation_track_artist
    SET track_artist_id = %s, track_artist_link_confidence = %s, track_artist_link_method = 'lml_backfill'
    WHERE library_id = %s AND artist_name = %s AND track_title = %s
      AND track_artist_link_method IS DISTINCT FROM 'librarian'
"""
_UPSERT_EVIDENCE = """
    INSERT INTO library_track_identity_source (
        library_id, artist_name, track_title, source, external_id, method, confidence, last_verified_at, notes
    ) VALUES (%s, %s, %s, %s, %s, %s, %s, now(), 'consumer:lml-bulk')
    ON CONFLICT (library_id, artist_name, coalesce(track_title, ''), (track_title IS NULL), source) DO UPDATE SET
        external_id = excluded.external_id, method = excluded.method, confidence = excluded.confidence,
        last_verified_at = excluded.last_verified_at
"""


def _tracks(library_id: int) -> list[dict[str, Any]]:
    places = range(_CREDITS + (library_id <= _MORE_CREDITS))
    return [_entry(library_id * _CREDITS + place, place) for place in places]


def _entry(number: int, place: int) -> dict[str, Any]:
    name = f"artist {number % _ARTISTS + 1}" if number % 10 else f"Guest {number}"
    source = {"source": "discogs", "method": "exact_match", "confidence": 1.0, "external_id": str(number)}
    return {
        "artist_name": name,
        "track_title": f"Track {place}",
        "track_position": "A1",
        "resolved_artist_name": name,
        "confidence": 1.0,
        "method": "exact_match",
        "sources": [source],
    }


def _answers(rows: int) -> Iterator[list[dict[str, Any]]]:
    for start in range(1, rows + 1, _ANSWERS):
        yield [
            {
                "library_id": library_id,
                "kind": "compilation",
                "provenance": [],
                "tracks_attempted": True,
                "tracks": _tracks(library_id),
            }
            for library_id in range(start, min(start + _ANSWERS, rows + 1))
        ]


def _fill(postgres: Server, rows: int) -> int:
    """A database with the releases, their credits and the stored answers. Returns the number of credits."""
    postgres.fresh_library(Catalogue((), (), frozenset()), STORED)
    credits = [
        {"library_id": one, "artist_name": entry["artist_name"], "track_title": entry["track_title"]}
        for one in range(1, rows + 1)
        for entry in _tracks(one)
    ]
    with closing(_plain.connect(postgres.dsn(STORED))) as connection, connection.cursor() as cursor:
        for statement in _FILL:
            given = (orjson.dumps(credits).decode(),) if "%s" in statement else None
            cursor.execute(statement.replace("{rows}", str(rows)), given)
        connection.commit()
    _ours.store_given_answers(postgres.settings(STORED), _answers(rows))
    return len(credits)


def _write_ours(postgres: Server) -> int:
    return recorded(lambda: _ours.write(postgres.settings(BACKEND)))


def _write_plain(postgres: Server) -> int:
    statements = 1
    with closing(_plain.connect(postgres.dsn(BACKEND))) as connection, connection.cursor() as cursor:
        cursor.execute(
            f"SELECT library_id, verdict FROM ({_ours.STORED_ANSWERS}) AS stored ORDER BY library_id"
        )
        for library_id, verdict in cursor.fetchall():
            statements += sum(_write_track(cursor, library_id, entry) for entry in verdict["tracks"])
            connection.commit()
    return statements


def _write_track(cursor: psycopg2.extensions.cursor, library_id: int, entry: dict[str, Any]) -> int:
    key = (library_id, entry["artist_name"], entry["track_title"])
    cursor.execute(_FIND_ARTIST, (entry["resolved_artist_name"],))
    found = cursor.fetchall()
    if len(found) == 1:
        cursor.execute(_LINK, (found[0][0], entry["confidence"], *key))
    for one in entry["sources"]:
        values = (*key, one["source"], one["external_id"], one["method"], one["confidence"])
        cursor.execute(_UPSERT_EVIDENCE, values)
    return 1 + (len(found) == 1) + len(entry["sources"])


def _write_floor(postgres: Server) -> int:
    with closing(_plain.connect(postgres.dsn(BACKEND))) as connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE TEMP VIEW answer AS {_ours.STORED_ANSWERS}")
        cursor.execute(_FLOOR)
        connection.commit()
    return _FLOOR_STATEMENTS


_PROGRAMS: dict[str, Callable[[Server], int]] = {
    "ours": _write_ours,
    "plain": _write_plain,
    "floor": _write_floor,
}


def _written(postgres: Server) -> tuple[object, ...]:
    with closing(_plain.connect(postgres.dsn(BACKEND))) as connection, connection.cursor() as cursor:
        cursor.execute(_WRITTEN)
        return tuple(cursor.fetchone() or ())


def _again(postgres: Server, rows: int) -> float:
    """The seconds of a second pass, in which LML gives the same answers and no credit changes."""
    settings = postgres.settings(BACKEND)
    _ours.make_stale(settings)
    _ours.store_given_answers(settings, _answers(rows))
    with measured_block(postgres) as measures:
        _ours.write(settings)
    return measures["seconds"]


def measure(postgres: Server, rows: int, repeat: int, programs: tuple[str, ...]) -> Report:
    """Run the benchmark."""
    credits = _fill(postgres, rows)
    runs: dict[str, list[dict[str, float]]] = {program: [] for program in programs}
    expected = None
    for _ in range(repeat):
        for program in programs:
            postgres.copy(STORED, BACKEND)
            with measured_block(postgres) as measures:
                statements = _PROGRAMS[program](postgres)
            found: dict[str, float] = {**measures, "statements": statements}
            found["transactions"] = postgres.transactions(BACKEND)
            written = _written(postgres)
            if expected not in (None, written):
                raise SystemExit(f"{program} wrote other rows than the program before: {written}, {expected}")
            expected = written
            if program == "ours":
                found["again_seconds"] = _again(postgres, rows)
            runs[program].append(found)
    return Report("tracks", rows, {}, runs, {"credits": credits})


def main() -> None:
    """Measure, print the table and write the JSON."""
    asked = with_programs(arguments(__doc__, rows=6_300, repeat=3)).parse_args()
    with server(asked.bindir, with_fsync=not asked.no_fsync) as postgres:
        report = measure(postgres, asked.rows, asked.repeat, asked.programs)
    finish(report, asked.json)


if __name__ == "__main__":
    main()
