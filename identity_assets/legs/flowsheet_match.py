"""The leg S3: the discogs-cache, joined on normalised names, says which release a library row is.

Belongs here: which rows of the cache a library row finds, and what they are worth ("The two legs" in rules.md). Not
here: the forms of names (names.py) and how the cache is read (cache_rows.py, discogs_cache.py). Nothing is written.
"""

import gc
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from identity_assets.evidence import MASTER, RELEASE, CacheSeen, Evidence, Gathered, LibraryRow
from identity_assets.legs.cache_rows import CacheRow, rows_of_pairs, rows_of_releases
from identity_assets.legs.canonical_entity import parse_entity
from identity_assets.legs.discogs_cache import CacheSnapshot, DiscogsCache
from identity_assets.legs.names import artist_forms, normalise

LEG = "S3"

Pair = tuple[str, str]
"""A form of an artist and a normalised title."""


class Match(NamedTuple):
    """What the cache holds for a library row. It is sure if the row's names fit one entity of one artist."""

    is_sure: bool
    master_id: int | None
    release_id: int | None


class _Named(NamedTuple):
    """A library row with its names, and the forms under which it is found."""

    library_id: int
    artist_name: str
    album_title: str
    canonical_entity_id: str | None
    pairs: tuple[Pair, ...]


@dataclass
class _Index:
    """The library's own names, and the rows of the cache that were found under them. Other rows are not kept."""

    rows: list[_Named] = field(default_factory=list)
    found: dict[Pair, tuple[CacheRow, ...]] = field(default_factory=dict)

    def match(self, row: _Named) -> Match | str:
        """The match of a library row, or the reason why it has none."""
        if len(row.pairs) == 1:
            return match_of(self.found[row.pairs[0]])
        return match_of({id(one): one for pair in row.pairs for one in self.found[pair]}.values())

    def fill(self, groups: Iterator[Sequence[CacheRow]]) -> list[list[Pair]]:
        """Keep the rows that library rows find. Returns, for each pair of the cache that is evidence, where it is."""
        places = []
        for rows in groups:
            where: list[Pair] = []
            for row in rows:
                for pair in ((artist, row.title) for artist in row.artists):
                    if pair in self.found:
                        self.found[pair] += (row,)
                        where += [] if row.refusal else [pair]
            if where:
                places.append(where)
        return places


def gather_flowsheet_match(
    pages: Iterable[Sequence[LibraryRow]], cache: DiscogsCache, partitions: int
) -> Gathered:
    """The evidence of S3 in these pages of the library; `partitions` is the number of hash buckets.

    The library's own names are kept in memory, and the rows of the cache with one of its titles.

    Raises:
        DiscogsCacheError: the cache cannot be read; nothing has been written then.
    """
    with _collector_paused():
        return _gather(pages, cache, partitions)


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Pause Python's collector of cycles: it takes a third of the time here, and small tuples make no cycles."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _gather(pages: Iterable[Sequence[LibraryRow]], cache: DiscogsCache, partitions: int) -> Gathered:
    gathered = Gathered()
    index = _index_of(pages, gathered, partitions)
    seen: Counter[str] = Counter()
    with cache.snapshot() as snapshot:
        titles = {title for _artist, title in index.found}
        read = rows_of_releases if cache.rematerialises else rows_of_pairs
        places = index.fill(read(snapshot, titles, seen))
        found: list[tuple[Evidence, str | None]] = []
        for row in index.rows:
            match = index.match(row)
            if isinstance(match, str):
                gathered.skipped[row.library_id % partitions, match] += 1
            else:
                evidence = evidence_of(row.library_id, row.artist_name, row.album_title, match)
                found.append((evidence, row.canonical_entity_id))
        gathered.evidence = sorted(_checked(snapshot, found), key=lambda one: one.library_id)
    gathered.seen = _seen(seen, index, places)
    return gathered


