"""The leg S3: the normalised form, matches and their worth, and a discogs-cache that is only ever read."""

import csv
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from identity_assets.backend.database import DatabaseError
from identity_assets.backend.library_pages import reading
from identity_assets.evidence import Evidence, Gathered
from identity_assets.gathering import gather, gather_and_store
from identity_assets.legs.discogs_cache import DiscogsCache, DiscogsCacheError, Match
from identity_assets.legs.flowsheet_match import evidence_of, normalise
from identity_assets.settings import Leg, SettingsError
from identity_assets_tests.legs.support import Cache, standing
from identity_assets_tests.support import EVERY_BUCKET, Shelf

REAL = Path(__file__).parents[3] / "shared" / "data" / "freemusi-cc" / "releases.csv"


# The normalised form


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("Björk", "bjork"),
        ("Sigur Rós", "sigur ros"),
        ("Beyonce\u0301", "beyonce"),
        ("Øyvind Łona", "oyvind lona"),
        ("Đorđe Straße", "dorde strasse"),
        ("Æther Œuvre", "aether oeuvre"),
        ("Þórr", "thorr"),
        ("\u0130stanbul", "istanbul"),
        ("\uff26\uff55\uff4c\uff4c", "full"),
        ("The Beatles", "beatles"),
        ("THE BEATLES", "beatles"),
        ("The The", "the"),
        ("The", "the"),
        ("Theory of a Deadman", "theory of a deadman"),
        ("Beatles, The", "beatles the"),
        ('"The Wall"', "the wall"),
        ("  The   Band ", "band"),
        ("AC/DC", "acdc"),
        ("Don't Wake the Otter!", "dont wake the otter"),
        ("Vol. 12 (Live)", "vol 12 live"),
        ("Anchor & Fern", "anchor fern"),
        ("Anchor and Fern", "anchor and fern"),
        ("R&B", "rb"),
        ("!!!", ""),
        ("&", ""),
        ("", ""),
        ("Кино", ""),
        ("夜明け", ""),
        ("Σκιά", ""),
        ("ليل", ""),
        ("Кино 2", "2"),
    ],
)
def test_the_normalised_form(name: str, form: str) -> None:
    assert normalise([name]) == [form]


def test_a_batch_is_normalised_as_its_names_are_one_by_one() -> None:
    names = ["The Beatles", "", "Кино", "Sigur Rós"]
    assert normalise(names) == [form for name in names for form in normalise([name])]
    assert normalise([]) == []


def test_the_real_names_have_a_form_of_letters_digits_and_single_spaces_and_few_have_none() -> None:
    if not REAL.exists():
        pytest.skip("the real catalogue ../shared/data/freemusi-cc is not here")
    with REAL.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    names = sorted({row["artist"] for row in rows} | {row["album"] for row in rows})
    forms = dict(zip(names, normalise(names), strict=True))
    assert all(re.fullmatch(r"([a-z0-9]+( [a-z0-9]+)*)?", form) for form in forms.values())
    plain = [name for name in names if name.isascii()]
    assert len(plain) > 3000
    for name in plain:
        kept = re.sub(r"[^a-z0-9 ]", "", name.lower().strip().removeprefix("the "))
        assert forms[name] == re.sub(" +", " ", kept).strip()
    assert {name for name, form in forms.items() if not form and re.search(r"[A-Za-z0-9]", name)} == set()
    assert forms["Recórcholis"] == "recorcholis"
    assert forms["Sascha Müller"] == "sascha muller"
    assert forms["Петля Времени"] == ""


# What a match is worth


@pytest.mark.parametrize(
    ("match", "worth"),
    [
        (Match(1, 7, 5), ("discogs_master", "7", "exact_match", 1.0)),
        (Match(1, None, 5), ("discogs_release", "5", "exact_match", 1.0)),
        (Match(2, 7, 5), ("discogs_master", "7", "alias_match", 0.75)),
        (Match(9, None, 5), ("discogs_release", "5", "alias_match", 0.75)),
        (Match(0, 7, None), ("discogs_master", "7", "alias_match", 0.75)),
        (Match(1, None, None), None),
    ],
)
def test_the_method_by_the_number_of_entities_and_one_column_the_master_before_the_release(
    match: Match, worth: tuple[str, str, str, float] | None
) -> None:
    assert evidence_of(1, match) == (worth and Evidence(1, *worth))


