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
    """What becomes of a library row's identity. Only a run removes one, or notes a row as unresolved."""

    new = "new"
    changed = "changed"
    confirmed = "confirmed"
    withdrawn = "withdrawn"
    removed = "removed"
    unresolved = "unresolved"


PREDICTED = (ChangeKind.new, ChangeKind.changed, ChangeKind.confirmed, ChangeKind.withdrawn)
"""The kinds that a dry run foresees. It passes over rows that had no identity and get none."""


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


def change_of(row: Values) -> Change | None:
    """The change that a row of preview_answers.sql describes; None if the row does not concern an identity."""
    before, after = row["main_before"], row["main_after"]
    columns: dict[str, tuple[Any, Any]] = {}
    if after is not None:
        columns = dict(_differences(before or {}, after))
        columns |= dict(_source_differences(row["sources_before"] or {}, row["sources_after"]))
        kind = ChangeKind.new if before is None else ChangeKind.changed if columns else ChangeKind.confirmed
    elif row["outcome"] in ("unresolved", "compilation", "resolved_compilation") and _was_found_by_lml(
        before
    ):
        columns = dict(_track_differences(row["tracks_changed"] or {}))
        kind = ChangeKind.withdrawn
    else:
        columns = dict(_track_differences(row["tracks_changed"] or {}))
        if not columns and not row["tracks_linked_before"]:
            return None
        is_new = not row["tracks_linked_before"]
        kind = ChangeKind.new if is_new else ChangeKind.changed if columns else ChangeKind.confirmed
    return Change(row["library_id"], row["artist_name"], row["album_title"], kind, columns)


def change_made(row: Values) -> Change:
    """The change that a row of changes_of_run.sql describes."""
    before, after = row["main_before"], row["main_after"]
    columns = dict(_differences(before or {}, after or {}))
    columns |= dict(_source_differences(row["sources_before"] or {}, row["sources_after"] or {}))
    tracks = dict(_track_differences(row["tracks_changed"] or {}))
    return Change(
        row["library_id"],
        row["artist_name"],
        row["album_title"],
        _kind_of_main_row(row, has_columns=bool(columns)) or _kind_of_tracks(row, has_columns=bool(tracks)),
        columns | tracks,
        changed_since=not row["is_known"],
    )


def _kind_of_main_row(row: Values, *, has_columns: bool) -> ChangeKind | None:
    """What became of the main row; None if the run was not about it."""
    before, after = row["main_before"], row["main_after"]
    if before is None and after is not None:
        return ChangeKind.new
    if before is not None and after is None:
        return ChangeKind.removed
    if has_columns:
        return ChangeKind.changed
    if row["has_attempt"]:
        return ChangeKind.withdrawn if _was_found_by_lml(before) else None
    return None if before is None else ChangeKind.confirmed


def _kind_of_tracks(row: Values, *, has_columns: bool) -> ChangeKind:
    """What became of the links of a compilation; without any, LML was asked and found nothing."""
    if not row["tracks_linked_before"]:
        return ChangeKind.new if has_columns else ChangeKind.unresolved
    return ChangeKind.changed if has_columns else ChangeKind.confirmed


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
