"""What each rule of docs/legs.md gains and costs: `python -m benchmarks.leg_rules`.

The library and the cache are in memory. `before` is the plain equi-join of normalised pairs, `now` is the leg S3.
For the real catalogue freemusi.cc: the matches in a cache that writes its artists as Discogs does, one rule at a
time; how many names of artists the rules concern; and the names that one rule makes one artist. For the demo's
catalogue and cache: the matches, why rows are lost, and what changes if one rule is left out.
"""

import argparse
import csv
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from unittest import mock

from rich.console import Console
from rich.table import Table

from identity_assets.demo.catalogue import seeded_catalogue
from identity_assets.demo.discogs_cache import seeded_cache
from identity_assets.evidence import LibraryRow
from identity_assets.legs import names
from identity_assets.legs.flowsheet_match import gather_flowsheet_match
from identity_assets.legs.names import artist_forms, normalise

FREEMUSI = Path(__file__).parents[2] / "shared" / "data" / "freemusi-cc"
COLUMNS = ("pairs", "before", "now", "of these ambiguous", "lost", "gained")
WITHOUT_COLUMNS = ("matched", "matched by the rule alone", "lost by the rule", "ambiguous by the rule")

_NEVER = re.compile(r"(?!)")


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


@dataclass(frozen=True)
class Matched:
    """The library rows that S3 matches, whether each match is sure, and why each of the others has none."""

    is_sure: Mapping[int, bool]
    why_not: Mapping[int, str]


def matched(library: Sequence[tuple[str, str]], cache: MemoryCache) -> Matched:
    """The leg S3 on this library, whose rows are numbered from 1."""
    rows = [
        LibraryRow(number, artist, title, None, None) for number, (artist, title) in enumerate(library, 1)
    ]
    # So many partitions that each row is one of its own: then the reasons are told by row.
    gathered = gather_flowsheet_match([rows], cache, len(rows) + 1)  # type: ignore[arg-type]  # it has the methods that are used
    return Matched(
        {one.library_id: one.confidence == 1 for one in gathered.evidence},
        {number: reason for number, reason in gathered.skipped},
    )


def before_the_rules(library: Sequence[tuple[str, str]], cache: MemoryCache) -> set[int]:
    """The library rows that the plain equi-join of normalised pairs matches."""
    in_cache = {(" ".join(artist.split()), " ".join(title.split())) for artist, title, *_rest in cache.rows}
    artists, titles = (normalise(names) for names in zip(*library, strict=True))
    own = enumerate(zip(artists, titles, strict=True), 1)
    return {number for number, pair in own if all(pair) and pair in in_cache}


def compared(library: Sequence[tuple[str, str]], cache: MemoryCache) -> tuple[int, ...]:
    """The figures of `COLUMNS`, in library rows. `lost` and `gained` rows are matched by one of the two alone."""
    now, before = matched(library, cache), before_the_rules(library, cache)
    found = now.is_sure.keys()
    ambiguous = sum(not is_sure for is_sure in now.is_sure.values())
    return len(cache.rows), len(before), len(found), ambiguous, len(before - found), len(found - before)


def why_lost(library: Sequence[tuple[str, str]], cache: MemoryCache) -> Counter[str]:
    """The library rows that the equi-join matches and S3 does not, by S3's reason."""
    now = matched(library, cache)
    return Counter(now.why_not[number] for number in before_the_rules(library, cache) - now.is_sure.keys())


def _names_rule_off(**replaced: Any) -> AbstractContextManager[object]:
    off: AbstractContextManager[object] = mock.patch.multiple(names, **replaced)
    return off


def _no_number(name: str, _is_lower: bool) -> str:
    return name


RULES_OFF: Mapping[str, Callable[[], AbstractContextManager[object]]] = {
    "tombstone": nullcontext,
    "joined names": lambda: _names_rule_off(_JOINER=_NEVER),
    "homonym": lambda: _names_rule_off(strip_discogs_disambiguation=_no_number, _LAST_NUMBER=_NEVER),
    "last article": lambda: _names_rule_off(_LAST_ARTICLE=_NEVER),
    "compilation": lambda: _names_rule_off(is_compilation_artist=lambda _name: False),
}
"""Each rule that can be left out, and how. A rule that has no data in the cache changes nothing."""


