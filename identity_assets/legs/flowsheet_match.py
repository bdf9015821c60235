"""The leg S3: the discogs-cache's `flowsheet_match`, joined on normalised names, says which release a library row is.

Belongs here: the normalised form, and what a match is worth ("The two legs" in DOMAIN.md). Not here: how the
discogs-cache is read (discogs_cache.py). Nothing is written.
"""

import re
from collections.abc import Iterable, Mapping, Sequence

from wxyc_etl.text import batch_to_match_form  # type: ignore[import-untyped]  # it ships no types

from identity_assets.evidence import MASTER, RELEASE, Evidence, Gathered, LibraryRow
from identity_assets.legs.canonical_entity import parse_entity
from identity_assets.legs.discogs_cache import DiscogsCache, Match, Pair

LEG = "S3"

# wxyc-etl's match form takes marks off letters and opens ligatures; these letters have neither, and PostgreSQL's
# unaccent, by which the snapshot was made, knows them.
_LETTERS = str.maketrans(
    {
        "ø": "o",
        "ł": "l",
        "đ": "d",
        "ð": "d",
        "þ": "th",
        "ß": "ss",
        "ħ": "h",
        "\u0131": "i",
        "ŧ": "t",
        "ŋ": "n",
    }
)
_DROPPED = re.compile(r"[^a-z0-9 ]")


def normalise(names: Sequence[str]) -> list[str]:
    """Normalise names as the snapshot does; a name in another script may become empty.

    Lower case, unaccented, a leading "the " dropped, all but `[a-z0-9 ]` dropped. Where "&" stood between spaces
    that leaves two of them, and a snapshot may or may not have joined them: they are joined here, and in what is
    read of the snapshot too.
    """
    return [
        " ".join(_DROPPED.sub("", form.translate(_LETTERS).removeprefix("the ")).split())
        for form in batch_to_match_form(list(names))
    ]


def pairs_of(rows: Sequence[LibraryRow]) -> list[Pair | None]:
    """Return the normalised (artist, title) of each row; None if one of them is empty, which never matches."""
    artists = normalise([row.artist_name or "" for row in rows])
    titles = normalise([row.album_title for row in rows])
    return [
        (artist, title) if artist and title else None for artist, title in zip(artists, titles, strict=True)
    ]


def gather_flowsheet_match(
    pages: Iterable[Sequence[LibraryRow]], cache: DiscogsCache, partitions: int
) -> Gathered:
    """Find the evidence of S3 in these pages of the library; `partitions` is the number of hash buckets.

    Memory holds the names of the library, never those of the cache.

    Raises:
        DiscogsCacheError: the cache cannot be read. Nothing is written.
    """
    gathered = Gathered()
    named: dict[Pair, list[tuple[int, str | None]]] = {}
    for page in pages:
        for row, pair in zip(page, pairs_of(page), strict=True):
            if pair is None:
                reason = "no_artist_name" if not (row.artist_name or "").strip() else "empty_name"
                gathered.skipped[row.library_id % partitions, reason] += 1
            else:
                named.setdefault(pair, []).append((row.library_id, row.canonical_entity_id))
    matches = cache.matches(named.keys(), normalise)
    found: list[tuple[Evidence, str | None]] = []
    for pair, rows in named.items():
        match = matches.get(pair)
        for library_id, canonical in rows:
            evidence = None if match is None else evidence_of(library_id, match)
            if evidence is None:
                reason = "no_match" if match is None else "no_discogs_id"
                gathered.skipped[library_id % partitions, reason] += 1
            else:
                found.append((evidence, canonical))
    gathered.evidence = sorted(_checked(cache, found), key=lambda one: one.library_id)
    return gathered


def evidence_of(library_id: int, match: Match) -> Evidence | None:
    """Return the evidence that a match makes; None if it names neither a master nor a release."""
    exact = match.distinct_entities == 1
    method, confidence = ("exact_match", 1.0) if exact else ("alias_match", 0.75)
    if match.master_id is not None:
        return Evidence(library_id, MASTER, str(match.master_id), method, confidence)
    if match.release_id is not None:
        return Evidence(library_id, RELEASE, str(match.release_id), method, confidence)
    return None


def _checked(cache: DiscogsCache, found: Iterable[tuple[Evidence, str | None]]) -> list[Evidence]:
    """Add the master of the release from the cache where one leg pins a release and the other a master."""
    checked = [(evidence, _release_of_pair(evidence, canonical)) for evidence, canonical in found]
    masters: Mapping[int, int] = cache.masters_of(
        {release for _evidence, release in checked if release is not None}
    )
    return [
        evidence
        if release is None or release not in masters
        else Evidence(
            evidence.library_id,
            evidence.source,
            evidence.external_id,
            evidence.method,
            evidence.confidence,
            checked_release_id=release,
            checked_master_id=masters[release],
        )
        for evidence, release in checked
    ]


def _release_of_pair(evidence: Evidence, canonical_entity_id: str | None) -> int | None:
    """Return the release if one leg pins a release and the other a master."""
    entity = parse_entity(canonical_entity_id or "")
    if isinstance(entity, str) or entity[0] == evidence.source:
        return None
    return entity[1] if entity[0] == RELEASE else int(evidence.external_id)