def _index_of(pages: Iterable[Sequence[LibraryRow]], gathered: Gathered, partitions: int) -> _Index:
    index, forms = _Index(), dict[str, tuple[str, ...]]()
    for page in pages:
        forms |= artist_forms({row.artist_name for row in page if row.artist_name} - forms.keys())
        for row, title in zip(page, normalise([row.album_title for row in page]), strict=True):
            artists = forms.get(row.artist_name or "", ())
            if row.artist_name and artists and title:
                pairs = tuple((artist, title) for artist in artists)
                index.rows.append(
                    _Named(row.library_id, row.artist_name, row.album_title, row.canonical_entity_id, pairs)
                )
                for pair in pairs:
                    index.found.setdefault(pair, ())
            else:
                reason = "empty_name" if (row.artist_name or "").strip() else "no_artist_name"
                gathered.skipped[row.library_id % partitions, reason] += 1
    return index


def match_of(rows: Collection[CacheRow]) -> Match | str:
    """What rows of the cache that have the same names are worth together, or why they are no evidence.

    A master before a release, then the least id, of the artist without a homonym's number if there is one.
    """
    if not rows:
        return "no_match"
    usable = [row for row in rows if not row.refusal]
    if not usable:
        return next(iter(rows)).refusal
    if len(usable) == 1:
        [row] = usable
        return Match(row.is_sure, row.master_id, None if row.master_id is not None else row.release_id)
    entities = {(row.master_id is None, row.master_id or row.release_id) for row in usable}
    homonyms = {row.homonym for row in usable}
    is_sure = len(entities) == len(homonyms) == 1 and all(row.is_sure for row in usable)
    first = [row for row in usable if row.homonym == min(homonyms)]
    masters = [row.master_id for row in first if row.master_id is not None]
    releases = [row.release_id for row in first if row.release_id is not None]
    return Match(is_sure, min(masters, default=None), None if masters else min(releases, default=None))


def evidence_of(library_id: int, artist_name: str, album_title: str, match: Match) -> Evidence:
    """What a match by these names is worth: a master or a release, never both."""
    method, confidence = ("exact_match", 1.0) if match.is_sure else ("alias_match", 0.75)
    is_master = match.master_id is not None
    return Evidence(
        library_id,
        MASTER if is_master else RELEASE,
        str(match.master_id if is_master else match.release_id),
        method,
        confidence,
        artist_name=artist_name,
        album_title=album_title,
    )


def _seen(seen: Counter[str], index: _Index, places: list[list[Pair]]) -> CacheSeen:
    def is_ambiguous(pair: Pair) -> bool:
        match = match_of(index.found[pair])
        return isinstance(match, Match) and not match.is_sure

    return CacheSeen(
        pairs_read=seen["pairs_read"],
        matched=len(places),
        ambiguous=sum(any(map(is_ambiguous, where)) for where in places),
        tombstones=seen["tombstones"],
        empty_names=seen["empty_names"],
        no_discogs_id=seen["no_discogs_id"],
        co_artists=seen["co_artists"],
    )


def _checked(snapshot: CacheSnapshot, found: Iterable[tuple[Evidence, str | None]]) -> list[Evidence]:
    """The evidence with the master of the release, as the cache knows it, if S1 pins the one and S3 the other."""
    checked = [(evidence, _release_of_pair(evidence, canonical)) for evidence, canonical in found]
    masters = snapshot.masters_of({release for _evidence, release in checked if release is not None})
    return [
        evidence
        if release is None or release not in masters
        else replace(evidence, checked_release_id=release, checked_master_id=masters[release])
        for evidence, release in checked
    ]


def _release_of_pair(evidence: Evidence, canonical_entity_id: str | None) -> int | None:
    """The release, if S1 and S3 pin a release and a master."""
    entity = parse_entity(canonical_entity_id or "")
    if isinstance(entity, str) or entity[0] == evidence.source:
        return None
    return entity[1] if entity[0] == RELEASE else int(evidence.external_id)
