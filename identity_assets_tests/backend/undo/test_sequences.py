"""Random sequences of runs with and without legs, replays and people's edits, taken back in the reverse order.

Each step back gives the identity tables back byte for byte, except the library rows that a person edited since.
"""

from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from identity_assets.backend.undo.by_run import Writes, plan_unwind, unwind
from identity_assets.backend.writing.replay import replay
from identity_assets_tests.backend.walks import Rows, run, snapshot
from identity_assets_tests.support import EVERY_BUCKET, Shelf

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


def rows_of(rows: Rows, library_id: int, table: str) -> list[tuple[str, ...]]:
    return [row for row in rows.get(library_id, []) if row[0] == table]


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
        run_id, before = f"step-{number}", snapshot(shelf, TABLES)
        if step[0] == "edit":
            shelf.run(step[2], id=ids[step[1]])
            if snapshot(shelf, TABLES) != before:
                table = next(one for one in reversed(TABLES) if f" {one} " in step[2])
                for one in taken:
                    one.note_edit(ids[step[1]], table)
            continue
        if step[0] == "replay":
            replay(shelf.database, EVERY_BUCKET, shelf.settings, run_id=run_id)
        else:
            _, verdicts, with_legs, entities = step
            found = [(*pair, False) for pair in entities]
            run(shelf, ids, verdicts, found, run_id, with_legs=with_legs)
        taken.append(Step(run_id, before))
    for one in reversed(taken):
        stands = snapshot(shelf, TABLES)
        writes = Writes({one.run_id: None})
        planned = plan_unwind(shelf.database, writes, 2)
        assert unwind(shelf.database, writes, 2) == planned
        after = snapshot(shelf, TABLES)
        for library_id in ids:
            if library_id in one.edited_since:
                for table in one.edited_since[library_id]:
                    assert rows_of(after, library_id, table) == rows_of(stands, library_id, table)
            else:
                assert after.get(library_id) == one.before.get(library_id)
