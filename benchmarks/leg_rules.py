"""What each rule of docs/legs.md gains and costs: `python -m benchmarks.leg_rules`.

The library and the cache are in memory. `before` is the plain equi-join of normalised pairs, `now` is the leg S3. The
first table has the real catalogue freemusi.cc, and a cache that writes its artists as Discogs does, one rule at a
time. The second has the demo's catalogue and cache. The third counts the names of freemusi.cc that a rule makes one.
"""

import argparse
import csv
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table

from identity_assets.demo.catalogue import seeded_catalogue
from identity_assets.demo.discogs_cache import seeded_cache
from identity_assets.evidence import LibraryRow
from identity_assets.legs.flowsheet_match import gather_flowsheet_match
from identity_assets.legs.names import artist_forms, normalise

FREEMUSI = Path(__file__).parents[2] / "shared" / "data" / "freemusi-cc"
COLUMNS = ("pairs", "before", "now", "of these ambiguous", "lost", "gained")


@dataclass
class MemoryCache:
    """A discogs-cache in memory, with the methods of `DiscogsCache` and of its snapshot."""

    rows: list[tuple[str, str, int, int | None, int]] = field(default_factory=list)
    artists: dict[int, tuple[str, ...]] = field(default_factory=dict)
    tombstones: set[int] = field(default_factory=set)
    rematerialises = False

    @contextmanager
    def snapshot(self) -> Iterator["MemoryCache"]:
        yield self

    def pairs(self) -> Iterator[Sequence[tuple[str, str, int, int | None, int]]]:
        yield self.rows

    def artists_of(self, _release_ids: Collection[int]) -> dict[int, tuple[str, ...]]:
        return self.artists

    def tombstones_of(self, _release_ids: Collection[int]) -> set[int]:
        return self.tombstones

    def masters_of(self, _release_ids: Collection[int]) -> dict[int, int]:
        return {}


def compared(library: Sequence[tuple[str, str]], cache: MemoryCache) -> tuple[int, ...]:
    """The figures of `COLUMNS`, in library rows. `lost` and `gained` rows are matched by one of the two alone."""
    rows = [
        LibraryRow(number, artist, title, None, None) for number, (artist, title) in enumerate(library, 1)
    ]
    gathered = gather_flowsheet_match([rows], cache, 1)  # type: ignore[arg-type]  # it has the methods that are used
    now = {one.library_id for one in gathered.evidence}
    in_cache = {(" ".join(artist.split()), " ".join(title.split())) for artist, title, *_rest in cache.rows}
    artists, titles = (normalise(names) for names in zip(*library, strict=True))
    own = enumerate(zip(artists, titles, strict=True), 1)
    before = {number for number, pair in own if all(pair) and pair in in_cache}
    ambiguous = sum(one.confidence < 1 for one in gathered.evidence)
    return len(cache.rows), len(before), len(now), ambiguous, len(before - now), len(now - before)


def as_discogs(library: Sequence[tuple[str, str]], spell: Callable[[int, str], Sequence[str]]) -> MemoryCache:
    """A cache of these releases with artists spelt so: one pair for each main artist, as a snapshot has them."""
    cache = MemoryCache()
    for number, (artist, title) in enumerate(dict.fromkeys(library), 1):
        cache.artists[number] = tuple(spell(number, artist))
        forms = normalise([*cache.artists[number], title])
        cache.rows += [(form, forms[-1], 1, None, number) for form in forms[:-1] if form and forms[-1]]
    return cache


def _last_article(_number: int, artist: str) -> Sequence[str]:
    return [f"{artist[4:]}, The"] if artist.lower().startswith("the ") else [artist]


def _co_artists(_number: int, artist: str) -> Sequence[str]:
    return artist.split(" & ") if " & " in artist else [artist]


def _various(_number: int, artist: str) -> Sequence[str]:
    return ["Various"] if artist == "Various Artists" else [artist]


def _homonym(number: int, artist: str) -> Sequence[str]:
    return [f"{artist} (2)"] if number % 10 == 0 else [artist]


def _as_it_is(_number: int, artist: str) -> Sequence[str]:
    return [artist]


SPELLINGS = {
    "as the catalogue writes them": _as_it_is,
    "`X, The`": _last_article,
    "main artists apart": _co_artists,
    "`Various`": _various,
    "every tenth a homonym": _homonym,
}


def _table(title: str, columns: Sequence[str]) -> Table:
    table = Table(title=title)
    table.add_column("")
    for column in columns:
        table.add_column(column, justify="right")
    return table


def _freemusi(folder: Path) -> Iterator[Table]:
    with (folder / "releases.csv").open(encoding="utf-8", newline="") as file:
        library = [(row["artist"], row["album"]) for row in csv.DictReader(file)]
    with (folder / "tracks.csv").open(encoding="utf-8", newline="") as file:
        names = {row["trackartist"] for row in csv.DictReader(file)} | {artist for artist, _title in library}
    table = _table(f"freemusi.cc, {len(library):,} releases", COLUMNS)
    for name, spell in SPELLINGS.items():
        table.add_row(name, *map(str, compared(library, as_discogs(library, spell))))
    tombstones = as_discogs(library, _as_it_is)
    tombstones.tombstones = {number for number in tombstones.artists if number % 10 == 0}
    table.add_row("every tenth a tombstone", *map(str, compared(library, tombstones)))
    yield table
    forms = artist_forms(names)
    table = _table(f"freemusi.cc, {len(names):,} names of artists", ("names",))
    whole = {form[0] for form in forms.values() if form}
    joined = {form[0]: form[1] for form in forms.values() if len(form) > 1 and "&" in form[1]}
    table.add_row("different when normalised", str(len(whole)))
    table.add_row("join several artists", str(len(joined)))
    table.add_row("of these made one with another", str(len(joined) - len(set(joined.values()))))
    table.add_row("end in `, The`", str(sum(name.lower().endswith(", the") for name in names)))
    table.add_row("name a compilation", str(sum("various" in form for form in forms.values())))
    table.add_row("empty after normalising", str(sum(not form for form in forms.values())))
    yield table


def _demo(rows: int) -> Table:
    catalogue = seeded_catalogue(rows)
    seeded = seeded_cache(catalogue)
    cache = MemoryCache(seeded.pairs, {}, {number for number, one in seeded.releases.items() if one[2]})
    for number, name, extra in seeded.artists:
        if not extra:
            cache.artists[number] = (*cache.artists.get(number, ()), name)
    table = _table(f"the demo, {rows:,} library rows", COLUMNS)
    library = [(row.artist_name or "", row.album_title) for row in catalogue.rows]
    table.add_row("all rules", *map(str, compared(library, cache)))
    return table


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--rows", type=int, default=64_676, help="library rows of the demo (default: %(default)s)"
    )
    parser.add_argument(
        "--freemusi", type=Path, default=FREEMUSI, help="the folder of releases.csv and tracks.csv"
    )
    asked = parser.parse_args()
    console = Console()
    if asked.freemusi.exists():
        for table in _freemusi(asked.freemusi):
            console.print(table)
    else:
        console.print(f"{asked.freemusi} is not here: the real catalogue is left out")
    console.print(_demo(asked.rows))


if __name__ == "__main__":
    main()
