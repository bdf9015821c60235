"""The legs' stage of the writer: what evidence makes of source rows and main rows, on a real PostgreSQL."""

import threading
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from identity_assets.backend.writing.legs import recompose
from identity_assets.backend.writing.verdicts import write_verdicts
from identity_assets.backend.writing.written import Written
from identity_assets_tests.legs.support import (
    evidence,
    forget,
    history,
    identity,
    main_row,
    put_main,
    put_source,
    reflect,
    said,
    sources,
    standing,
    take_back,
)
from identity_assets_tests.support import EVERY_BUCKET, Shelf, nothing, single_artist

S1, S3 = "backfill:S1", "backfill:S3"
BOTH = f"{S1},{S3}"


def write(shelf: Shelf) -> Written:
    written = write_verdicts(shelf.database, EVERY_BUCKET, shelf.settings, "run", with_legs=True)
    return sum(written.values(), Written())


def test_both_legs_name_one_entity_and_the_one_source_row_says_both_in_boost_sources(shelf: Shelf) -> None:
    library_id = shelf.put()
    evidence(shelf, library_id, "S1", "release 5")
    evidence(shelf, library_id, "S3", "release 5")
    reflect(shelf, library_id)
    assert sources(shelf, library_id) == {"discogs_release": ("5", 1.0, BOTH, S1)}
    assert said(shelf, library_id) == ("cross_source_agreement", 1.0, "discogs_release", None, 5, S1)


def test_two_legs_of_one_entity_agree_at_095_where_one_of_them_is_ambiguous(shelf: Shelf) -> None:
    library_id = shelf.put()
    evidence(shelf, library_id, "S1", "master 5")
    evidence(shelf, library_id, "S3", "master 5", ambiguous=True)
    reflect(shelf, library_id)
    assert sources(shelf, library_id) == {"discogs_master": ("5", 1.0, BOTH, S1)}
    row = main_row(shelf, library_id)
    assert row is not None
    assert (row["method"], round(row["confidence"], 6)) == ("cross_source_agreement", 0.95)


@pytest.mark.parametrize("ambiguous", [True, False])
def test_of_two_ids_of_one_kind_the_stronger_stands_then_s1_without_agreement(
    shelf: Shelf, ambiguous: bool
) -> None:
    library_id = shelf.put()
    evidence(shelf, library_id, "S1", "release 5")
    evidence(shelf, library_id, "S3", "release 6", ambiguous=ambiguous)
    reflect(shelf, library_id)
    assert sources(shelf, library_id) == {"discogs_release": ("5", 1.0, None, S1)}
    assert said(shelf, library_id) == ("exact_match", 1.0, None, None, 5, S1)


def test_the_stronger_of_two_ids_is_that_of_the_surer_leg_also_where_it_is_s3(shelf: Shelf) -> None:
    library_id = shelf.put()
    evidence(shelf, library_id, "S1", "release 5", ambiguous=True)
    evidence(shelf, library_id, "S3", "release 6")
    reflect(shelf, library_id)
    assert sources(shelf, library_id) == {"discogs_release": ("6", 1.0, None, S3)}
    assert said(shelf, library_id) == ("exact_match", 1.0, None, None, 6, S3)


def test_a_master_and_a_release_of_another_master_conflict_and_only_the_stronger_fills_its_column(
    shelf: Shelf,
) -> None:
    library_id = shelf.put()
    evidence(shelf, library_id, "S1", "master 7")
    evidence(shelf, library_id, "S3", "release 5", checked=(5, 8))
    reflect(shelf, library_id)
    assert set(sources(shelf, library_id)) == {"discogs_master", "discogs_release"}
    assert said(shelf, library_id) == ("exact_match", 1.0, None, 7, None, S1)


def test_notes_are_those_of_the_leg_whose_evidence_stands_and_the_row_is_as_new_as_its_newest_source(
    shelf: Shelf,
) -> None:
    one, three = shelf.put(), shelf.put()
    evidence(shelf, one, "S1", "release 5")
    evidence(shelf, one, "S3", "master 7")
    evidence(shelf, three, "S3", "master 7")
    reflect(shelf, one, three)
    first, second = main_row(shelf, one), main_row(shelf, three)
    assert first is not None
    assert second is not None
    assert (first["notes"], second["notes"]) == (S1, S3)
    newest = shelf.rows("SELECT max(last_verified_at) AS at FROM library_identity_source")[0]["at"]
    assert first["last_verified_at"] == second["last_verified_at"] == newest


