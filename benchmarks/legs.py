"""How long each leg takes, gathering and writing: `python -m benchmarks.legs`.

Each repetition works on a fresh library and its discogs-cache (23,408 pairs go with 64,676 library rows). It
gathers and writes S1, then S3 beside it, then S3 again, when nothing is left to write. `floor` reads the
inputs of each leg once.
"""

import time
from collections.abc import Sequence
from contextlib import closing

import psycopg2

from benchmarks import _ours
from benchmarks._harness import Report, arguments, finish
from benchmarks._server import BACKEND, DISCOGS_CACHE, Server, server
from identity_assets.demo.catalogue import Catalogue, seeded_catalogue
from identity_assets.demo.discogs_cache import SeededCache, fill_discogs_cache, seeded_cache
from identity_assets.settings import Leg, Settings

PASSES = (("s1", Leg.S1), ("s3", Leg.S3), ("s3_again", Leg.S3))
_LIBRARY_OF = {
    Leg.S1: "SELECT id, canonical_entity_id FROM wxyc_schema.library WHERE canonical_entity_id IS NOT NULL",
    Leg.S3: "SELECT id, artist_name, album_title FROM wxyc_schema.library",
}
_CACHE = (
    "SELECT * FROM wxyc.flowsheet_match",
    "SELECT * FROM wxyc.release",
    "SELECT * FROM wxyc.release_artist",
)


def _legs_of_ours(settings: Settings) -> dict[str, float]:
    measures: dict[str, float] = {"seconds": 0.0}
    for name, leg in PASSES:
        began = time.monotonic()
        evidence = _ours.gather(settings, leg)
        gathered = time.monotonic()
        main_rows = _ours.write(settings, with_legs=True)
        ended = time.monotonic()
        if not evidence or bool(main_rows) != (name != "s3_again"):
            raise SystemExit(f"{name} found {evidence} rows of evidence and wrote {main_rows} main rows")
        measures |= {
            f"{name}_gathering_seconds": round(gathered - began, 3),
            f"{name}_writing_seconds": round(ended - gathered, 3),
            f"{name}_seconds": round(ended - began, 3),
        }
        measures["seconds"] = round(measures["seconds"] + ended - began, 3)
    return measures


def _floor(postgres: Server) -> dict[str, float]:
    measures: dict[str, float] = {"seconds": 0.0}
    for name, leg in PASSES:
        began = time.monotonic()
        _read(postgres.dsn(BACKEND), (_LIBRARY_OF[leg],))
        if leg is Leg.S3:
            _read(postgres.dsn(DISCOGS_CACHE), _CACHE)
        seconds = time.monotonic() - began
        measures[f"{name}_seconds"] = round(seconds, 3)
        measures["seconds"] = round(measures["seconds"] + seconds, 3)
    return measures


def _read(dsn: str, queries: Sequence[str]) -> None:
    with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as cursor:
        for query in queries:
            cursor.execute(query)
            cursor.fetchall()


def _repetition(postgres: Server, catalogue: Catalogue, cache: SeededCache) -> dict[str, dict[str, float]]:
    postgres.fresh_library(catalogue)
    postgres.postgres.create_database(DISCOGS_CACHE, fresh=True)
    fill_discogs_cache(postgres.dsn(DISCOGS_CACHE), cache)
    discogs = postgres.settings(DISCOGS_CACHE).database_url
    floor = _floor(postgres)
    return {"ours": _legs_of_ours(postgres.settings(BACKEND, database_url_discogs=discogs)), "floor": floor}


def measure(postgres: Server, rows: int, repeat: int) -> Report:
    """Run the benchmark."""
    catalogue = seeded_catalogue(rows)
    cache = seeded_cache(catalogue)
    repetitions = [_repetition(postgres, catalogue, cache) for _ in range(repeat)]
    runs = {program: [one[program] for one in repetitions] for program in ("ours", "floor")}
    return Report("legs", rows, {}, runs, {"pairs": len(cache.pairs)})


def main() -> None:
    """Measure, print the table and write the JSON."""
    asked = arguments(__doc__, rows=64_676, repeat=3).parse_args()
    with server(asked.bindir, with_fsync=not asked.no_fsync) as postgres:
        report = measure(postgres, asked.rows, asked.repeat)
    finish(report, asked.json)


if __name__ == "__main__":
    main()