def without(rule: str, library: Sequence[tuple[str, str]], cache: MemoryCache) -> tuple[int, ...]:
    """The figures of `WITHOUT_COLUMNS`: S3 without this rule, and what the rule gains, loses and makes ambiguous."""
    now = matched(library, cache).is_sure
    with RULES_OFF[rule]():
        left = replace(cache, tombstones=set()) if rule == "tombstone" else cache
        off = matched(library, left).is_sure
    unsure = sum(off.get(number, False) and not is_sure for number, is_sure in now.items())
    return len(off), len(now.keys() - off.keys()), len(off.keys() - now.keys()), unsure


def made_one(given: Collection[str]) -> list[list[str]]:
    """Names of several artists that are one artist only because joiners and order do not matter."""
    forms = artist_forms(given)
    groups = defaultdict(set)
    for name, found in forms.items():
        for form in found:
            if "&" in form:
                groups[form].add(name)
    return sorted(sorted(group) for group in groups.values() if len({forms[name][0] for name in group}) > 1)


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
        artists = {row["trackartist"] for row in csv.DictReader(file)} | {
            artist for artist, _title in library
        }
    table = _table(f"freemusi.cc, {len(library):,} releases", COLUMNS)
    for name, spell in SPELLINGS.items():
        table.add_row(name, *map(str, compared(library, as_discogs(library, spell))))
    tombstones = as_discogs(library, _as_it_is)
    tombstones.tombstones = {number for number in tombstones.artists if number % 10 == 0}
    table.add_row("every tenth a tombstone", *map(str, compared(library, tombstones)))
    yield table
    forms = artist_forms(artists)
    table = _table(f"freemusi.cc, {len(artists):,} names of artists", ("names",))
    table.add_row("different when normalised", str(len({form[0] for form in forms.values() if form})))
    joined = {form[0] for form in forms.values() if len(form) > 1 and "&" in form[1]}
    table.add_row("of these join several artists", str(len(joined)))
    table.add_row("end in `, The`", str(sum(name.lower().endswith(", the") for name in artists)))
    table.add_row("name a compilation", str(sum("various" in form for form in forms.values())))
    table.add_row("empty after normalising", str(sum(not form for form in forms.values())))
    yield table
    groups = made_one(artists)
    table = Table(
        title=f"freemusi.cc: the {len(groups)} artists whose names joiners and order alone hold apart"
    )
    table.add_column("names that become one")
    for group in groups:
        table.add_row(" = ".join(group))
    yield table


def demo(rows: int) -> tuple[list[tuple[str, str]], MemoryCache]:
    """The demo's catalogue and its cache."""
    catalogue = seeded_catalogue(rows)
    seeded = seeded_cache(catalogue)
    cache = MemoryCache(seeded.pairs, {}, {number for number, one in seeded.releases.items() if one[2]})
    for number, name, extra in seeded.artists:
        if not extra:
            cache.artists[number] = (*cache.artists.get(number, ()), name)
    return [(row.artist_name or "", row.album_title) for row in catalogue.rows], cache


def _demo(rows: int) -> Iterator[Table]:
    library, cache = demo(rows)
    table = _table(f"the demo, {rows:,} library rows", COLUMNS)
    table.add_row("all rules", *map(str, compared(library, cache)))
    yield table
    table = _table("the demo: why rows are lost", ("library rows",))
    for reason, lost in sorted(why_lost(library, cache).items()):
        table.add_row(reason, str(lost))
    yield table
    table = _table("the demo without one rule", WITHOUT_COLUMNS)
    for rule in RULES_OFF:
        table.add_row(rule, *map(str, without(rule, library, cache)))
    yield table


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
    for table in _demo(asked.rows):
        console.print(table)


if __name__ == "__main__":
    main()
