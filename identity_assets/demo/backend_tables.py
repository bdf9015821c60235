"""Backend's tables for the demo and the tests: creating them, and loading a catalogue by COPY.

Not here: which rows a catalogue has (`catalogue`), and this project's own tables, which `migrate` creates.
"""

import io
from collections.abc import Iterable, Sequence
from pathlib import Path

from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

from identity_assets.demo.catalogue import Catalogue, CatalogueRow
from identity_assets.demo.track_credits import CompilationTrack

_SCHEMA = Path(__file__).with_name("backend_schema.sql")


def create_backend_tables(connection: Connection) -> None:
    """Create Backend's tables in the schema that search_path names, and commit."""
    with connection.cursor() as cursor:
        cursor.execute(_SCHEMA.read_text(encoding="utf-8"))
    connection.commit()


def load_catalogue(connection: Connection, catalogue: Catalogue) -> int:
    """Copy the catalogue into the empty tables of artists, library rows and track credits, and commit.

    Returns the number of library rows.

    On an error, such as a table that is not empty, it rolls back and raises psycopg2's error.
    """
    try:
        with connection.cursor() as cursor:
            _set_row_triggers(cursor, "DISABLE")
            artists = ((number, name) for number, name in enumerate(catalogue.artists, 1))
            copy_rows(cursor, "artists (id, artist_name)", artists)
            library = (_library_values(number, row) for number, row in enumerate(catalogue.rows, 1))
            copy_rows(cursor, f"library ({', '.join(_LIBRARY_COLUMNS)})", library)
            if catalogue.tracks:
                copy_rows(
                    cursor, f"{_TRACKS} ({', '.join(_TRACK_COLUMNS)})", map(_track_values, catalogue.tracks)
                )
            for table in ("artists", "library"):
                next_id = f"SELECT coalesce(max(id), 0) + 1 FROM {table}"
                cursor.execute(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), ({next_id}), false)")
            _set_row_triggers(cursor, "ENABLE")
            cursor.execute(f"ANALYZE artists, library, {_TRACKS}")
        connection.commit()
    except BaseException:
        connection.rollback()
        raise
    return len(catalogue.rows)


_LIBRARY_COLUMNS = (
    "id",
    "artist_id",
    "artist_name",
    "album_title",
    "legacy_release_id",
    "code_volume_letters",
    "canonical_entity_id",
    "canonical_entity_confidence",
    "canonical_entity_resolved_at",
)


_TRACKS = "compilation_track_artist"
_ROW_TRIGGERS = (("library", "library_sends_changed_rows"), (_TRACKS, "credits_send_changed_rows"))


def _set_row_triggers(cursor: Cursor, state: str) -> None:
    """Switch the triggers that send each changed row to other services: nobody listens while the demo is loaded."""
    for table, trigger in _ROW_TRIGGERS:
        cursor.execute(f"ALTER TABLE {table} {state} TRIGGER {trigger}")


_TRACK_COLUMNS = (
    "library_id",
    "artist_name",
    "track_title",
    "track_position",
    "track_artist_id",
    "track_artist_link_confidence",
    "track_artist_link_method",
)


def _library_values(number: int, row: CatalogueRow) -> tuple[object, ...]:
    return (number, *(getattr(row, column) for column in _LIBRARY_COLUMNS[1:]))


def _track_values(track: CompilationTrack) -> tuple[object, ...]:
    confidence, method = (None, None) if track.track_artist_id is None else (1.0, "librarian")
    return (*(getattr(track, column) for column in _TRACK_COLUMNS[:5]), confidence, method)


def copy_rows(cursor: Cursor, target: str, rows: Iterable[Sequence[object]]) -> None:
    """COPY the rows into `target`: a table, followed by its columns if the rows do not have all of them."""
    cursor.copy_expert(f"COPY {target} FROM STDIN WITH (ENCODING 'UTF8')", _CopyStream(rows))


class _CopyStream(io.BufferedIOBase):
    """The rows in COPY's text format. They are made as they are read, so memory holds no second catalogue."""

    def __init__(self, rows: Iterable[Sequence[object]]) -> None:
        self._lines = (("\t".join(map(_copy_field, row)) + "\n").encode() for row in rows)

    def read(self, size: int | None = -1, /) -> bytes:
        parts: list[bytes] = []
        length = 0
        for line in self._lines:
            parts.append(line)
            length += len(line)
            if size is not None and 0 <= size <= length:
                break
        return b"".join(parts)


_COPY_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def _copy_field(value: object) -> str:
    return "\\N" if value is None else str(value).translate(_COPY_ESCAPES)
