"""A catalogue of releases, and the seeded one with the published numbers.

Belongs here: the rows, and which artists the demo's LML knows. Not here: how a name is made (`names`), who plays on a
compilation (`track_credits`), somebody's own files (`csv_input`), how the rows are loaded (`backend_tables`).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from itertools import accumulate, pairwise
from random import Random

from wxyc_etl.text import (  # type: ignore[import-untyped]  # it ships no types
    is_compilation_artist,
    to_match_form,
)

from identity_assets.demo import names
from identity_assets.demo.credits import Credit, discographies, misspelt_credit
from identity_assets.demo.fixture_lml.tracks import TrackCredit
from identity_assets.demo.track_credits import CompilationTrack, seeded_tracks
from identity_assets.errors import OperatorError

_FIRST_RESOLVED = datetime(2025, 9, 1, tzinfo=UTC)
_RESOLVED_WITHIN_MINUTES = 200 * 24 * 60
_MISSPELT_ONE_IN = 5


class CatalogueError(OperatorError, ValueError):
    """The catalogue cannot be made."""

    exit_code = 2


@dataclass(frozen=True)
class Census:
    """How many library rows of each kind a catalogue has. "Resolved": the demo's LML knows the printed name."""

    library_rows: int
    canonical_rows: int
    canonical_resolved: int
    canonical_unresolved: int
    full_only_rows: int
    full_only_va: int


PUBLISHED = Census(
    library_rows=64_676,
    canonical_rows=29_781,
    canonical_resolved=14_405,
    canonical_unresolved=15_376,
    full_only_rows=34_895,
    full_only_va=6_300,
)


@dataclass(frozen=True, slots=True)
class CatalogueRow:
    """One release. Its `library.id` is its place in the catalogue, counted from 1."""

    artist_id: int
    artist_name: str | None
    album_title: str
    legacy_release_id: int
    code_volume_letters: str | None
    canonical_entity_id: str | None
    canonical_entity_confidence: float | None
    canonical_entity_resolved_at: datetime | None


@dataclass(frozen=True)
class Catalogue:
    """Artists and releases: `artists[i]` has the artist id i + 1, `rows[i]` has the library id i + 1.

    `known_artists` are the names that the demo's LML resolves. It compares them by `wxyc_etl.text.to_match_form`.
    `tracks` are Backend's credits of compilations. With `lml_has_tracks` the demo's LML answers with just these;
    otherwise it invents tracks (`fixture_lml.tracks`).
    """

    artists: Sequence[str]
    rows: Sequence[CatalogueRow]
    known_artists: frozenset[str]
    tracks: Sequence[CompilationTrack] = ()
    lml_has_tracks: bool = False

    def credits_by_library_id(self) -> Mapping[int, Sequence[TrackCredit]]:
        """The track credits of each compilation, as the fixture LML takes them."""
        credits: dict[int, list[TrackCredit]] = {}
        for track in self.tracks:
            credit = TrackCredit(track.artist_name, track.track_title, track.track_position)
            credits.setdefault(track.library_id, []).append(credit)
        return credits

    def census(self) -> Census:
        """Count the rows by their printed names, as LML sees them."""
        known_forms = {to_match_form(name) for name in self.known_artists}
        printed = {row.artist_name for row in self.rows}
        known = {name for name in printed if name and to_match_form(name) in known_forms}
        compilations = {name for name in printed if name and is_compilation_artist(name)}
        canonical = [row for row in self.rows if row.canonical_entity_id is not None]
        resolved = sum(row.artist_name in known for row in canonical)
        full_only_va = sum(
            row.artist_name in compilations for row in self.rows if row.canonical_entity_id is None
        )
        return Census(
            library_rows=len(self.rows),
            canonical_rows=len(canonical),
            canonical_resolved=resolved,
            canonical_unresolved=len(canonical) - resolved,
            full_only_rows=len(self.rows) - len(canonical),
            full_only_va=full_only_va,
        )


class _Cohort(Enum):
    """A kind of row, by scope and by what LML knows. The value is the number of such rows in production.

    In this order a catalogue of one row has a row that resolves. LML knows 48% of the rows that are neither
    canonical nor V/A.
    """

    FULL_VA = PUBLISHED.full_only_va
    FULL_UNKNOWN = 14_869
    CANONICAL_KNOWN = PUBLISHED.canonical_resolved
    CANONICAL_UNKNOWN = PUBLISHED.canonical_unresolved
    FULL_KNOWN = 13_726


_CANONICAL = (_Cohort.CANONICAL_KNOWN, _Cohort.CANONICAL_UNKNOWN)


