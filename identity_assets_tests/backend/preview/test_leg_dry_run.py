"""The dry run of a leg: what gathering and writing it would come to, found by reading only."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from identity_assets.backend.database import Database
from identity_assets.backend.writing.verdicts import write_verdicts
from identity_assets.backend.writing.written import Written
from identity_assets.gathering import dry_run_leg, gather_and_store
from identity_assets.settings import Leg
from identity_assets_tests.legs.support import Cache, put_main, put_source
from identity_assets_tests.support import EVERY_BUCKET, Shelf


def dry_run(shelf: Shelf, cache: Cache, leg: Leg) -> dict[str, Any]:
    report = dry_run_leg(shelf.database, cache.settings, leg, EVERY_BUCKET)
    assert report["scanned"] == report["would_write_sources"] + sum(report["skipped"].values())
    return report


def run(shelf: Shelf, cache: Cache, leg: Leg) -> Written:
    gather_and_store(leg, shelf.database, cache.settings, EVERY_BUCKET, "run")
    written = write_verdicts(
        shelf.database, EVERY_BUCKET, replace(shelf.settings, writer_chunk_rows=7), "run", with_legs=True
    )
    return sum(written.values(), Written())


def test_the_report_has_exactly_its_keys_and_every_row_looked_at_is_accounted_for(
    shelf: Shelf, cache: Cache
) -> None:
    ids = [
        *(shelf.put("a", "new", canonical="discogs:1"), shelf.put("a", "manual main", canonical="discogs:2")),
        *(shelf.put("a", "manual source"), shelf.put("a", "other", canonical="bandcamp:1")),
        *(shelf.put("a", "conflict", canonical="discogs:9"), shelf.put("a", "none"), shelf.put("a", "void")),
        shelf.put(None, canonical="discogs:x"),
    ]
    for album in ("new", "manual main", "manual source", "other", "conflict"):
        cache.match("a", album, 2, None, 5)
    cache.match("a", "void", 1, None, None)
    put_main(shelf, ids[1], method="manual", confidence=1.0)
    put_source(shelf, ids[2], "discogs_release", "manual", 1.0)
    put_source(shelf, ids[3], "discogs_release", "trigram", 0.8)
    assert dry_run(shelf, cache, Leg.S1) == {
        "source": "S1",
        "scanned": 8,
        "would_write_sources": 4,
        "would_upsert_mains": 4,
        "skipped": {"malformed_id": 1, "manual_override": 2, "other_scheme": 1},
    }
    run(shelf, cache, Leg.S1)
    assert dry_run(shelf, cache, Leg.S1)["skipped"]["unchanged"] == 4
    report = dry_run(shelf, cache, Leg.S3)
    assert list(report) == ["source", "scanned", "would_write_sources", "would_upsert_mains", "skipped"]
    assert report == {
        "source": "S3",
        "scanned": 8,
        # Its release is 5 and that of S1 is 1: a conflict, as is that of the row with discogs:9.
        "would_write_sources": 0,
        "would_upsert_mains": 0,
        "skipped": {
            "conflict": 2,
            "manual_override": 2,
            "no_artist_name": 1,
            "no_discogs_id": 1,
            "no_match": 1,
            "other_writer": 1,
        },
    }


library = st.tuples(
    st.sampled_from([None, "discogs:1", "discogs:2", "discogs:master:1", "discogs:master:3", "bandcamp:1"]),
    st.none()
    | st.tuples(st.integers(1, 2), st.sampled_from([None, 1, 2, 3]), st.sampled_from([None, 1, 2, 3])),
    st.sampled_from(["nothing", "main", "manual main", "manual source", "source"]),
)


@pytest.mark.promise("dry run")
@given(
    libraries=st.lists(library, min_size=1, max_size=12),
    first=st.sampled_from([None, Leg.S1, Leg.S3]),
    leg=st.sampled_from(Leg),
)
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_dry_run_says_what_the_run_then_does(
    shelf: Shelf, cache: Cache, libraries: list[Any], first: Leg | None, leg: Leg
) -> None:
    shelf.run(
        "TRUNCATE library, library_identity, library_identity_source, leg_filled, leg_evidence, leg_gathered "
        "RESTART IDENTITY CASCADE"
    )
    cache.run("TRUNCATE wxyc.flowsheet_match, wxyc.release")
    for release, master in ((1, 1), (2, 3), (3, 0)):
        cache.release(release, master, "x")
    for number, (canonical, match, other) in enumerate(libraries):
        library_id = shelf.put("a", f"album {number}", canonical=canonical)
        if match is not None:
            cache.match("a", f"album {number}", *match)
        if other == "main":
            put_main(shelf, library_id)
        elif other == "manual main":
            put_main(shelf, library_id, method="manual", confidence=1.0)
        elif other != "nothing":
            put_source(
                shelf, library_id, "discogs_release", "manual" if "manual" in other else "trigram", 1.0
            )
    if first is not None:
        run(shelf, cache, first)
    before = len(shelf.rows("SELECT 1 FROM leg_evidence"))
    foreseen = dry_run(shelf, cache, leg)
    assert len(shelf.rows("SELECT 1 FROM leg_evidence")) == before
    done = run(shelf, cache, leg)
    assert (done.source_rows_written, done.main_rows_written) == (
        foreseen["would_write_sources"],
        foreseen["would_upsert_mains"],
    )
    after = dry_run(shelf, cache, leg)
    assert (after["would_write_sources"], after["would_upsert_mains"]) == (0, 0)


@pytest.fixture
def reader(shelf: Shelf) -> Iterator[Database]:
    """The shelf's database for a role that may only SELECT."""
    schema = shelf.settings.schema_name
    shelf.run("DROP ROLE IF EXISTS dry_reader")
    shelf.run("CREATE ROLE dry_reader LOGIN")
    for name in (schema, "identity_assets"):
        shelf.run(f"GRANT USAGE ON SCHEMA {name} TO dry_reader")
        shelf.run(f"GRANT SELECT ON ALL TABLES IN SCHEMA {name} TO dry_reader")
    url = shelf.settings.require_database_url().set(username="dry_reader")
    with Database(replace(shelf.settings, database_url=url), "reader") as database:
        yield database
    shelf.run("DROP OWNED BY dry_reader")
    shelf.run("DROP ROLE dry_reader")


def test_a_role_that_may_only_select_sees_the_same_and_nothing_is_written(
    shelf: Shelf, cache: Cache, reader: Database
) -> None:
    shelf.put("a", "b", canonical="discogs:1")
    cache.match("a", "b", 1, 7, 5)
    for leg in Leg:
        expected = dry_run(shelf, cache, leg)
        assert expected["would_write_sources"] == 1
        assert dry_run_leg(reader, cache.settings, leg, EVERY_BUCKET) == expected
    for table in ("library_identity", "library_identity_source", "leg_evidence", "leg_gathered"):
        assert shelf.rows(f"SELECT * FROM {table}") == []
