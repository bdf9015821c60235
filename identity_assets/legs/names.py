"""The forms under which names are compared: the station's normalised form, and the forms of an artist.

The rules and what each of them costs or gains stand in docs/legs.md. Library rows and the discogs-cache go through
the same functions. How a form finds a match belongs in flowsheet_match.py.
"""

import re
from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from wxyc_etl.text import (  # type: ignore[import-untyped]  # it ships no types
    batch_to_match_form,
    is_compilation_artist,
    strip_discogs_disambiguation,
)

VARIOUS = "various"
"""The form of a release by various artists: Discogs writes `Various`, the catalogue `Various Artists - Rock - C`."""

# PostgreSQL's unaccent, which made the snapshot, replaces these letters. wxyc-etl's match form keeps them, because
# they are neither ligatures nor letters with a mark.
_LETTERS = str.maketrans(
    {
        "ø": "o",
        "ł": "l",
        "đ": "d",
        "ð": "d",
        "þ": "th",
        "ß": "ss",
        "ħ": "h",
        "\u0131": "i",
        "ŧ": "t",
        "ŋ": "n",
    }
)
_DROPPED = re.compile(r"[^a-z0-9 ]")
_JOINER = re.compile(r"[&,/]|\s(?:and|feat\.?|ft\.?|featuring)\s", re.IGNORECASE)
# "Pebbles, The", also where another artist follows.
_LAST_ARTICLE = re.compile(r",\s*the(?=\s*(?:$|[&,/]|\s(?:and|feat|ft|featuring)\b))", re.IGNORECASE)
_LAST_NUMBER = re.compile(r" [0-9]{1,3}$")


class Credit(NamedTuple):
    """The artist of a release as Discogs writes it: all main artists in one name, and their homonyms' numbers.

    `homonym` is empty if no artist has a number. Two credits of one name with different numbers are two artists.
    """

    name: str
    homonym: str = ""


def normalise(names: Sequence[str]) -> list[str]:
    """The names in the snapshot's form, in one call; empty if nothing is left, as in other scripts.

    Lower case, unaccented, a leading "the " dropped, all but `[a-z0-9 ]` dropped. "A & B" leaves two spaces, which a
    snapshot may have joined or not: runs of spaces become one space, here and in what is read of the snapshot.
    """
    forms = iter(batch_to_match_form([name for name in names if not _is_plain(name)]))
    return [_kept(name.lower().strip() if _is_plain(name) else next(forms)) for name in names]


def _is_plain(name: str) -> bool:
    """Whether the match form of the name is the name in lower case, without spaces at its ends."""
    return name.isascii() and name.isprintable()


def _kept(form: str) -> str:
    """The letters, digits and single spaces of a match form. Most names are plain words and take the short way."""
    if not form.isascii():
        form = form.translate(_LETTERS)
    form = form.removeprefix("the ")
    if form.isascii() and form.replace(" ", "").isalnum():
        return one_space(form)
    return one_space(_DROPPED.sub("", form))


def one_space(text: str) -> str:
    """The text without spaces at its ends, and with single spaces in it."""
    return " ".join(text.split()) if "  " in text or text[:1] == " " or text[-1:] == " " else text


def credit_of(artists: Collection[str]) -> Credit:
    """All main artists of a release as one name, without the numbers of homonyms."""
    names, numbers = [], []
    for artist in sorted(set(artists)) if len(artists) > 1 else artists:
        name = strip_discogs_disambiguation(artist, False) or artist
        names.append(name)
        if name != artist.strip():
            numbers.append(artist)
    return Credit(" & ".join(names), "; ".join(numbers))


def artist_forms(names: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """The forms under which each artist is found, by name; two names are one artist if they share a form.

    The first form is the normalised name. A name of several artists also has the form that does not depend on how,
    and in which order, they are joined. A compilation also has the form `VARIOUS`. A name without a form has none.
    """
    distinct = list(dict.fromkeys(names))
    straight = [_LAST_ARTICLE.sub("", name) if "," in name else name for name in distinct]
    split = {name: _JOINER.split(name) for name in straight if _JOINER.search(name)}
    parts = list(dict.fromkeys(part for found in split.values() for part in found))
    form_of_part = dict(zip(parts, normalise(parts), strict=True))
    found: dict[str, tuple[str, ...]] = {}
    for name, plain, whole in zip(distinct, straight, normalise(straight), strict=True):
        forms = [whole] if whole else []
        joined = sorted({form_of_part[part] for part in split.get(plain, ())} - {""})
        if len(joined) > 1:
            # "&" is in no normalised name, so a single artist never has this form.
            forms.append("&".join(joined))
        if is_compilation_artist(name) and whole != VARIOUS:
            forms.append(VARIOUS)
        found[name] = tuple(forms)
    return found


def forms_of_normalised(artist: str) -> tuple[tuple[str, ...], str]:
    """The forms of an artist if only the normalised name is known, and the form without a final number.

    A final "the" is an article. A final number may belong to a homonym or to the name, so a match of the second form
    is ambiguous. The second form is empty if there is no such number.
    """
    forms = [artist]
    if artist.endswith(" the"):
        forms.append(artist.removesuffix(" the"))
    if is_compilation_artist(artist) and artist != VARIOUS:
        forms.append(VARIOUS)
    without_number = _LAST_NUMBER.sub("", artist)
    return tuple(forms), without_number if without_number != artist else ""
