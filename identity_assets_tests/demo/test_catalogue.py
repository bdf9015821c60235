"""The demo's catalogue has the promised numbers, is the same every time, and reaches the tables whole."""

import os
import subprocess
import sys
import unicodedata
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg2.extensions import connection as Connection
from wxyc_etl.text import (  # type: ignore[import-untyped]  # it ships no types
    is_compilation_artist,
    to_match_form,
)

from identity_assets.demo.backend_tables import create_backend_tables, load_catalogue
from identity_assets.demo.catalogue import (
    PUBLISHED,
    Catalogue,
    CatalogueError,
    CatalogueRow,
    Census,
    seeded_catalogue,
)
from identity_assets.demo.postgres import EmbeddedPostgres

pytestmark = pytest.mark.long

PROJECT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def published() -> Catalogue:
    return seeded_catalogue()


@pytest.fixture(scope="module")
def server() -> Iterator[EmbeddedPostgres]:
    with EmbeddedPostgres() as postgres:
        postgres.create_database("backend")
        yield postgres


@pytest.fixture
def backend(server: EmbeddedPostgres) -> Iterator[Connection]:
    """A connection to Backend's empty tables, in a schema of this test's own."""
    dsn = server.url("backend").replace("+psycopg2", "")
    with closing(psycopg2.connect(dsn)) as connection:
        with connection.cursor() as cursor:
            cursor.execute("DROP SCHEMA IF EXISTS wxyc_schema CASCADE; CREATE SCHEMA wxyc_schema")
            cursor.execute("SET search_path = wxyc_schema")
        connection.commit()
        create_backend_tables(connection)
        yield connection