def found(gathered: Gathered) -> dict[int, tuple[Any, ...]]:
    return {
        one.library_id: (one.source, one.external_id, one.method, one.confidence) for one in gathered.evidence
    }


def look(shelf: Shelf, cache: Cache, **changes: Any) -> Gathered:
    return gather(Leg.S3, shelf.database, replace(cache.settings, **changes), EVERY_BUCKET)


def test_a_library_row_matches_when_both_its_names_normalise_to_the_pair(shelf: Shelf, cache: Cache) -> None:
    ids = [
        shelf.put("The Sigur Rós", "Ágætis byrjun!"),
        shelf.put("Sigur Ros", "Agaetis Byrjun"),
        shelf.put("Sigur Ros", "Takk"),
        shelf.put("Кино", "Кино"),
        shelf.put("Sigur Ros", "!!!"),
        shelf.put(None, "Takk"),
        shelf.put("  ", "Takk"),
        shelf.put("Anchor & Fern", "One"),
    ]
    cache.match("sigur ros", "agaetis byrjun", 1, 7, 5)
    cache.match("", "", 1, 8, 5)
    cache.match("anchor  fern", "one", 3, None, 6)
    gathered = look(shelf, cache)
    exact = ("discogs_master", "7", "exact_match", 1.0)
    assert found(gathered) == {
        ids[0]: exact,
        ids[1]: exact,
        ids[7]: ("discogs_release", "6", "alias_match", 0.75),
    }
    assert gathered.reasons() == {"empty_name": 2, "no_artist_name": 2, "no_match": 1}
    assert gathered.scanned == len(ids)


@pytest.mark.parametrize("none", [None, 0, -1])
def test_a_row_with_neither_id_is_counted_no_discogs_id(shelf: Shelf, cache: Cache, none: int | None) -> None:
    shelf.put("a", "b")
    cache.match("a", "b", 1, none, none)
    gathered = look(shelf, cache)
    assert (gathered.evidence, gathered.reasons()) == ([], {"no_discogs_id": 1})


def test_a_master_of_zero_is_none(shelf: Shelf, cache: Cache) -> None:
    library_id = shelf.put("a", "b")
    cache.match("a", "b", 1, 0, 5)
    assert found(look(shelf, cache))[library_id][:2] == ("discogs_release", "5")


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_several_rows_of_one_pair_are_one_ambiguous_match_the_same_in_any_order(
    shelf: Shelf, cache: Cache, order: Sequence[int]
) -> None:
    library_id = shelf.put("a", "b")
    rows = [("a", "b", 1, 9, 5), ("a", " b ", 1, 7, 6), ("a", "b", 1, None, 4)]
    for place in order:
        cache.match(*rows[place])
    assert found(look(shelf, cache)) == {library_id: ("discogs_master", "7", "alias_match", 0.75)}


def test_a_pair_that_stands_twice_and_says_the_same_is_as_sure_as_once(shelf: Shelf, cache: Cache) -> None:
    library_id = shelf.put("a", "b")
    cache.match("a", "b", 1, 7, 5)
    cache.match("a", "b ", 1, 7, 5)
    assert found(look(shelf, cache))[library_id][2:] == ("exact_match", 1.0)


# Computed afresh


def test_computed_afresh_masters_count_once_and_so_do_releases_without_one(
    shelf: Shelf, cache: Cache
) -> None:
    ids = [shelf.put("The Artist", title) for title in ("One", "Two", "Three", "Four", "Five", "Six")]
    cache.release(11, 7, "One", "Artist")
    cache.release(12, 7, "ONE!", "The Artist")
    cache.release(21, 7, "Two", "Artist")
    cache.release(22, 8, "Two", "Artist")
    cache.release(31, 0, "Three", "Artist")
    cache.release(41, None, "Four", "Artist")
    cache.release(42, 0, "Four", "Artist")
    cache.release(51, 9, "Five", "-Artist", "Another")
    cache.release(61, None, "Six", "Artist")
    cache.release(62, 10, "Six", "Artist", "Another")
    cache.match("artist", "five", 1, 99, 99)
    gathered = look(shelf, cache, flowsheet_match_rematerialise=True)
    assert found(gathered) == {
        ids[0]: ("discogs_master", "7", "exact_match", 1.0),
        ids[1]: ("discogs_master", "7", "alias_match", 0.75),
        ids[2]: ("discogs_release", "31", "exact_match", 1.0),
        ids[3]: ("discogs_release", "41", "alias_match", 0.75),
        ids[5]: ("discogs_master", "10", "alias_match", 0.75),
    }
    assert gathered.reasons() == {"no_match": 1}
    assert len(cache.rows("SELECT 1 FROM wxyc.flowsheet_match")) == 1


