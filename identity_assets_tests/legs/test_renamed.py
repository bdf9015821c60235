"""Library rows that change after a leg has read them: its evidence is for another row, and writes nothing new."""

from collections import Counter
from dataclasses import replace

import pytest

from identity_assets.backend.ledger.evidence import (
    EvidenceShrunkError,
    EvidenceStored,
    pending_evidence,
)
from identity_assets.backend.preview.leg_dry_run import preview_leg
from identity_assets.backend.reports.integrity import read_leg_conflicts
from identity_assets.backend.reports.story import read_story
from identity_assets.backend.undo.by_writer import plan_unwind_notes, unwind_notes
from identity_assets.backend.writing.replay import replay
from identity_assets.backend.writing.verdicts import write_verdicts
from identity_assets.backend.writing.written import Written
from identity_assets.gathering import gather, gather_and_store
from identity_assets.settings import Leg
from identity_assets_tests.legs.support import (
    Cache,
    identity,
    main_row,
    put_main,
    said,
    sources,
    standing,
)
from identity_assets_tests.support import EVERY_BUCKET, Shelf, nothing, single_artist

S1, S3 = "backfill:S1", "backfill:S3"
CHANGES = {
    "artist": "artist_name = 'Somebody else'",
    "title": "album_title = 'Second'",
    "case": "album_title = 'FIRST'",
    "no artist": "artist_name = NULL",
    "reloaded": "artist_name = 'b', album_title = 'other', canonical_entity_id = NULL",
}
ENTITIES = ["'discogs:6'", "'discogs:master:5'", "'bandcamp:1'", "NULL"]


def gathered(shelf: Shelf, cache: Cache, *legs: Leg) -> list[EvidenceStored]:
    return [
        gather_and_store(leg, shelf.database, cache.settings, EVERY_BUCKET, "gathering")[1]
        for leg in legs or (Leg.S3,)
    ]


def write(shelf: Shelf, run_id: str = "run") -> Written:
    written = write_verdicts(shelf.database, EVERY_BUCKET, shelf.settings, run_id, with_legs=True)
    return sum(written.values(), Written())


def change(shelf: Shelf, library_id: int, how: str) -> None:
    """Backend changes the library row."""
    shelf.run(f"UPDATE library SET {how} WHERE id = :id", id=library_id)


def shelved(shelf: Shelf, cache: Cache) -> list[int]:
    """Two library rows without a canonical_entity_id that S3 finds: releases 1 and 2."""
    ids = [shelf.put("a", "First", canonical=None), shelf.put("b", "Other", canonical=None)]
    cache.match("a", "first", 1, None, 1)
    cache.match("b", "other", 1, None, 2)
    return ids


@pytest.mark.promise("people meanwhile")
@pytest.mark.parametrize("how", CHANGES)
@pytest.mark.parametrize("rematerialised", [False, True])
def test_s3_pins_no_row_that_was_renamed_between_gathering_and_writing(
    shelf: Shelf, cache: Cache, how: str, rematerialised: bool
) -> None:
    renamed, other = shelved(shelf, cache)
    cache.release(1, None, "First", "a")
    cache.release(2, None, "Other", "b")
    cache.settings = replace(cache.settings, flowsheet_match_rematerialise=rematerialised)
    gathered(shelf, cache)
    change(shelf, renamed, CHANGES[how])
    written = write(shelf)
    assert (written.leg_rows_outdated, written.source_rows_written, written.main_rows_written) == (1, 1, 1)
    assert (sources(shelf, renamed), main_row(shelf, renamed)) == ({}, None)
    assert sources(shelf, other) == {"discogs_release": ("2", 1.0, None, S3)}
    assert pending_evidence(shelf.database, 16) == {}
    assert write(shelf) == Written(leg_rows_outdated=1)


