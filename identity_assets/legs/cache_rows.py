"""The rows of the discogs-cache as matching reads them: under which names a row is found, and what it names.

They come from the snapshot `flowsheet_match`, or are computed afresh from the releases. Belongs here: which artists
a release has and what is no evidence (docs/legs.md). Not here: the library, and what a match is worth.
"""

from collections import Counter
from collections.abc import Container, Iterator, Sequence
from typing import NamedTuple

from identity_assets.evidence import LARGEST_ID
from identity_assets.legs.discogs_cache import CacheSnapshot, PairRow
from identity_assets.legs.names import (
    Credit,
    artist_forms,
    credit_of,
    forms_of_normalised,
    normalise,
    one_space,
)

UNKNOWN_HOMONYM = "?"
"""Stands for the number of a homonym where only the normalised name is known."""


class CacheRow(NamedTuple):
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
        """The same entity under other forms of its artist. `refusal`: under these it is no evidence."""
        _artists, title, is_sure, master_id, release_id, _homonym, refused = self
        is_sure = is_sure and homonym != UNKNOWN_HOMONYM
        return CacheRow(artists, title, is_sure, master_id, release_id, homonym, refused or refusal)


def rows_of_pairs(
    snapshot: CacheSnapshot, titles: Container[str], seen: Counter[str]
) -> Iterator[Sequence[CacheRow]]:
    """The rows of each pair of the snapshot whose title is one of `titles`; `seen` counts what was read.

    If the cache has the releases of the pairs, their artists decide who a pair belongs to.
    """
    pairs = [row for page in snapshot.pairs() for row in _pairs(page, titles, seen)]
    numbers = {row.release_id for row in pairs if row.release_id is not None}
    tombstones, artists_of = snapshot.tombstones_of(numbers), snapshot.artists_of(numbers)
    credits_of = {number: credit_of(artists) for number, artists in artists_of.items() if artists}
    forms = artist_forms(credit.name for credit in credits_of.values())
    distinct = list({artist for artists in artists_of.values() for artist in artists})
    normalised = dict(zip(distinct, normalise(distinct), strict=True))
    for row in pairs:
        number, [artist] = row.release_id or 0, row.artists
        artists = artists_of.get(number, ())
        if number in tombstones:
            seen["tombstones"] += 1
            yield (row.found_as(row.artists, refusal="tombstone"),)
        elif any(normalised[one] == artist for one in artists):
            credit = credits_of[number]
            yield _credited(row, credit, forms[credit.name], row.artists, len(artists), seen)
        else:
            yield _of_normalised(row, artist)


def _pairs(page: Sequence[PairRow], titles: Container[str], seen: Counter[str]) -> Iterator[CacheRow]:
    """The pairs of a page with one of these titles, each under its normalised artist."""
    seen["pairs_read"] += len(page)
    for artist_norm, album_norm, entities, master_id, release_id in page:
        artist, title = one_space(artist_norm or ""), one_space(album_norm or "")
        if not artist or not title:
            seen["empty_names"] += 1
            continue
        row = _row((artist,), title, entities == 1, master_id, release_id, seen)
        if title in titles:
            yield row


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
                row = _row((), title, True, master_id, number, seen if not is_tombstone else Counter())
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
    """The row of a release with known artists, and a row for each artist alone: a co-artist alone is no match."""
    if not forms:
        seen["empty_names"] += 1
    whole = row.found_as(forms, credit.homonym)
    if artists < 2:
        return (whole,)
    seen["co_artists"] += 1
    return whole, row.found_as(tuple(set(alone) - set(forms)), refusal="co_artist")


def _of_normalised(row: CacheRow, artist: str) -> Sequence[CacheRow]:
    """The rows of a pair if only the normalised name of its artist is known."""
    forms, guess = forms_of_normalised(artist)
    known = row.found_as(forms)
    return (known, row.found_as((guess,), UNKNOWN_HOMONYM)) if guess else (known,)


def _row(
    artists: tuple[str, ...],
    title: str,
    is_sure: bool,
    master_id: int | None,
    release_id: int | None,
    seen: Counter[str],
) -> CacheRow:
    master, release = _id_of(master_id), _id_of(release_id)
    if master is None and release is None:
        seen["no_discogs_id"] += 1
        return CacheRow(artists, title, is_sure, None, None, refusal="no_discogs_id")
    return CacheRow(artists, title, is_sure, master, release)


def _id_of(number: int | None) -> int | None:
    """Zero is Discogs' way to say that there is none. The main row's column cannot hold ids above `LARGEST_ID`."""
    return number if number and 1 <= number <= LARGEST_ID else None
