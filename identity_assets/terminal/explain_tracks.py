"""The section of the explain page that shows the tracks of a compilation: who plays on each, and how it is known."""

from collections.abc import Iterator
from typing import Any

from rich.console import RenderableType

from identity_assets.backend.reports.story_records import Story, TableRow
from identity_assets.terminal.explain_layout import folded_table, line_of_text
from identity_assets.terminal.sentences import NOTHING, as_text

SHOWN = 40

FATES = {
    None: "not in LML's answer",
    "written": "LML names this artist",
    "unchanged": "linked as LML says",
    "librarian": "a librarian's link stands",
    "no_credit": "the release has no such credit",
    "unresolved": "LML could not tell who it is",
    "no_catalogue_artist": "the catalogue has no such artist",
    "ambiguous_artist": "the catalogue has several such artists",
    "removed": "LML lists it no more",
}


def track_rows(story: Story) -> Iterator[RenderableType]:
    """How many tracks came to what, then the first of them in a table."""
    counts = ", ".join(
        f"{name.removeprefix('track_rows_')} {rows:,}" for name, rows in story.track_counts().items()
    )
    yield line_of_text(
        f"{len(story.tracks):,} tracks. What LML's answer makes of them: {counts or 'no answer lists tracks'}."
    )
    if len(story.tracks) > SHOWN:
        yield line_of_text(f"The first {SHOWN}; `--json` has them all.")
    yield folded_table(
        ("at", "credit", "title", "artist", "by", "confidence", "why", "sources"),
        map(_line, story.tracks[:SHOWN]),
        folded="title",
    )


def _line(row: TableRow) -> list[str]:
    artist = (
        NOTHING
        if row["track_artist_id"] is None
        else f"{as_text(row['track_artist_name'])} ({row['track_artist_id']})"
    )
    return [
        as_text(row["track_position"]),
        as_text(row["artist_name"]),
        as_text(row["track_title"]),
        artist,
        as_text(row["track_artist_link_method"]),
        as_text(row["track_artist_link_confidence"]),
        FATES.get(row["fate"], as_text(row["fate"])),
        ", ".join(_source(one) for one in row["sources"]) or NOTHING,
    ]


def _source(evidence: dict[str, Any]) -> str:
    return f"{as_text(evidence['source'])} {as_text(evidence['external_id'])}"