def test_computed_afresh_the_cache_streams_by_on_a_cursor_of_the_server(shelf: Shelf, cache: Cache) -> None:
    library_id = shelf.put("artist 11999", "title 11999")
    cache.run("INSERT INTO wxyc.release SELECT n, n, 'title ' || n FROM generate_series(1, 12000) AS n")
    cache.run(
        "INSERT INTO wxyc.release_artist SELECT n, 'artist ' || n, 0 FROM generate_series(1, 12000) AS n"
    )
    seen: list[int] = []

    def watching(names: Sequence[str]) -> list[str]:
        seen.append(len(names))
        return normalise(names)

    reader = DiscogsCache(replace(cache.settings, flowsheet_match_rematerialise=True), "test")
    own = {("artist 11999", "title 11999")}
    assert reader.matches(own, watching) == {("artist 11999", "title 11999"): Match(1, 11999, None)}
    assert max(seen) <= 5000
    assert sum(seen) == 24000
    assert library_id


# A release and a master


def checked(gathered: Gathered) -> list[tuple[int | None, int | None]]:
    return [(one.checked_release_id, one.checked_master_id) for one in gathered.evidence]


def test_where_s1_names_a_release_and_s3_a_master_the_masters_of_the_release_is_looked_up(
    shelf: Shelf, cache: Cache
) -> None:
    shelf.put("a", "b", canonical="discogs:5")
    shelf.put("c", "d", canonical="discogs:master:7")
    shelf.put("e", "f", canonical="discogs:6")
    shelf.put("g", "h", canonical="discogs:99")
    cache.match("a", "b", 1, 7, 1)
    cache.match("c", "d", 1, None, 4)
    cache.match("e", "f", 1, None, 6)
    cache.match("g", "h", 1, 7, 1)
    for release, master in ((5, 8), (4, 9), (6, 9)):
        cache.release(release, master, "x")
    assert checked(look(shelf, cache)) == [(5, 8), (4, 9), (None, None), (None, None)]
    cache.run("DROP TABLE wxyc.release CASCADE")
    assert checked(look(shelf, cache)) == [(None, None)] * 4


# Evidence that is kept


def test_evidence_keeps_the_moment_since_which_it_is_found_so_and_gathering_again_touches_nothing(
    shelf: Shelf, cache: Cache
) -> None:
    shelf.put("a", "b")
    shelf.put("c", "d")
    cache.match("a", "b", 1, 7, 5)
    cache.match("c", "d", 1, 8, 5)
    keep(shelf, cache)
    before = standing(shelf)
    keep(shelf, cache)
    assert standing(shelf) == before
    cache.run("UPDATE wxyc.flowsheet_match SET distinct_entities = 2 WHERE master_id = 8")
    keep(shelf, cache)
    [same, changed] = standing(shelf)[2]
    assert same == before[2][0]
    assert changed["verified_at"] > before[2][1]["verified_at"]
    cache.run("DELETE FROM wxyc.flowsheet_match WHERE master_id = 7")
    keep(shelf, cache)
    assert [row["external_id"] for row in standing(shelf)[2]] == ["8"]


def keep(shelf: Shelf, cache: Cache) -> None:
    gather_and_store(Leg.S3, shelf.database, cache.settings, EVERY_BUCKET, "run")


# Only read, and one line where it cannot be


def test_nothing_can_be_written_to_the_discogs_cache(cache: Cache) -> None:
    reader = DiscogsCache(cache.settings, "test")
    for statement in ("DELETE FROM flowsheet_match", "CREATE TABLE wxyc.mine (id int)"):
        with (
            pytest.raises(DiscogsCacheError, match="read-only transaction"),
            reader.transaction() as connection,
        ):
            connection.execute(text(statement))
    with reader.transaction() as connection:
        assert connection.execute(text("SHOW transaction_read_only")).scalar() == "on"


