"""The rules of docs/legs.md, each in its own words, on the snapshot and on pairs that are computed afresh."""

from dataclasses import dataclass, replace

import pytest

from identity_assets.evidence import CacheSeen, Gathered
from identity_assets.gathering import gather
from identity_assets.legs.names import normalise
from identity_assets.settings import Leg
from identity_assets_tests.legs.support import Cache
from identity_assets_tests.support import EVERY_BUCKET, Shelf

SURE, AMBIGUOUS = ("exact_match", 1.0), ("alias_match", 0.75)


@dataclass
class Station:
    """A library and a discogs-cache that S3 reads in one of its two ways."""

    shelf: Shelf
    cache: Cache
    rematerialises: bool

    def release(
        self, number: int, master: int | None, title: str, *artists: str, extra: int | None = 0
    ) -> None:
        """A release in the cache; the snapshot has one pair for each main artist, as its maker normalises them."""
        self.cache.release(number, master, title, *artists, extra=extra)
        for artist in artists:
            if not artist.startswith("-"):
                artist_norm, album_norm = normalise([artist, title])
                self.cache.match(artist_norm, album_norm, 1, master, number)

    def look(self) -> Gathered:
        settings = replace(self.cache.settings, flowsheet_match_rematerialise=self.rematerialises)
        return gather(Leg.S3, self.shelf.database, settings, EVERY_BUCKET)

    def found(self) -> dict[int, tuple[str, str, float]]:
        """By library row: the id in Discogs, the method and the confidence."""
        return {one.library_id: (one.external_id, one.method, one.confidence) for one in self.look().evidence}


@pytest.fixture(params=[False, True], ids=["snapshot", "computed afresh"])
def station(request: pytest.FixtureRequest, shelf: Shelf, cache: Cache) -> Station:
    return Station(shelf, cache, request.param)


def test_a_tombstone_is_no_evidence(station: Station) -> None:
    station.shelf.put("Ann Vale", "One")
    station.release(5, 7, "One", "Ann Vale")
    station.cache.tombstone(5)
    gathered = station.look()
    assert (gathered.evidence, gathered.reasons()) == ([], {"tombstone": 1})
    assert gathered.seen is not None
    assert (gathered.seen.tombstones, gathered.seen.usable, gathered.seen.matched) == (1, 0, 0)


def test_a_cache_without_the_column_not_found_has_no_tombstones(station: Station) -> None:
    library_id = station.shelf.put("Ann Vale", "One")
    station.release(5, 7, "One", "Ann Vale")
    station.cache.run("ALTER TABLE wxyc.release DROP COLUMN not_found")
    assert station.found() == {library_id: ("7", *SURE)}


def test_the_release_by_ann_vale_and_bo_reed_is_given_to_their_row_and_not_to_that_of_one_of_them(
    station: Station,
) -> None:
    alone = station.shelf.put("Ann Vale", "Duets")
    station.shelf.put("Bo Reed", "Duets")
    both = [
        station.shelf.put(name, "Duets")
        for name in (
            "Ann Vale & Bo Reed",
            "Bo Reed and Ann Vale",
            "Ann Vale feat. Bo Reed",
            "Ann Vale/Bo Reed",
        )
    ]
    station.release(5, 7, "Duets", "Ann Vale", "Bo Reed")
    gathered = station.look()
    assert [one.library_id for one in gathered.evidence] == both
    assert {(one.external_id, one.confidence) for one in gathered.evidence} == {("7", 1.0)}
    assert gathered.reasons() == {"co_artist": 2}
    assert alone not in station.found()


def test_an_artist_who_joins_names_in_one_is_found_however_the_catalogue_joins_them(station: Station) -> None:
    ids = [station.shelf.put(name, "One") for name in ("Anchor & Fern", "Anchor and Fern", "Anchor, Fern")]
    station.release(5, 7, "One", "Anchor & Fern")
    assert station.found() == dict.fromkeys(ids, ("7", *SURE))


@pytest.mark.parametrize("extra", [0, None])
def test_extra_0_or_null_is_a_main_artist(station: Station, extra: int | None) -> None:
    library_id = station.shelf.put("Ann Vale", "One")
    station.release(5, 7, "One", "Ann Vale", "-Bo Reed", extra=extra)
    assert station.found() == {library_id: ("7", *SURE)}


