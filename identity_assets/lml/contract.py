"""The wire: what is sent to LML, what comes back, and why a verdict is not fit to be written.

Pure functions on bytes and records. HTTP, retries and threads belong in `client` and `asking`.
"""

from __future__ import annotations

import math
import reprlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal, get_args

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

Kind = Literal["single_artist", "compilation", "unresolved"]
Source = Literal["discogs", "musicbrainz", "wikidata", "spotify", "apple_music", "bandcamp"]
Method = Literal[
    "manual",
    "cross_source_agreement",
    "exact_match",
    "name_variation",
    "member_group",
    "alias_match",
    "trigram",
    "llm",
]

CONFIDENCE_BANDS: Final[Mapping[str, tuple[float, float]]] = {
    "manual": (1.00, 1.00),
    "cross_source_agreement": (0.95, 1.00),
    "exact_match": (1.00, 1.00),
    "name_variation": (0.90, 0.99),
    "member_group": (0.80, 0.89),
    "alias_match": (0.75, 0.84),
    "trigram": (0.70, 1.00),
    "llm": (0.60, 0.79),
}
"""Lowest and highest confidence of each method on the wire, both inclusive (DOMAIN.md, the contract)."""

TRACKS_CONTRACT_VERSION: Final = 1
MAX_REASON: Final = 300

_KINDS: Final = frozenset(get_args(Kind))
_NUL_ESCAPED: Final = b"\\u0000"
_MAX_INT: Final = 2**31 - 1


class LmlError(Exception):
    """A call to LML that brought no answer.

    `status` is the HTTP status, None where there was none; `retryable` says whether the same call may
    do better later; `retry_after` is the wait in seconds that LML asked for. The message is one line.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        retryable: bool = False,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.retryable = retryable
        self.retry_after = retry_after


class LmlMalformedAnswer(LmlError):
    """LML answered 200 with a body that is not the contract's: no JSON, no object, or no `results`."""

    def __init__(self, message: str) -> None:
        super().__init__(message, status=200, retryable=True)


