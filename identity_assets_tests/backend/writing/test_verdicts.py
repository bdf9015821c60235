"""The one writer: the rules in docs/rules.md in their own words, on a real PostgreSQL."""

from typing import Any

import pytest

from identity_assets.backend.database import DatabaseError
from identity_assets.backend.ledger.accounts import Accounts, AccountsError, read_accounts
from identity_assets.backend.writing.written import Written
from identity_assets_tests.support import EVERY_BUCKET, Shelf, nothing, provenance, single_artist


def write(shelf: Shelf, chunk_rows: int = 100) -> Written:
    return shelf.write(chunk_rows)


def resolve(shelf: Shelf, *results: dict[str, Any]) -> Written:
    shelf.select()
    shelf.answer(*results)
    return write(shelf)


def main_row(shelf: Shelf, library_id: int) -> dict[str, Any]:
    [row] = shelf.rows("SELECT * FROM library_identity WHERE library_id = :id", id=library_id)
    return row


def sources(shelf: Shelf, library_id: int) -> dict[str, tuple[Any, ...]]:
    rows = shelf.rows("SELECT * FROM library_identity_source WHERE library_id = :id", id=library_id)
    return {
        row["source"]: (row["external_id"], row["method"], row["confidence"], row["notes"]) for row in rows
    }


@pytest.mark.promise("atomic")
@pytest.mark.promise("verbatim")
def test_a_verdict_is_written_verbatim_with_its_sources_and_says_who_wrote_it(shelf: Shelf) -> None:
    library_id = shelf.put()
    written = resolve(shelf, single_artist(library_id, method="trigram", confidence=0.87))

    row = main_row(shelf, library_id)
    assert (row["method"], row["confidence"], row["notes"]) == ("trigram", 0.87, "consumer:lml-bulk")
    assert (row["wikidata_qid"], row["spotify_id"], row["apple_music_id"]) == (f"Q{library_id}", "sp", "am")
    assert sources(shelf, library_id) == {
        "discogs": (f"d{library_id}", "exact_match", 1.0, "consumer:lml-bulk"),
        "musicbrainz": (f"m{library_id}", "trigram", 0.95, "consumer:lml-bulk"),
    }
    assert shelf.outcomes() == {library_id: "resolved"}
    assert (written.main_rows_written, written.source_rows_written, written.history_rows_written) == (1, 2, 0)
    [stored] = shelf.rows("SELECT asked_at, applied_at FROM answer")
    assert row["last_verified_at"] == stored["asked_at"]
    assert stored["applied_at"] is not None


@pytest.mark.promise("unusable entries")
def test_a_provenance_entry_without_a_confidence_or_an_external_id_is_skipped_and_counted(
    shelf: Shelf,
) -> None:
    library_id = shelf.put()
    entries = [
        provenance("discogs", "exact_match", 1.0, "d"),
        provenance("spotify", "exact_match", None, None),
        provenance("wikidata", "exact_match", 1.0, None),
        provenance("bandcamp", "exact_match", None, "b"),
    ]
    written = resolve(shelf, single_artist(library_id, provenance=entries))
    assert set(sources(shelf, library_id)) == {"discogs"}
    assert written.source_rows_skipped_null_confidence == 3


def test_of_a_source_that_is_reported_twice_the_surer_entry_is_written(shelf: Shelf) -> None:
    library_id = shelf.put()
    entries = [
        provenance("discogs", "trigram", 0.8, "weak"),
        provenance("discogs", "exact_match", 1.0, "sure"),
    ]
    resolve(shelf, single_artist(library_id, provenance=entries))
    assert sources(shelf, library_id)["discogs"][0] == "sure"


def test_release_level_columns_are_left_as_they_are(shelf: Shelf) -> None:
    library_id = shelf.put()
    mbid = "6f1b9bde-7f0a-4b5b-9b1e-0123456789ab"
    shelf.run(
        "INSERT INTO library_identity (library_id, discogs_release_id, discogs_master_id, musicbrainz_release_mbid, "
        "method, confidence, last_verified_at, notes, agreement_sources) VALUES (:id, 7, 8, :mbid, 'exact_match', 1, "
        "now() - interval '9 days', 'backfill:S1', 'discogs_master,discogs_release')",
        id=library_id,
        mbid=mbid,
    )
    resolve(shelf, single_artist(library_id))
    row = main_row(shelf, library_id)
    assert (row["discogs_release_id"], row["discogs_master_id"], str(row["musicbrainz_release_mbid"])) == (
        7,
        8,
        mbid,
    )
    assert (row["method"], row["notes"], row["agreement_sources"]) == (
        "cross_source_agreement",
        "consumer:lml-bulk",
        None,
    )


