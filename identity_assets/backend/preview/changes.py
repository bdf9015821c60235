"""What would change in the identity tables, library row by library row: from what, to what.

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
    """What would become of a library row's identity."""

    new = "new"
    changed = "changed"
    confirmed = "confirmed"
    withdrawn = "withdrawn"


@dataclass(frozen=True)
class Change:
    """One library row's change.

    `columns` maps a column to (from, to). A source row's column is `source.column`, a track credit's
    `track ARTIST - TITLE.column`.
    """

    library_id: int
    artist_name: str | None
    album_title: str
    kind: ChangeKind
    columns: Mapping[str, tuple[Any, Any]]

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
    """The change that a row of preview_answers.sql speaks of; None where the identity is not concerned."""
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
