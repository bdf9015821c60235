"""What a chunk costs does not depend on the size of the library: no statement of it reads far beyond its own rows."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Connection

from benchmarks._statements import Names, is_explainable
from identity_assets.backend.reports import changes_of_run as changes_report
from identity_assets.backend.undo.by_run import Writes, unwind
from identity_assets.backend.undo.by_writer import unwind_notes
from identity_assets.backend.writing.corrections import write_decisions
from identity_assets.backend.writing.decisions import Decision, DecisionKind
from identity_assets.backend.writing.replay import replay
from identity_assets.backend.writing.verdicts import LML_BULK, write_verdicts
from identity_assets_tests.support import EVERY_BUCKET, Shelf, before_each_statement, nothing, single_artist

LIBRARY_ROWS = 6_000
CHUNK_ROWS = 100
FEW_ROWS = 12 * CHUNK_ROWS
"""A library row of this test has up to three source rows, and an index may be read a little beyond the chunk."""


def rows_read(plan: dict[str, Any]) -> int:
    """The most rows that an executed plan has read from one table in one place."""
    own = plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0) if "Relation Name" in plan else 0
    return max([int(own * plan["Actual Loops"]), *map(rows_read, plan.get("Plans", ()))])


@contextmanager
def most_rows_read() -> Iterator[Counter[str]]:
    """By statement, the most rows that a node of its plan reads in any chunk. Each is executed twice."""
    most, names = Counter[str](), Names()

    def explain(
        connection: Connection, _cursor: object, statement: str, parameters: Any, _context: Any, _many: bool
    ) -> None:
        # Only the statements of chunks have both ends of a range.
        if "first_id" not in parameters or not is_explainable(statement):
            return
        cursor = connection.connection.cursor()
        cursor.execute("SAVEPOINT explained")
        cursor.execute("EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) " + statement, parameters)
        [[[found]]] = cursor.fetchall()
        cursor.execute("ROLLBACK TO SAVEPOINT explained")
        name = names.of(statement)
        most[name] = max(most[name], rows_read(found["Plan"]))

    with before_each_statement(explain):
        yield most


@pytest.mark.long
def test_no_statement_of_a_chunk_reads_far_beyond_its_rows(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hash join reads both of its sides as a whole, so each side needs the ends of the range."""
    monkeypatch.setattr(changes_report, "READ_AT_ONCE", CHUNK_ROWS)
    shelf.put()
    shelf.run(
        "INSERT INTO library (artist_id, artist_name, album_title, legacy_release_id, canonical_entity_id) "
        "SELECT 1, 'Artist ' || n, 'Album', n, 'discogs_release:' || n FROM generate_series(2, :rows) AS n",
        rows=LIBRARY_ROWS,
    )
    ids = [row["id"] for row in shelf.rows("SELECT id FROM library ORDER BY id")]
    settings = replace(shelf.settings, writer_chunk_rows=CHUNK_ROWS)
    shelf.run(
        "INSERT INTO leg_evidence (library_id, leg, source, external_id, method, confidence, verified_at, run_id, "
        "canonical_entity_id) SELECT id, 'S1', 'discogs_release', id, 'exact_match', 1, now(), 'run', "
        "canonical_entity_id FROM library WHERE canonical_entity_id IS NOT NULL"
    )
    with most_rows_read() as most:
        for run_id in ("first", "second"):
            shelf.select(run_id=run_id)
            shelf.answer(*(single_artist(n) if n % 3 else nothing(n) for n in ids), run_id=run_id)
            write_verdicts(shelf.database, EVERY_BUCKET, settings, run_id, with_legs=True)
            shelf.run("ANALYZE")
            shelf.age(100)
        replay(shelf.database, EVERY_BUCKET, settings, run_id="replayed")
        assert len(list(changes_report.changes_of_run(shelf.database, "second"))) == LIBRARY_ROWS
        unwind(shelf.database, Writes({"second": None}), CHUNK_ROWS)
        decisions = [Decision(n, DecisionKind.correct, "bob", {"wikidata": "Q9"}) for n in ids[-CHUNK_ROWS:]]
        write_decisions(shelf.database, decisions, settings, "decided")
        unwind(shelf.database, Writes({"decided": None}), CHUNK_ROWS)
        unwind_notes(shelf.database, LML_BULK, CHUNK_ROWS, run_id="taken back")
    assert len(most) > 15
    assert {name: rows for name, rows in most.items() if rows > FEW_ROWS} == {}