@pytest.mark.promise("people meanwhile")
@pytest.mark.parametrize("entity", ENTITIES)
def test_s1_pins_no_row_whose_canonical_entity_id_changed_between_gathering_and_writing(
    shelf: Shelf, cache: Cache, entity: str
) -> None:
    changed, other = shelf.put(canonical="discogs:5"), shelf.put(canonical="discogs:7")
    gathered(shelf, cache, Leg.S1)
    change(shelf, changed, f"canonical_entity_id = {entity}")
    written = write(shelf)
    assert (written.leg_rows_outdated, written.source_rows_written, written.main_rows_written) == (1, 1, 1)
    assert (sources(shelf, changed), main_row(shelf, changed)) == ({}, None)
    assert said(shelf, other) == ("exact_match", 1.0, None, None, 7, S1)


def test_what_backend_says_of_a_row_holds_under_its_new_name(shelf: Shelf, cache: Cache) -> None:
    renamed = shelf.put(canonical="discogs:5")
    gathered(shelf, cache, Leg.S1)
    change(shelf, renamed, "artist_name = 'Anna Niberg'")
    assert write(shelf).leg_rows_outdated == 0
    assert said(shelf, renamed) == ("exact_match", 1.0, None, None, 5, S1)


@pytest.mark.promise("people meanwhile")
def test_the_next_gathering_finds_what_the_new_names_are(shelf: Shelf, cache: Cache) -> None:
    renamed, other = shelved(shelf, cache)
    gathered(shelf, cache)
    change(shelf, renamed, CHANGES["reloaded"])
    write(shelf)
    assert gathered(shelf, cache) == [EvidenceStored(written=1, removed=0, kept=2)]
    assert write(shelf).leg_rows_outdated == 0
    assert sources(shelf, renamed) == sources(shelf, other)


def test_found_again_under_its_new_names_the_evidence_counts_and_keeps_its_moment(
    shelf: Shelf, cache: Cache
) -> None:
    renamed, _other = shelved(shelf, cache)
    gathered(shelf, cache)
    write(shelf)
    before = identity(shelf)
    change(shelf, renamed, CHANGES["case"])
    assert write(shelf).leg_rows_outdated == 1
    assert gathered(shelf, cache) == [EvidenceStored(written=1, removed=0, kept=2)]
    assert write(shelf) == Written()
    assert identity(shelf) == before


@pytest.mark.promise("people meanwhile")
@pytest.mark.parametrize("how", CHANGES)
def test_what_stands_already_stays_until_the_leg_is_gathered_again(
    shelf: Shelf, cache: Cache, how: str
) -> None:
    renamed, other = shelved(shelf, cache)
    gathered(shelf, cache)
    write(shelf)
    before = standing(shelf)
    change(shelf, renamed, CHANGES[how])
    assert write(shelf) == Written(leg_rows_outdated=1)
    assert standing(shelf) == before
    cache.run("DELETE FROM wxyc.flowsheet_match WHERE artist_norm = 'a'")
    change(shelf, renamed, "artist_name = 'Somebody else'")
    gathered(shelf, cache)
    write(shelf)
    assert (sources(shelf, renamed), main_row(shelf, renamed)) == ({}, None)
    assert said(shelf, other) is not None


@pytest.mark.promise("people meanwhile")
@pytest.mark.parametrize("pair", [(1, None, 6), (2, None, 5), (1, 9, 5)])
def test_a_newer_find_for_the_former_names_does_not_replace_what_stands(
    shelf: Shelf, cache: Cache, pair: tuple[int, int | None, int | None]
) -> None:
    renamed = shelf.put("a", "First", canonical=None)
    shelf.put("b", "Other", canonical=None)
    cache.match("a", "first", 1, None, 5)
    gathered(shelf, cache)
    write(shelf)
    before = identity(shelf)
    cache.run("TRUNCATE wxyc.flowsheet_match")
    cache.match("a", "first", *pair)
    gathered(shelf, cache)
    change(shelf, renamed, CHANGES["title"])
    assert write(shelf) == Written(leg_rows_outdated=1)
    assert identity(shelf) == before


