"""Random sequences of runs with the legs and people's decisions, taken back in the reverse order."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from identity_assets.backend.undo.by_run import Writes, plan_unwind, unwind
from identity_assets.backend.writing.corrections import problems_of, write_decisions
from identity_assets.backend.writing.decisions import Decision, DecisionKind
from identity_assets_tests.backend.walks import Rows, run, snapshot, write
from identity_assets_tests.support import Shelf

ROWS = 3
TABLES = ("library_identity", "library_identity_source", "library_unresolved", "leg_filled", "correction")

VERDICT = st.sampled_from(["one", "another", "fewer sources", "unresolved", "nothing said"])
ENTITY = st.sampled_from([None, "release 5", "release 6", "master 7"])
Choice = tuple[str, dict[str, str] | None, str | None]
DECISIONS: list[Choice] = [
    ("correct", {"wikidata": "Q9"}, None),
    ("correct", {"discogs_release": "5"}, None),
    ("correct", {"discogs": "8", "discogs_master": "7"}, None),
    ("none", None, None),
    ("reject", None, None),
    ("reject", {"discogs_release": "5"}, None),
    ("reject", {"discogs_release": "6"}, "discogs_release"),
    ("reject", {"wikidata": "Q7", "discogs_master": "7"}, None),
    *(("reject", None, source) for source in ("discogs_release", "discogs_master", "wikidata", "discogs")),
]
STEP = st.one_of(
    st.tuples(
        st.just("run"),
        st.lists(VERDICT, min_size=ROWS, max_size=ROWS),
        st.lists(st.tuples(ENTITY, ENTITY, st.booleans()), min_size=ROWS, max_size=ROWS),
    ),
    st.tuples(st.just("decide"), st.integers(0, ROWS - 1), st.sampled_from(DECISIONS)),
)


def decide(shelf: Shelf, library_id: int, choice: Choice, run_id: str) -> bool:
    kind, ids, source = choice
    decision = Decision(library_id, DecisionKind(kind), "bob", ids, source)
    if problems_of(shelf.database, [decision]) != [None]:
        return False
    write_decisions(shelf.database, [decision], shelf.settings, run_id)
    return True


@pytest.mark.promise("unwind")
@given(steps=st.lists(STEP, min_size=2, max_size=8))
@hypothesis_settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_decisions_among_runs_with_legs_are_settled_at_once_and_are_taken_back_byte_for_byte(
    shelf: Shelf, steps: list[tuple[Any, ...]]
) -> None:
    shelf.empty()
    # Windows of no days: everything is due again in each run.
    shelf.settings = replace(shelf.settings, stale_threshold_days=0, unresolved_retry_days=0)
    ids = shelf.put_many([f"Artist {number}" for number in range(ROWS)])
    taken: list[tuple[str, Rows]] = []
    for number, step in enumerate(steps):
        run_id, before = f"step-{number}", snapshot(shelf, TABLES)
        if step[0] == "decide":
            if not decide(shelf, ids[step[1]], step[2], run_id):
                continue
            decided = snapshot(shelf, TABLES)
            write(shelf, f"idle-{number}")
            assert snapshot(shelf, TABLES) == decided, "a run without news changes what a decision left"
        else:
            run(shelf, ids, step[1], step[2], run_id)
        taken.append((run_id, before))
    for run_id, before in reversed(taken):
        writes = Writes({run_id: None})
        planned = plan_unwind(shelf.database, writes, 2)
        assert planned.left_alone == ()
        assert unwind(shelf.database, writes, 2) == planned
        assert snapshot(shelf, TABLES) == before
