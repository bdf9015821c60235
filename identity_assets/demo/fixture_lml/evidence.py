"""What each source of LML says about a name: provenance rows and external ids, taken from a hash of the name."""

from collections.abc import Callable, Mapping
from typing import Final, TypedDict
from uuid import UUID

SOURCES: Final = ("discogs", "musicbrainz", "wikidata", "spotify", "apple_music", "bandcamp")

LOWEST_COUNTED: Final = 0.70
"""A source row below this confidence does not count towards the main row (rule 6 of the composition)."""

# Each row: the method, the lowest and the highest hundredth of its confidence band. A byte of the hash picks one.
_METHODS: Final = (
    ("exact_match", 100, 100),
    ("name_variation", 90, 99),
    ("exact_match", 100, 100),
    ("trigram", 70, 100),
    ("alias_match", 75, 84),
    ("member_group", 80, 89),
    ("llm", 60, 79),
    ("name_variation", 90, 99),
)
_BASE62: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


class ProvenanceRow(TypedDict):
    """One entry of `provenance`, or of a track's `sources`, as it is on the wire."""

    source: str
    method: str
    confidence: float | None
    external_id: str | None


def found_nothing(source: str) -> ProvenanceRow:
    """The row of a source that ran and found nothing."""
    return {"source": source, "method": "exact_match", "confidence": None, "external_id": None}


def source_rows(digest: bytes) -> list[ProvenanceRow]:
    """One row for each source. About half of the sources find something, and at least one row counts.

    `digest` is 32 bytes.
    """
    rows = []
    for place, source in enumerate(SOURCES):
        method, low, high = _METHODS[digest[place] % len(_METHODS)]
        if digest[6 + place] < 128:
            confidence = (low + digest[12 + place] % (high - low + 1)) / 100
            rows.append(_found(source, method, confidence, digest))
        else:
            rows.append(found_nothing(source))
    if not counted_rows(rows):
        rows[0] = _found("discogs", "exact_match", 1.0, digest)
    return rows


def counted_rows(rows: list[ProvenanceRow]) -> list[ProvenanceRow]:
    """The rows that count towards the main row."""
    return [row for row in rows if row["confidence"] is not None and row["confidence"] >= LOWEST_COUNTED]


def track_row(digest: bytes) -> ProvenanceRow:
    """The one source row of a track that the matcher resolved."""
    method, low, high = _METHODS[digest[0] % len(_METHODS)]
    return _found("discogs", method, (low + digest[12] % (high - low + 1)) / 100, digest)


def _found(source: str, method: str, confidence: float, digest: bytes) -> ProvenanceRow:
    external_id = _EXTERNAL_ID[source](digest)
    return {"source": source, "method": method, "confidence": confidence, "external_id": external_id}


def _number(digest: bytes, place: int) -> int:
    return int.from_bytes(digest[place : place + 3], "big") + 1


def _base62(digest: bytes) -> str:
    number = int.from_bytes(digest[:20], "big")
    return "".join(_BASE62[number // 62**place % 62] for place in range(22))


_EXTERNAL_ID: Final[Mapping[str, Callable[[bytes], str]]] = {
    "discogs": lambda digest: str(_number(digest, 18)),
    "musicbrainz": lambda digest: str(UUID(bytes=digest[8:24], version=4)),
    "wikidata": lambda digest: f"Q{_number(digest, 21)}",
    "spotify": _base62,
    "apple_music": lambda digest: str(100_000_000 + _number(digest, 24)),
    "bandcamp": lambda digest: str(1_000_000_000 + _number(digest, 27)),
}
