"""How long each leg takes, gathering and writing: `python -m benchmarks.legs`.

Each repetition works on a fresh library and its discogs-cache (23,408 pairs go with 64,676 library rows). It
gathers and writes S1, then S3 beside it, then S3 again, when nothing is left to write. `floor` reads the
inputs of each leg once.
"""

import time
from collections.abc import Sequence
from contextlib import closing

import psycopg2

from benchmarks._harness import Report, arguments, finish
from benchmarks._ours import RUN_ID, every_bucket
from benchmarks._server import BACKEND, DISCOGS_CACHE, Server, server
from identity_assets.backend.database import Database
from identity_assets.backend.writing.verdicts import Written, write_verdicts
from identity_assets.demo.catalogue import Catalogue, seeded_catalogue
from identity_assets.demo.discogs_cache import SeededCache, fill_discogs_cache, seeded_cache
from identity_assets.gathering import gather_and_store
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


def _one_leg(database: Database, settings: Settings, leg: Leg) -> tuple[float, float, Written]:
    """Seconds to gather, seconds to write, and what was written."""
    buckets = every_bucket(settings.library_partitions)
    began = time.monotonic()
    gathered, _ = gather_and_store(leg, database, settings, buckets, RUN_ID)
    gathered_at = time.monotonic()
    written = write_verdicts(
        database, buckets, settings.writer_chunk_rows, RUN_ID, lambda _rows: None, with_legs=True
    )
    ended = time.monotonic()
    if not gathered.evidence:
        raise SystemExit(f"{leg} found no evidence")
    return gathered_at - began, ended - gathered_at, sum(written.values(), Written())


def _ours(settings: Settings) -> dict[str, float]:
    measures: dict[str, float] = {"seconds": 0.0}
    with Database(settings, RUN_ID) as database:
        for name, leg in PASSES:
            gathering, writing, written = _one_leg(database, settings, leg)
            if bool(written.main_rows_written) != (name != "s3_again"):
                raise SystemExit(f"{name} did not write what it had to write: {written}")
            measures |= {
                f"{name}_gathering_seconds": round(gathering, 3),
                f"{name}_writing_seconds": round(writing, 3),
                f"{name}_seconds": round(gathering + writing, 3),
            }
            measures["seconds"] = round(measures["seconds"] + gathering + writing, 3)
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
    return {"ours": _ours(postgres.settings(BACKEND, database_url_discogs=discogs)), "floor": floor}


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
    with server(with_fsync=not asked.no_fsync) as postgres:
        report = measure(postgres, asked.rows, asked.repeat)
    finish(report, asked.json)


if __name__ == "__main__":
    main()