def test_a_leg_that_is_up_to_date_is_written_beside_one_that_is_not(shelf: Shelf, cache: Cache) -> None:
    fresh, agreed = shelf.put("a", "First", canonical="discogs:1"), shelf.put("b", "Other", canonical=None)
    cache.match("a", "first", 1, None, 1)
    cache.match("b", "other", 1, 7, None)
    gathered(shelf, cache, Leg.S1, Leg.S3)
    change(shelf, fresh, CHANGES["title"])
    write(shelf)
    # S3 named the same release for the former title: that is no agreement.
    assert sources(shelf, fresh) == {"discogs_release": ("1", 1.0, None, S1)}
    assert said(shelf, fresh) == ("exact_match", 1.0, None, None, 1, S1)

    change(shelf, agreed, "album_title = 'Third', canonical_entity_id = 'discogs:5'")
    gathered(shelf, cache, Leg.S1)
    write(shelf)
    assert sources(shelf, agreed) == {
        "discogs_master": ("7", 1.0, None, S3),
        "discogs_release": ("5", 1.0, None, S1),
    }


@pytest.mark.parametrize(("entity", "match"), [("discogs:1", (1, None, 1)), ("discogs:1", (1, 7, None))])
def test_an_agreement_that_is_written_stays_until_the_legs_are_gathered_again(
    shelf: Shelf, cache: Cache, entity: str, match: tuple[int, int | None, int | None]
) -> None:
    renamed = shelf.put("a", "First", canonical=entity)
    cache.match("a", "first", *match)
    gathered(shelf, cache, Leg.S1, Leg.S3)
    write(shelf)
    before = standing(shelf)
    made = said(shelf, renamed)
    assert made is not None
    assert made[0] == "cross_source_agreement"
    change(shelf, renamed, CHANGES["reloaded"])
    assert write(shelf) == Written(leg_rows_outdated=1)
    assert standing(shelf) == before


def test_two_legs_contradict_each_other_only_about_one_and_the_same_row(shelf: Shelf, cache: Cache) -> None:
    renamed = shelf.put("a", "First", canonical="discogs:1")
    cache.match("a", "first", 1, None, 2)
    gathered(shelf, cache, Leg.S1, Leg.S3)
    assert read_leg_conflicts(shelf.database).count == 1
    change(shelf, renamed, CHANGES["title"])
    assert read_leg_conflicts(shelf.database).count == 0


@pytest.mark.promise("broken cache")
def test_a_backend_that_lost_all_its_canonical_entity_ids_loses_no_identity(
    shelf: Shelf, cache: Cache
) -> None:
    for number in range(60):
        shelf.put("a", f"Album {number}", canonical=f"discogs:{1 + number}")
    gathered(shelf, cache, Leg.S1)
    write(shelf)
    before = standing(shelf)
    shelf.run("UPDATE library SET canonical_entity_id = NULL")
    with pytest.raises(EvidenceShrunkError):
        gathered(shelf, cache, Leg.S1)
    assert write(shelf) == Written(leg_rows_outdated=60)
    assert standing(shelf) == before


def test_into_the_main_row_of_lml_no_release_of_the_former_names_is_filled(
    shelf: Shelf, cache: Cache
) -> None:
    renamed, _other = shelved(shelf, cache)
    gathered(shelf, cache)
    change(shelf, renamed, CHANGES["artist"])
    shelf.select()
    shelf.answer(single_artist(renamed))
    write(shelf)
    row = main_row(shelf, renamed)
    assert row is not None
    assert (row["notes"], row["discogs_release_id"]) == ("consumer:lml-bulk", None)
    assert shelf.outcomes()[renamed] == "resolved"


