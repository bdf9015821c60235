"""Who is credited on the releases of the seeded catalogue: new artists with discographies, and misspelt names.

Not here: how a name is made (`names`), and which row gets it (`catalogue`).
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
    """The artist of a release, and the name that the library row prints."""

    artist: str
    printed: str


def discographies(rng: Random, rows: int, taken: set[str]) -> list[Credit]:
    """Credits for `rows` releases of new artists, in random order.

    An artist has 1 to 60 releases, usually one or two.
    `taken` holds the match forms of the names in use. The new names are added to it.
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


def misspelt_credit(rng: Random, artist: str, known_forms: AbstractSet[str]) -> Credit:
    """A release of this artist under a misspelt name that LML does not know."""
    while True:
        printed = names.misspelt(rng, artist)
        if (
            printed.strip()
            and to_match_form(printed) not in known_forms
            and not is_compilation_artist(printed)
        ):
            return Credit(artist, printed)
