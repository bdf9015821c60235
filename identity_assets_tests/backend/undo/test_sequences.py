"""Random sequences of runs with and without legs, replays and people's edits, taken back in the reverse order.

Each step back gives the identity tables back byte for byte, except the library rows that a person edited since.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from identity_assets.backend.undo.by_run import Writes, plan_unwind, unwind
from identity_assets.backend.writing.replay import replay
from identity_assets.backend.writing.verdicts import write_verdicts
from identity_assets.settings import Leg
from identity_assets_tests.legs.support import evidence, forget
from identity_assets_tests.support import EVERY_BUCKET, Shelf, nothing, provenance, single_artist

ROWS = 5
TABLES = ("library_identity", "library_identity_source", "library_unresolved", "leg_filled")
EDITS = (
    "UPDATE library_identity SET method = 'manual', confidence = 1, notes = 'Ann' WHERE library_id = :id",
    "UPDATE library_identity SET wikidata_qid = 'Q0' WHERE library_id = :id",
    "UPDATE library_identity_source SET external_id = 'edited' WHERE library_id = :id",
    "DELETE FROM library_identity_source WHERE library_id = :id",
    "DELETE FROM library_identity WHERE library_id = :id",
    "DELETE FROM library_unresolved WHERE library_id = :id",
)

Rows = dict[int, list[tuple[str, ...]]]

VERDICT = st.sampled_from(["one", "another", "fewer sources", "unresolved", "compilation", "nothing said"])
ENTITY = st.sampled_from([None, "release 5", "release 6", "master 7"])
STEP = st.one_of(
    st.tuples(
        st.just("run"), st.lists(VERDICT, min_size=ROWS, max_size=ROWS), st.booleans(),
        st.lists(st.tuples(ENTITY, ENTITY), min_size=ROWS, max_size=ROWS),
    ),
    st.tuples(st.just("replay")),
    st.tuples(st.just("edit"), st.integers(0, ROWS - 1), st.sampled_from(EDITS)),
)  # fmt: skip


@dataclass
class Step:
    """A step that can be taken back, and what stood before it."""

    run_id: str
    before: Rows
    edited_since: dict[int, set[str]] = field(default_factory=dict)

    def note_edit(self, library_id: int, table: str) -> None:
        self.edited_since.setdefault(library_id, set()).add(table)


def snapshot(shelf: Shelf) -> Rows:
    """Every row of the identity tables, by library row."""
    rows: Rows = {}
    for table in TABLES:
        for row in shelf.rows(f"SELECT library_id, to_jsonb({table}) AS row FROM {table}"):
            rows.setdefault(row["library_id"], []).append((table, str(sorted(row["row"].items()))))
    return {library_id: sorted(held) for library_id, held in rows.items()}


def rows_of(rows: Rows, library_id: int, table: str) -> list[tuple[str, ...]]:
    return [row for row in rows.get(library_id, []) if row[0] == table]


def result_of(library_id: int, verdict: str) -> dict[str, Any] | None:
    results: dict[str, Callable[[], dict[str, Any] | None]] = {
        "one": lambda: single_artist(library_id),
        "another": lambda: single_artist(library_id, main={"wikidata_qid": "Q7"}, confidence=0.99),
        "fewer sources": lambda: single_artist(
            library_id, provenance=[provenance("discogs", "exact_match", 1.0, "other")]
        ),
        "unresolved": lambda: nothing(library_id),
        "compilation": lambda: nothing(library_id, "compilation"),
        "nothing said": lambda: None,
    }
    return results[verdict]()


def run(shelf: Shelf, ids: list[int], step: tuple[Any, ...], run_id: str) -> None:
    _, verdicts, with_legs, entities = step
    for library_id, pair in zip(ids, entities, strict=True):
        for leg, entity in zip(Leg, pair, strict=True):
            forget(shelf, library_id, leg)
            if entity is not None:
                evidence(shelf, library_id, leg, entity)
    shelf.select(run_id=run_id)
    open_ids = [one for one, outcome in shelf.outcomes().items() if outcome is None]
    said = [result_of(one, verdict) for one, verdict in zip(ids, verdicts, strict=True) if one in open_ids]
    if answers := [one for one in said if one is not None]:
        shelf.answer(*answers, run_id=run_id)
    chosen = replace(shelf.settings, writer_chunk_rows=2)
    write_verdicts(shelf.database, EVERY_BUCKET, chosen, run_id, with_legs=with_legs)


@pytest.mark.promise("unwind")
@given(steps=st.lists(STEP, min_size=3, max_size=7))
@hypothesis_settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_steps_taken_back_in_reverse_order_give_back_byte_for_byte_what_stood_before(
    shelf: Shelf, steps: list[tuple[Any, ...]]
) -> None:
    shelf.empty()
    # Windows of no days: everything is due again in each run.
    shelf.settings = replace(shelf.settings, stale_threshold_days=0, unresolved_retry_days=0)
    ids = shelf.put_many([f"Artist {number}" for number in range(ROWS)])
    taken: list[Step] = []
    for number, step in enumerate(steps):
        run_id, before = f"step-{number}", snapshot(shelf)
        if step[0] == "edit":
            shelf.run(step[2], id=ids[step[1]])
            if snapshot(shelf) != before:
                table = next(one for one in reversed(TABLES) if f" {one} " in step[2])
                for one in taken:
                    one.note_edit(ids[step[1]], table)
            continue
        if step[0] == "replay":
            replay(shelf.database, EVERY_BUCKET, shelf.settings, run_id=run_id)
        else:
            run(shelf, ids, step, run_id)
        taken.append(Step(run_id, before))
    for one in reversed(taken):
        stands = snapshot(shelf)
        writes = Writes({one.run_id: None})
        planned = plan_unwind(shelf.database, writes, 2)
        assert unwind(shelf.database, writes, 2) == planned
        after = snapshot(shelf)
        for library_id in ids:
            if library_id in one.edited_since:
                for table in one.edited_since[library_id]:
                    assert rows_of(after, library_id, table) == rows_of(stands, library_id, table)
            else:
                assert after.get(library_id) == one.before.get(library_id)
