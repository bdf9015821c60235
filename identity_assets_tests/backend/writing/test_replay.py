"""Stored answers judged and applied again: after a column came, a rule changed, or a row was refused."""

from dataclasses import replace
from typing import Any

import pytest

from identity_assets.backend.database import DatabaseError
from identity_assets.backend.ledger.runs import UnknownRunError, find_run
from identity_assets.backend.writing.chunks import Range
from identity_assets.backend.writing.replay import Replayed, replay
from identity_assets.backend.writing.verdicts import VerdictWriter
from identity_assets.settings import Bands
from identity_assets_tests.support import EVERY_BUCKET, Shelf, nothing, single_artist

IDS = {"discogs_artist_id": 12, "musicbrainz_artist_id": "mb", "bandcamp_id": "bc"}


def settle(shelf: Shelf, *results: dict[str, Any], run_id: str = "run") -> None:
    shelf.select(run_id=run_id)
    shelf.answer(*results, run_id=run_id)
    shelf.write(run_id=run_id)


def replay_all(shelf: Shelf, **changes: Any) -> Replayed:
    return replay(shelf.database, EVERY_BUCKET, shelf.settings, run_id="replay", **changes)


def with_ids(library_id: int) -> dict[str, Any]:
    return single_artist(library_id, main={"wikidata_qid": "Q1", **IDS})


def test_the_artist_ids_stand_on_the_main_row_and_in_its_history(shelf: Shelf) -> None:
    library_id = shelf.put()
    settle(shelf, with_ids(library_id))
    shelf.age(8)
    settle(shelf, single_artist(library_id, main={"wikidata_qid": "Q1", "discogs_artist_id": 13}))
    [row] = shelf.rows("SELECT * FROM library_identity")
    assert {name: row[name] for name in IDS} == {
        "discogs_artist_id": 13,
        "musicbrainz_artist_id": None,
        "bandcamp_id": None,
    }
    [kept] = shelf.rows("SELECT * FROM library_identity_history")
    assert {name: kept[name] for name in IDS} == IDS


def test_a_rejected_answer_is_applied_once_the_rule_lets_it(shelf: Shelf) -> None:
    library_id, other = shelf.put_many(["A", "B"])
    settle(shelf, single_artist(library_id, method="llm", confidence=0.9), single_artist(other, method="x"))
    assert shelf.outcomes() == {library_id: "lml_invalid_verdict", other: "lml_invalid_verdict"}
    assert replay_all(shelf, only_rejected=True).left_alone == {"rejected": 2}

    shelf.settings = replace(shelf.settings, confidence_bands=Bands.warn)
    done = replay_all(shelf, only_rejected=True)
    assert (done.found, done.newly_accepted, done.left_alone) == (2, 1, {"rejected": 1})
    assert shelf.outcomes() == {library_id: "resolved", other: "lml_invalid_verdict"}
    assert [row["confidence"] for row in shelf.rows("SELECT * FROM library_identity")] == [pytest.approx(0.9)]
    assert replay_all(shelf, only_rejected=True).found == 1

    # The rule is tightened again: what was written stays, and is said to be outside the rule.
    shelf.settings = replace(shelf.settings, confidence_bands=Bands.reject)
    tightened = replay_all(shelf)
    assert (tightened.newly_rejected, tightened.left_alone) == (1, {"rejected": 2})
    assert len(shelf.tables()["main"]) == 1
    assert shelf.outcomes()[library_id] == "resolved"


@pytest.mark.promise("refused row")
def test_a_row_that_the_database_refused_is_applied_once_it_is_mended(shelf: Shelf) -> None:
    library_id = shelf.put()
    shelf.run("ALTER TABLE library_identity ADD CONSTRAINT no_trigram CHECK (method <> 'trigram')")
    settle(shelf, single_artist(library_id, method="trigram", confidence=0.9))
    assert shelf.outcomes() == {library_id: "writer_error"}
    assert replay_all(shelf, only_rejected=True).written.rows_refused == 1
    shelf.run("ALTER TABLE library_identity DROP CONSTRAINT no_trigram")
    assert replay_all(shelf, only_rejected=True).written.main_rows_written == 1
    assert shelf.outcomes() == {library_id: "resolved"}


def test_answers_that_do_not_speak_for_the_row_any_more_are_left_alone(shelf: Shelf) -> None:
    renamed, waiting = shelf.put_many(["A", "B"])
    shelf.select()
    shelf.answer(single_artist(renamed, method="x"), single_artist(waiting))
    shelf.run("UPDATE library SET artist_name = 'Z' WHERE id = :id", id=renamed)
    assert replay_all(shelf).left_alone == {"names_changed": 1, "waiting": 1}
    assert shelf.tables()["main"] == []