def test_a_homonyms_number_is_dropped_for_matching(station: Station) -> None:
    library_id = station.shelf.put("Lumen", "One")
    station.release(5, 7, "One", "Lumen (2)")
    assert station.found() == {library_id: ("7", *SURE)}


@pytest.mark.parametrize("master", [7, 8])
def test_lumen_and_lumen_2_under_one_title_are_ambiguous_and_lumen_is_taken(
    station: Station, master: int
) -> None:
    library_id = station.shelf.put("Lumen", "One")
    station.release(5, 7, "One", "Lumen (2)")
    station.release(6, master, "One", "Lumen")
    gathered = station.look()
    assert station.found() == {library_id: (str(master), *AMBIGUOUS)}
    assert gathered.seen is not None
    assert (gathered.seen.matched, gathered.seen.ambiguous) == (2, 2)


def test_a_number_that_belongs_to_the_name_stays(station: Station) -> None:
    ids = [station.shelf.put("Blink-182", "One"), station.shelf.put("Blink", "One")]
    station.release(5, 7, "One", "Blink-182")
    assert station.found() == {ids[0]: ("7", *SURE)}


def test_pebbles_the_and_the_pebbles_are_one(station: Station) -> None:
    ids = [station.shelf.put(name, "One") for name in ("The Pebbles", "Pebbles, The", "Pebbles")]
    other = station.shelf.put("Pebbles, The", "Two")
    station.release(5, 7, "One", "Pebbles, The")
    station.release(6, 8, "Two", "The Pebbles")
    assert station.found() == {**dict.fromkeys(ids, ("7", *SURE)), other: ("8", *SURE)}


def test_various_matches_every_name_that_the_catalogue_gives_to_a_compilation(station: Station) -> None:
    names = ("Various", "Various Artists", "Various Artists - Rock - C", "V/A", "Soundtracks - D")
    ids = [station.shelf.put(name, "Hits") for name in names]
    station.shelf.put("Various Cruelties", "Hits")
    station.release(5, 7, "Hits", "Various")
    assert station.found() == dict.fromkeys(ids, ("7", *SURE))


def test_what_the_report_says_it_saw(station: Station) -> None:
    station.shelf.put("Ann Vale", "One")
    station.release(1, 11, "One", "Ann Vale")
    station.release(2, 12, "One", "Ann Vale", "Bo Reed")
    station.release(3, 13, "One", "Кино")
    station.release(4, 14, "One", "Somebody Else")
    station.release(5, 15, "One", "Gone")
    station.cache.tombstone(5)
    seen = station.look().seen
    pairs = 5 if station.rematerialises else 6
    assert seen == CacheSeen(
        pairs_read=pairs,
        matched=1,
        ambiguous=0,
        tombstones=1,
        empty_names=1,
        no_discogs_id=0,
        co_artists=1 if station.rematerialises else 2,
    )
    assert seen.usable == pairs - 2


# The snapshot where the cache has no releases


@pytest.fixture
def bare(shelf: Shelf, cache: Cache) -> Station:
    cache.run("DROP TABLE wxyc.release, wxyc.release_artist")
    return Station(shelf, cache, False)


def test_without_the_releases_a_number_may_be_a_homonyms_and_is_ambiguous(bare: Station) -> None:
    ids = [bare.shelf.put("Lumen", "One"), bare.shelf.put("Blink 182", "Two"), bare.shelf.put("Blink", "Two")]
    bare.cache.match("lumen", "one", 1, 7, 5)
    bare.cache.match("lumen 2", "one", 1, 8, 6)
    bare.cache.match("blink 182", "two", 1, 9, 4)
    assert bare.found() == {
        ids[0]: ("7", *AMBIGUOUS),
        ids[1]: ("9", *SURE),
        ids[2]: ("9", *AMBIGUOUS),
    }


def test_without_the_releases_a_last_article_is_dropped_all_the_same(bare: Station) -> None:
    library_id = bare.shelf.put("The Pebbles", "One")
    bare.cache.match("pebbles the", "one", 1, 7, 5)
    assert bare.found() == {library_id: ("7", *SURE)}
