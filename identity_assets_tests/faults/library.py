"""A small library in which each row meets another fate, and what LML says about it before and after a week.

`prepare` makes the first pass, lets people work on the result and lets a week pass. The next run then needs every
statement of the writer: for new, changed, confirmed, withdrawn, manual, rejected and refused rows, for source rows
that go, for the links of tracks, and for the evidence of both legs.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from identity_assets_tests.backend.writing.test_tracks import compilation, track
from identity_assets_tests.legs.support import Cache
from identity_assets_tests.scripted_lml import ScriptedLml
from identity_assets_tests.support import Shelf, nothing, provenance, single_artist

STATION_ARTISTS = {2: "Ella", 3: "Björk", 4: "Cher"}
Result = dict[str, Any] | None


@dataclass
class Library:
    """The library rows by their fate, and LML's results in the first pass and in the second."""

    rows: dict[str, list[int]] = field(default_factory=dict)
    first: dict[int, dict[str, Any]] = field(default_factory=dict)
    second: dict[int, dict[str, Any]] = field(default_factory=dict)


def other(library_id: int) -> dict[str, Any]:
    """Another answer than `single_artist`: other ids, one source fewer."""
    return single_artist(
        library_id,
        main={"wikidata_qid": f"Q9{library_id}", "discogs_artist_id": library_id},
        confidence=0.97,
        provenance=[provenance("discogs", "exact_match", 1.0, f"e{library_id}")],
    )


def sampler(library_id: int) -> dict[str, Any]:
    """A compilation whose tracks LML resolves, one of them to an artist that the station lacks."""
    return compilation(
        library_id,
        track("Ella", "One", track_position="A1"),
        track("Bjork", "Two", resolved_artist_name="Björk"),
        track("Nobody", "Three", resolved_artist_name="Nobody at all"),
    )


def other_sampler(library_id: int) -> dict[str, Any]:
    """The same compilation: one track is by somebody else, one is no longer resolved."""
    return compilation(
        library_id,
        track("Ella", "One", resolved_artist_name="Cher", track_position="A1"),
        track("Bjork", "Two", resolved_artist_name=None, confidence=None, method=None, sources=[]),
        track("Nobody", "Three", resolved_artist_name="Ella"),
    )


def silence(_library_id: int) -> Result:
    """LML leaves the row out of its answer."""
    return None


def out_of_band(library_id: int) -> dict[str, Any]:
    """An answer with a confidence outside its method's band."""
    return single_artist(library_id, method="trigram", confidence=0.42)


# Each fate: how many library rows, what LML says first (None: the row comes later), and what it says after a week.
FATES: Mapping[str, tuple[int, Callable[[int], Result] | None, Callable[[int], Result]]] = {
    "confirmed": (3, single_artist, single_artist),
    "changed": (4, single_artist, other),
    "withdrawn": (2, single_artist, nothing),
    "resolved at last": (2, nothing, single_artist),
    "unresolved": (2, nothing, nothing),
    "sampler": (2, sampler, other_sampler),
    "sampler without a mark": (2, sampler, sampler),
    "manual": (2, single_artist, other),
    "corrected": (2, single_artist, other),
    "rejected": (1, single_artist, single_artist),
    "renamed": (1, single_artist, other),
    "deleted": (1, single_artist, other),
    "new": (6, None, single_artist),
    "new and unknown": (2, None, nothing),
    "new sampler": (1, None, sampler),
    "refused": (1, None, single_artist),
    "out of band": (2, None, out_of_band),
    "left out": (1, None, silence),
}


def put_rows(shelf: Shelf, library: Library, *, later: bool) -> None:
    """Put the rows on the shelf that are there from the beginning, or those that come later."""
    for fate, (count, before, after) in FATES.items():
        if (before is None) is not later:
            continue
        is_marked = fate in {"sampler", "new sampler"}
        library.rows[fate] = [
            shelf.put(
                "Various Artists" if "sampler" in fate else f"{fate} {number}",
                f"Album {number}",
                canonical=f"discogs:{number + 5}" if number % 2 else None,
                volume="Z" if is_marked else None,
            )
            for number in range(count)
        ]
        for library_id in library.rows[fate]:
            _keep(library.first, library_id, before)
            _keep(library.second, library_id, after)
            if "sampler" in fate:
                for artist, title in (
                    ("Ella", "One"),
                    ("Bjork", "Two"),
                    ("Nobody", "Three"),
                    ("Cher", "Four"),
                ):
                    shelf.run(
                        "INSERT INTO compilation_track_artist (library_id, artist_name, track_title) "
                        "VALUES (:id, :artist, :title)",
                        id=library_id,
                        artist=artist,
                        title=title,
                    )
    if later:
        shelf.put(None, "Without an artist")


def _keep(results: dict[int, dict[str, Any]], library_id: int, said: Callable[[int], Result] | None) -> None:
    if said is not None and (result := said(library_id)) is not None:
        results[library_id] = result


def prepare(shelf: Shelf, cache: Cache, lml: ScriptedLml, do: Callable[..., None]) -> Library:
    """The library as it is after a first pass, after people's work, and after a week. `do` calls a command."""
    library = Library()
    for artist_id, name in STATION_ARTISTS.items():
        shelf.run("INSERT INTO artists (id, artist_name) VALUES (:id, :name)", id=artist_id, name=name)
    put_rows(shelf, library, later=False)
    for number, fate in enumerate(("confirmed", "changed", "unresolved", "withdrawn", "corrected")):
        cache.match(f"{fate} 0", "album 0", 1 + number % 2, 70 + number, 50 + number)
    lml.results = library.first
    do("run", "--scope", "full")

    rows = library.rows
    do("correct", *map(str, rows["corrected"]), "--wikidata", "Q5", "--by", "Ann", "--yes")
    do("reject", *map(str, rows["rejected"]), "--by", "Ann", "--yes")
    shelf.run("UPDATE library SET artist_name = 'Somebody else' WHERE id = :id", id=rows["renamed"][0])
    shelf.delete_release(rows["deleted"][0])
    shelf.run(
        "UPDATE library_identity SET method = 'manual', confidence = 1, notes = 'Ann' WHERE library_id = ANY (:ids)",
        ids=rows["manual"],
    )
    cache.run("DELETE FROM wxyc.flowsheet_match WHERE artist_norm = 'unresolved 0'")
    cache.run("UPDATE wxyc.flowsheet_match SET release_id = 99 WHERE artist_norm = 'confirmed 0'")
    cache.match("changed 1", "album 1", 1, 77, None)
    shelf.run(
        "UPDATE library SET canonical_entity_id = 'discogs:master:8' WHERE id = :id", id=rows["changed"][3]
    )
    put_rows(shelf, library, later=True)
    shelf.run(
        f"ALTER TABLE library_identity ADD CONSTRAINT refused CHECK (library_id <> {rows['refused'][0]})"
    )
    cache.match("new 0", "album 0", 1, 78, 58)
    shelf.age(8)
    lml.results = library.second
    return library
