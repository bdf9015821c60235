"""The leg S1: what a canonical_entity_id names, what is skipped and why, and the evidence that is kept."""

from datetime import UTC, datetime

import pytest

from identity_assets.backend.ledger.evidence import ShrinkLimit, replace_evidence
from identity_assets.backend.library_pages import library_pages
from identity_assets.gathering import gather_and_store
from identity_assets.legs.canonical_entity import gather_canonical_entity, parse_entity
from identity_assets.partition_keys import Buckets
from identity_assets.settings import Leg
from identity_assets_tests.legs.support import standing
from identity_assets_tests.support import EVERY_BUCKET, Shelf


@pytest.mark.parametrize(
    ("value", "entity"),
    [
        ("discogs:5", ("discogs_release", 5)),
        ("discogs:release:5", ("discogs_release", 5)),
        ("discogs:master:5", ("discogs_master", 5)),
        ("discogs:2147483647", ("discogs_release", 2147483647)),
        ("discogs:007", ("discogs_release", 7)),
        ("discogs:2147483648", "id_out_of_range"),
        ("discogs:master:0", "id_out_of_range"),
        ("discogs:" + "9" * 5000, "id_out_of_range"),
        ("discogs:-5", "malformed_id"),
        ("discogs:", "malformed_id"),
        ("discogs:release:", "malformed_id"),
        ("discogs:artist:5", "malformed_id"),
        ("discogs:release:5 ", "malformed_id"),
        ("discogs:release:5\n", "malformed_id"),
        ("discogs:\u0665", "malformed_id"),
        ("discogs:5x", "malformed_id"),
        ("musicbrainz:6f1b9bde-7f0a-4b5b-9b1e-0123456789ab", "other_scheme"),
        ("bandcamp:5", "other_scheme"),
        ("Discogs:5", "other_scheme"),
        ("5", "other_scheme"),
        ("", "other_scheme"),
    ],
)
def test_what_a_value_names_or_why_it_names_nothing(value: str, entity: tuple[str, int] | str) -> None:
    assert parse_entity(value) == entity


def gather(shelf: Shelf, buckets: Buckets = EVERY_BUCKET, *, accept_shrink: bool = False) -> None:
    gather_and_store(Leg.S1, shelf.database, shelf.settings, buckets, "run", accept_shrink=accept_shrink)


def kept(shelf: Shelf) -> dict[int, tuple[object, ...]]:
    rows = shelf.rows("SELECT * FROM leg_evidence WHERE leg = 'S1'")
    return {
        row["library_id"]: (row["source"], row["external_id"], row["method"], row["confidence"])
        for row in rows
    }


def test_each_row_with_a_canonical_entity_id_is_evidence_or_skipped_for_one_reason(shelf: Shelf) -> None:
    values = ["discogs:5", "discogs:master:6", "bandcamp:1", "discogs:x", "discogs:0", "spotify:1", None]
    ids = [shelf.put(canonical=value) for value in values]
    for page_rows in (2, 100):
        gathered = gather_canonical_entity(
            library_pages(shelf.database, EVERY_BUCKET, page_rows, canonical_only=True), 16
        )
        assert gathered.scanned == 6
        assert gathered.reasons() == {"id_out_of_range": 1, "malformed_id": 1, "other_scheme": 2}
        assert [one.library_id for one in gathered.evidence] == ids[:2]
    gather(shelf)
    assert kept(shelf) == {
        ids[0]: ("discogs_release", "5", "exact_match", 1.0),
        ids[1]: ("discogs_master", "6", "exact_match", 1.0),
    }


def test_it_was_verified_when_backend_resolved_it_and_where_that_is_unknown_when_first_seen(
    shelf: Shelf,
) -> None:
    resolved, unknown = shelf.put(canonical="discogs:1"), shelf.put(canonical="discogs:2")
    shelf.run("UPDATE library SET canonical_entity_resolved_at = '2025-10-01+00' WHERE id = :id", id=resolved)
    gather(shelf)
    first = shelf.rows("SELECT library_id, verified_at FROM leg_evidence ORDER BY library_id")
    assert first[0]["verified_at"] == datetime(2025, 10, 1, tzinfo=UTC)
    assert abs((first[1]["verified_at"] - datetime.now(UTC)).total_seconds()) < 60
    gather(shelf)
    assert shelf.rows("SELECT library_id, verified_at FROM leg_evidence ORDER BY library_id") == first
    assert [row["library_id"] for row in first] == [resolved, unknown]


def test_gathering_again_touches_nothing_and_what_is_no_longer_found_is_removed(shelf: Shelf) -> None:
    ids = [shelf.put(canonical=f"discogs:{number}") for number in range(1, 6)]
    gather(shelf)
    before = standing(shelf)
    gather_and_store(Leg.S1, shelf.database, shelf.settings, EVERY_BUCKET, "another run")
    assert standing(shelf) == before
    shelf.run("UPDATE library SET canonical_entity_id = NULL WHERE id = :id", id=ids[0])
    shelf.run("UPDATE library SET canonical_entity_id = 'discogs:master:9' WHERE id = :id", id=ids[1])
    shelf.delete_release(ids[4])
    _, stored = gather_and_store(Leg.S1, shelf.database, shelf.settings, EVERY_BUCKET, "a third run")
    assert set(kept(shelf)) == {ids[1], ids[2], ids[3]}
    assert kept(shelf)[ids[1]][:2] == ("discogs_master", "9")
    assert (stored.written, stored.removed) == (1, 3)
    runs = shelf.rows("SELECT run_id FROM leg_evidence ORDER BY library_id")
    assert [row["run_id"] for row in runs] == ["a third run", "run", "run"]


def test_gathering_in_pages_of_any_size_ends_in_the_same_evidence(shelf: Shelf) -> None:
    ids = [shelf.put(canonical=f"discogs:{number}") for number in range(1, 12)]
    for page_rows in (1, 3, 11, 50):
        gathered = gather_canonical_entity(library_pages(shelf.database, EVERY_BUCKET, 4), 16)
        gathered.evidence.pop(5)
        replace_evidence(shelf.database, Leg.S1, EVERY_BUCKET, gathered, "run", page_rows, ShrinkLimit(0.1))
        assert sorted(kept(shelf)) == [one for one in ids if one != ids[5]]
        gather(shelf)
        assert sorted(kept(shelf)) == ids


def test_one_partition_touches_no_other(shelf: Shelf) -> None:
    ids = [shelf.put(canonical=f"discogs:{number}") for number in range(1, 40)]
    gather(shelf)
    shelf.run("UPDATE library SET canonical_entity_id = NULL")
    gather(shelf, Buckets(16, (3, 5)), accept_shrink=True)
    assert sorted(kept(shelf)) == [one for one in ids if one % 16 not in {3, 5}]
