"""A cache that is empty or much smaller than last time is a broken cache: the guard of the legs' evidence."""

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import text

from identity_assets.backend.ledger.evidence import EvidenceShrunkError, EvidenceStored, ShrinkLimit
from identity_assets.gathering import gather_and_store
from identity_assets.partition_keys import Buckets
from identity_assets.settings import Leg
from identity_assets_tests.legs.support import Cache, standing
from identity_assets_tests.support import EVERY_BUCKET, Shelf

ROWS = 600


@pytest.fixture
def pinned(shelf: Shelf, cache: Cache) -> Cache:
    """A discogs-cache to which S3 pins 600 library rows; that evidence is stored."""
    with shelf.database.transaction() as connection:
        connection.execute(text("INSERT INTO artists (id, artist_name) VALUES (1, 'x')"))
        connection.execute(
            text(
                "INSERT INTO library (artist_id, artist_name, album_title, legacy_release_id, canonical_entity_id) "
                f"SELECT 1, 'Artist ' || n || 'x', 'Title', n, 'discogs:' || n FROM generate_series(1, {ROWS}) AS n"
            )
        )
    cache.run(
        "INSERT INTO wxyc.flowsheet_match "
        f"SELECT 'artist ' || n || 'x', 'title', 1, n, n FROM generate_series(1, {ROWS}) AS n"
    )
    cache.run(f"INSERT INTO wxyc.release SELECT n, n, 'Title' FROM generate_series(1, {ROWS}) AS n")
    cache.run(
        f"INSERT INTO wxyc.release_artist SELECT n, 'Artist ' || n || 'x' FROM generate_series(1, {ROWS}) AS n"
    )
    assert gather(shelf, cache).kept == ROWS
    return cache


def gather(shelf: Shelf, cache: Cache, leg: Leg = Leg.S3, **changes: Any) -> EvidenceStored:
    accept = changes.pop("accept_shrink", False)
    buckets = changes.pop("buckets", EVERY_BUCKET)
    settings = replace(cache.settings, **changes)
    return gather_and_store(leg, shelf.database, settings, buckets, "run", accept_shrink=accept)[1]


BROKEN: dict[str, tuple[str, dict[str, Any], int]] = {
    "an emptied snapshot": ("TRUNCATE wxyc.flowsheet_match", {}, 600),
    "an empty release_artist": (
        "TRUNCATE wxyc.release_artist",
        {"flowsheet_match_rematerialise": True},
        600,
    ),
    "a third of the pairs": ("DELETE FROM wxyc.flowsheet_match WHERE release_id % 3 > 0", {}, 400),
    "62% of the pairs": ("DELETE FROM wxyc.flowsheet_match WHERE release_id % 50 > 31", {}, 216),
    "another normalisation": ("UPDATE wxyc.flowsheet_match SET artist_norm = artist_norm || ' z'", {}, 600),
    "a cache of tombstones": ("UPDATE wxyc.release SET not_found = true", {}, 600),
}


@pytest.mark.promise("broken cache")
@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_cache_fails_the_leg_in_one_sentence_with_both_figures_and_removes_nothing(
    shelf: Shelf, pinned: Cache, name: str
) -> None:
    statement, changes, lost = BROKEN[name]
    before = standing(shelf)
    pinned.run(statement)
    with pytest.raises(EvidenceShrunkError) as raised:
        gather(shelf, pinned, **changes)
    message = str(raised.value)
    assert f"S3 would remove its evidence for {lost} of 600 library rows" in message
    assert "accept_shrink: true" in message
    assert "\n" not in message
    assert standing(shelf) == before


def test_a_person_accepts_what_is_gone(shelf: Shelf, pinned: Cache) -> None:
    pinned.run("DELETE FROM wxyc.flowsheet_match WHERE release_id % 3 > 0")
    assert gather(shelf, pinned, accept_shrink=True) == EvidenceStored(0, 400, 200)
    assert gather(shelf, pinned) == EvidenceStored(0, 0, 200)