@pytest.mark.promise("idempotent")
def test_writing_again_touches_nothing(shelf: Shelf) -> None:
    ids = shelf.put_many(["a", "b", "c", "d"])
    evidence(shelf, ids[0], "S1", "release 5")
    evidence(shelf, ids[1], "S3", "master 6", ambiguous=True)
    for leg in ("S1", "S3"):
        evidence(shelf, ids[2], leg, "release 7")
    put_main(shelf, ids[3])
    evidence(shelf, ids[3], "S3", "release 8")
    assert reflect(shelf, *ids) != Written()
    before, kept = standing(shelf), history(shelf)
    again = reflect(shelf, *ids)
    assert again == Written()
    assert (again.source_rows_written, again.main_rows_written, again.history_rows_written) == (0, 0, 0)
    assert (standing(shelf), history(shelf)) == (before, kept)


@pytest.mark.parametrize("notes", ["consumer:lml-bulk", "somebody", None])
def test_a_main_row_that_no_leg_made_keeps_all_but_its_release_columns(
    shelf: Shelf, notes: str | None
) -> None:
    library_id = shelf.put()
    put_main(shelf, library_id, notes=notes)
    before = main_row(shelf, library_id)
    assert before is not None
    evidence(shelf, library_id, "S1", "release 5")
    evidence(shelf, library_id, "S3", "master 7")
    written = reflect(shelf, library_id)
    filled = {"discogs_release_id": 5, "discogs_master_id": 7, "distinct_unresolved_sources": 6}
    assert main_row(shelf, library_id) == {**before, **filled}
    assert written.history_rows_written == 1
    assert history(shelf) == [(library_id, "trigram", notes, "backfill_recompute")]


def test_a_release_column_that_somebody_else_filled_is_left_as_it_is(shelf: Shelf) -> None:
    library_id = shelf.put()
    put_main(shelf, library_id, release=99)
    evidence(shelf, library_id, "S1", "release 5")
    evidence(shelf, library_id, "S3", "master 7")
    reflect(shelf, library_id)
    row = main_row(shelf, library_id)
    assert row is not None
    assert (row["discogs_release_id"], row["discogs_master_id"]) == (99, 7)
    take_back(shelf, "S1", library_id)
    take_back(shelf, "S3", library_id)
    row = main_row(shelf, library_id)
    assert row is not None
    assert (row["discogs_release_id"], row["discogs_master_id"]) == (99, None)


def test_into_a_main_row_that_no_leg_made_a_leg_fills_its_own_ids_and_nobody_elses(shelf: Shelf) -> None:
    library_id = shelf.put()
    put_main(shelf, library_id)
    put_source(shelf, library_id, "discogs_release", "manual", 1.0, external_id="42")
    evidence(shelf, library_id, "S3", "master 7")
    reflect(shelf, library_id)
    row = said(shelf, library_id)
    assert row is not None
    assert (row[0], row[3:]) == ("trigram", (7, None, "somebody"))


def test_under_a_main_row_that_a_person_decided_nothing_is_written(shelf: Shelf) -> None:
    ids = shelf.put_many(["a", "b"])
    put_main(shelf, ids[0], method="manual", confidence=1.0)
    put_main(shelf, ids[1], method="manual", confidence=1.0, notes=S1)
    for library_id in ids:
        evidence(shelf, library_id, "S1", "release 5")
    before = identity(shelf)
    assert reflect(shelf, *ids) == Written()
    assert identity(shelf) == before


@pytest.mark.promise("manual")
def test_a_manual_source_row_is_untouched_and_pins_the_main_row(shelf: Shelf) -> None:
    library_id = shelf.put()
    put_source(shelf, library_id, "discogs_release", "manual", 1.0, external_id="42")
    evidence(shelf, library_id, "S1", "release 5")
    evidence(shelf, library_id, "S3", "master 7")
    before = identity(shelf)
    evidence_of_s1_alone = sources(shelf, library_id)["discogs_release"]
    reflect(shelf, library_id)
    assert sources(shelf, library_id)["discogs_release"] == evidence_of_s1_alone
    assert said(shelf, library_id) == ("manual", 1.0, None, 7, 42, S3)
    assert reflect(shelf, library_id) == Written()
    take_back(shelf, "S3", library_id)
    assert identity(shelf) == before