def test_a_replaced_main_row_goes_to_history_and_one_that_is_only_verified_again_does_not(
    shelf: Shelf,
) -> None:
    library_id = shelf.put()
    resolve(shelf, single_artist(library_id))
    before = main_row(shelf, library_id)
    shelf.age(days=8)

    same = resolve(shelf, single_artist(library_id))
    assert same.history_rows_written == 0
    assert main_row(shelf, library_id)["last_verified_at"] > before["last_verified_at"]
    shelf.age(days=8)
    aged = main_row(shelf, library_id)

    changed = resolve(shelf, single_artist(library_id, main={"wikidata_qid": "Q999"}))
    assert changed.history_rows_written == 1
    [kept] = shelf.rows("SELECT * FROM library_identity_history")
    assert (kept["superseded_reason"], kept["wikidata_qid"], kept["spotify_id"]) == (
        "rerun",
        f"Q{library_id}",
        "sp",
    )
    assert kept["last_verified_at"] == aged["last_verified_at"]
    now = main_row(shelf, library_id)
    assert (now["wikidata_qid"], now["spotify_id"], now["apple_music_id"]) == ("Q999", None, None)


def test_source_rows_that_lml_no_longer_reports_are_removed_and_other_writers_rows_are_not(
    shelf: Shelf,
) -> None:
    library_id = shelf.put()
    resolve(shelf, single_artist(library_id))
    shelf.run(
        "INSERT INTO library_identity_source (library_id, source, external_id, method, confidence, last_verified_at, "
        "notes) VALUES (:id, 'discogs_release', '5', 'exact_match', 1, now(), 'backfill:S1')",
        id=library_id,
    )
    shelf.age(days=8)
    entries = [provenance("discogs", "exact_match", 1.0, "new")]
    written = resolve(shelf, single_artist(library_id, provenance=entries))
    assert set(sources(shelf, library_id)) == {"discogs", "discogs_release"}
    assert sources(shelf, library_id)["discogs"][0] == "new"
    assert written.source_rows_removed == 1


@pytest.mark.promise("manual")
def test_a_manual_source_row_is_untouched_and_the_others_are_written(shelf: Shelf) -> None:
    library_id = shelf.put()
    for source in ("discogs", "wikidata"):
        shelf.run(
            "INSERT INTO library_identity_source (library_id, source, external_id, method, confidence, "
            "last_verified_at, notes) VALUES (:id, :source, 'mine', 'manual', 1, now(), 'consumer:lml-bulk')",
            id=library_id,
            source=source,
        )
    resolve(shelf, single_artist(library_id))
    found = sources(shelf, library_id)
    assert found["discogs"][:2] == found["wikidata"][:2] == ("mine", "manual")
    assert found["musicbrainz"][0] == f"m{library_id}"


@pytest.mark.parametrize("kind", ["single_artist", "unresolved"])
def test_a_main_row_that_a_person_decides_while_lml_is_asked_is_untouched(shelf: Shelf, kind: str) -> None:
    library_id, other = shelf.put(), shelf.put()
    shelf.select()
    said = single_artist(library_id) if kind == "single_artist" else nothing(library_id)
    shelf.answer(said, single_artist(other))
    shelf.run(
        "INSERT INTO library_identity (library_id, method, confidence, last_verified_at, wikidata_qid, notes) "
        "VALUES (:id, 'manual', 1, now(), 'Q1', 'a person')",
        id=library_id,
    )
    before = main_row(shelf, library_id)
    write(shelf)

    assert main_row(shelf, library_id) == before
    assert sources(shelf, library_id) == {}
    assert shelf.rows("SELECT * FROM library_unresolved") == []
    assert shelf.rows("SELECT * FROM library_identity_history") == []
    assert shelf.outcomes() == {library_id: "manual_override", other: "resolved"}


