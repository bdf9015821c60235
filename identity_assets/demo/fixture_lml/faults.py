"""The ways in which the fixture fails on request, and which call each of them hits.

Not here: how the other side reacts.
"""

import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

import orjson

from identity_assets.demo.fixture_lml.composer import verdict_of

FaultKind = Literal[
    "status",
    "delay",
    "hang",
    "drop",
    "malformed",
    "truncated",
    "short",
    "foreign",
    "duplicated",
    "reordered",
    "unknown_kind",
    "unknown_method",
    "unknown_source",
    "out_of_band",
    "missing_confidence",
    "missing_provenance",
    "nul_character",
    "huge_integer",
    "string_library_id",
    "verdict_not_object",
    "main_on_unresolved",
    "bad_track",
    "no_tracks_marker",
]

WHOLE_CALL: Final = frozenset({"status", "hang", "drop", "malformed", "truncated"})
"""A call is hit by at most one of these: after it no answer is left to spoil."""

_WHOLE_ANSWER: Final = frozenset({"delay", "no_tracks_marker"})


@dataclass(frozen=True, slots=True)
class Fault:
    """One way to fail: for every call, or only for calls that ask about `library_id`, or only `times` times.

    `seconds` is the length of a delay or a hang. `status` and `retry_after` belong to a `status`.
    """

    kind: FaultKind
    library_id: int | None = None
    times: int | None = None
    status: int | None = None
    seconds: float | None = None
    retry_after: str | None = None


class Faults:
    """The faults in force. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rules: list[Fault] = []

    def add(self, *faults: Fault) -> None:
        """Put these faults in force."""
        with self._lock:
            self._rules.extend(faults)

    def clear(self) -> None:
        """Remove all faults."""
        with self._lock:
            self._rules.clear()

    def take(self, ids: Collection[int]) -> list[Fault]:
        """The faults that hit a call about these ids. Each of them is counted against its `times`."""
        with self._lock:
            hits: list[Fault] = []
            kept: list[Fault] = []
            ended = False
            for rule in self._rules:
                hit = (rule.library_id is None or rule.library_id in ids) and not (
                    ended and rule.kind in WHOLE_CALL
                )
                if hit:
                    hits.append(rule)
                    ended = ended or rule.kind in WHOLE_CALL
                kept.extend(_remainder(rule) if hit else [rule])
            self._rules = kept
            return hits


def _remainder(rule: Fault) -> list[Fault]:
    """What is left of a rule after one hit."""
    if rule.times is None:
        return [rule]
    return [replace(rule, times=rule.times - 1)] if rule.times > 1 else []


def spoil(results: list[Any], fault: Fault) -> list[Any]:
    """The results with one fault: in the result about the fault's library_id, or in every result if it has none."""
    if fault.kind in WHOLE_CALL or fault.kind in _WHOLE_ANSWER:
        return results
    hit = [_is_about(result, fault.library_id) for result in results]
    if fault.kind == "reordered":
        return results[::-1]
    if fault.kind == "duplicated":
        return results + [result for result, named in zip(results, hit, strict=True) if named]
    if fault.kind == "foreign":
        return [{**results[0], "library_id": 2_000_000_000}, *results] if results else []
    if fault.kind == "short":
        last = len(results) - 1
        left_out = [named if fault.library_id is not None else n == last for n, named in enumerate(hit)]
        return [result for result, out in zip(results, left_out, strict=True) if not out]
    change = _CHANGES[fault.kind]
    return [change(result) if named else result for result, named in zip(results, hit, strict=True)]


def _is_about(result: object, library_id: int | None) -> bool:
    return isinstance(result, dict) and library_id in (None, result["library_id"])


def _found_row(**changed: object) -> dict[str, object]:
    return {"source": "discogs", "method": "exact_match", "confidence": 1.0, "external_id": "1234", **changed}


def _resolved(result: Mapping[str, Any], **changed: object) -> dict[str, Any]:
    verdict = verdict_of("single_artist", [_found_row()], method="exact_match", confidence=1.0)
    return {**result, **verdict, **changed}


def _with_bad_track(result: dict[str, Any]) -> dict[str, Any]:
    """The confidence of the first track becomes a word."""
    tracks = result.get("tracks") or []
    return {**result, "tracks": [{**tracks[0], "confidence": "high"}, *tracks[1:]]} if tracks else result


# Each function takes one good result and returns it with one fault.
_CHANGES: Final[Mapping[str, Callable[[dict[str, Any]], object]]] = {
    "unknown_kind": lambda result: {**result, "kind": "banana"},
    "unknown_method": lambda result: _resolved(result, method="guesswork"),
    "unknown_source": lambda result: _resolved(result, provenance=[_found_row(source="hearsay")]),
    "out_of_band": lambda result: _resolved(result, method="trigram", confidence=0.42),
    "missing_confidence": lambda result: _resolved(result, confidence=None),
    "missing_provenance": lambda result: {key: result[key] for key in result if key != "provenance"},
    "nul_character": lambda result: _resolved(result, provenance=[_found_row(external_id="12\0" + "34")]),
    "huge_integer": lambda result: _resolved(
        result, main={"discogs_artist_id": orjson.Fragment(b"1180591620717411303424")}
    ),
    "string_library_id": lambda result: {**result, "library_id": str(result["library_id"])},
    "verdict_not_object": lambda result: f"result {result['library_id']}",
    "main_on_unresolved": lambda result: {
        **result,
        **verdict_of("unresolved", [], main={"discogs_artist_id": 1}),
    },
    "bad_track": _with_bad_track,
}