def test_a_manual_source_row_alone_makes_no_main_row(shelf: Shelf) -> None:
    library_id = shelf.put()
    put_source(shelf, library_id, "discogs_release", "manual", 1.0)
    evidence(shelf, library_id, "S1", "release 5")
    reflect(shelf, library_id)
    assert main_row(shelf, library_id) is None


def test_a_main_row_that_a_leg_pinned_to_manual_is_a_persons_once_they_change_it(shelf: Shelf) -> None:
    library_id = shelf.put()
    put_source(shelf, library_id, "mb_release", "manual", 1.0)
    evidence(shelf, library_id, "S3", "master 7")
    reflect(shelf, library_id)
    shelf.run("UPDATE library_identity SET discogs_master_id = 70")
    forget(shelf, library_id, "S3")
    evidence(shelf, library_id, "S3", "master 8")
    assert reflect(shelf, library_id) == Written()


def test_another_writers_source_row_stands_and_counts(shelf: Shelf) -> None:
    library_id = shelf.put()
    put_source(shelf, library_id, "discogs_release", "trigram", 0.72, external_id="42")
    put_source(shelf, library_id, "mb_release", "llm", 0.65)
    evidence(shelf, library_id, "S1", "release 5")
    evidence(shelf, library_id, "S3", "master 7")
    reflect(shelf, library_id)
    assert sources(shelf, library_id)["discogs_release"][0] == "42"
    row = said(shelf, library_id)
    assert row is not None
    assert (row[0], round(row[1], 6), row[3:]) == ("trigram", 0.72, (7, 42, S3))


def test_evidence_that_is_gone_takes_its_source_row_along_and_the_main_row_is_made_anew(shelf: Shelf) -> None:
    library_id, other = shelf.put(), shelf.put()
    evidence(shelf, library_id, "S1", "release 5")
    evidence(shelf, library_id, "S3", "master 7")
    evidence(shelf, other, "S3", "master 9")
    reflect(shelf, library_id, other)
    for gone in (library_id, other):
        forget(shelf, gone, "S3")
    written = reflect(shelf, library_id, other)
    assert said(shelf, library_id) == ("exact_match", 1.0, None, None, 5, S1)
    assert (sources(shelf, other), main_row(shelf, other)) == ({}, None)
    assert (written.source_rows_removed, written.main_rows_removed, written.history_rows_written) == (2, 1, 2)
    assert {row[3] for row in history(shelf)} == {"backfill_recompute"}


def test_source_rows_of_an_older_job_stay_until_the_leg_is_gathered_there(shelf: Shelf) -> None:
    library_id = shelf.put()
    put_source(shelf, library_id, "discogs_release", "exact_match", 1.0, notes=S1)
    put_main(shelf, library_id, method="exact_match", confidence=1.0, notes=S1, release=1)
    evidence(shelf, library_id, "S3", "master 7", ambiguous=True)
    reflect(shelf, library_id)
    assert said(shelf, library_id) == ("alias_match", 0.75, None, None, 1, S1)
    shelf.run("INSERT INTO leg_gathered VALUES ('S1', 16, :bucket)", bucket=(library_id + 1) % 16)
    assert reflect(shelf, library_id) == Written()
    shelf.run("INSERT INTO leg_gathered VALUES ('S1', 16, :bucket)", bucket=library_id % 16)
    reflect(shelf, library_id)
    assert said(shelf, library_id) == ("alias_match", 0.75, None, 7, None, S3)


def test_lml_takes_over_a_main_row_that_a_leg_made_and_the_release_columns_stay(shelf: Shelf) -> None:
    library_id = shelf.put()
    shelf.select()
    shelf.answer(nothing(library_id))
    evidence(shelf, library_id, "S1", "release 5")
    evidence(shelf, library_id, "S3", "master 7")
    write(shelf)
    made = said(shelf, library_id)
    assert made is not None
    assert made[0] == "cross_source_agreement"
    shelf.age(days=400)
    shelf.select()
    shelf.answer(single_artist(library_id, method="trigram", confidence=0.8))
    write(shelf)
    row = said(shelf, library_id)
    assert row is not None
    assert (row[0], row[2:]) == ("trigram", (None, 7, 5, "consumer:lml-bulk"))
    assert set(sources(shelf, library_id)) == {"discogs", "musicbrainz", "discogs_master", "discogs_release"}
    assert history(shelf) == [(library_id, "cross_source_agreement", S1, "rerun")]
    take_back(shelf, "S3", library_id)
    row = said(shelf, library_id)
    assert row is not None
    assert (row[0], row[2:]) == ("trigram", (None, None, 5, "consumer:lml-bulk"))


