"""What taking back leaves alone, and why; the rest of it is in test_before_and_after.py."""

from typing import Any

import pytest

from identity_assets.backend.database import Database
from identity_assets.backend.reports.integrity import read_asked_twice, read_unbalanced
from identity_assets.backend.undo.by_run import LeftAlone, Unwound, Writes, last_writes, plan_unwind, unwind
from identity_assets.settings import Settings
from identity_assets_tests.support import EVERY_BUCKET, Shelf, nothing, single_artist

RUN = Writes({"run": None})
SHORT = {"library_identity": "main", "library_identity_source": "source", "library_unresolved": "sidecar"}


def settle(shelf: Shelf, *results: dict[str, Any]) -> None:
    """A whole pass in which LML says this, in the name of the run `run`."""
    shelf.select()
    shelf.answer(*results)
    shelf.write()


def take_back(shelf: Shelf, writes: Writes = RUN) -> Unwound:
    planned = plan_unwind(shelf.database, writes, 100)
    done = unwind(shelf.database, writes, 100)
    assert done == planned
    return done


def test_a_main_row_that_a_person_has_decided_since_stays(shelf: Shelf) -> None:
    decided, other = shelf.put_many(["A", "B"])
    settle(shelf, single_artist(decided), single_artist(other))
    shelf.run(
        "UPDATE library_identity SET method = 'manual', confidence = 1 WHERE library_id = :id", id=decided
    )
    before = shelf.tables()

    assert take_back(shelf) == Unwound(removed=1, left_alone=(LeftAlone(decided, "manual"),))
    after = shelf.tables()
    assert after["main"] == [row for row in before["main"] if row["library_id"] == decided]
    assert after["source"] == [row for row in before["source"] if row["library_id"] == decided]


def test_a_source_row_that_a_person_has_set_since_stays_and_the_rest_goes_back(shelf: Shelf) -> None:
    library_id = shelf.put()
    settle(shelf, single_artist(library_id))
    shelf.run("UPDATE library_identity_source SET method = 'manual', notes = 'Ann' WHERE source = 'discogs'")
    shelf.run(
        "INSERT INTO library_identity_source (library_id, source, external_id, method, confidence, last_verified_at) "
        "VALUES (:id, 'bandcamp', 'b', 'manual', 1, now())",
        id=library_id,
    )
    assert take_back(shelf) == Unwound(removed=1)
    assert {row["source"] for row in shelf.rows("SELECT * FROM library_identity_source")} == {
        "bandcamp",
        "discogs",
    }
    assert shelf.tables()["main"] == []


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE library_identity SET discogs_release_id = 5",
        "UPDATE library_identity_source SET external_id = 'x' WHERE source = 'discogs'",
        "INSERT INTO library_identity_source (library_id, source, external_id, method, confidence, last_verified_at) "
        "SELECT id, 'discogs_release', '5', 'exact_match', 1, now() FROM library",
        "INSERT INTO library_unresolved (library_id, kind, attempted_at, attempts, first_attempted_at) "
        "SELECT id, 'unresolved', now(), 1, now() FROM library",
    ],
)
def test_what_somebody_else_has_changed_since_is_left_alone_and_said(shelf: Shelf, change: str) -> None:
    library_id = shelf.put()
    settle(shelf, single_artist(library_id))
    shelf.run(change)
    before = shelf.tables()
    assert take_back(shelf) == Unwound(left_alone=(LeftAlone(library_id, "changed_since"),))
    assert shelf.tables() == before


@pytest.mark.parametrize("table", ["library_identity", "library_identity_source", "library_unresolved"])
def test_what_somebody_deleted_since_is_not_brought_back(shelf: Shelf, table: str) -> None:
    library_id, other = shelf.put_many(["A", "B"])
    settle(shelf, single_artist(library_id), nothing(other))
    shelf.age(8)
    settle(shelf, single_artist(library_id, confidence=0.96), nothing(other))
    shelf.run(
        "UPDATE journal_chunk SET run_id = 'earlier' WHERE chunk_id < (SELECT max(chunk_id) FROM journal_chunk) - 2"
    )
    shelf.run(f"DELETE FROM {table}")
    concerned = other if table == "library_unresolved" else library_id
    done = take_back(shelf)
    assert done.left_alone == (LeftAlone(concerned, "changed_since"),)
    assert done.rows == 1
    after = shelf.tables()
    assert [row for row in after[SHORT[table]] if row["library_id"] == concerned] == []


