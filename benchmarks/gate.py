"""How long the gate takes beside its plain definition: `python benchmarks/gate.py [--rows N] [--repeat N]`.

A seeded library stands in an embedded PostgreSQL, 45% of it with main rows, most of the rest in the sidecar or with
an outcome in the ledger. The whole report (`read_gate`, with reasons, artists and advice) and the four figures of
gate_plain.sql are read in turn, in the same server; their figures must be equal.
"""

import argparse
import json
import statistics
import time
from collections.abc import Mapping
from pathlib import Path

from sqlalchemy import make_url, text

from identity_assets.backend.database import Database
from identity_assets.backend.reports.gate import read_gate
from identity_assets.demo.catalogue import seeded_catalogue
from identity_assets.demo.postgres import EmbeddedPostgres
from identity_assets.demo.station import fill_backend
from identity_assets.settings import Settings

PLAIN = (Path(__file__).parent / "gate_plain.sql").read_text(encoding="utf-8")

# What LML finds goes by artist, so rows are resolved by artist, but for a few of each. Some are inherited, some weak.
FILL = (
    """
    INSERT INTO library_identity (library_id, method, confidence, last_verified_at)
    SELECT
        id,
        CASE WHEN id % 20 = 0 THEN 'inherited' WHEN id % 25 = 1 THEN 'llm' ELSE 'exact_match' END,
        CASE WHEN id % 25 = 1 THEN 0.65 ELSE 1 END,
        now()
    FROM library
    WHERE artist_id % 100 < 40 OR id % 100 < 8
    ORDER BY id
    """,
    """
    INSERT INTO library_unresolved (library_id, kind, attempted_at, attempts, first_attempted_at)
    SELECT
        id, CASE WHEN code_volume_letters LIKE 'Z%' THEN 'compilation' ELSE 'unresolved' END, now(), 1, now()
    FROM library
    WHERE artist_id % 100 BETWEEN 40 AND 89 AND id % 100 >= 8
    ORDER BY id
    """,
    """
    INSERT INTO candidate_library (
        library_id, scope, cohort, reason, artist_name, album_title, selected_at, run_id, answers_since, outcome
    )
    SELECT
        library.id, 'full', 'non_va', 'never_asked', library.artist_name, library.album_title, now(), 'run', now(),
        CASE WHEN main.library_id IS NOT NULL THEN 'resolved' ELSE coalesce(attempt.kind, 'lml_error') END
    FROM library
    LEFT JOIN library_identity AS main ON main.library_id = library.id
    LEFT JOIN library_unresolved AS attempt ON attempt.library_id = library.id
    WHERE library.artist_id % 100 < 95
    ORDER BY library.id
    """,
    "ANALYZE library_identity",
    "ANALYZE library_unresolved",
    "ANALYZE candidate_library",
)


def read_plain(database: Database) -> dict[str, int]:
    """The four figures by the plain definition."""
    with database.transaction() as connection:
        return dict(connection.execute(text(PLAIN)).mappings().one())


def fill(database: Database) -> None:
    """Main rows, the sidecar and the ledger, in sets."""
    for statement in FILL:
        with database.transaction() as connection:
            connection.execute(text(statement))


def measure(database: Database, repeat: int) -> tuple[Mapping[str, list[float]], Mapping[str, int]]:
    """Seconds of each, read in turn after one reading of each that does not count; and the figures."""
    seconds: dict[str, list[float]] = {"gate": [], "plain": []}
    for number in range(repeat + 1):
        began = time.perf_counter()
        report = read_gate(database, 1000).as_dict()
        between = time.perf_counter()
        plain = read_plain(database)
        ended = time.perf_counter()
        if plain != {name: report[name] for name in plain}:
            raise SystemExit(f"the figures differ: {plain} by the plain definition, {report} by the gate")
        if number:
            seconds["gate"].append(round(between - began, 4))
            seconds["plain"].append(round(ended - between, 4))
    return seconds, plain


def main() -> None:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=646_760)
    parser.add_argument("--repeat", type=int, default=7)
    asked = parser.parse_args()
    with EmbeddedPostgres() as postgres:
        postgres.create_database("backend")
        settings = Settings(database_url=make_url(postgres.url("backend")))
        fill_backend(settings, seeded_catalogue(asked.rows))
        with Database(settings, "benchmark") as database:
            fill(database)
            seconds, figures = measure(database, asked.repeat)
    medians = {name: round(statistics.median(runs), 4) for name, runs in seconds.items()}
    ratio = round(medians["gate"] / medians["plain"], 3)
    print(
        json.dumps(
            {
                "rows": asked.rows,
                "figures": figures,
                "seconds": seconds,
                "median_seconds": medians,
                "ratio": ratio,
            },
            indent=1,
        )
    )


if __name__ == "__main__":
    main()
