"""Which rows are due: every sentence of "Which rows are due" in docs/rules.md, on a real PostgreSQL."""

from dataclasses import replace

import pytest

from identity_assets.backend.ledger.candidates import Cohort, batches_to_ask, select_candidates
from identity_assets.lml.contract import Batch
from identity_assets.partition_keys import Buckets
from identity_assets.settings import Scope, Settings
from identity_assets_tests.support import EVERY_BUCKET, Shelf, nothing, single_artist


def all_batches(shelf: Shelf, settings: Settings) -> list[Batch]:
    cohorts: list[Cohort] = ["non_va", "va"]
    return [
        batch
        for cohort in cohorts
        for batch in batches_to_ask(shelf.database, EVERY_BUCKET, settings, cohort)
    ]


def reasons(shelf: Shelf) -> dict[int, str]:
    rows = shelf.rows("SELECT library_id, reason FROM candidate_library")
    return {row["library_id"]: row["reason"] for row in rows}


def test_scope_canonical_takes_only_rows_with_a_canonical_entity_id_and_full_takes_all(shelf: Shelf) -> None:
    with_id, without = shelf.put(), shelf.put(canonical=None)

    assert shelf.select(Scope.canonical) == 1
    assert set(reasons(shelf)) == {with_id}
    assert shelf.select(Scope.full) == 2
    assert set(reasons(shelf)) == {with_id, without}


def test_a_row_that_was_never_asked_is_due(shelf: Shelf) -> None:
    library_id = shelf.put()
    shelf.select()
    assert reasons(shelf) == {library_id: "never_asked"}


@pytest.mark.promise("asked once")
def test_a_resolved_row_is_due_again_when_its_window_has_passed_and_not_before(shelf: Shelf) -> None:
    library_id = shelf.put()
    shelf.select()
    shelf.answer(single_artist(library_id))
    shelf.write()

    assert shelf.select() == 0
    shelf.age(days=6.99)
    assert shelf.select() == 0
    shelf.age(days=0.02)
    assert shelf.select() == 1
    assert reasons(shelf) == {library_id: "stale"}


@pytest.mark.promise("asked once")
def test_an_unresolved_row_is_due_again_when_its_window_has_passed_and_not_before(shelf: Shelf) -> None:
    library_id = shelf.put()
    shelf.select()
    shelf.answer(nothing(library_id))
    shelf.write()

    assert shelf.select() == 0
    shelf.age(days=6.99)
    assert shelf.select() == 0
    shelf.age(days=0.02)
    assert shelf.select() == 1
    assert reasons(shelf) == {library_id: "retry_due"}


def test_the_windows_are_the_settings(shelf: Shelf) -> None:
    resolved, unresolved = shelf.put(), shelf.put()
    shelf.select()
    shelf.answer(single_artist(resolved), nothing(unresolved))
    shelf.write()
    shelf.age(days=2)

    shelf.settings = replace(shelf.settings, stale_threshold_days=2, unresolved_retry_days=3)
    shelf.select()
    assert reasons(shelf) == {resolved: "stale"}
    shelf.settings = replace(shelf.settings, stale_threshold_days=3, unresolved_retry_days=2)
    shelf.select()
    assert reasons(shelf) == {unresolved: "retry_due"}


def test_a_row_that_was_resolved_once_and_is_unresolved_now_is_not_asked_on_every_run(shelf: Shelf) -> None:
    library_id = shelf.put()
    shelf.select()
    shelf.answer(single_artist(library_id))
    shelf.write()
    shelf.age(days=8)
    shelf.select()
    shelf.answer(nothing(library_id))
    shelf.write()

    assert shelf.select() == 0
    shelf.age(days=8)
    assert shelf.select() == 1


@pytest.mark.promise("manual")
def test_a_manual_row_is_never_due(shelf: Shelf) -> None:
    library_id = shelf.put()
    shelf.run(
        "INSERT INTO library_identity (library_id, method, confidence, last_verified_at) "
        "VALUES (:id, 'manual', 1, now() - interval '1000 days')",
        id=library_id,
    )
    assert shelf.select() == 0


@pytest.mark.parametrize("artist", [None, "", "   ", "\t\n"])
def test_a_row_without_an_artist_name_stands_in_the_ledger_and_is_never_asked(
    shelf: Shelf, artist: str | None
) -> None:
    library_id = shelf.put(artist)

    assert shelf.select() == 1
    assert shelf.outcomes() == {library_id: "missing_artist_name"}
    assert all_batches(shelf, shelf.settings) == []


def test_a_blank_title_is_asked_as_it_is(shelf: Shelf) -> None:
    shelf.put("Anna Nyberg", "")
    shelf.select()
    [batch] = all_batches(shelf, shelf.settings)
    [asked] = batch.inputs
    assert (asked.artist_name, asked.album_title) == ("Anna Nyberg", "")


