"""How long the gate report takes: `python -m benchmarks.gate`.

A seeded library stands in an embedded PostgreSQL. 45% of its rows have main rows. Most of the others are in
the sidecar, or have an outcome in the ledger. `ours` is the whole report (`read_gate`, with reasons, artists
and advice). `plain` is the gate's definition word for word (gate_plain.sql). `floor` joins the two tables
once and counts. `ours` and `plain` must give the same four figures.
"""

import time
from collections.abc import Callable, Mapping
from pathlib import Path

from sqlalchemy import text

from benchmarks._harness import Report, arguments, finish
from benchmarks._server import Server, server
from identity_assets.backend.database import Database
from identity_assets.backend.reports.gate import read_gate
from identity_assets.demo.catalogue import seeded_catalogue

PLAIN = (Path(__file__).parent / "gate_plain.sql").read_text(encoding="utf-8")
FLOOR = """
    SELECT count(*), count(main.library_id), count(*) FILTER (WHERE main.confidence < 0.7)
    FROM library
    LEFT JOIN library_identity AS main ON main.library_id = library.id
"""

# LML's answer depends on the artist, so most artists are resolved or unresolved as a whole. Some rows are inherited,
# and some have a low confidence.
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


def fill(database: Database) -> None:
    """Main rows, the sidecar and the ledger, in sets."""
    for statement in FILL:
        with database.transaction() as connection:
            connection.execute(text(statement))


def _query(database: Database, query: str) -> Mapping[str, object]:
    with database.transaction() as connection:
        return dict(connection.execute(text(query)).mappings().one())


def _seconds(work: Callable[[], Mapping[str, object]]) -> tuple[float, Mapping[str, object]]:
    began = time.perf_counter()
    result = work()
    return round(time.perf_counter() - began, 4), result


def measure(postgres: Server, rows: int, repeat: int) -> Report:
    """Run the benchmark. The first repetition warms the caches and does not count."""
    runs: dict[str, list[dict[str, float]]] = {"ours": [], "plain": [], "floor": []}
    settings = postgres.settings(postgres.fresh_library(seeded_catalogue(rows)))
    with Database(settings, "benchmark") as database:
        fill(database)
        for number in range(repeat + 1):
            ours, report = _seconds(lambda: read_gate(database, settings.gate_threshold).as_dict())
            plain, figures = _seconds(lambda: _query(database, PLAIN))
            floor, _ = _seconds(lambda: _query(database, FLOOR))
            if figures != {name: report[name] for name in figures}:
                raise SystemExit(f"the figures differ: {figures} by the definition, {report} by the gate")
            if number:
                for program, seconds in (("ours", ours), ("plain", plain), ("floor", floor)):
                    runs[program].append({"seconds": seconds})
    return Report("gate", rows, {}, runs, {"figures": dict(figures)})


def main() -> None:
    """Measure, print the table and write the JSON."""
    asked = arguments(__doc__, rows=646_760, repeat=7).parse_args()
    with server(asked.bindir, with_fsync=not asked.no_fsync) as postgres:
        report = measure(postgres, asked.rows, asked.repeat)
    finish(report, asked.json)


if __name__ == "__main__":
    main()
