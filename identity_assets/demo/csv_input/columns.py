"""Which column of a table has the artist, the title, and so on: by the usual headings, or as the user named it.

A table without a header has its columns by number, from 1.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from identity_assets.demo.csv_input.table import CsvTable
from identity_assets.demo.csv_input.text import CsvError

_HEADINGS_SHOWN = 12


@dataclass(frozen=True)
class Field:
    """What a column holds: its name in a message, its usual headings (best first), and the option that names it."""

    name: str
    headings: tuple[str, ...]
    option: str | None = None


ARTIST = Field(
    "artist",
    (
        *(
            "artist name",
            "album artist",
            "albumartist",
            "artist",
            "artists",
            "artiste",
            "artista",
            "interprete",
        ),
        *(
            "interpret",
            "kunstler",
            "band",
            "band name",
            "group",
            "group name",
            "performer",
            "autor",
            "author",
        ),
    ),
    "--artist-column",
)
TITLE = Field(
    "title",
    (
        *(
            "album title",
            "release title",
            "album",
            "album name",
            "release",
            "record",
            "title",
            "titel",
            "titre",
        ),
        *("titulo", "disco", "disque", "name"),
    ),
    "--title-column",
)
RELEASE_ID = Field("release id", ("id", "release id", "album id", "library id"))
ENTITY = Field("canonical entity", ("canonical entity id",))
TRACK_ARTIST = Field("track artist", ("trackartist", "track artist", "artist name", "artist", "performer"))
TRACK_TITLE = Field("track title", ("title", "track title", "track name", "song"))
TRACK_POSITION = Field("track position", ("track", "track position", "position", "track number", "no", "#"))


@dataclass(frozen=True)
class Column:
    """The places of one field in a row, counted from 0, and how the file calls them."""

    places: tuple[int, ...]
    heading: str

    def text(self, cells: Sequence[str]) -> str:
        """The words in these cells with one space between two cells. Missing cells are empty."""
        found = (cells[place] for place in self.places if place < len(cells))
        return " ".join(filter(None, found))


class Headings:
    """The columns of a table. With a header its first row names them."""

    def __init__(self, table: CsvTable, *, has_header: bool = True) -> None:
        self._path = table.path
        self._first = table.rows[0]
        self._forms = [_form(heading) for heading in self._first] if has_header else []
        self._has_header = has_header

    def optional(self, field: Field) -> Column | None:
        """The column with a usual heading of this field, or None."""
        for heading in field.headings:
            if heading in self._forms:
                return self._column([self._forms.index(heading)])
        return None

    def required(self, field: Field, chosen: Sequence[str] = (), default: int = 1) -> Column:
        """The columns that the user chose, else the usual one; without a header the one with the number `default`.

        Raises:
            CsvError: there is no such column.
        """
        if chosen:
            return self._column([self._chosen(field, name) for name in chosen])
        if not self._has_header:
            return self._column([default - 1])
        found = self.optional(field)
        if found is None:
            raise CsvError(
                f"{self._path} has no column for the {field.name} that is known by name: {self._cure(field)}"
            )
        return found

    def _chosen(self, field: Field, name: str) -> int:
        form = _form(name)
        if form in self._forms:
            return self._forms.index(form)
        if name.strip().isdecimal() and 1 <= int(name) <= len(self._first):
            return int(name) - 1
        raise CsvError(f"{self._path} has no column {name}: {self._cure(field)}")

    def _cure(self, field: Field) -> str:
        if not self._has_header:
            return f"give {field.option} a number from 1 to {len(self._first)}"
        shown = ", ".join(filter(None, self._first[:_HEADINGS_SHOWN]))
        more = ", …" if len(self._first) > _HEADINGS_SHOWN else ""
        cure = f"the first line has ({shown}{more})"
        if field.option is None:
            return f"{cure}; name one of them {field.headings[0]}"
        return f"{cure}; name one of them with {field.option}, or give --no-header if that line is a release"

    def _column(self, places: list[int]) -> Column:
        if not self._has_header:
            return Column(tuple(places), " + ".join(f"column {place + 1}" for place in places))
        return Column(tuple(places), " + ".join(self._first[place] for place in places))


def _form(heading: str) -> str:
    """The heading for comparison: lower case, without accents, with single spaces between the words."""
    letters = unicodedata.normalize("NFD", heading.casefold())
    bare = "".join(letter for letter in letters if not unicodedata.combining(letter))
    return re.sub(r"[\s_.:/-]+", " ", bare).strip()