def run(connection: Connection, sql: str) -> list[tuple[object, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        found = cursor.fetchall() if cursor.description else []
    connection.commit()
    return found


def watermark(connection: Connection) -> object:
    return run(connection, "SELECT version FROM wxyc_schema.catalog_watermark")[0][0]


def catalogue_of(*names: str | None, title: str = "A Title") -> Catalogue:
    artists = tuple(dict.fromkeys(name or "(unknown)" for name in names))
    rows = tuple(
        CatalogueRow(artists.index(name or "(unknown)") + 1, name, title, number, None, None, None, None)
        for number, name in enumerate(names, 1)
    )
    return Catalogue(artists, rows, frozenset())


# The seeded catalogue


def test_the_seeded_catalogue_has_exactly_the_published_numbers(published: Catalogue) -> None:
    assert published.census() == PUBLISHED
    assert published.census() == Census(64_676, 29_781, 14_405, 15_376, 34_895, 6_300)
    known = {to_match_form(name) for name in published.known_artists}
    others = [
        to_match_form(row.artist_name) in known
        for row in published.rows
        if row.canonical_entity_id is None and not is_compilation_artist(row.artist_name)
    ]
    assert len(others) == 28_595
    assert sum(others) / len(others) == pytest.approx(0.48, abs=0.001)


@settings(max_examples=40, deadline=None)
@given(rows=st.integers(1, 3_000), seed=st.integers(0, 2**32))
def test_any_size_keeps_the_proportions_and_the_columns_limits(rows: int, seed: int) -> None:
    catalogue = seeded_catalogue(rows, seed=seed)
    census = catalogue.census()
    assert census.library_rows == census.canonical_rows + census.full_only_rows == rows
    assert census.canonical_rows == census.canonical_resolved + census.canonical_unresolved
    for count, share in (
        (census.canonical_resolved, PUBLISHED.canonical_resolved),
        (census.canonical_unresolved, PUBLISHED.canonical_unresolved),
        (census.full_only_va, PUBLISHED.full_only_va),
    ):
        assert count == pytest.approx(rows * share / PUBLISHED.library_rows, abs=1)
    assert len({row.legacy_release_id for row in catalogue.rows}) == rows
    assert len(set(catalogue.artists)) == len(catalogue.artists)
    assert {row.artist_id for row in catalogue.rows} <= set(range(1, len(catalogue.artists) + 1))
    for row in catalogue.rows:
        assert row.artist_name
        assert row.artist_name.strip()
        assert len(row.artist_name) <= 128
        assert len(row.album_title) <= 128
        assert len(row.code_volume_letters or "") <= 4


def test_a_catalogue_of_one_row_resolves() -> None:
    assert seeded_catalogue(1).census() == Census(1, 1, 1, 0, 0, 0)


@pytest.mark.parametrize("rows", [0, -5])
def test_no_rows_cannot_be_made(rows: int) -> None:
    with pytest.raises(CatalogueError, match="ask for 1 or more"):
        seeded_catalogue(rows)


def test_various_artists_are_exactly_the_rows_on_the_z_shelf(published: Catalogue) -> None:
    for row in published.rows:
        on_z_shelf = (row.code_volume_letters or "").startswith("Z")
        assert is_compilation_artist(row.artist_name) == on_z_shelf
        assert not (on_z_shelf and row.canonical_entity_id)
    assert not any(map(is_compilation_artist, published.known_artists))


def test_a_fifth_of_the_unknown_names_are_slips_with_a_sibling_that_resolves(published: Catalogue) -> None:
    known = {to_match_form(name) for name in published.known_artists}
    resolvable = {
        row.artist_id
        for row in published.rows
        if row.canonical_entity_id and to_match_form(row.artist_name) in known
    }
    unknown = [
        row
        for row in published.rows
        if to_match_form(row.artist_name) not in known and not is_compilation_artist(row.artist_name)
    ]
    slips = [row for row in unknown if row.artist_id in resolvable]
    assert len(slips) == len(unknown) // 5
    assert all(published.artists[row.artist_id - 1] in published.known_artists for row in slips)
    others = {row.artist_id for row in unknown} - resolvable
    assert all(published.artists[artist_id - 1] not in published.known_artists for artist_id in others)


def test_the_same_seed_gives_the_same_catalogue_and_another_gives_another() -> None:
    assert seeded_catalogue(500, seed=7) == seeded_catalogue(500, seed=7)
    assert seeded_catalogue(500, seed=7) != seeded_catalogue(500, seed=8)


def test_it_is_the_same_in_every_interpreter() -> None:
    script = (
        "import hashlib; from identity_assets.demo.catalogue import seeded_catalogue as made; c = made(2000);"
        "print(hashlib.sha256(repr((c.artists, c.rows, c.tracks, sorted(c.known_artists))).encode()).hexdigest())"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", script],
            cwd=PROJECT,
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for hash_seed in ("1", "2")
    }
    assert len(digests) == 1


def test_every_partition_gets_its_share_of_every_kind_of_row(published: Catalogue) -> None:
    canonical, compilations = Counter[int](), Counter[int]()
    for library_id, row in enumerate(published.rows, 1):
        canonical[library_id % 16] += row.canonical_entity_id is not None
        compilations[library_id % 16] += (
            row.code_volume_letters is not None and row.code_volume_letters[0] == "Z"
        )
    assert all(count == pytest.approx(29_781 / 16, rel=0.1) for count in canonical.values())
    assert all(count == pytest.approx(6_300 / 16, rel=0.25) for count in compilations.values())


def test_artists_have_from_one_to_some_sixty_releases(published: Catalogue) -> None:
    releases = Counter(row.artist_id for row in published.rows if not is_compilation_artist(row.artist_name))
    sizes = Counter(releases.values())
    assert max(sizes, key=lambda size: sizes[size]) == 1
    assert 40 <= max(sizes) <= 120


def test_names_come_in_every_script_and_with_the_signs_that_trip_normalisers(published: Catalogue) -> None:
    text = "".join(published.artists)
    scripts = Counter(unicodedata.name(letter, "").split()[0] for letter in text if letter.isalpha())
    for script in ("LATIN", "CYRILLIC", "GREEK", "CJK", "HIRAGANA", "KATAKANA", "HANGUL", "ARABIC", "HEBREW"):
        assert scripts[script] > 100
    assert "&" in text
    assert "'" in text
    assert any("LATIN" in unicodedata.name(c, "") and ord(c) > 127 for c in text)
    assert any(name.startswith("The ") for name in published.artists)


def test_a_few_titles_are_blank_and_a_few_fill_the_column(published: Catalogue) -> None:
    lengths = Counter(len(row.album_title) for row in published.rows)
    assert 10 <= lengths[0] <= 100
    assert max(lengths) == 128


def test_most_canonical_ids_are_discogs_releases_and_a_few_are_of_other_schemes(published: Catalogue) -> None:
    kinds = Counter[str]()
    for row in published.rows:
        assert (row.canonical_entity_id is None) == (row.canonical_entity_confidence is None)
        assert (row.canonical_entity_id is None) == (row.canonical_entity_resolved_at is None)
        if row.canonical_entity_id and row.canonical_entity_resolved_at:
            assert row.canonical_entity_resolved_at.tzinfo is not None
            kinds[row.canonical_entity_id.rpartition(":")[0]] += 1
    assert set(kinds) == {"discogs", "discogs:release", "discogs:master", "musicbrainz", "bandcamp"}
    assert kinds["discogs"] > 0.75 * kinds.total()
    assert kinds["musicbrainz"] + kinds["bandcamp"] < 0.08 * kinds.total()


# Loading


def test_the_published_numbers_stand_in_the_tables_and_the_watermark_moved_once(
    backend: Connection, published: Catalogue
) -> None:
    assert load_catalogue(backend, published) == 64_676
    counted = run(
        backend,
        "SELECT count(*), count(canonical_entity_id), count(*) FILTER (WHERE code_volume_letters LIKE 'Z%') "
        "FROM library",
    )
    assert counted == [(64_676, 29_781, 6_300)]
    assert run(backend, "SELECT count(*) FROM artists") == [(len(published.artists),)]
    assert run(backend, "SELECT count(*) FROM changed_row") == [(0,)]
    assert watermark(backend) == 1
    assert run(backend, "SELECT reltuples FROM pg_class WHERE oid = 'library'::regclass") == [(64_676,)]


def test_the_credits_stand_in_the_tables_and_only_a_librarians_are_linked(
    backend: Connection, published: Catalogue
) -> None:
    load_catalogue(backend, published)
    linked = [track for track in published.tracks if track.track_artist_id is not None]
    assert run(
        backend,
        "SELECT track_artist_link_method, track_artist_link_confidence, count(*), count(track_artist_id) "
        "FROM compilation_track_artist GROUP BY 1, 2 ORDER BY 1",
    ) == [("librarian", 1.0, len(linked), len(linked)), (None, None, len(published.tracks) - len(linked), 0)]
    watermarks = "SELECT version FROM track_credit_watermark"
    assert run(backend, watermarks) == [(1,)]
    run(backend, "INSERT INTO compilation_track_artist (library_id, artist_name) VALUES (1, 'Somebody new')")
    assert run(backend, "SELECT table_name FROM changed_row") == [("compilation_track_artist",)]


def read_back(connection: Connection) -> Catalogue:
    artists = [str(name) for (name,) in run(connection, "SELECT artist_name FROM artists ORDER BY id")]
    rows = run(
        connection,
        "SELECT artist_id, artist_name, album_title, legacy_release_id, code_volume_letters, "
        "canonical_entity_id, canonical_entity_confidence, canonical_entity_resolved_at "
        "FROM library ORDER BY id",
    )
    made = tuple(CatalogueRow(*row) for row in rows)  # type: ignore[arg-type]  # the columns stand in its order
    return Catalogue(tuple(artists), made, frozenset())


def test_what_was_loaded_is_what_is_read(backend: Connection) -> None:
    catalogue = seeded_catalogue(300)
    load_catalogue(backend, catalogue)
    stored = read_back(backend)
    assert (stored.artists, stored.rows) == (catalogue.artists, catalogue.rows)


any_text = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=128)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    names=st.lists(st.none() | any_text, max_size=5),
    title=any_text | st.sampled_from(["\\N", "\\.", "", "\t\r\n"]),
)
def test_any_text_survives_the_copy(backend: Connection, names: list[str | None], title: str) -> None:
    run(backend, "TRUNCATE artists, library RESTART IDENTITY CASCADE")
    catalogue = catalogue_of(*names, title=title)
    assert load_catalogue(backend, catalogue) == len(names)
    assert read_back(backend) == catalogue


