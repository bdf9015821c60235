"""The verdict on one artist's name, composed by rules 2 to 6 of docs/rules.md, "Composition of a main row"."""

from collections.abc import Collection, Sequence
from hashlib import blake2b
from typing import Any

from wxyc_etl.text import (  # type: ignore[import-untyped]  # it ships no types
    is_compilation_artist,
    to_match_form,
)

from identity_assets.demo.fixture_lml.evidence import (
    SOURCES,
    ProvenanceRow,
    counted_rows,
    found_nothing,
    source_rows,
)
from identity_assets.demo.fixture_lml.tracks import Tracks, TrackSettings
from identity_assets.demo.fixture_lml.wire import Question

_CORROBORATING = ("discogs", "musicbrainz")


class Composer:
    """Composes results. It resolves `known_artists`, compares names by their match form, and keeps each verdict."""

    def __init__(self, known_artists: Collection[str], tracks: TrackSettings) -> None:
        self._known = frozenset(to_match_form(name) for name in known_artists) - {""}
        self._tracks = Tracks(known_artists, tracks)
        self._composed: dict[str, dict[str, Any]] = {}

    def result(self, question: Question, include_tracks: bool) -> dict[str, Any]:
        """One result of the answer. It has every key of the contract."""
        verdict = self._composed.get(question.artist_name)
        if verdict is None:
            verdict = self._composed[question.artist_name] = self._compose(question.artist_name)
        attempted, tracks = (
            self._tracks.pair(question)
            if include_tracks and verdict["kind"] == "compilation"
            else (None, None)
        )
        return {
            "library_id": question.library_id,
            **verdict,
            "tracks_attempted": attempted,
            "tracks": tracks,
        }

    def _compose(self, artist_name: str) -> dict[str, Any]:
        name = to_match_form(artist_name)
        if is_compilation_artist(artist_name):
            return verdict_of("compilation", [])
        digest = blake2b(name.encode("utf-8", "replace"), digest_size=32).digest()
        if name not in self._known:
            return verdict_of(
                "unresolved", [found_nothing(source) for source in SOURCES[: 2 + digest[0] % 3]]
            )
        rows = source_rows(digest)
        counted = counted_rows(rows)
        method, confidence = _composed_pair(counted)
        return verdict_of("single_artist", rows, main=_main(counted), method=method, confidence=confidence)


def verdict_of(kind: str, provenance: Sequence[object], **composed: object) -> dict[str, Any]:
    """A verdict of the contract, without the fields that depend on the question."""
    empty: dict[str, object] = {"main": None, "method": None, "confidence": None}
    return {"kind": kind, **empty, **composed, "provenance": provenance}


def _composed_pair(counted: Sequence[ProvenanceRow]) -> tuple[str, float]:
    confidences = {row["source"]: row["confidence"] or 0.0 for row in counted}
    corroborating = [confidences[source] for source in _CORROBORATING if source in confidences]
    if len(corroborating) > 1:
        return "cross_source_agreement", max(0.95, min(corroborating))
    lowest = min(counted, key=lambda row: confidences[row["source"]])
    return lowest["method"], confidences[lowest["source"]]


def _main(counted: Sequence[ProvenanceRow]) -> dict[str, object]:
    ids = {row["source"]: row["external_id"] for row in counted}
    discogs = ids.get("discogs")
    return {
        "discogs_artist_id": int(discogs) if discogs else None,
        "musicbrainz_artist_id": ids.get("musicbrainz"),
        "wikidata_qid": ids.get("wikidata"),
        "spotify_artist_id": ids.get("spotify"),
        "apple_music_artist_id": ids.get("apple_music"),
        "bandcamp_id": ids.get("bandcamp"),
    }


def cache_stats(inputs: int) -> dict[str, float]:
    """Plausible numbers for `cache_stats`."""
    hits, misses = inputs // 2, inputs // 10
    return {
        "memory_hits": inputs - hits,
        "pg_hits": hits - misses,
        "pg_misses": misses,
        "api_calls": misses,
        "pg_time_ms": round(0.4 * hits, 1),
        "api_time_ms": round(21.0 * misses, 1),
    }