@pytest.mark.parametrize(("lost", "fails"), [(60, False), (61, True)])
def test_the_limit_is_a_share_of_the_evidence(shelf: Shelf, pinned: Cache, lost: int, fails: bool) -> None:
    pinned.run(f"DELETE FROM wxyc.flowsheet_match WHERE release_id <= {lost}")
    if fails:
        with pytest.raises(EvidenceShrunkError, match="EVIDENCE_SHRINK_LIMIT is 10%"):
            gather(shelf, pinned)
        assert gather(shelf, pinned, evidence_shrink_limit=0.2).removed == lost
    else:
        assert gather(shelf, pinned).removed == lost


@pytest.mark.parametrize(
    ("share", "shown", "stored", "lost"),
    [(0.1, "10%", 500, 50), (0.29, "29%", 200, 58), (0.57, "57%", 100, 57), (0.288, "28.8%", 375, 108)],
)
def test_a_loss_of_exactly_the_limit_is_no_shrinking_and_one_row_more_is(
    share: float, shown: str, stored: int, lost: int
) -> None:
    limit = ShrinkLimit(share)
    limit.check(Leg.S3, stored, lost, stored - lost)
    with pytest.raises(EvidenceShrunkError, match=f"EVIDENCE_SHRINK_LIMIT is {shown}: nothing was removed"):
        limit.check(Leg.S3, stored, lost + 1, stored - lost - 1)


@pytest.mark.parametrize(("lost", "fails"), [(49, False), (50, True)])
def test_fewer_than_50_rows_may_go_whatever_share_they_are(
    shelf: Shelf, pinned: Cache, lost: int, fails: bool
) -> None:
    pinned.run("DELETE FROM wxyc.flowsheet_match WHERE release_id > 120")
    gather(shelf, pinned, accept_shrink=True)
    pinned.run(f"DELETE FROM wxyc.flowsheet_match WHERE release_id <= {lost}")
    if fails:
        with pytest.raises(EvidenceShrunkError):
            gather(shelf, pinned)
    else:
        assert gather(shelf, pinned).removed == lost


@pytest.mark.promise("broken cache")
def test_a_leg_that_finds_no_match_at_all_fails_however_little_it_found_before(
    shelf: Shelf, cache: Cache
) -> None:
    shelf.put("a", "b")
    cache.match("a", "b", 1, 7, 5)
    gather(shelf, cache)
    cache.run("TRUNCATE wxyc.flowsheet_match")
    with pytest.raises(EvidenceShrunkError, match="for 1 of 1 library rows"):
        gather(shelf, cache)
    assert len(shelf.rows("SELECT 1 FROM leg_evidence")) == 1


def test_library_rows_that_backend_has_deleted_are_no_loss(shelf: Shelf, pinned: Cache) -> None:
    shelf.run("DELETE FROM library WHERE id % 2 = 0")
    assert gather(shelf, pinned).removed == ROWS // 2
    shelf.run("DELETE FROM library")
    assert gather(shelf, pinned) == EvidenceStored(0, ROWS // 2, 0)


def test_evidence_that_names_another_release_is_changed_and_not_lost(shelf: Shelf, pinned: Cache) -> None:
    pinned.run("UPDATE wxyc.flowsheet_match SET master_id = NULL, release_id = release_id + 1000")
    assert gather(shelf, pinned) == EvidenceStored(ROWS, ROWS, ROWS)


def test_the_guard_looks_at_the_partitions_of_the_run(shelf: Shelf, pinned: Cache) -> None:
    one = Buckets(2, (1,))
    pinned.run("DELETE FROM wxyc.flowsheet_match WHERE release_id % 2 = 0")
    assert gather(shelf, pinned, buckets=one).removed == 0
    with pytest.raises(EvidenceShrunkError, match="for 300 of 300 library rows"):
        gather(shelf, pinned, buckets=Buckets(2, (0,)))


def test_s1_is_guarded_too(shelf: Shelf, pinned: Cache) -> None:
    assert gather(shelf, pinned, Leg.S1).kept == ROWS
    shelf.run("UPDATE library SET canonical_entity_id = 'other:' || id WHERE id % 2 = 0")
    with pytest.raises(EvidenceShrunkError, match=r"^S1 would remove .* 300 of 600 .*canonical_entity_id"):
        gather(shelf, pinned, Leg.S1)