def test_new_rows_go_on_after_the_loaded_ones(backend: Connection) -> None:
    load_catalogue(backend, catalogue_of("One", "Two", "Two"))
    assert run(backend, "INSERT INTO artists (artist_name) VALUES ('Three') RETURNING id") == [(3,)]
    new = "INSERT INTO library (artist_id, album_title, legacy_release_id) VALUES (3, '', 9) RETURNING id"
    assert run(backend, new) == [(4,)]


def test_a_load_into_a_catalogue_that_is_there_changes_nothing(backend: Connection) -> None:
    load_catalogue(backend, catalogue_of("One"))
    with pytest.raises(psycopg2.errors.UniqueViolation):
        load_catalogue(backend, catalogue_of("Another", "And Another"))
    assert read_back(backend) == catalogue_of("One")


# Backend's tables


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO library (artist_id, album_title, legacy_release_id) VALUES (1, '', 2)",
        "UPDATE library SET unresolved_attempted_at = now()",
        "UPDATE library SET label = label WHERE false",
        "DELETE FROM library",
    ],
)
def test_every_statement_on_library_moves_the_watermark(backend: Connection, statement: str) -> None:
    load_catalogue(backend, catalogue_of("One"))
    before = watermark(backend)
    run(backend, statement)
    assert watermark(backend) == int(str(before)) + 1