def test_an_applied_answer_is_not_applied_again_to_a_row_that_was_renamed_since(shelf: Shelf) -> None:
    renamed, reloaded, other = shelf.put_many(["A", "B", "C"])
    settle(shelf, single_artist(renamed), single_artist(reloaded), single_artist(other))
    shelf.run("UPDATE library SET artist_name = 'Somebody else' WHERE id = :id", id=renamed)
    # A reload of the catalogue: the same ids under other names, the identity tables emptied.
    shelf.run("TRUNCATE library_identity, library_identity_source")
    shelf.run("UPDATE library SET album_title = 'Another release' WHERE id = :id", id=reloaded)
    done = replay_all(shelf)
    assert done.left_alone == {"names_changed": 2}
    assert [row["library_id"] for row in shelf.tables()["main"]] == [other]


@pytest.mark.promise("people meanwhile")
def test_names_are_compared_again_in_the_statement_that_writes(shelf: Shelf) -> None:
    library_id = shelf.put()
    settle(shelf, single_artist(library_id))
    shelf.run("TRUNCATE library_identity, library_identity_source")
    shelf.run("UPDATE library SET artist_name = 'Somebody else'")
    writer = VerdictWriter("replay", EVERY_BUCKET, library_ids=[library_id])
    with shelf.database.transaction() as connection:
        written = writer.stage().write(connection, Range(library_id, library_id)).total()
    assert (written.rows_renamed, written.main_rows_written) == (1, 0)
    assert shelf.tables()["main"] == []


def test_only_answers_since_a_run(shelf: Shelf) -> None:
    first, second = shelf.put_many(["A", "B"])
    settle(shelf, single_artist(first), run_id="the first run")
    shelf.run("UPDATE lml_verdict SET asked_at = asked_at - interval '1 day'")
    settle(shelf, single_artist(second), run_id="the second run")
    known = find_run(shelf.database, "the second")
    assert known.run_id == "the second run"
    assert replay_all(shelf, since=known.asked_at).found == 1
    assert replay_all(shelf, since=find_run(shelf.database, "the first").asked_at).found == 2
    for unknown, said in (("the", "is not a run id"), ("nobodys-run", "is known here")):
        with pytest.raises(UnknownRunError, match=said):
            find_run(shelf.database, unknown)
    shelf.run("UPDATE lml_verdict SET run_id = 'the first run too' WHERE library_id = :id", id=second)
    with pytest.raises(UnknownRunError, match="several runs"):
        find_run(shelf.database, "the first")


def test_an_earlier_answer_is_kept_where_it_differed_and_for_as_long_as_is_set(shelf: Shelf) -> None:
    same, other = shelf.put_many(["A", "B"])
    settle(shelf, single_artist(same), single_artist(other), run_id="one")
    shelf.age(8)
    settle(shelf, single_artist(same), nothing(other), run_id="two")
    [kept] = shelf.rows("SELECT * FROM lml_verdict_history")
    assert (kept["library_id"], kept["kind"], kept["run_id"]) == (other, "single_artist", "one")
    assert kept["verdict"]["method"] == "cross_source_agreement"
    [now] = shelf.rows("SELECT * FROM lml_verdict WHERE library_id = :id", id=other)
    assert kept["asked_at"] == now["previous_asked_at"]

    shelf.run("UPDATE lml_verdict_history SET superseded_at = now() - interval '364 days'")
    shelf.select()
    assert len(shelf.rows("SELECT FROM lml_verdict_history")) == 1
    shelf.run("UPDATE lml_verdict_history SET superseded_at = now() - interval '366 days'")
    shelf.select()
    assert shelf.rows("SELECT FROM lml_verdict_history") == []


def test_an_answer_that_is_accepted_now_is_accepted_and_written_together_or_not_at_all(shelf: Shelf) -> None:
    library_id = shelf.put()
    settle(shelf, single_artist(library_id, method="llm", confidence=0.9))
    shelf.settings = replace(shelf.settings, confidence_bands=Bands.warn)
    shelf.fault("library_identity", "PERFORM pg_terminate_backend(pg_backend_pid())")
    with pytest.raises(DatabaseError):
        replay_all(shelf)
    assert shelf.outcomes() == {library_id: "lml_invalid_verdict"}
    shelf.mend("library_identity")
    done = replay_all(shelf)
    assert (done.newly_accepted, done.written.main_rows_written, done.left_alone) == (1, 1, {})
    assert shelf.outcomes() == {library_id: "resolved"}