FAULTS = [
    ("DROP TABLE wxyc.flowsheet_match", False, "a table is missing"),
    ("ALTER TABLE wxyc.flowsheet_match DROP COLUMN master_id", False, "a column is missing"),
    ("DROP TABLE wxyc.release_artist", True, "a table is missing"),
    ("ALTER TABLE wxyc.release DROP COLUMN title", True, "a column is missing"),
    ("ALTER TABLE wxyc.release DROP COLUMN master_id", False, "a column is missing"),
]


@pytest.mark.parametrize(("fault", "rematerialise", "said"), FAULTS)
def test_a_missing_table_or_column_is_one_clear_line_and_nothing_is_written(
    shelf: Shelf, cache: Cache, fault: str, rematerialise: bool, said: str
) -> None:
    shelf.put("a", "b", canonical="discogs:5")
    cache.match("a", "b", 1, 7, 5)
    keep(shelf, cache)
    cache.match("c", "d", 1, 8, 5)
    shelf.put("c", "d")
    before = standing(shelf)
    cache.run(fault)
    settings = replace(cache.settings, flowsheet_match_rematerialise=rematerialise)
    with pytest.raises(DiscogsCacheError, match=said) as raised:
        gather_and_store(Leg.S3, shelf.database, settings, EVERY_BUCKET, "run")
    assert "\n" not in str(raised.value)
    assert standing(shelf) == before


@pytest.mark.parametrize("table", ["flowsheet_match", "release"])
def test_no_right_to_read_is_one_clear_line(shelf: Shelf, cache: Cache, table: str) -> None:
    shelf.put("a", "b", canonical="discogs:5")
    cache.match("a", "b", 1, 7, 5)
    cache.run("DROP ROLE IF EXISTS no_reader")
    cache.run("CREATE ROLE no_reader LOGIN")
    cache.run("GRANT USAGE ON SCHEMA wxyc TO no_reader")
    cache.run("GRANT SELECT ON wxyc.flowsheet_match, wxyc.release TO no_reader")
    as_reader = replace(
        cache.settings,
        database_url_discogs=cache.settings.require_database_url_discogs().set(username="no_reader"),
    )
    assert gather(Leg.S3, shelf.database, as_reader, EVERY_BUCKET).evidence
    cache.run(f"REVOKE SELECT ON wxyc.{table} FROM no_reader")
    with pytest.raises(DiscogsCacheError, match=f"no right to read a table.*{table}"):
        gather(Leg.S3, shelf.database, as_reader, EVERY_BUCKET)
    cache.run("DROP OWNED BY no_reader")
    cache.run("DROP ROLE no_reader")


def test_a_cache_that_cannot_be_reached_or_is_not_named_is_one_clear_line(shelf: Shelf, cache: Cache) -> None:
    nowhere = cache.settings.require_database_url_discogs().set(
        host="127.0.0.1", port=1, password="hunter2", query={}
    )
    with pytest.raises(DiscogsCacheError, match=r"cannot be read.*Nothing was written") as raised:
        look(shelf, cache, database_url_discogs=nowhere)
    assert "hunter2" not in str(raised.value)
    assert "\n" not in str(raised.value)
    with pytest.raises(SettingsError, match="DATABASE_URL_DISCOGS is not set"):
        look(shelf, cache, database_url_discogs=None)


def test_the_tables_may_stand_in_another_schema(shelf: Shelf, cache: Cache) -> None:
    library_id = shelf.put("a", "b")
    cache.match("a", "b", 1, 7, 5)
    cache.run("ALTER SCHEMA wxyc RENAME TO elsewhere")
    assert found(look(shelf, cache, discogs_schema_name="elsewhere"))[library_id][1] == "7"
    cache.run("ALTER SCHEMA elsewhere RENAME TO wxyc")


def test_backends_database_is_read_in_a_read_only_transaction(shelf: Shelf) -> None:
    with pytest.raises(DatabaseError, match="read-only"), reading(shelf.database) as connection:
        connection.execute(text("DELETE FROM library"))