@pytest.mark.promise("people meanwhile")
def test_a_replay_writes_no_evidence_of_former_names(shelf: Shelf, cache: Cache) -> None:
    renamed, other = shelved(shelf, cache)
    third = shelf.put("c", "Third", canonical=None)
    shelf.select()
    shelf.answer(*(nothing(one) for one in (renamed, other, third)))
    shelf.write()
    gathered(shelf, cache)
    change(shelf, renamed, CHANGES["title"])
    settings = replace(shelf.settings, identity_legs=(Leg.S3,))
    done = replay(shelf.database, EVERY_BUCKET, settings, run_id="replay")
    assert (done.left_alone, done.written.leg_rows_outdated) == ({"names_changed": 1}, 0)
    # The renamed row lies in the range that is written now.
    change(shelf, renamed, "album_title = 'First'")
    change(shelf, other, CHANGES["title"])
    done = replay(shelf.database, EVERY_BUCKET, settings, run_id="replay")
    assert (done.left_alone, done.written.leg_rows_outdated) == ({"names_changed": 1}, 1)
    assert set(sources(shelf, renamed)) == {"discogs_release"}


@pytest.mark.promise("dry run")
@pytest.mark.parametrize(
    ("leg", "how", "reason"),
    [
        (Leg.S3, "album_title = 'Second'", "names_changed"),
        (Leg.S1, "canonical_entity_id = NULL", "canonical_entity_changed"),
    ],
)
def test_the_dry_run_counts_rows_that_change_while_it_works(
    shelf: Shelf, cache: Cache, leg: Leg, how: str, reason: str
) -> None:
    changed, _other = (
        shelf.put("a", "First", canonical="discogs:1"),
        shelf.put("b", "Other", canonical="discogs:2"),
    )
    cache.match("a", "first", 1, None, 1)
    cache.match("b", "other", 1, None, 2)
    found = gather(leg, shelf.database, cache.settings, EVERY_BUCKET)
    change(shelf, changed, how)
    outcomes = preview_leg(shelf.database, leg, EVERY_BUCKET, found.evidence, 100)
    assert outcomes == Counter({"write": 1, reason: 1, "upsert_mains": 1})


def test_explain_says_what_the_leg_read_and_that_the_row_has_changed(shelf: Shelf, cache: Cache) -> None:
    library_id = shelf.put("a", "First", canonical="discogs:1")
    cache.match("a", "first", 1, None, 1)
    gathered(shelf, cache, Leg.S1, Leg.S3)

    def told() -> list[tuple[object, ...]]:
        story = read_story(shelf.database, shelf.settings, library_id)
        assert story is not None
        names = ("leg", "artist_name", "album_title", "canonical_entity_id", "is_outdated")
        return [tuple(row[name] for name in names) for row in story.leg_evidence]

    assert told() == [("S1", None, None, "discogs:1", False), ("S3", "a", "First", None, False)]
    change(shelf, library_id, CHANGES["title"])
    assert told() == [("S1", None, None, "discogs:1", False), ("S3", "a", "First", None, True)]


@pytest.mark.parametrize("notes", [S1, S3])
def test_a_leg_is_taken_back_from_renamed_rows_too(shelf: Shelf, cache: Cache, notes: str) -> None:
    renamed = shelf.put("a", "First", canonical="discogs:1")
    cache.match("a", "first", 1, 7, None)
    gathered(shelf, cache, Leg.S1, Leg.S3)
    write(shelf)
    change(shelf, renamed, CHANGES["reloaded"])
    planned = plan_unwind_notes(shelf.database, notes, 100)
    assert unwind_notes(shelf.database, notes, 100, run_id="unwind") == planned
    other = S3 if notes == S1 else S1
    assert [row[3] for row in sources(shelf, renamed).values()] == [other]
    row = main_row(shelf, renamed)
    assert row is not None
    assert (row["method"], row["notes"]) == ("exact_match", other)


def test_taking_lml_back_writes_no_evidence_of_former_names(shelf: Shelf, cache: Cache) -> None:
    renamed, other = shelved(shelf, cache)
    for library_id in (renamed, other):
        put_main(shelf, library_id, notes="consumer:lml-bulk")
    gathered(shelf, cache)
    change(shelf, renamed, CHANGES["title"])
    unwind_notes(shelf.database, "consumer:lml-bulk", 100, run_id="unwind")
    assert (sources(shelf, renamed), main_row(shelf, renamed)) == ({}, None)
    assert said(shelf, other) == ("exact_match", 1.0, None, None, 2, S3)
