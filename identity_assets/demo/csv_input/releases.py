"""The releases of somebody's own CSV file as a catalogue.

Not here: how the file is read (`table`), which headings are known (`columns`), and the tracks (`tracks`).
"""

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from wxyc_etl.text import (  # type: ignore[import-untyped]  # it ships no types
    is_compilation_artist,
    to_match_form,
)

from identity_assets.demo import names
from identity_assets.demo.catalogue import Catalogue, CatalogueRow
from identity_assets.demo.csv_input.columns import ARTIST, ENTITY, RELEASE_ID, TITLE, Headings
from identity_assets.demo.csv_input.table import CsvTable, read_table
from identity_assets.demo.csv_input.text import CsvError

UNKNOWN_ARTIST = "(unknown)"
ROWS_SHOWN = 3
_RESOLVED = datetime(2025, 9, 1, tzinfo=UTC)
_KNOWN_SHARE = 0.6


@dataclass(frozen=True)
class CsvOptions:
    """How the user wants the file read. Several columns of a field are joined by a space."""

    artist_columns: tuple[str, ...] = ()
    title_columns: tuple[str, ...] = ()
    has_header: bool = True
    encoding: str | None = None


@dataclass(frozen=True)
class CsvReleases:
    """A catalogue from a file. `messages` say how the file was read; `library_ids` are by the file's release id."""

    catalogue: Catalogue
    messages: tuple[str, ...]
    library_ids: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class _Release:
    artist: str
    title: str
    entity: str
    file_id: str


def read_releases(path: Path, options: CsvOptions | None = None, *, seed: int = 1) -> CsvReleases:
    """The rows of a CSV file. A blank artist becomes NULL; a row without artist and title is left out.

    A column `canonical_entity_id` is used if the file has one. The demo's LML knows about 60% of the artists; the
    same seed gives the same artists. Raises `CsvError` if the file cannot be read so.
    """
    chosen = options or CsvOptions()
    table = read_table(path, chosen.encoding)
    headings = Headings(table, has_header=chosen.has_header)
    artist = headings.required(ARTIST, chosen.artist_columns, 1)
    title = headings.required(TITLE, chosen.title_columns, 2)
    entity, file_id = headings.optional(ENTITY), headings.optional(RELEASE_ID)
    lines = table.rows[1 if chosen.has_header else 0 :]
    found = [
        _Release(
            artist.text(cells),
            title.text(cells),
            entity.text(cells) if entity else "",
            file_id.text(cells) if file_id else "",
        )
        for cells in lines
    ]
    releases = [release for release in found if release.artist or release.title]
    if not releases:
        missing = "rows with an artist or a title" if found else "rows"
        raise CsvError(f"{path} has a header and no {missing}: give a CSV with a release a row")
    read_as = f'{table.describe()}; artist from "{artist.heading}", title from "{title.heading}"'
    return CsvReleases(
        _catalogue_of(releases, seed),
        (read_as, _counts(table, releases, len(found)), *_first_rows(releases)),
        {release.file_id: number for number, release in enumerate(releases, 1) if release.file_id},
    )


def _catalogue_of(releases: Sequence[_Release], seed: int) -> Catalogue:
    artist_ids: dict[str, int] = {}
    rows = tuple(_row(number, release, artist_ids) for number, release in enumerate(releases, 1))
    return Catalogue(tuple(artist_ids), rows, known_to_lml(artist_ids, seed))


def _row(number: int, release: _Release, artist_ids: dict[str, int]) -> CatalogueRow:
    artist = _cut(release.artist)
    return CatalogueRow(
        artist_id=artist_ids.setdefault(artist or UNKNOWN_ARTIST, len(artist_ids) + 1),
        artist_name=artist or None,
        album_title=_cut(release.title),
        legacy_release_id=number,
        code_volume_letters=None,
        canonical_entity_id=release.entity or None,
        canonical_entity_confidence=1.0 if release.entity else None,
        canonical_entity_resolved_at=_RESOLVED if release.entity else None,
    )


def _cut(name: str) -> str:
    return name[: names.MAX_LENGTH].rstrip()


def known_to_lml(artists: Mapping[str, int], seed: int) -> frozenset[str]:
    """The artists that the demo's LML knows.

    A hash of the match form decides: LML treats two spellings with the same match form as one name.
    """
    return frozenset(name for name in artists if _is_known(name, seed))


def _is_known(artist: str, seed: int) -> bool:
    if artist == UNKNOWN_ARTIST or is_compilation_artist(artist):
        return False
    digest = hashlib.blake2b(f"{seed}:{to_match_form(artist)}".encode(), digest_size=8).digest()
    return int.from_bytes(digest) < _KNOWN_SHARE * 2**64


def _counts(table: CsvTable, releases: Sequence[_Release], rows: int) -> str:
    """One line: the releases, and how many of them are odd. What does not occur is left out."""
    pairs = Counter((release.artist, release.title) for release in releases)
    cut = sum(max(len(one.artist), len(one.title)) > names.MAX_LENGTH for one in releases)
    odd = (
        (sum(not release.artist for release in releases), "without an artist"),
        (sum(not release.title for release in releases), "without a title"),
        (len(releases) - len(pairs), "with the artist and title of an earlier row"),
        (cut, f"with a name cut to {names.MAX_LENGTH} characters"),
    )
    nameless = rows - len(releases)
    left_out = (
        (nameless, f"{plural(nameless, 'row')} without artist and title"),
        (table.blank_lines, plural(table.blank_lines, "blank line")),
    )
    line = f"{len(releases):,} {plural(len(releases), 'release')}"
    if listed := counted(odd):
        line += f"; of these {listed}"
    if listed := counted(left_out):
        line += f"; left out: {listed}"
    return line


def plural(count: int, noun: str) -> str:
    """The noun as it stands after this number."""
    return noun if count == 1 else f"{noun}s"


def counted(counts: Sequence[tuple[int, str]]) -> str:
    """The counts above zero, with their words."""
    return ", ".join(f"{count:,} {words}" for count, words in counts if count)


def _first_rows(releases: Sequence[_Release]) -> Iterator[str]:
    for number, release in enumerate(releases[:ROWS_SHOWN], 1):
        entity = f", canonical entity {release.entity}" if release.entity else ""
        yield f'  row {number}: artist "{_shown(release.artist)}", title "{_shown(release.title)}"{entity}'


def _shown(name: str) -> str:
    """The name as it is loaded, on one line."""
    return " ".join(_cut(name).split())