def test_one_pass_writes_what_lml_says_and_what_the_legs_know_and_rows_that_are_not_due(shelf: Shelf) -> None:
    resolved, unresolved, never_asked = shelf.put(), shelf.put(), shelf.put(None)
    shelf.select()
    shelf.answer(single_artist(resolved), nothing(unresolved))
    for library_id in (resolved, unresolved):
        evidence(shelf, library_id, "S3", f"release {library_id}")
    # S3 finds nothing for a row without an artist.
    evidence(shelf, never_asked, "S1", f"release {never_asked}")
    written = write(shelf)
    assert shelf.outcomes() == {
        resolved: "resolved",
        unresolved: "unresolved",
        never_asked: "missing_artist_name",
    }
    rows = {row["library_id"]: row for row in shelf.rows("SELECT * FROM library_identity")}
    assert {library_id: row["notes"] for library_id, row in rows.items()} == {
        resolved: "consumer:lml-bulk",
        unresolved: S3,
        never_asked: S1,
    }
    assert [row["discogs_release_id"] for row in rows.values()] == list(rows)
    assert written.rows == 2
    assert len(shelf.rows("SELECT 1 FROM library_unresolved")) == 1


def test_on_a_first_run_with_legs_history_gets_no_row_of_a_state_that_was_never_committed(
    shelf: Shelf,
) -> None:
    library_id = shelf.put()
    evidence(shelf, library_id, "S1", "release 5")
    shelf.select()
    shelf.answer(single_artist(library_id))
    written = write(shelf)
    assert said(shelf, library_id) == ("cross_source_agreement", 0.95, None, None, 5, "consumer:lml-bulk")
    assert (written.history_rows_written, history(shelf)) == (0, [])


def test_a_row_that_lml_changes_and_a_leg_fills_in_one_run_is_in_history_once_as_it_was_committed(
    shelf: Shelf,
) -> None:
    library_id = shelf.put()
    put_main(shelf, library_id)
    evidence(shelf, library_id, "S1", "release 5")
    shelf.select()
    shelf.answer(single_artist(library_id))
    assert write(shelf).history_rows_written == 1
    assert history(shelf) == [(library_id, "trigram", "somebody", "rerun")]


def test_the_journal_notes_each_row_that_the_legs_write_and_the_source_rows_beside_it(shelf: Shelf) -> None:
    filled, made, untouched = shelf.put(), shelf.put(), shelf.put()
    put_main(shelf, filled)
    put_source(shelf, made, "mb_release", "trigram", 0.8)
    put_source(shelf, untouched, "mb_release", "trigram", 0.8)
    for library_id in (filled, made):
        evidence(shelf, library_id, "S1", "release 5")
    reflect(shelf, filled, made, untouched)
    entries = shelf.rows(
        "SELECT * FROM journal_entry WHERE row_hash IS NOT NULL ORDER BY table_name, library_id, key"
    )
    assert [(one["table_name"], one["library_id"], one["key"], one["before"]) for one in entries] == [
        ("leg_filled", filled, "", "absent"),
        ("leg_filled", made, "", "absent"),
        ("library_identity", filled, "", "image"),
        ("library_identity", made, "", "absent"),
        ("library_identity_source", filled, "discogs_release", "absent"),
        ("library_identity_source", made, "discogs_release", "absent"),
        ("library_identity_source", made, "mb_release", "same"),
    ]
    [image] = shelf.rows("SELECT library_id, image ->> 'discogs_release_id' AS release FROM journal_image")
    assert image == {"library_id": filled, "release": None}
    assert len(shelf.rows("SELECT 1 FROM journal_chunk")) == 3


def test_a_row_that_the_legs_remove_is_in_the_journal_with_its_image_and_no_hash(shelf: Shelf) -> None:
    library_id = shelf.put()
    evidence(shelf, library_id, "S3", "release 5")
    reflect(shelf, library_id)
    shelf.run("DELETE FROM journal_chunk")
    forget(shelf, library_id, "S3")
    reflect(shelf, library_id)
    entries = shelf.rows("SELECT table_name, before, row_hash FROM journal_entry ORDER BY table_name")
    assert entries == [
        {"table_name": name, "before": "image", "row_hash": None}
        for name in ("leg_filled", "library_identity", "library_identity_source")
    ]
    assert len(shelf.rows("SELECT 1 FROM journal_image")) == 3


