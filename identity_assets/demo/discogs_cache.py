"""The demo's discogs-cache: `flowsheet_match` and the releases behind it, seeded from the catalogue.

It has as many rows as the run of 2026-04-28, scaled with the catalogue. About four of five pairs belong to releases
of the catalogue. About one in twelve of those contradicts the catalogue's canonical_entity_id.
"""

from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from random import Random

import psycopg2

from identity_assets.demo import names
from identity_assets.demo.backend_tables import copy_rows
from identity_assets.demo.catalogue import PUBLISHED, Catalogue
from identity_assets.evidence import RELEASE
from identity_assets.legs.canonical_entity import parse_entity
from identity_assets.legs.flowsheet_match import Pair
from identity_assets.legs.names import normalise

PUBLISHED_PAIRS = 23_408
PUBLISHED_AMBIGUOUS = 4_594
_IN_THE_CATALOGUE = 0.8
_MASTERS = 3_900_000
_RELEASES = 34_000_000
_SCHEMA = Path(__file__).with_name("discogs_cache.sql")


@dataclass(frozen=True)
class SeededCache:
    """The rows of `flowsheet_match`, `release` and `release_artist`."""

    pairs: list[tuple[str, str, int, int | None, int]] = field(default_factory=list)
    releases: dict[int, tuple[int | None, str]] = field(default_factory=dict)
    artists: list[tuple[int, str, int]] = field(default_factory=list)


@dataclass(frozen=True)
class _Printed:
    """A release as a source prints it, and the catalogue's canonical_entity_id."""

    artist: str
    title: str
    canonical: str | None = None


def seeded_cache(catalogue: Catalogue, *, seed: int = 1) -> SeededCache:
    """The cache that belongs to a catalogue. The same arguments give the same cache."""
    rng = Random(seed)
    wanted = round(len(catalogue.rows) * PUBLISHED_PAIRS / PUBLISHED.library_rows)
    ambiguous = round(wanted * PUBLISHED_AMBIGUOUS / PUBLISHED_PAIRS)
    releases = [
        _Printed(row.artist_name or "", row.album_title, row.canonical_entity_id) for row in catalogue.rows
    ]
    rng.shuffle(releases)
    held = _distinct(releases, {}, round(wanted * _IN_THE_CATALOGUE))
    others = (_Printed(names.artist_name(rng), names.album_title(rng)) for _ in range(3 * wanted + 10))
    chosen = list(_distinct(others, held, wanted).items())
    rng.shuffle(chosen)
    cache = SeededCache()
    for place, (pair, printed) in enumerate(chosen):
        _add(rng, cache, pair, printed, 1 if place >= ambiguous else rng.randint(2, 9))
    return cache


def _distinct(printed: Iterable[_Printed], found: dict[Pair, _Printed], wanted: int) -> dict[Pair, _Printed]:
    """As many releases with different pairs as are `wanted`. Those already `found` count.

    It takes from `printed` only what it needs, and a little more.
    """
    rest = iter(printed)
    distinct = dict(found)
    while len(distinct) < wanted and (given := list(islice(rest, wanted - len(distinct) + 10))):
        artists = normalise([one.artist for one in given])
        titles = normalise([one.title for one in given])
        for one, artist, title in zip(given, artists, titles, strict=True):
            if artist and title and len(distinct) < wanted:
                distinct.setdefault((artist, title), one)
    return distinct


def _add(rng: Random, cache: SeededCache, pair: Pair, printed: _Printed, entities: int) -> None:
    """Add one pair and a release for it. If the catalogue names an entity, the pair usually agrees with it."""
    master: int | None = rng.randint(1, _MASTERS) if rng.random() < 0.6 else None
    release = rng.randint(1, _RELEASES)
    contradicts = rng.random() < 1 / 12
    entity = parse_entity(printed.canonical or "")
    if isinstance(entity, tuple):
        source, number = entity
        if source == RELEASE:
            behind = number if master is not None or not contradicts else release
            belongs_to = rng.randint(1, _MASTERS) if contradicts else master
            _add_release(cache, number, belongs_to, printed)
            release = behind
        elif not contradicts:
            master = number
    cache.pairs.append((*pair, entities, master, release))
    _add_release(cache, release, master, printed)


def _add_release(cache: SeededCache, number: int, master: int | None, printed: _Printed) -> None:
    if number not in cache.releases:
        cache.releases[number] = (master, printed.title)
        cache.artists.append((number, printed.artist, 0))


def fill_discogs_cache(dsn: str, cache: SeededCache) -> None:
    """Create the tables in an empty database and load the rows. `dsn` is in psycopg2's form."""
    with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(_SCHEMA.read_text(encoding="utf-8"))
        releases = ((number, *values) for number, values in cache.releases.items())
        for table, rows in (
            ("flowsheet_match", cache.pairs),
            ("release", releases),
            ("release_artist", cache.artists),
        ):
            copy_rows(cursor, f"wxyc.{table}", rows)
            cursor.execute(f"ANALYZE wxyc.{table}")
