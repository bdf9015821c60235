"""The tables of this project over more than a year, in which LML says something new about each row every week.

The tables of Dagster are in deploy/test_event_log_retention.py.
"""

from datetime import UTC, datetime, timedelta

import pytest

from identity_assets_tests.soak.clock import clock_of
from identity_assets_tests.support import Shelf, single_artist

ROWS = 20
WEEKS = 60
# With the defaults: UNWIND_DAYS is 30 and VERDICT_HISTORY_DAYS is 365.
WEEKS_IN_JOURNAL, WEEKS_OF_ANSWERS = 5, 53
TABLES = (
    "candidate_library",
    "lml_verdict",
    "lml_verdict_state",
    "lml_verdict_history",
    "library_unresolved",
)


@pytest.mark.promise("growth", cases=WEEKS)
def test_in_a_year_of_passes_the_tables_grow_until_their_windows_have_passed(shelf: Shelf) -> None:
    ids = shelf.put_many([f"Artist {number}" for number in range(ROWS)])
    first = datetime(2027, 1, 4, 10, tzinfo=UTC)
    with clock_of(shelf) as clock:
        for week in range(WEEKS):
            # A minute later each week, so that the window of the last answer has passed.
            clock.set(first + timedelta(weeks=week, minutes=week))
            run_id = f"week {week}"
            assert shelf.select(run_id=run_id) == ROWS
            names = {"discogs_artist_id": week + 1}
            shelf.answer(*(single_artist(one, main=names) for one in ids), run_id=run_id)
            shelf.write(run_id=run_id)

            counts = {name: shelf.rows(f"SELECT count(*) AS rows FROM {name}")[0]["rows"] for name in TABLES}
            assert counts == {
                "candidate_library": ROWS,
                "lml_verdict": ROWS,
                "lml_verdict_state": ROWS,
                "lml_verdict_history": ROWS * min(week, WEEKS_OF_ANSWERS),
                "library_unresolved": 0,
            }
            kept = shelf.rows("SELECT DISTINCT run_id FROM journal_chunk")
            weeks_kept = range(max(0, week - WEEKS_IN_JOURNAL + 1), week + 1)
            assert {one["run_id"] for one in kept} == {f"week {one}" for one in weeks_kept}
            [images] = shelf.rows("SELECT count(DISTINCT chunk_id) AS chunks FROM journal_image")
            assert images["chunks"] <= 2 * WEEKS_IN_JOURNAL
            [history] = shelf.rows("SELECT count(*) AS rows FROM library_identity_history")
            assert history["rows"] == ROWS * week