def test_a_session_elsewhere_moves_the_watermark_too(backend: Connection) -> None:
    load_catalogue(backend, catalogue_of("One"))
    run(backend, "SET search_path = public")
    run(backend, "UPDATE wxyc_schema.library SET plays = 1")
    assert watermark(backend) == 2


MAIN = "INSERT INTO library_identity (library_id, last_verified_at, method, confidence"
SOURCE = "INSERT INTO library_identity_source VALUES (1, 'discogs', '7', 'exact_match'"
CREDIT = "INSERT INTO compilation_track_artist (library_id, artist_name, track_title) VALUES (1, 'X'"


def test_reading_library_and_writing_identity_leave_the_watermark_alone(backend: Connection) -> None:
    load_catalogue(backend, catalogue_of("One"))
    run(backend, "SELECT * FROM library FOR UPDATE")
    run(backend, f"{MAIN}) VALUES (1, now(), 'exact_match', 1)")
    run(backend, f"{SOURCE}, 1, now())")
    run(backend, f"{CREDIT}, 'T')")
    assert watermark(backend) == 1


def test_the_unresolved_sources_are_the_empty_ones_of_eight(backend: Connection) -> None:
    load_catalogue(backend, catalogue_of("One", "Two"))
    run(backend, f"{MAIN}) VALUES (1, now(), 'exact_match', 1)")
    run(
        backend,
        f"{MAIN}, wikidata_qid, discogs_master_id, notes) VALUES (2, now(), 'exact_match', 1, 'Q1', 5, 'n')",
    )
    counted = run(backend, "SELECT distinct_unresolved_sources FROM library_identity ORDER BY library_id")
    assert counted == [(8,), (6,)]


@pytest.mark.parametrize("confidence", ["-0.01", "1.01", "'NaN'"])
@pytest.mark.parametrize(
    "statement",
    [
        MAIN + ") VALUES (1, now(), 'exact_match', {})",
        SOURCE + ", {}, now())",
        "INSERT INTO compilation_track_artist (library_id, artist_name, track_artist_link_confidence) "
        "VALUES (1, 'X', {})",
    ],
)
def test_a_confidence_outside_0_to_1_is_refused(backend: Connection, statement: str, confidence: str) -> None:
    load_catalogue(backend, catalogue_of("One"))
    with pytest.raises(psycopg2.errors.CheckViolation):
        run(backend, statement.format(confidence))


@pytest.mark.parametrize("title", ["'T'", "NULL"])
def test_a_track_credit_stands_once_also_without_a_title(backend: Connection, title: str) -> None:
    load_catalogue(backend, catalogue_of("One"))
    run(backend, f"{CREDIT}, {title})")
    with pytest.raises(psycopg2.errors.UniqueViolation):
        run(backend, f"{CREDIT}, {title})")


