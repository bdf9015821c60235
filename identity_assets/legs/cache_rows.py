"""The rows of the discogs-cache as matching reads them: under which names a row is found, and what it names.

They come from the snapshot `flowsheet_match`, or are computed afresh from the releases. Belongs here: which artists
a release has and what is no evidence (docs/legs.md). Not here: the library, and what a match is worth.
"""

from collections import Counter
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass

from identity_assets.evidence import LARGEST_ID
from identity_assets.legs.discogs_cache import CacheSnapshot, PairRow, Release
from identity_assets.legs.names import Credit, artist_forms, credit_of, forms_of_normalised, normalise

UNKNOWN_HOMONYM = "?"
"""Stands for the number of a homonym where only the normalised name is known."""


@dataclass(frozen=True, slots=True)
class CacheRow:
    """A pair or a release under the forms of its artist. `refusal` says why it is no evidence; empty if it is.

    `is_sure`: it stands for one entity. `homonym` tells apart artists who share a form (`Credit`).
    """

    artists: tuple[str, ...]
    title: str
    is_sure: bool
    master_id: int | None
    release_id: int | None
    homonym: str = ""
    refusal: str = ""

    def found_as(self, artists: tuple[str, ...], homonym: str = "", refusal: str = "") -> "CacheRow":
        """The same entity under other forms of its artist, or for one of them no evidence."""
        is_sure = self.is_sure and homonym != UNKNOWN_HOMONYM
        return CacheRow(
            artists,
            self.title,
            is_sure,
            self.master_id,
            self.release_id,
            homonym,
            self.refusal or refusal,
        )


@dataclass(frozen=True, slots=True)
class _Pair:
    """A row of `flowsheet_match` with its normalised artist."""

    artist: str
    row: CacheRow


def rows_of_pairs(
    snapshot: CacheSnapshot, titles: Container[str], seen: Counter[str]
) -> Iterator[Sequence[CacheRow]]:
    """The rows of each pair of the snapshot whose title is one of `titles`; `seen` counts what was read.

    If the cache has the releases of the pairs, their artists decide who a pair belongs to.
    """
    pairs = [pair for page in snapshot.pairs() for pair in _pairs(page, titles, seen)]
    releases = snapshot.releases_of(
        {pair.row.release_id for pair in pairs if pair.row.release_id is not None}
    )
    credits_of = {
        number: credit_of(release.artists) for number, release in releases.items() if release.artists
    }
    forms = artist_forms(credit.name for credit in credits_of.values())
    artists = list({artist for release in releases.values() for artist in release.artists})
    normalised = dict(zip(artists, normalise(artists), strict=True))
    for pair in pairs:
        number = pair.row.release_id
        release = releases.get(number, Release()) if number is not None else Release()
        if release.is_tombstone:
            seen["tombstones"] += 1
            yield (pair.row.found_as((pair.artist,), refusal="tombstone"),)
        elif pair.artist in {normalised[artist] for artist in release.artists}:
            assert number is not None
            credit = credits_of[number]
            yield _credited(pair.row, credit, forms[credit.name], (pair.artist,), len(release.artists), seen)
        else:
            yield _of_normalised(pair)


def _pairs(page: Sequence[PairRow], titles: Container[str], seen: Counter[str]) -> Iterator[_Pair]:
    seen["pairs_read"] += len(page)
    for artist_norm, album_norm, entities, master_id, release_id in page:
        artist, title = _one_space(artist_norm), _one_space(album_norm)
        if not artist or not title:
            seen["empty_names"] += 1
            continue
        row = _row(title, entities == 1, master_id, release_id, seen)
        if title in titles:
            yield _Pair(artist, row)


def rows_of_releases(
    snapshot: CacheSnapshot, titles: Container[str], seen: Counter[str]
) -> Iterator[Sequence[CacheRow]]:
    """The rows of each release whose title is one of `titles`; `seen` counts what was read. It streams."""
    for page in snapshot.releases():
        seen["pairs_read"] += len(page)
        read = zip(
            page, normalise([title or "" for _id, _master, title, _gone, _artists in page]), strict=True
        )
        ours = []
        for (number, master_id, _title, is_tombstone, artists), title in read:
            seen["tombstones"] += is_tombstone
            seen["empty_names"] += not title and not is_tombstone
            if title in titles:
                row = _row(title, True, master_id, number, seen if not is_tombstone else Counter())
                names = tuple(filter(None, artists))
                ours.append(
                    (row.found_as((), refusal="tombstone" if is_tombstone else ""), names, credit_of(names))
                )
        forms = artist_forms(
            name for _row, names, credit in ours for name in (credit.name, *map(_name, names))
        )
        for row, names, credit in ours:
            alone = tuple(form for name in names for form in forms[_name(name)])
            yield _credited(row, credit, forms[credit.name], alone, len(names), seen)


def _name(artist: str) -> str:
    return credit_of((artist,)).name


def _credited(
    row: CacheRow,
    credit: Credit,
    forms: tuple[str, ...],
    alone: tuple[str, ...],
    artists: int,
    seen: Counter[str],
) -> Sequence[CacheRow]:
    """The row of a release with known artists, and that of each artist alone: a co-artist alone is no match."""
    if not forms:
        seen["empty_names"] += 1
    whole = row.found_as(forms, credit.homonym)
    if artists < 2:
        return (whole,)
    seen["co_artists"] += 1
    return whole, row.found_as(tuple(set(alone) - set(forms)), refusal="co_artist")


def _of_normalised(pair: _Pair) -> Sequence[CacheRow]:
    """The rows of a pair of whose artist only the normalised name is known."""
    forms, guess = forms_of_normalised(pair.artist)
    known = pair.row.found_as(forms)
    return (known, pair.row.found_as((guess,), UNKNOWN_HOMONYM)) if guess else (known,)


def _row(
    title: str, is_sure: bool, master_id: int | None, release_id: int | None, seen: Counter[str]
) -> CacheRow:
    master, release = _id_of(master_id), _id_of(release_id)
    if master is None and release is None:
        seen["no_discogs_id"] += 1
        return CacheRow((), title, is_sure, None, None, refusal="no_discogs_id")
    return CacheRow((), title, is_sure, master, release)


def _one_space(name: str | None) -> str:
    return " ".join((name or "").split())


def _id_of(number: int | None) -> int | None:
    """Zero is Discogs' way to say that there is none. The main row's column cannot hold ids above `LARGEST_ID`."""
    return number if number and 1 <= number <= LARGEST_ID else None
