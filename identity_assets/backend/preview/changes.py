"""What changes in the identity tables, library row by library row: from what, to what.

The rows before and after are read by SQL; here they are only compared.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

Values = Mapping[str, Any]

# What a verification alone advances, and what PostgreSQL makes of the other columns.
NOT_COMPARED = frozenset({"library_id", "last_verified_at", "distinct_unresolved_sources"})


class ChangeKind(StrEnum):
    """What becomes of a library row's identity. Only a run removes one, or notes a person's decision."""

    new = "new"
    changed = "changed"
    confirmed = "confirmed"
    withdrawn = "withdrawn"
    unresolved = "unresolved"
    compilation = "compilation"
    removed = "removed"
    decided = "decided"


PREDICTED = (
    ChangeKind.new,
    ChangeKind.changed,
    ChangeKind.confirmed,
    ChangeKind.withdrawn,
    ChangeKind.unresolved,
    ChangeKind.compilation,
)
"""The kinds that LML's answers come to, so that a dry run foresees them."""

APPLIED = frozenset({"resolved", "resolved_compilation", "unresolved", "compilation"})
"""The outcomes of answers that are written; None stands for a run that wrote no answer of LML to the row."""

SHOWN = (ChangeKind.changed, ChangeKind.removed, ChangeKind.withdrawn, ChangeKind.new)
"""The kinds of which a sample shows rows, the most important first. The others leave every identity as it is."""


@dataclass(frozen=True)
class Change:
    """One library row's change.

    `columns` maps a column to (from, to). A source row's column is `source.column`, a track credit's
    `track ARTIST - TITLE.column`. `changed_since`: what a run left is not known any more, because somebody else has
    changed it since. The names are None if the library row is gone.
    """

    library_id: int
    artist_name: str | None
    album_title: str | None
    kind: ChangeKind
    columns: Mapping[str, tuple[Any, Any]]
    changed_since: bool = False

    def as_dict(self) -> dict[str, Any]:
        """One of the rows of `dry-run --changes --json`."""
        return {
            "library_id": self.library_id,
            "artist_name": self.artist_name,
            "album_title": self.album_title,
            "change": str(self.kind),
            "columns": {name: list(values) for name, values in self.columns.items()},
        }


def change_foreseen(row: Values) -> Change | None:
    """The change that a row of preview_answers.sql describes; None if the answer is not written."""
    if row["outcome"] not in APPLIED:
        return None
    if row["main_after"] is None:
        # Nothing is written to the identity, so it stays as it is.
        row = {**row, "main_after": row["main_before"], "sources_after": row["sources_before"]}
    return _change(row)


def change_made(row: Values) -> Change:
    """The change that a row of changes_of_run.sql describes."""
    return _change(row, changed_since=not row["is_known"])


def _change(row: Values, *, changed_since: bool = False) -> Change:
    identity = dict(_differences(row["main_before"] or {}, row["main_after"] or {}))
    identity |= dict(_source_differences(row["sources_before"] or {}, row["sources_after"] or {}))
    tracks = dict(_track_differences(row["tracks_changed"] or {}))
    kind = _kind_of_identity(row, is_different=bool(identity)) or _kind_of_tracks(
        row, is_different=bool(tracks)
    )
    columns = identity | tracks
    return Change(row["library_id"], row["artist_name"], row["album_title"], kind, columns, changed_since)


def _kind_of_identity(row: Values, *, is_different: bool) -> ChangeKind | None:
    """What becomes of the main row and its source rows; None if LML says nothing about them."""
    before, after, outcome = row["main_before"], row["main_after"], row["outcome"]
    if before is None and after is not None:
        return ChangeKind.new
    if before is not None and after is None:
        return ChangeKind.removed
    if is_different:
        return ChangeKind.changed
    if outcome in (None, "resolved"):
        return None if before is None else ChangeKind.confirmed
    return ChangeKind.withdrawn if _was_found_by_lml(before) else None


def _kind_of_tracks(row: Values, *, is_different: bool) -> ChangeKind:
    """What becomes of the links of a compilation; without any, the kind says what the run was about."""
    if is_different:
        return ChangeKind.changed if row["tracks_linked_before"] else ChangeKind.new
    match row["outcome"]:
        case "resolved_compilation" if row["tracks_linked_before"]:
            return ChangeKind.confirmed
        case "resolved_compilation" | "compilation":
            return ChangeKind.compilation
        case "unresolved":
            return ChangeKind.unresolved
        case _:
            return ChangeKind.decided


def _was_found_by_lml(main: Values | None) -> bool:
    """A leg's main row is there because LML finds none."""
    return main is not None and not str(main["notes"]).startswith("backfill:")


def _differences(before: Values, after: Values) -> Iterator[tuple[str, tuple[Any, Any]]]:
    for name in sorted((before.keys() | after.keys()) - NOT_COMPARED):
        if before.get(name) != after.get(name):
            yield name, (before.get(name), after.get(name))


def _track_differences(changed: Mapping[str, Sequence[Values]]) -> Iterator[tuple[str, tuple[Any, Any]]]:
    for track in sorted(changed):
        before, after = changed[track]
        for name, values in _differences(before, after):
            yield f"track {track}.{name}", values


def _source_differences(
    before: Mapping[str, Values], after: Mapping[str, Values]
) -> Iterator[tuple[str, tuple[Any, Any]]]:
    for source in sorted(before.keys() | after.keys()):
        for name, values in _differences(before.get(source, {}), after.get(source, {})):
            yield f"{source}.{name}", values