@pytest.mark.parametrize(
    "identity_row", [f"{MAIN}) VALUES (1, now(), 'exact_match', 1)", f"{SOURCE}, 1, now())"]
)
def test_a_library_row_cannot_be_deleted_before_its_identity_rows(
    backend: Connection, identity_row: str
) -> None:
    load_catalogue(backend, catalogue_of("One"))
    run(backend, identity_row)
    with pytest.raises(psycopg2.errors.ForeignKeyViolation):
        run(backend, "DELETE FROM library")


def test_a_deleted_library_row_leaves_its_history_and_takes_its_credits_along(backend: Connection) -> None:
    load_catalogue(backend, catalogue_of("One"))
    run(backend, f"{CREDIT}, 'T')")
    run(backend, "INSERT INTO library_identity_history (library_id, superseded_reason) VALUES (1, 'changed')")
    run(backend, "DELETE FROM library")
    left = "SELECT (SELECT count(*) FROM compilation_track_artist), "
    left += "(SELECT count(*) FROM library_identity_history)"
    assert run(backend, left) == [(0, 1)]


@pytest.mark.parametrize(
    ("statement", "advances"),
    [
        (f"{CREDIT}, 'Another')", True),
        ("UPDATE compilation_track_artist SET track_title = 'Renamed'", True),
        ("UPDATE compilation_track_artist SET artist_name = artist_name WHERE false", True),
        ("UPDATE compilation_track_artist SET track_artist_id = 1", False),
        ("UPDATE compilation_track_artist SET track_position = 'A1'", False),
        ("DELETE FROM compilation_track_artist WHERE false", True),
    ],
)
def test_statements_on_the_names_of_credits_advance_their_watermark(
    backend: Connection, statement: str, advances: bool
) -> None:
    load_catalogue(backend, catalogue_of("One"))
    run(backend, f"{CREDIT}, 'T')")
    run(backend, "UPDATE track_credit_watermark SET version = 0")
    run(backend, statement)
    assert run(backend, "SELECT version FROM track_credit_watermark") == [(int(advances),)]


def test_each_changed_row_of_library_and_of_the_credits_is_sent_to_other_services(
    backend: Connection,
) -> None:
    load_catalogue(backend, Catalogue((), (), frozenset()))
    run(backend, "INSERT INTO artists (artist_name) VALUES ('One')")
    run(backend, "INSERT INTO library (artist_id, album_title, legacy_release_id) VALUES (1, '', 9)")
    run(backend, f"{CREDIT}, 'T')")
    run(backend, "UPDATE compilation_track_artist SET track_artist_id = 1")
    run(backend, "UPDATE library SET label = 'l' WHERE false")
    run(backend, "DELETE FROM library")
    assert run(backend, "SELECT table_name, row_id, operation FROM changed_row ORDER BY change_id") == [
        ("library", 1, "INSERT"),
        ("compilation_track_artist", 1, "INSERT"),
        ("compilation_track_artist", 1, "UPDATE"),
        ("library", 1, "DELETE"),
        ("compilation_track_artist", 1, "DELETE"),
    ]


def test_a_folded_name_has_no_case_and_no_accents_and_keeps_the_leading_the(backend: Connection) -> None:
    names = ["The BJÖRK", "The Bjo\u0308rk", "Ñandú", "Σίγμα"]
    folded = [run(backend, f"SELECT fold_artist_name('{name}')")[0][0] for name in names]
    assert folded == ["the bjork", "the bjork", "nandu", "σιγμα"]


def test_an_artist_is_found_by_the_folded_name_through_the_index(backend: Connection) -> None:
    load_catalogue(backend, catalogue_of(*(f"Artist {number}" for number in range(2000))))
    plan = run(backend, "EXPLAIN SELECT id FROM artists WHERE fold_artist_name(artist_name) = 'artist 7'")
    assert any("artists_folded_name_idx" in str(line) for (line,) in plan)