@dataclass(frozen=True, slots=True)
class LibraryInput:
    """One library row as LML is asked about it."""

    library_id: int
    artist_name: str
    album_title: str
    legacy_release_id: int | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What LML said about one asked row.

    `body` is the result object as it came, as JSON bytes, but for NUL characters, which jsonb refuses
    and which stand here as U+FFFD. `kind` is None where LML gave none that the contract knows.
    `rejected_reason` is None for a verdict that may be written. `tracks_trusted` says whether the
    answer that it came in vouched for its pair of `tracks_attempted` and `tracks`. `out_of_band` says which
    confidence lies outside its method's band, also where that is no reason to reject.
    """

    library_id: int
    kind: str | None
    body: bytes
    rejected_reason: str | None
    tracks_trusted: bool = False
    out_of_band: str | None = None

    @property
    def rejected(self) -> bool:
        """Whether the verdict is set aside."""
        return self.rejected_reason is not None

    @property
    def is_written_out_of_band(self) -> bool:
        """Whether it may be written though a confidence in it lies outside its band."""
        return self.out_of_band is not None and not self.rejected


@dataclass(frozen=True, slots=True)
class Answer:
    """One 200 of LML, re-keyed on the ids that were asked.

    At most one verdict for each asked id (the first wins); `missing` are the asked ids without one;
    `foreign` counts results for nothing that was asked, `duplicates` those for an id already answered.
    """

    verdicts: tuple[Verdict, ...]
    missing: tuple[int, ...]
    foreign: int
    duplicates: int
    cache_stats: Mapping[str, float]
    tracks_trusted: bool


class _Wire(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")


_Confidence = Annotated[float, Field(ge=0, le=1)]


class _Main(_Wire):
    discogs_artist_id: Annotated[int, Field(ge=1, le=_MAX_INT)] | None = None
    musicbrainz_artist_id: str | None = None
    wikidata_qid: str | None = None
    spotify_artist_id: str | None = None
    apple_music_artist_id: str | None = None
    bandcamp_id: str | None = None


class _Provenance(_Wire):
    source: Source
    method: Method | None = None
    confidence: _Confidence | None = None
    external_id: str | None = None


class _Track(_Wire):
    artist_name: str
    track_title: str | None = None
    track_position: str | None = None
    resolved_artist_name: str | None = None
    confidence: _Confidence | None = None
    method: str | None = None
    sources: list[Any] | None = None


class _Result(_Wire):
    kind: Kind
    main: _Main | None = None
    method: Method | None = None
    confidence: _Confidence | None = None
    provenance: list[_Provenance]
    tracks_attempted: bool | None = None
    tracks: list[_Track] | None = None


def request_body(inputs: Sequence[LibraryInput], *, include_tracks: bool = False) -> bytes:
    """The JSON of one call.

    A name that is not well-formed Unicode is sent with `?` for what no UTF-8 can say, so that one such
    row cannot keep its whole batch from being asked.
    """
    try:
        return orjson.dumps(_request(inputs, include_tracks))
    except orjson.JSONEncodeError:
        sendable = [
            LibraryInput(
                i.library_id, _sendable(i.artist_name), _sendable(i.album_title), i.legacy_release_id
            )
            for i in inputs
        ]
        return orjson.dumps(_request(sendable, include_tracks))


def parse_answer(body: bytes, asked: Sequence[int], *, reject_out_of_band: bool = True) -> Answer:
    """Read one 200 body and re-key it on the asked ids; order is not trusted.

    A fault in one result sets that result alone aside; a confidence outside its band is one unless told
    otherwise. Raises LmlMalformedAnswer where the body as a whole cannot be read.
    """
    document = _document(body)
    trusted = _is_trusted(document.get("tracks_contract_version"))
    wanted = dict.fromkeys(asked)
    found: dict[int, Verdict] = {}
    foreign = duplicates = 0
    for result in document["results"]:
        library_id = _library_id(result)
        if library_id is None or library_id not in wanted:
            foreign += 1
        elif library_id in found:
            duplicates += 1
        else:
            found[library_id] = _verdict(library_id, result, trusted, reject_out_of_band)
    return Answer(
        verdicts=tuple(found.values()),
        missing=tuple(i for i in wanted if i not in found),
        foreign=foreign,
        duplicates=duplicates,
        cache_stats=_finite_numbers(document.get("cache_stats")),
        tracks_trusted=trusted,
    )


def rejection(result: Mapping[str, object], *, reject_out_of_band: bool = True) -> str | None:
    """Why this result may not be written, as one short line, or None where it may.

    Looks at the verdict alone, so it serves a stored one as well as one that has just come. An entry of
    the provenance without a confidence or an external id is no fault of the verdict (DOMAIN.md rule 3).
    """
    broken, out_of_band = _judge(result)
    return broken or (out_of_band if reject_out_of_band else None)


def _judge(result: Mapping[str, object]) -> tuple[str | None, str | None]:
    """The first rule that the result breaks, and the first confidence in it that lies outside its band."""
    try:
        verdict = _Result.model_validate(result if isinstance(result, dict) else dict(result))
    except ValidationError as error:
        return _one_line(_first_fault(error)), None
    return next(_broken_rules(verdict), None), next(_out_of_band_faults(verdict), None)


def _request(inputs: Sequence[LibraryInput], include_tracks: bool) -> dict[str, object]:
    body: dict[str, object] = {"inputs": inputs}
    if include_tracks:
        body["include_tracks"] = True
    return body


def _sendable(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")


def _document(body: bytes) -> dict[str, Any]:
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise LmlMalformedAnswer(_one_line(f"LML's answer is not JSON: {error}")) from None
    if not isinstance(document, dict) or not isinstance(document.get("results"), list):
        raise LmlMalformedAnswer("LML's answer is not an object with a list `results`")
    return document


def _library_id(result: object) -> int | None:
    if not isinstance(result, dict):
        return None
    value = result.get("library_id")
    # True == 1 and 5.0 == 5 would find their row in a set of ints.
    return value if type(value) is int else None


def _is_trusted(version: object) -> bool:
    return type(version) is int and version == TRACKS_CONTRACT_VERSION


def _verdict(library_id: int, result: dict[str, Any], trusted: bool, reject_out_of_band: bool) -> Verdict:
    try:
        body = orjson.dumps(result)
        if _NUL_ESCAPED in body:
            result = _without_nul(result)
            body = orjson.dumps(result)
    except orjson.JSONEncodeError:
        # orjson reads 1,024 levels and writes 254.
        body = orjson.dumps({"library_id": library_id})
        return Verdict(library_id, None, body, "the result is nested too deeply", trusted)
    kind = result.get("kind")
    known = kind if isinstance(kind, str) and kind in _KINDS else None
    broken, out_of_band = _judge(result)
    reason = broken or (out_of_band if reject_out_of_band else None)
    return Verdict(library_id, known, body, reason, trusted, out_of_band)


def _without_nul(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("\0", "\ufffd")
    if isinstance(value, list):
        return [_without_nul(item) for item in value]
    if isinstance(value, dict):
        return {_without_nul(key): _without_nul(item) for key, item in value.items()}
    return value


def _finite_numbers(stats: object) -> dict[str, float]:
    if not isinstance(stats, dict):
        return {}
    return {
        key: float(value)
        for key, value in stats.items()
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    }


def _broken_rules(verdict: _Result) -> Iterator[str]:
    pair = (verdict.method is not None, verdict.confidence is not None)
    if verdict.kind != "single_artist" and verdict.main is not None:
        yield f"kind {verdict.kind} takes no main"
    if verdict.kind == "single_artist" and not all(pair):
        yield "kind single_artist needs a method and a confidence"
    if verdict.kind == "unresolved" and any(pair):
        yield "kind unresolved takes no method and no confidence"
    if any(pair) and not all(pair):
        yield "method and confidence must be both set or both null"
    for index, entry in enumerate(verdict.provenance):
        if entry.method is None and entry.confidence is not None and entry.external_id is not None:
            yield f"provenance.{index} ({entry.source}): a method is missing"


def _out_of_band_faults(verdict: _Result) -> Iterator[str]:
    if fault := _out_of_band(verdict.method, verdict.confidence):
        yield fault
    for index, entry in enumerate(verdict.provenance):
        if fault := _out_of_band(entry.method, entry.confidence):
            yield f"provenance.{index} ({entry.source}): {fault}"


def _out_of_band(method: str | None, confidence: float | None) -> str | None:
    if method is None or confidence is None:
        return None
    low, high = CONFIDENCE_BANDS[method]
    if low <= confidence <= high:
        return None
    band = f"{low:.2f}" if low == high else f"{low:.2f} to {high:.2f}"
    return f"method {method} takes a confidence of {band}, got {confidence!r}"


def _first_fault(error: ValidationError) -> str:
    fault = error.errors(include_url=False)[0]
    where = ".".join(str(step) for step in fault["loc"]) or "result"
    if fault["type"] == "missing":
        return f"{where}: is missing"
    got = _SHORT.repr(fault["input"])
    if fault["type"] == "literal_error":
        expected = fault["ctx"]["expected"].replace("'", "").replace(" or ", ", ")
        return f"{where}: {got} is not one of {expected}"
    message = fault["msg"]
    return f"{where}: {message[:1].lower()}{message[1:]}, got {got}"


def _one_line(text: str) -> str:
    return " ".join(text.split())[:MAX_REASON]


_SHORT: Final = reprlib.Repr()
_SHORT.maxstring = 60