def test_writing_the_legs_again_adds_nothing_to_the_journal(shelf: Shelf) -> None:
    library_id = shelf.put()
    evidence(shelf, library_id, "S3", "release 5")
    reflect(shelf, library_id)
    before = shelf.rows("SELECT * FROM journal_entry ORDER BY chunk_id, place")
    reflect(shelf, library_id)
    assert shelf.rows("SELECT * FROM journal_entry ORDER BY chunk_id, place") == before


@pytest.mark.promise("people meanwhile")
def test_evidence_of_a_library_row_that_backend_has_deleted_writes_nothing(shelf: Shelf) -> None:
    gone, stays = shelf.put(), shelf.put()
    for library_id in (gone, stays):
        evidence(shelf, library_id, "S3", "release 5")
    shelf.run("DELETE FROM library WHERE id = :id", id=gone)
    written = write(shelf)
    assert (written.leg_rows_refused, written.main_rows_written) == (0, 1)
    assert set(sources(shelf, gone)) == set()


def test_without_the_legs_the_writer_leaves_their_evidence_alone(shelf: Shelf) -> None:
    library_id = shelf.put()
    evidence(shelf, library_id, "S3", "release 5")
    write_verdicts(shelf.database, EVERY_BUCKET, shelf.settings, "run")
    assert identity(shelf) == [[], []]


@pytest.mark.promise("refused row")
def test_a_row_that_the_database_refuses_is_set_aside_alone_and_its_reason_kept(shelf: Shelf) -> None:
    ids = shelf.put_many([f"A {number}" for number in range(20)])
    for library_id in ids:
        evidence(shelf, library_id, "S3", f"release {library_id}")
    shelf.run(
        "ALTER TABLE library_identity ADD CONSTRAINT no_luck CHECK (discogs_release_id <> :id)", id=ids[7]
    )
    written = write(shelf)
    assert (written.leg_rows_refused, written.main_rows_written, written.rows) == (1, 19, 0)
    [refused] = shelf.rows("SELECT * FROM leg_evidence WHERE refused_reason IS NOT NULL")
    assert (refused["library_id"], "no_luck" in refused["refused_reason"]) == (ids[7], True)
    assert (sources(shelf, ids[7]), main_row(shelf, ids[7])) == ({}, None)
    shelf.run("ALTER TABLE library_identity DROP CONSTRAINT no_luck")
    assert write(shelf).main_rows_written == 1
    assert shelf.rows("SELECT 1 FROM leg_evidence WHERE refused_reason IS NOT NULL") == []


@pytest.mark.promise("refused row")
def test_a_refused_leg_row_of_a_settled_library_row_leaves_its_outcome_in_the_ledger(shelf: Shelf) -> None:
    library_id = shelf.put()
    shelf.select()
    shelf.answer(single_artist(library_id))
    write(shelf)
    evidence(shelf, library_id, "S3", "release 5")
    shelf.run("ALTER TABLE library_identity ADD CONSTRAINT no_luck CHECK (discogs_release_id <> 5)")
    assert write(shelf).leg_rows_refused == 1
    assert shelf.outcomes() == {library_id: "resolved"}


def test_a_person_who_decides_while_the_legs_are_written_is_waited_for_and_heeded(shelf: Shelf) -> None:
    library_id = shelf.put()
    put_main(shelf, library_id, notes=S3)
    evidence(shelf, library_id, "S3", "release 5")
    results: list[Any] = []
    with shelf.database.transaction() as person:
        person.exec_driver_sql("UPDATE library_identity SET method = 'manual', confidence = 1")
        writer = threading.Thread(target=lambda: results.append(reflect(shelf, library_id)))
        writer.start()
        writer.join(0.3)
        assert writer.is_alive()
    writer.join(10)
    assert results[0] == Written()
    assert sources(shelf, library_id) == {}


def test_the_library_table_is_never_written(shelf: Shelf) -> None:
    library_id = shelf.put()
    evidence(shelf, library_id, "S1", "release 5")
    before = shelf.rows("SELECT * FROM catalog_watermark")
    reflect(shelf, library_id)
    take_back(shelf, "S1", library_id)
    assert shelf.rows("SELECT * FROM catalog_watermark") == before


# Taking a leg back

entities = st.sampled_from(["release 5", "release 6", "master 7", "master 8"])
checks = st.sampled_from([None, (5, 7), (5, 8), (6, 7), (6, 9)])
found = st.none() | st.tuples(entities, st.booleans(), checks)
others = st.sampled_from(
    ["nothing", "lml", "main", "main with columns", "manual main", "manual source", "source"]
)