def test_a_verdict_that_is_itself_manual_is_written_as_it_came(shelf: Shelf) -> None:
    library_id = shelf.put()
    resolve(shelf, single_artist(library_id, method="manual", confidence=1.0))
    assert main_row(shelf, library_id)["method"] == "manual"
    assert set(sources(shelf, library_id)) == {"discogs", "musicbrainz"}
    assert shelf.outcomes() == {library_id: "resolved"}


@pytest.mark.parametrize("kind", ["unresolved", "compilation"])
def test_the_sidecar_is_stamped_counts_attempts_and_is_cleared_on_resolution(shelf: Shelf, kind: str) -> None:
    library_id = shelf.put()
    resolve(shelf, nothing(library_id, kind))
    [first] = shelf.rows("SELECT * FROM library_unresolved")
    assert (first["kind"], first["attempts"], first["run_id"]) == (kind, 1, "run")
    assert shelf.outcomes() == {library_id: kind}
    assert shelf.rows("SELECT * FROM library_identity") == []

    shelf.age(days=8)
    resolve(shelf, nothing(library_id, kind))
    [second] = shelf.rows("SELECT * FROM library_unresolved")
    assert second["attempts"] == 2
    assert second["first_attempted_at"] == first["first_attempted_at"]
    assert second["attempted_at"] > first["attempted_at"]

    shelf.age(days=8)
    resolve(shelf, single_artist(library_id))
    assert shelf.rows("SELECT * FROM library_unresolved") == []


def test_an_identity_that_lml_no_longer_finds_is_kept_and_the_attempt_remembered(shelf: Shelf) -> None:
    library_id = shelf.put()
    resolve(shelf, single_artist(library_id))
    shelf.age(days=8)
    before = main_row(shelf, library_id)
    resolve(shelf, nothing(library_id))
    assert main_row(shelf, library_id) == before
    assert len(shelf.rows("SELECT * FROM library_unresolved")) == 1


@pytest.mark.promise("idempotent")
def test_writing_again_changes_nothing(shelf: Shelf) -> None:
    ids = shelf.put_many(["a", "b", "c"])
    resolve(shelf, single_artist(ids[0]), nothing(ids[1]), nothing(ids[2], "compilation"))
    before = shelf.tables()
    shelf.run("UPDATE candidate_library SET outcome = NULL")
    again = write(shelf)
    assert shelf.tables() == before
    assert (again.main_rows_written, again.source_rows_written, again.history_rows_written) == (0, 0, 0)
    assert again.sidecar_rows_written == 0


@pytest.mark.promise("atomic")
@pytest.mark.promise("refused row")
@pytest.mark.parametrize("bad", [0, 7, 19])
def test_a_row_that_the_database_refuses_is_set_aside_alone_with_its_reason(shelf: Shelf, bad: int) -> None:
    ids = shelf.put_many([f"A {number}" for number in range(20)])
    shelf.run(
        f"ALTER TABLE library_identity_source ADD CONSTRAINT no_luck CHECK (external_id <> 'd{ids[bad]}')"
    )
    resolve(shelf, *(single_artist(library_id) for library_id in ids))

    outcomes = shelf.outcomes()
    assert outcomes.pop(ids[bad]) == "writer_error"
    assert set(outcomes.values()) == {"resolved"}
    [row] = shelf.rows("SELECT detail FROM candidate_library WHERE outcome = 'writer_error'")
    assert "no_luck" in row["detail"]
    assert sources(shelf, ids[bad]) == {}
    assert shelf.rows("SELECT 1 FROM library_identity WHERE library_id = :id", id=ids[bad]) == []

    shelf.run("ALTER TABLE library_identity_source DROP CONSTRAINT no_luck")
    shelf.select()
    write(shelf)
    assert shelf.outcomes() == {ids[bad]: "resolved"}


def test_a_library_row_that_is_gone_by_the_time_of_writing_is_set_aside(shelf: Shelf) -> None:
    gone, here = shelf.put(), shelf.put()
    shelf.select()
    shelf.answer(single_artist(gone), single_artist(here))
    shelf.delete_release(gone)
    assert write(shelf).rows_gone == 1
    assert shelf.outcomes() == {gone: "library_row_gone", here: "resolved"}


