"""Who plays on the compilations of a catalogue: Backend's credits, and those of the seeded catalogue.

The seeded credits are the tracks that the fixture LML's answers list, with the flaws of a real catalogue. Not here:
what LML says about a track (`fixture_lml.tracks`), and credits from a file (`csv_input.tracks`).
"""

import unicodedata
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from random import Random

from identity_assets.demo import names
from identity_assets.demo.fixture_lml.tracks import TrackCredit, TrackSizes, credits_of
from identity_assets.demo.fixture_lml.wire import Question

DEMO_TRACK_SIZES = TrackSizes(mean=3.97, p99=30, most=240)
"""How many tracks the demo's LML lists for a release, so that Backend has some 25,215 credits on 6,300 releases."""

_LEFT_OUT = 0.06
_MISSPELT = 0.06
_LIBRARIAN = 0.03
_WITHOUT_POSITION = 0.3
_NAMESAKE_ONE_IN = 100
_COMBINING = range(0x300, 0x370)


@dataclass(frozen=True, slots=True)
class CompilationTrack:
    """A row of `compilation_track_artist`. A librarian linked it if it has a `track_artist_id`; nobody did if not."""

    library_id: int
    artist_name: str
    track_title: str | None
    track_position: str | None
    track_artist_id: int | None = None


def folded(name: str) -> str:
    """The name as Backend's `fold_artist_name` makes it."""
    letters = unicodedata.normalize("NFD", name)
    # PostgreSQL lowers each letter by itself: a Greek sigma is the same at the end of a word.
    return "".join(letter.lower() for letter in letters if ord(letter) not in _COMBINING)


def seeded_tracks(
    rng: Random,
    compilations: Mapping[int, tuple[str, str]],
    known_artists: Collection[str],
    artist_ids: dict[str, int],
) -> Iterator[CompilationTrack]:
    """Credits for these library rows: (artist, title) by library id. The same arguments give the same credits.

    Most name a track as the fixture LML does. Of the others a part is left out, misspelt, without a position, or
    linked by a librarian. One artist in a hundred gets a namesake in `artist_ids`, whose name folds to the same.
    """
    known = sorted({" ".join(name.split()) for name in known_artists})
    for library_id, (artist, title) in compilations.items():
        question = Question(library_id=library_id, artist_name=artist, album_title=title)
        stored = set[tuple[str, str | None]]()
        for credit in credits_of(question, known, DEMO_TRACK_SIZES):
            track = _stored(rng, library_id, credit, artist_ids, keep=not stored)
            if track is not None and (track.artist_name, track.track_title) not in stored:
                stored.add((track.artist_name, track.track_title))
                yield track


def _stored(
    rng: Random, library_id: int, credit: TrackCredit, artist_ids: dict[str, int], *, keep: bool
) -> CompilationTrack | None:
    """Backend's row for a credit of LML's; None if Backend lacks it. The first of a release is kept."""
    chance = rng.random()
    position = None if rng.random() < _WITHOUT_POSITION else credit.track_position
    name, librarians_artist = credit.artist_name, None
    if chance < _LEFT_OUT and not keep:
        return None
    if _LEFT_OUT < chance < _LEFT_OUT + _MISSPELT:
        name = names.misspelt(rng, name)
    elif chance > 1 - _LIBRARIAN:
        librarians_artist = artist_ids.get(name)
    if name in artist_ids and rng.randrange(_NAMESAKE_ONE_IN) == 0:
        _add_namesake(name, artist_ids)
    return CompilationTrack(library_id, name, credit.track_title, position, librarians_artist)


def _add_namesake(name: str, artist_ids: dict[str, int]) -> None:
    """Another artist whose name differs only by its capitals. Names without capitals get none."""
    namesake = name.upper()
    if len(namesake) <= names.MAX_LENGTH and folded(namesake) == folded(name):
        artist_ids.setdefault(namesake, len(artist_ids) + 1)
