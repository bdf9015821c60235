"""The clock of the database went back a day between two runs: both can be taken back, the later one first."""

from identity_assets.backend.undo.by_run import Writes, unwind
from identity_assets_tests.support import Shelf, nothing, single_artist


def write_as_of_tomorrow(shelf: Shelf, *results: dict[str, object]) -> None:
    """A pass of the run `first` whose clock is a day ahead."""
    shelf.select(run_id="first")
    shelf.run("UPDATE candidate_library SET selected_at = now() + interval '1 day', answers_since = now()")
    shelf.answer(*results, run_id="first")
    shelf.write(run_id="first")
    shelf.run("UPDATE journal_chunk SET written_at = written_at + interval '1 day'")


def test_both_runs_are_taken_back_and_nothing_is_left_alone(shelf: Shelf) -> None:
    known, other = shelf.put("Anna Nyberg"), shelf.put("Nobody")
    before = shelf.tables()
    write_as_of_tomorrow(shelf, single_artist(known), nothing(other))
    after_first = shelf.tables()
    assert shelf.rows("SELECT 1 FROM library_identity WHERE last_verified_at > now() + interval '23 hours'")

    shelf.run("UPDATE library SET album_title = album_title || ' (new)'")
    assert shelf.select(run_id="second") == 2
    shelf.answer(nothing(known), single_artist(other), run_id="second")
    shelf.write(run_id="second")
    assert shelf.tables() != after_first

    too_early = unwind(shelf.database, Writes({"first": None}), 100)
    assert (too_early.rows, dict(too_early.reasons())) == (0, {"written_again": 2})
    for run_id, left in (("second", after_first), ("first", before)):
        taken_back = unwind(shelf.database, Writes({run_id: None}), 100)
        assert (taken_back.rows, taken_back.left_alone) == (2, ())
        for table in ("main", "source", "sidecar"):
            assert shelf.tables()[table] == left[table]