def put_other(shelf: Shelf, library_id: int, other: str) -> None:
    """What stands there before the legs come."""
    if other == "lml":
        put_main(shelf, library_id, notes="consumer:lml-bulk")
        put_source(shelf, library_id, "discogs", "trigram", 0.8, notes="consumer:lml-bulk")
    elif other == "main":
        put_main(shelf, library_id)
    elif other == "main with columns":
        put_main(shelf, library_id, master=7, release=55)
    elif other == "manual main":
        put_main(shelf, library_id, method="manual", confidence=1.0)
    elif other == "manual source":
        put_source(shelf, library_id, "discogs_release", "manual", 1.0, external_id="42")
    elif other == "source":
        put_source(shelf, library_id, "discogs_master", "trigram", 0.72, external_id="43")


@given(
    libraries=st.lists(st.tuples(others, found, found), min_size=1, max_size=20), leg=st.sampled_from("13")
)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_state_before_a_leg_is_that_after_it_was_taken_back_byte_for_byte(
    shelf: Shelf, libraries: list[tuple[str, Any, Any]], leg: str
) -> None:
    shelf.run(
        "TRUNCATE library, library_identity, library_identity_source, library_identity_history, leg_filled, "
        "leg_evidence RESTART IDENTITY CASCADE"
    )
    ids = shelf.put_many(["x"] * len(libraries))
    taken, kept = f"S{leg}", "S3" if leg == "1" else "S1"
    at = {"S1": 1, "S3": 2}
    for library_id, library in zip(ids, libraries, strict=True):
        put_other(shelf, library_id, library[0])
    at_first = identity(shelf)
    for library_id, library in zip(ids, libraries, strict=True):
        put_evidence(shelf, library_id, kept, library[at[kept]])
    reflect(shelf, *ids)
    before = identity(shelf)
    for library_id, library in zip(ids, libraries, strict=True):
        put_evidence(shelf, library_id, taken, library[at[taken]])
    reflect(shelf, *ids)
    with_leg = identity(shelf)
    shelf.run("DELETE FROM library_identity_history")

    back = take_back(shelf, taken, *ids)
    assert identity(shelf) == before
    assert {row[3] for row in history(shelf)} <= {"unwind"}
    assert (back != Written()) == (with_leg != before)
    assert take_back(shelf, taken, *ids) == Written()
    assert reflect(shelf, *ids) == Written()
    take_back(shelf, kept, *ids)
    assert identity(shelf) == at_first


def put_evidence(shelf: Shelf, library_id: int, leg: str, of: Any) -> None:
    if of is not None:
        entity, ambiguous, checked = of
        evidence(
            shelf, library_id, leg, entity, ambiguous=ambiguous, checked=checked if leg == "S3" else None
        )


def test_taking_back_keeps_what_it_removes_in_history(shelf: Shelf) -> None:
    library_id = shelf.put()
    evidence(shelf, library_id, "S3", "release 5")
    reflect(shelf, library_id)
    back = take_back(shelf, "S3", library_id)
    assert (back.main_rows_removed, back.source_rows_removed) == (1, 1)
    assert back != Written()
    assert history(shelf) == [(library_id, "exact_match", S3, "unwind")]
    assert shelf.rows("SELECT 1 FROM leg_evidence") == []


def test_taking_back_removes_the_rows_of_an_older_job_too(shelf: Shelf) -> None:
    library_id = shelf.put()
    put_source(shelf, library_id, "discogs_release", "exact_match", 1.0, notes=S3)
    put_main(shelf, library_id, method="exact_match", confidence=1.0, notes=S3, release=1)
    take_back(shelf, "S3", library_id)
    assert identity(shelf) == [[], []]


def test_recompose_mends_the_main_row_after_source_rows_and_evidence_were_deleted(shelf: Shelf) -> None:
    library_id = shelf.put()
    evidence(shelf, library_id, "S1", "release 5")
    reflect(shelf, library_id)
    before = identity(shelf)
    evidence(shelf, library_id, "S3", "master 7")
    reflect(shelf, library_id)
    forget(shelf, library_id, "S3")
    shelf.run("DELETE FROM library_identity_source WHERE notes = 'backfill:S3'")
    with shelf.database.transaction() as connection:
        recompose(connection, [library_id], "taken back")
    assert identity(shelf) == before
