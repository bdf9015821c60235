"""A person's decision about a library row, and the values it may have. How it is written is in corrections.py."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from identity_assets.evidence import LARGEST_ID
from identity_assets.lml.text import is_identifier

LONGEST_NAME, LONGEST_TEXT = 100, 500
_QID: Final = re.compile(r"Q[1-9][0-9]{0,17}", re.ASCII)
_MBID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)
_NUMBER: Final = re.compile(r"[1-9][0-9]{0,9}", re.ASCII)


class DecisionKind(StrEnum):
    """The identity is this one; it is not that one; or no service has an identity for the release."""

    correct = "correct"
    reject = "reject"
    none = "none"


class DecisionError(ValueError):
    """A value cannot be taken. The message is one sentence without the place where it was found."""


@dataclass(frozen=True)
class Decision:
    """What a person decided about one library row. `ids` maps a source to its id.

    For `reject`, None stands for the identity that stands; with a `source`, only the id of that source is rejected.
    `artist_name` and `album_title` say which release is meant, where the person gave them.
    """

    library_id: int
    kind: DecisionKind
    made_by: str
    ids: Mapping[str, str] | None = None
    source: str | None = None
    note: str | None = None
    artist_name: str | None = field(default=None, compare=False)
    album_title: str | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        if self.kind is DecisionKind.correct and not self.ids:
            raise DecisionError(f"a correction needs an id: one of {', '.join(OPTION_OF_SOURCE.values())}")
        if self.kind is DecisionKind.none and self.ids:
            raise DecisionError("`none` says that there is no identity, so it takes no ids")
        if self.source is not None and self.kind is not DecisionKind.reject:
            raise DecisionError("a source can be named only to reject its id")
        if self.source is not None and self.ids and self.ids.keys() != {self.source}:
            raise DecisionError(f"only the id of {self.source} is rejected, so it takes no other id")

    def as_row(self) -> dict[str, Any]:
        """The decision as stage_decisions.sql reads it."""
        return {
            "library_id": self.library_id,
            "decision": str(self.kind),
            "source": self.source,
            "ids": None if self.ids is None else dict(self.ids),
            "made_by": self.made_by,
            "note": self.note,
        }


def _qid(value: str) -> str:
    if _QID.fullmatch(value) is None:
        raise DecisionError(f"{_shown(value)} is not a Wikidata id: it takes Q and a number, such as Q42")
    return value


def _mbid(value: str) -> str:
    if _MBID.fullmatch(value) is None:
        raise DecisionError(
            f"{_shown(value)} is not a MusicBrainz id: it takes one such as 5b11f4ce-a62d-471e-81fc-a69a8278c7da"
        )
    return value.lower()


def _number(value: str) -> str:
    if _NUMBER.fullmatch(value) is None or int(value) > LARGEST_ID:
        raise DecisionError(f"{_shown(value)} is not a Discogs id: it takes a number from 1 to {LARGEST_ID}")
    return value


def _identifier(value: str) -> str:
    if not is_identifier(value) or any(one.isspace() for one in value) or len(value) > LONGEST_TEXT:
        raise DecisionError(
            f"{_shown(value)} is not an id: it takes characters without spaces or control characters"
        )
    return value


_CHECKS: Final[Mapping[str, Callable[[str], str]]] = {
    "wikidata": _qid,
    "spotify": _identifier,
    "apple_music": _identifier,
    "discogs": _number,
    "musicbrainz": _mbid,
    "bandcamp": _identifier,
    "discogs_release": _number,
    "discogs_master": _number,
}
"""The sources of functions/identity_source.sql, in its order."""

COLUMN_OF_SOURCE: Final[Mapping[str, str]] = {
    source: {"discogs": "discogs_artist", "musicbrainz": "musicbrainz_artist"}.get(source, source)
    for source in _CHECKS
}
"""The column of the CSV that holds the id of each source."""

OPTION_OF_SOURCE: Final[Mapping[str, str]] = {
    source: f"--{column.replace('_', '-')}" for source, column in COLUMN_OF_SOURCE.items()
}
RELEASE_SOURCES: Final = ("discogs_release", "discogs_master")


def checked_ids(given: Mapping[str, str | None], *, are_own: bool = True) -> dict[str, str]:
    """The ids that are given, by source, each in its usual form; blank ones are left out.

    `are_own`: a person sets them; otherwise they repeat ids that LML gave, whose form is LML's.

    Raises:
        DecisionError: an id does not have the form of its source; the message names the column.
    """
    ids: dict[str, str] = {}
    for source, value in given.items():
        if value is None or not value.strip():
            continue
        try:
            ids[source] = _CHECKS[source](value.strip()) if are_own else _identifier(value.strip())
        except DecisionError as error:
            raise DecisionError(f"{COLUMN_OF_SOURCE[source]}: {error}") from None
    return ids


def checked_source(name: str) -> str:
    """The source as the tables name it; `discogs_artist` and `musicbrainz_artist` are taken too.

    Raises:
        DecisionError: there is no such source.
    """
    by_name = {
        **{column: source for source, column in COLUMN_OF_SOURCE.items()},
        **{one: one for one in _CHECKS},
    }
    if name not in by_name:
        raise DecisionError(f"there is no source {_shown(name)}: choose one of {', '.join(_CHECKS)}")
    return by_name[name]


def checked_person(name: str) -> str:
    """The name of the person who decides, on one line.

    Raises:
        DecisionError: it is blank, too long, or holds a control character.
    """
    name = name.strip()
    if not is_identifier(name) or len(name) > LONGEST_NAME:
        raise DecisionError(
            f"{_shown(name)} is not a name of a person: it takes 1 to {LONGEST_NAME} characters, none of them a "
            "control character"
        )
    return name


def checked_note(note: str | None) -> str | None:
    """The note on one line; None if it is blank.

    Raises:
        DecisionError: it is too long, or holds a control character.
    """
    if note is None or not note.strip():
        return None
    note = note.strip()
    if not is_identifier(note) or len(note) > LONGEST_TEXT:
        raise DecisionError(
            f"the note {_shown(note)} holds a control character, or is longer than {LONGEST_TEXT} characters"
        )
    return note


def _shown(value: str) -> str:
    return repr(value if len(value) <= 60 else f"{value[:57]}...")
