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
from identity_assets.backend.writing.verdicts import write_verdicts
from identity_assets.settings import Leg
from identity_assets_tests.legs.support import evidence, forget
from identity_assets_tests.support import EVERY_BUCKET, Shelf, nothing, provenance, single_artist

ROWS = 3
TABLES = ("library_identity", "library_identity_source", "library_unresolved", "leg_filled", "correction")

Rows = dict[int, list[tuple[str, str]]]

VERDICT = st.sampled_from(["one", "another", "release", "unresolved", "nothing said"])
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


def snapshot(shelf: Shelf) -> Rows:
    """Every row of the identity tables, by library row."""
    rows: Rows = {}
    for table in TABLES:
        for row in shelf.rows(f"SELECT library_id, to_jsonb({table}) AS row FROM {table}"):
            rows.setdefault(row["library_id"], []).append((table, str(sorted(row["row"].items()))))
    return {library_id: sorted(held) for library_id, held in rows.items()}


def result_of(library_id: int, verdict: str) -> dict[str, Any] | None:
    return {
        "one": single_artist(library_id),
        "another": single_artist(library_id, main={"wikidata_qid": "Q7"}, confidence=0.99),
        "release": single_artist(library_id, provenance=[provenance("discogs", "exact_match", 1.0, "other")]),
        "unresolved": nothing(library_id),
        "nothing said": None,
    }[verdict]


def write(shelf: Shelf, run_id: str) -> None:
    chosen = replace(shelf.settings, writer_chunk_rows=2)
    write_verdicts(shelf.database, EVERY_BUCKET, chosen, run_id, with_legs=True)


def run(shelf: Shelf, ids: list[int], verdicts: list[str], entities: list[Any], run_id: str) -> None:
    for library_id, (first, second, ambiguous) in zip(ids, entities, strict=True):
        for leg, entity in zip(Leg, (first, second), strict=True):
            forget(shelf, library_id, leg)
            if entity is not None:
                evidence(shelf, library_id, leg, entity, ambiguous=ambiguous and leg == Leg.S3)
    shelf.select(run_id=run_id)
    open_ids = [one for one, outcome in shelf.outcomes().items() if outcome is None]
    said = [result_of(one, verdict) for one, verdict in zip(ids, verdicts, strict=True) if one in open_ids]
    if answers := [one for one in said if one is not None]:
        shelf.answer(*answers, run_id=run_id)
    write(shelf, run_id)


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
        run_id, before = f"step-{number}", snapshot(shelf)
        if step[0] == "decide":
            if not decide(shelf, ids[step[1]], step[2], run_id):
                continue
            decided = snapshot(shelf)
            write(shelf, f"idle-{number}")
            assert snapshot(shelf) == decided, "a run without news changes what a decision left"
        else:
            run(shelf, ids, step[1], step[2], run_id)
        taken.append((run_id, before))
    for run_id, before in reversed(taken):
        writes = Writes({run_id: None})
        planned = plan_unwind(shelf.database, writes, 2)
        assert planned.left_alone == ()
        assert unwind(shelf.database, writes, 2) == planned
        assert snapshot(shelf) == before