def test_va_rows_are_told_by_their_volume_letters_or_their_track_credits_and_asked_in_smaller_batches(
    shelf: Shelf,
) -> None:
    plain = [shelf.put(volume=volume) for volume in (None, "AB", "z", None, "B")]
    by_letters = [shelf.put(volume="Z"), shelf.put(volume="ZA1")]
    by_credits = shelf.put()
    shelf.run(
        "INSERT INTO compilation_track_artist (library_id, artist_name) VALUES (:id, 'a')", id=by_credits
    )
    shelf.select()

    settings = replace(shelf.settings, batch_size=4, va_batch_size=2)
    batches = all_batches(shelf, settings)

    assert [[one.library_id for one in batch.inputs] for batch in batches] == [
        plain[:4],
        plain[4:],
        by_letters,
        [by_credits],
    ]


def test_every_input_is_in_one_batch_and_one_only_also_beyond_what_is_read_ahead(shelf: Shelf) -> None:
    ids = shelf.put_many([f"A {number}" for number in range(57)])
    shelf.select()
    settings = replace(shelf.settings, batch_size=2)
    batches = all_batches(shelf, settings)
    assert [one.library_id for batch in batches for one in batch.inputs] == ids
    assert max(len(batch.inputs) for batch in batches) == 2


def test_a_pass_of_one_partition_leaves_the_ledger_of_the_others_alone(shelf: Shelf) -> None:
    ids = shelf.put_many([f"A {number}" for number in range(40)])
    shelf.select(run_id="first")
    shelf.select(buckets=Buckets(16, (3,)), run_id="second")

    rows = shelf.rows("SELECT library_id, run_id FROM candidate_library")
    assert {row["library_id"] for row in rows} == set(ids)
    assert {row["library_id"] % 16 for row in rows if row["run_id"] == "second"} == {3}


@pytest.mark.promise("stored first")
def test_a_verdict_that_is_stored_and_not_yet_applied_is_not_asked_for_again(shelf: Shelf) -> None:
    asked, unasked = shelf.put(), shelf.put()
    shelf.select()
    shelf.answer(single_artist(asked))

    shelf.select()
    [batch] = all_batches(shelf, shelf.settings)
    [still] = batch.inputs
    assert still.library_id == unasked


def test_a_stored_verdict_is_no_answer_when_the_names_have_changed_or_its_window_has_passed(
    shelf: Shelf,
) -> None:
    renamed, retitled, old = shelf.put(), shelf.put(), shelf.put()
    shelf.select()
    shelf.answer(single_artist(renamed), single_artist(retitled), nothing(old))
    shelf.run("UPDATE library SET artist_name = 'Other' WHERE id = :id", id=renamed)
    shelf.run("UPDATE library SET album_title = 'Other' WHERE id = :id", id=retitled)
    shelf.run("UPDATE lml_verdict SET asked_at = now() - interval '8 days' WHERE library_id = :id", id=old)

    shelf.select()
    [batch] = all_batches(shelf, shelf.settings)
    assert [one.library_id for one in batch.inputs] == [renamed, retitled, old]


@pytest.mark.promise("asked once")
def test_an_answer_that_was_set_aside_is_asked_for_again_after_its_own_window_and_not_before(
    shelf: Shelf,
) -> None:
    library_id = shelf.put()
    shelf.select()
    shelf.answer(single_artist(library_id, confidence=0.2))
    [row] = shelf.rows("SELECT outcome, detail FROM candidate_library")
    assert row["outcome"] == "lml_invalid_verdict"
    assert "0.2" in row["detail"]

    shelf.age(days=0.99)
    assert shelf.select() == 0
    shelf.age(days=0.02)
    assert shelf.select() == 1
    assert reasons(shelf) == {library_id: "invalid_retry_due"}
    assert len(all_batches(shelf, shelf.settings)) == 1


def test_a_row_whose_names_changed_is_due_at_once_and_asked_with_the_new_names(shelf: Shelf) -> None:
    resolved, unresolved = shelf.put(), shelf.put()
    shelf.select()
    shelf.answer(single_artist(resolved), nothing(unresolved))
    shelf.write()
    assert shelf.select() == 0
    shelf.run("UPDATE library SET artist_name = 'New' WHERE id = :id", id=resolved)
    shelf.run("UPDATE library SET album_title = 'New' WHERE id = :id", id=unresolved)

    assert shelf.select() == 2
    assert reasons(shelf) == {resolved: "names_changed", unresolved: "names_changed"}
    [batch] = all_batches(shelf, shelf.settings)
    assert [(one.artist_name, one.album_title) for one in batch.inputs] == [
        ("New", "First"),
        ("Anna Nyberg", "New"),
    ]


def test_under_a_limit_a_row_that_cannot_be_asked_about_takes_no_other_rows_place(shelf: Shelf) -> None:
    shelf.put(None)
    askable = shelf.put()
    select_candidates(shelf.database, EVERY_BUCKET, shelf.settings, Scope.full, "run", max_inputs=1)
    assert shelf.outcomes() == {askable: None}
