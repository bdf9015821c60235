"""The demo's discogs-cache has the promised numbers, is the same every time, and goes with its catalogue."""

from collections import Counter

import pytest

from identity_assets.demo.catalogue import Catalogue, seeded_catalogue
from identity_assets.demo.discogs_cache import SeededCache, seeded_cache
from identity_assets.legs.canonical_entity import parse_entity
from identity_assets.legs.names import normalise


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return seeded_catalogue()


@pytest.fixture(scope="module")
def published(catalogue: Catalogue) -> SeededCache:
    return seeded_cache(catalogue)


def test_it_has_exactly_the_published_numbers(published: SeededCache) -> None:
    assert len(published.pairs) == 23_408
    assert sum(entities > 1 for *_pair, entities, _master, _release in published.pairs) == 4_594
    assert len({pair[:2] for pair in published.pairs}) == 23_408
    assert all(artist and title for artist, title, *_rest in published.pairs)


def test_many_library_rows_match_and_some_pairs_are_of_other_releases(
    catalogue: Catalogue, published: SeededCache
) -> None:
    artists = normalise([row.artist_name or "" for row in catalogue.rows])
    titles = normalise([row.album_title for row in catalogue.rows])
    shelf = set(zip(artists, titles, strict=True))
    held = sum(pair[:2] in shelf for pair in published.pairs)
    assert held / len(published.pairs) == pytest.approx(0.8, abs=0.01)


def test_it_mostly_bears_out_the_canonical_entity_and_sometimes_contradicts_it(
    catalogue: Catalogue, published: SeededCache
) -> None:
    forms = zip(
        normalise([row.artist_name or "" for row in catalogue.rows]),
        normalise([row.album_title for row in catalogue.rows]),
        strict=True,
    )
    named = {
        pair: parse_entity(row.canonical_entity_id or "")
        for pair, row in zip(forms, catalogue.rows, strict=True)
    }
    seen: Counter[str] = Counter()
    for artist, title, _entities, master, release in published.pairs:
        entity = named.get((artist, title), "")
        if isinstance(entity, str):
            continue
        source, number = entity
        pinned = ("discogs_release", release) if master is None else ("discogs_master", master)
        if pinned[0] == source:
            seen["same" if pinned[1] == number else "another"] += 1
        # Another row of the same names may be the one that the pair was made for.
        elif source == "discogs_release" and number in published.releases:
            seen["its master" if published.releases[number][0] == master else "another master"] += 1
    assert min(seen.values()) > 50
    assert seen["same"] + seen["its master"] > 8 * (seen["another"] + seen["another master"])


@pytest.mark.parametrize("rows", [1, 7, 400])
def test_it_is_scaled_with_the_catalogue_and_the_same_every_time(rows: int) -> None:
    cache = seeded_cache(seeded_catalogue(rows))
    assert len(cache.pairs) == round(rows * 23_408 / 64_676)
    assert cache == seeded_cache(seeded_catalogue(rows))