def test_a_restored_dump_is_taken_back_like_the_database_that_it_was_made_of(shelf: Shelf) -> None:
    library_id, other = shelf.put_many(["A", "B"])
    settle(shelf, single_artist(library_id), nothing(other))
    # Every row gets a new transaction id and a new place, as in a restored dump.
    for table in SHORT:
        shelf.run(f"CREATE TABLE copied_{table} AS SELECT * FROM {table}")
        columns = shelf.rows(
            "SELECT string_agg(attname, ', ') AS names FROM pg_attribute WHERE attrelid = to_regclass(:name) "
            "AND attnum > 0 AND NOT attisdropped AND attgenerated = ''",
            name=table,
        )[0]["names"]
        shelf.run(f"TRUNCATE {table}")
        shelf.run(f"INSERT INTO {table} ({columns}) SELECT {columns} FROM copied_{table}")
    assert take_back(shelf) == Unwound(removed=1, unchanged=1)
    assert shelf.tables()["main"] == shelf.tables()["source"] == shelf.tables()["sidecar"] == []


def test_a_library_row_that_is_gone_is_said_to_be(shelf: Shelf) -> None:
    library_id = shelf.put()
    settle(shelf, single_artist(library_id))
    shelf.delete_release(library_id)
    assert take_back(shelf) == Unwound(left_alone=(LeftAlone(library_id, "library_row_gone"),))


def test_what_it_takes_away_is_kept_in_history(shelf: Shelf) -> None:
    library_id = shelf.put()
    settle(shelf, single_artist(library_id))
    take_back(shelf)
    [kept] = shelf.rows("SELECT * FROM library_identity_history")
    assert (kept["library_id"], kept["superseded_reason"], kept["wikidata_qid"], kept["confidence"]) == (
        library_id,
        "unwind",
        f"Q{library_id}",
        0.95,
    )


def test_the_checks_are_content_with_a_library_that_was_taken_back_and_asked_about_anew(shelf: Shelf) -> None:
    ids = shelf.put_many(["A", "B", "C"])
    answers = (single_artist(ids[0]), nothing(ids[1]), nothing(ids[2], "compilation"))
    for _ in range(2):
        settle(shelf, *answers)
        assert read_unbalanced(shelf.database, EVERY_BUCKET).count == 0
        assert read_asked_twice(shelf.database, shelf.settings).count == 0
        take_back(shelf)
        assert set(shelf.outcomes().values()) == {"unwound"}
        assert read_unbalanced(shelf.database, EVERY_BUCKET).count == 0


def test_a_row_goes_back_one_write_at_a_time(shelf: Shelf) -> None:
    library_id, other = shelf.put_many(["A", "B"])
    settle(shelf, single_artist(library_id), single_artist(other))
    assert last_writes(shelf.database, [library_id, 99]) == Writes({"run": [library_id]}, (99,))
    done = take_back(shelf, last_writes(shelf.database, [library_id, 99]))
    assert done == Unwound(removed=1, left_alone=(LeftAlone(99, "nothing_recorded"),))
    assert [row["library_id"] for row in shelf.tables()["main"]] == [other]


@pytest.mark.promise("growth")
def test_what_is_older_than_unwind_days_is_forgotten(shelf: Shelf) -> None:
    library_id = shelf.put()
    settle(shelf, single_artist(library_id))
    shelf.run("UPDATE journal_chunk SET written_at = now() - interval '31 days'")
    assert Settings().unwind_days == 30
    shelf.select()
    assert last_writes(shelf.database, [library_id]) == Writes({}, (library_id,))


def test_rows_are_compared_alike_whatever_time_zone_a_session_has(shelf: Shelf) -> None:
    library_id = shelf.put()
    settle(shelf, nothing(library_id))
    shelf.run(
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET timezone = %L', current_database(), "
        "'America/New_York'); END $$"
    )
    with Database(shelf.settings, "in New York") as there:
        shelf.run("UPDATE library_unresolved SET attempted_at = attempted_at - interval '9 days'")
        assert plan_unwind(there, RUN, 10).left_alone == (LeftAlone(library_id, "changed_since"),)
        shelf.run("DELETE FROM journal_chunk")
        settle(shelf, nothing(library_id))
        assert plan_unwind(there, RUN, 10) == Unwound(unchanged=1)
