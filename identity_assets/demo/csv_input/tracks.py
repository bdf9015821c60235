"""The artists of a compilation's tracks, from a second CSV file beside that of the releases.

Its column `id` names a release of the first file by the `id` there. Not here: invented credits (`track_credits`).
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from wxyc_etl.text import is_compilation_artist  # type: ignore[import-untyped]  # it ships no types

from identity_assets.demo import names
from identity_assets.demo.csv_input.columns import (
    RELEASE_ID,
    TRACK_ARTIST,
    TRACK_POSITION,
    TRACK_TITLE,
    Column,
    Headings,
)
from identity_assets.demo.csv_input.releases import ROWS_SHOWN, CsvReleases, counted, known_to_lml, plural
from identity_assets.demo.csv_input.table import read_table
from identity_assets.demo.csv_input.text import CsvError
from identity_assets.demo.track_credits import CompilationTrack, folded

_LONGEST_NAME = 255
_LONGEST_POSITION = 20


@dataclass(frozen=True)
class _Columns:
    release: Column
    artist: Column
    title: Column
    position: Column | None


def add_tracks(
    releases: CsvReleases, path: Path, *, encoding: str | None = None, seed: int = 1
) -> CsvReleases:
    """The releases with the credits of their compilations. Every credited artist becomes an artist of the catalogue.

    Raises:
        CsvError: the file cannot be read so, or the releases have no ids.
    """
    if not releases.library_ids:
        raise CsvError(
            f"{path} cannot be joined: the file of the releases has no column {RELEASE_ID.headings[0]}"
        )
    table = read_table(path, encoding)
    headings = Headings(table)
    columns = _Columns(
        headings.required(RELEASE_ID),
        headings.required(TRACK_ARTIST),
        headings.required(TRACK_TITLE),
        headings.optional(TRACK_POSITION),
    )
    counts = Counter[str]()
    tracks = tuple(_tracks(releases, columns, table.rows[1:], counts))
    catalogue = releases.catalogue
    artist_ids = dict(zip(catalogue.artists, range(1, len(catalogue.artists) + 1), strict=True))
    spellings = {folded(name) for name in artist_ids}
    for track in tracks:
        name = track.artist_name[: names.MAX_LENGTH].rstrip()
        if folded(name) not in spellings:
            spellings.add(folded(name))
            artist_ids[name] = len(artist_ids) + 1
    artist, title = columns.artist.heading, columns.title.heading
    read_as = f'{table.describe()}; track artist from "{artist}", title from "{title}"'
    return replace(
        releases,
        catalogue=replace(
            catalogue,
            artists=tuple(artist_ids),
            known_artists=known_to_lml(artist_ids, seed),
            tracks=tracks,
            lml_has_tracks=True,
        ),
        messages=(*releases.messages, read_as, _summary(tracks, counts), *_first_tracks(releases, tracks)),
    )


def _tracks(
    releases: CsvReleases, columns: _Columns, lines: Sequence[Sequence[str]], counts: Counter[str]
) -> Iterator[CompilationTrack]:
    """One credit for each track of a compilation; `counts` tells of the other lines."""
    seen = set[tuple[int, str, str | None]]()
    for cells in lines:
        library_id = releases.library_ids.get(columns.release.text(cells))
        artist = columns.artist.text(cells)
        if library_id is None:
            counts["of a release that is not in the catalogue"] += 1
        elif not is_compilation_artist(releases.catalogue.rows[library_id - 1].artist_name or ""):
            counts["of releases by one artist"] += 1
        elif not artist:
            counts["without an artist"] += 1
        else:
            track = CompilationTrack(
                library_id,
                artist[:_LONGEST_NAME].rstrip(),
                columns.title.text(cells)[:_LONGEST_NAME].rstrip() or None,
                (columns.position.text(cells)[:_LONGEST_POSITION].rstrip() or None)
                if columns.position
                else None,
            )
            key = (track.library_id, track.artist_name, track.track_title)
            if key in seen:
                counts["with the artist and title of an earlier track"] += 1
            else:
                seen.add(key)
                yield track


def _summary(tracks: Sequence[CompilationTrack], counts: Counter[str]) -> str:
    releases = len({track.library_id for track in tracks})
    line = (
        f"{len(tracks):,} {plural(len(tracks), 'credit')} on {releases:,} {plural(releases, 'compilation')}"
    )
    listed = counted([(count, words) for words, count in counts.items()])
    return f"{line}; tracks left out: {listed}" if listed else line


def _first_tracks(releases: CsvReleases, tracks: Sequence[CompilationTrack]) -> Iterator[str]:
    for track in tracks[:ROWS_SHOWN]:
        album = releases.catalogue.rows[track.library_id - 1].album_title
        position, title = track.track_position or "without a position", track.track_title or ""
        yield f'  "{album}", track {position}: artist "{track.artist_name}", title "{title}"'