@pytest.mark.promise("people meanwhile")
def test_the_verdict_of_the_former_artist_is_not_written_to_a_row_that_was_renamed_since(
    shelf: Shelf,
) -> None:
    renamed, here = shelf.put(), shelf.put()
    shelf.select()
    shelf.answer(single_artist(renamed), single_artist(here))
    shelf.run("UPDATE library SET artist_name = 'Somebody else' WHERE id = :id", id=renamed)
    assert write(shelf).rows_renamed == 1
    assert shelf.outcomes() == {renamed: "names_changed", here: "resolved"}
    assert [row["library_id"] for row in shelf.tables()["main"]] == [here]
    shelf.select()
    assert shelf.outcomes() == {renamed: None}


def test_source_rows_and_main_row_land_together_or_not_at_all(shelf: Shelf) -> None:
    library_id = shelf.put()
    shelf.select()
    shelf.answer(single_artist(library_id))
    shelf.fault("library_identity_source", "PERFORM pg_terminate_backend(pg_backend_pid())")
    with pytest.raises(DatabaseError, match="cannot be reached or went away"):
        write(shelf)
    shelf.mend("library_identity_source")
    assert shelf.tables()["main"] == shelf.tables()["source"] == []

    shelf.select()
    assert write(shelf).main_rows_written == 1


def test_a_fault_that_is_not_a_rows_own_fails_the_step_in_one_line(shelf: Shelf) -> None:
    library_id = shelf.put()
    shelf.select()
    shelf.answer(single_artist(library_id))
    shelf.run("ALTER TABLE library_unresolved RENAME TO elsewhere")
    with pytest.raises(DatabaseError, match=r"could not be written: .*library_unresolved.*42P01"):
        write(shelf)
    assert shelf.outcomes() == {library_id: None}


def test_a_deadlock_is_tried_again(shelf: Shelf) -> None:
    library_id = shelf.put()
    shelf.select()
    shelf.answer(single_artist(library_id))
    # A sequence is not rolled back: the first two attempts fail, the third is accepted.
    shelf.run("CREATE SEQUENCE attempts")
    shelf.fault("library_identity", "IF nextval('attempts') <= 2 THEN RAISE deadlock_detected; END IF")
    write(shelf)
    assert shelf.outcomes() == {library_id: "resolved"}


def test_a_database_that_refuses_every_row_is_not_asked_row_by_row(shelf: Shelf) -> None:
    ids = shelf.put_many([f"A {number}" for number in range(300)])
    shelf.run("ALTER TABLE library_identity ADD CONSTRAINT nobody CHECK (false)")
    shelf.select()
    shelf.answer(*(single_artist(library_id) for library_id in ids))
    with pytest.raises(DatabaseError, match=r"refused 100 library rows one after the other.*nobody"):
        write(shelf, 300)
    assert list(shelf.outcomes().values()).count("writer_error") < 200


def test_the_library_table_is_never_written(shelf: Shelf) -> None:
    ids = shelf.put_many(["a", "b"])
    before = shelf.rows("SELECT * FROM catalog_watermark")
    resolve(shelf, single_artist(ids[0]), nothing(ids[1]))
    assert shelf.rows("SELECT * FROM catalog_watermark") == before


def test_the_accounts_balance_and_say_so_when_they_do_not(shelf: Shelf) -> None:
    ids = shelf.put_many(["a", "b", None, "d"])
    shelf.select()
    shelf.answer(single_artist(ids[0]), nothing(ids[1]), nothing(ids[3], "compilation"))
    write(shelf)
    accounts = sum(read_accounts(shelf.database, EVERY_BUCKET).values(), Accounts())
    accounts.check(selected=4)
    assert accounts.as_dict() == {
        "scanned": 4,
        "resolved": 1,
        "resolved_compilation": 0,
        "unresolved": 1,
        "skipped": {"compilation": 1, "missing_artist_name": 1},
    }
    with pytest.raises(AccountsError, match="5 selected, 4 in the ledger"):
        accounts.check(selected=5)
    shelf.run("UPDATE candidate_library SET outcome = NULL WHERE library_id = :id", id=ids[1])
    with pytest.raises(AccountsError, match="1 of them without an outcome"):
        sum(read_accounts(shelf.database, EVERY_BUCKET).values(), Accounts()).check(selected=4)
