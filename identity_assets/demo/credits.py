"""Who is credited on the seeded catalogue's releases: discographies of new names, and slips of the pen.

Belongs here: credits that LML can tell apart, or cannot. Not here: how a name is made, and which row gets it.
"""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from random import Random

from wxyc_etl.text import (  # type: ignore[import-untyped]  # it ships no types
    is_compilation_artist,
    to_match_form,
)

from identity_assets.demo import names

_MOST_RELEASES = 60


@dataclass(frozen=True, slots=True)
class Credit:
    """Whose the release is, and what the library row prints for it."""

    artist: str
    printed: str


def discographies(rng: Random, rows: int, taken: set[str]) -> list[Credit]:
    """So many credits in any order, of new artists with 1 to 60 releases: most have one or two.

    `taken` holds the match forms of the names given before, and is added to.
    """
    counts = range(1, _MOST_RELEASES + 1)
    weights = [1 / count**2 for count in counts]
    credits: list[Credit] = []
    while len(credits) < rows:
        name = _new_name(rng, taken)
        (count,) = rng.choices(counts, weights)
        credits += [Credit(name, name)] * min(count, rows - len(credits))
    rng.shuffle(credits)
    return credits


def _new_name(rng: Random, taken: set[str]) -> str:
    while True:
        name = names.artist_name(rng)
        form = to_match_form(name)
        if form not in taken and not is_compilation_artist(name):
            taken.add(form)
            return name


def slip(rng: Random, artist: str, known_forms: AbstractSet[str]) -> Credit:
    """A release of this artist, printed so that LML finds none of the names that it knows."""
    while True:
        printed = names.misspelt(rng, artist)
        if (
            printed.strip()
            and to_match_form(printed) not in known_forms
            and not is_compilation_artist(printed)
        ):
            return Credit(artist, printed)