def seeded_catalogue(rows: int = PUBLISHED.library_rows, *, seed: int = 1) -> Catalogue:
    """An invented catalogue. The same arguments give the same catalogue. Its census is `PUBLISHED`, scaled to `rows`.

    About a fifth of the unknown names are misspellings of an artist whom LML knows from another row.
    Raises `CatalogueError` for fewer than one row.
    """
    if rows < 1:
        raise CatalogueError(f"a catalogue of {rows} rows cannot be made: ask for 1 or more")
    rng = Random(seed)
    plan = _plan(rows)
    known, credits = _credits(rng, plan)
    shelf = [cohort for cohort, count in plan.items() for _ in range(count)]
    rng.shuffle(shelf)
    artist_ids: dict[str, int] = {}
    legacy_ids = rng.sample(range(1, 4 * rows + 1), rows)
    made = [
        _seeded_row(rng, cohort, next(credits[cohort]), legacy_id, artist_ids)
        for cohort, legacy_id in zip(shelf, legacy_ids, strict=True)
    ]
    compilations = {
        library_id: (row.artist_name, row.album_title)
        for library_id, row in enumerate(made, 1)
        if row.artist_name and is_compilation_artist(row.artist_name)
    }
    tracks = tuple(seeded_tracks(Random(f"{seed} tracks"), compilations, known, artist_ids))
    catalogue = Catalogue(tuple(artist_ids), tuple(made), known, tracks)
    if catalogue.census() != _census_of(plan):
        raise CatalogueError(f"seed {seed} does not give the numbers of {rows} rows: take another seed")
    return catalogue


def _plan(rows: int) -> Mapping[_Cohort, int]:
    """The number of rows of each kind. Rounding the running sums keeps the total exact for every `rows`."""
    sums = accumulate((cohort.value for cohort in _Cohort), initial=0)
    ends = [round(rows * total / PUBLISHED.library_rows) for total in sums]
    return {cohort: end - start for cohort, (start, end) in zip(_Cohort, pairwise(ends), strict=True)}


def _census_of(plan: Mapping[_Cohort, int]) -> Census:
    canonical = sum(plan[cohort] for cohort in _CANONICAL)
    total = sum(plan.values())
    return Census(
        library_rows=total,
        canonical_rows=canonical,
        canonical_resolved=plan[_Cohort.CANONICAL_KNOWN],
        canonical_unresolved=plan[_Cohort.CANONICAL_UNKNOWN],
        full_only_rows=total - canonical,
        full_only_va=plan[_Cohort.FULL_VA],
    )


def _credits(
    rng: Random, plan: Mapping[_Cohort, int]
) -> tuple[frozenset[str], Mapping[_Cohort, Iterator[Credit]]]:
    """The names that LML knows, and one credit for each row of each kind."""
    taken: set[str] = set()
    canonical_known = plan[_Cohort.CANONICAL_KNOWN]
    known = discographies(rng, canonical_known + plan[_Cohort.FULL_KNOWN], taken)
    known_forms = frozenset(taken)

    canonical_unknown = plan[_Cohort.CANONICAL_UNKNOWN]
    unknown_rows = canonical_unknown + plan[_Cohort.FULL_UNKNOWN]
    # A misspelt row takes its artist from a canonical row, so that another row of the artist resolves in both scopes.
    siblings = known[:canonical_known] or known
    misspelt = unknown_rows // _MISSPELT_ONE_IN if siblings else 0
    unknown = discographies(rng, unknown_rows - misspelt, taken)
    unknown += [misspelt_credit(rng, rng.choice(siblings).artist, known_forms) for _ in range(misspelt)]
    rng.shuffle(unknown)

    compilations = (names.compilation_name(rng) for _ in range(plan[_Cohort.FULL_VA]))
    return frozenset(credit.artist for credit in known), {
        _Cohort.CANONICAL_KNOWN: iter(known[:canonical_known]),
        _Cohort.FULL_KNOWN: iter(known[canonical_known:]),
        _Cohort.CANONICAL_UNKNOWN: iter(unknown[:canonical_unknown]),
        _Cohort.FULL_UNKNOWN: iter(unknown[canonical_unknown:]),
        _Cohort.FULL_VA: (Credit(name, name) for name in compilations),
    }


def _seeded_row(
    rng: Random, cohort: _Cohort, credit: Credit, legacy_id: int, artist_ids: dict[str, int]
) -> CatalogueRow:
    canonical = cohort in _CANONICAL
    return CatalogueRow(
        artist_id=artist_ids.setdefault(credit.artist, len(artist_ids) + 1),
        artist_name=credit.printed,
        album_title=names.album_title(rng),
        legacy_release_id=legacy_id,
        code_volume_letters=_volume_letters(rng, cohort),
        canonical_entity_id=_entity_id(rng) if canonical else None,
        canonical_entity_confidence=rng.choice((1.0, 1.0, 1.0, 0.95, 0.9, 0.8)) if canonical else None,
        canonical_entity_resolved_at=_resolved_at(rng) if canonical else None,
    )


def _volume_letters(rng: Random, cohort: _Cohort) -> str | None:
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXY"
    if cohort is _Cohort.FULL_VA:
        return "Z" + rng.choice(("", rng.choice(letters)))
    return rng.choice((None, rng.choice(letters), rng.choice(letters) + rng.choice(letters)))


def _entity_id(rng: Random) -> str:
    number = rng.randint(1, 34_000_000)
    uuid = f"{rng.getrandbits(128):032x}"
    mbid = "-".join((uuid[:8], uuid[8:12], uuid[12:16], uuid[16:20], uuid[20:]))
    schemes = (
        f"discogs:{number}",
        f"discogs:release:{number}",
        f"discogs:master:{number % 3_900_000 + 1}",
        f"musicbrainz:{mbid}",
        f"bandcamp:{number % 90_000}",
    )
    (chosen,) = rng.choices(schemes, (82, 6, 8, 3, 1))
    return chosen


def _resolved_at(rng: Random) -> datetime:
    return _FIRST_RESOLVED + timedelta(minutes=rng.randrange(_RESOLVED_WITHIN_MINUTES))
