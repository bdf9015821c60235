"""How long each leg takes, gathering and writing: `python benchmarks/legs.py [--rows N] [--repeat N]`.

Each repetition fills a new library and its discogs-cache (64,676 library rows go with 23,408 pairs) in an embedded
PostgreSQL, then gathers and writes S1, and then S3 beside it; and once more, when there is nothing left to write.
Printed is one JSON object: the seconds of each repetition, and their medians.
"""

import argparse
import json
import statistics
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from sqlalchemy import make_url

from identity_assets.backend.database import Database
from identity_assets.backend.writing.verdicts import write_verdicts
from identity_assets.backend.writing.written import Written
from identity_assets.demo.catalogue import Catalogue, seeded_catalogue
from identity_assets.demo.discogs_cache import fill_discogs_cache, seeded_cache
from identity_assets.demo.postgres import EmbeddedPostgres
from identity_assets.demo.station import fill_backend, libpq_dsn
from identity_assets.gathering import gather_and_store
from identity_assets.partition_keys import Buckets
from identity_assets.settings import Leg, Settings

PARTITIONS = 16
EVERY_BUCKET = Buckets(PARTITIONS, tuple(range(PARTITIONS)))


def measure(postgres: EmbeddedPostgres, catalogue: Catalogue) -> dict[str, float]:
    """One repetition: seconds to gather and to write, by leg."""
    for name in ("backend", "discogs_cache"):
        postgres.create_database(name, fresh=True)
    settings = replace(
        Settings(),
        database_url=make_url(postgres.url("backend")),
        database_url_discogs=make_url(postgres.url("discogs_cache")),
    )
    fill_backend(settings, catalogue)
    fill_discogs_cache(libpq_dsn(settings.require_database_url_discogs()), seeded_cache(catalogue))
    seconds: dict[str, float] = {}
    with Database(settings, "benchmark") as database:
        for name, leg in (("S1", Leg.S1), ("S3", Leg.S3), ("S3 again", Leg.S3)):
            began = time.monotonic()
            gathered, _stored = gather_and_store(leg, database, settings, EVERY_BUCKET, "benchmark")
            gathered_at = time.monotonic()
            written = write_verdicts(
                database, EVERY_BUCKET, settings.writer_chunk_rows, "run", lambda _rows: None, with_legs=True
            )
            ended = time.monotonic()
            total = sum(written.values(), Written())
            if not gathered.evidence or bool(total.main_rows_written) != (name != "S3 again"):
                raise SystemExit(f"{name} did not write what it had to: {total}")
            seconds |= {
                f"{name}: gathering": round(gathered_at - began, 3),
                f"{name}: writing": round(ended - gathered_at, 3),
                f"{name}: both": round(ended - began, 3),
            }
    return seconds


def main() -> None:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=64_676)
    parser.add_argument("--repeat", type=int, default=3)
    asked = parser.parse_args()
    catalogue = seeded_catalogue(asked.rows)
    with tempfile.TemporaryDirectory() as home, EmbeddedPostgres(Path(home) / "postgres") as postgres:
        runs = [measure(postgres, catalogue) for _ in range(asked.repeat)]
    medians = {name: statistics.median(run[name] for run in runs) for name in runs[0]}
    print(json.dumps({"rows": asked.rows, "runs": runs, "median": medians}, indent=1))


if __name__ == "__main__":
    main()
