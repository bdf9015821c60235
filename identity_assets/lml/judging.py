"""Whether an answer of LML may be written: the rules of the contract (docs/rules.md), applied to one result.

A fault of the answer as a whole rejects it. A fault of one entry of `provenance` or `tracks` sets that entry
aside. How a body is read belongs in `contract`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Any, Final, Literal, NamedTuple, TypeVar, get_args

import msgspec
from msgspec import Meta, Struct

from identity_assets.clean_text import MAX_TEXT, one_line
from identity_assets.lml.text import is_identifier

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
"""Lowest and highest confidence of each method on the wire, both inclusive (docs/rules.md, the contract)."""

_MAIN_IDS: Final = (
    "musicbrainz_artist_id",
    "wikidata_qid",
    "spotify_artist_id",
    "apple_music_artist_id",
    "bandcamp_id",
)

Where = Literal["provenance", "tracks"]
_Confidence = Annotated[float, Meta(ge=0, le=1)]
_DiscogsId = Annotated[int, Meta(ge=1, le=2**31 - 1)]


class SetAside(Struct, frozen=True):
    """One entry of an answer that may not be used: the index in its list, and why."""

    where: Where
    index: int
    reason: str


class Judgement(Struct, frozen=True):
    """What may be written of one result.

    `rejected_reason` says why nothing of it may be written, None where it may. `set_aside` are the entries that
    may not be used though the rest may. `out_of_band` names the first confidence outside its method's band
    that is accepted all the same, because bands only warn.
    """

    rejected_reason: str | None
    out_of_band: str | None = None
    set_aside: tuple[SetAside, ...] = ()


class _Main(Struct):
    discogs_artist_id: _DiscogsId | None = None
    musicbrainz_artist_id: str | None = None
    wikidata_qid: str | None = None
    spotify_artist_id: str | None = None
    apple_music_artist_id: str | None = None
    bandcamp_id: str | None = None


class Provenance(Struct):
    """One source's evidence."""

    source: Source
    method: Method | None = None
    confidence: _Confidence | None = None
    external_id: str | None = None


class Track(Struct):
    """One track of a compilation."""

    artist_name: str
    track_title: str | None = None
    track_position: str | None = None
    resolved_artist_name: str | None = None
    method: Method | None = None
    confidence: _Confidence | None = None
    sources: list[Provenance] | None = None


class _Head(Struct):
    """A result without its two lists."""

    kind: Kind
    main: _Main | None = None
    method: Method | None = None
    confidence: _Confidence | None = None
    tracks_attempted: bool | None = None


class Result(_Head, kw_only=True):
    """A result without a fault of form."""

    library_id: int
    provenance: list[Provenance]
    tracks: list[Track] | None = None


class _LooseResult(_Head, kw_only=True):
    """A result whose entries are read one by one, because one of them has a fault of form."""

    provenance: list[Any]
    tracks: list[Any] | None = None


_Entry = TypeVar("_Entry", Provenance, Track)


def judge(result: Mapping[str, object], *, reject_out_of_band: bool = True) -> Judgement:
    """Judge one result by itself; serves a stored one as well as one that has just come.

    An entry of `provenance` without a confidence or an external id is no fault: the writer skips and counts it
    (docs/rules.md rule 3).
    """
    document = result if isinstance(result, dict) else dict(result)
    try:
        return judge_result(msgspec.convert(document, Result), reject_out_of_band=reject_out_of_band)
    except msgspec.ValidationError:
        pass
    try:
        loose = msgspec.convert(document, _LooseResult)
    except msgspec.ValidationError as error:
        return Judgement(_fault_of_form(error))
    faults: list[SetAside] = []
    provenance = list(_read_entries(loose.provenance, Provenance, "provenance", faults))
    tracks = list(_read_entries(loose.tracks or (), Track, "tracks", faults))
    return _judge(loose, provenance, tracks, faults, reject_out_of_band)


def judge_result(result: Result, *, reject_out_of_band: bool) -> Judgement:
    """The same for a result that has been read without a fault of form."""
    tracks = enumerate(result.tracks or ())
    return _judge(result, enumerate(result.provenance), tracks, [], reject_out_of_band)


def _read_entries(
    entries: Sequence[object], form: type[_Entry], where: Where, faults: list[SetAside]
) -> Iterator[tuple[int, _Entry]]:
    for index, entry in enumerate(entries):
        try:
            yield index, msgspec.convert(entry, form)
        except msgspec.ValidationError as error:
            faults.append(SetAside(where, index, _fault_of_form(error)))


def _judge(
    head: _Head,
    provenance: Iterable[tuple[int, Provenance]],
    tracks: Iterable[tuple[int, Track]],
    faults: list[SetAside],
    reject_out_of_band: bool,
) -> Judgement:
    if broken := _broken_rule(head):
        return Judgement(broken)
    warning = _out_of_band(head.method, head.confidence)
    if warning and reject_out_of_band:
        return Judgement(warning)
    found: list[tuple[Where, int, _Fault]] = []
    found += [("provenance", index, fault) for index, entry in provenance if (fault := _entry_fault(entry))]
    found += [("tracks", index, fault) for index, track in tracks if (fault := _track_fault(track))]
    for where, index, fault in found:
        if fault.only_out_of_band and not reject_out_of_band:
            warning = warning or f"{where}.{index}: {fault.reason}"
        else:
            faults.append(SetAside(where, index, fault.reason))
    return Judgement(None, warning, tuple(faults))


class _Fault(NamedTuple):
    reason: str
    only_out_of_band: bool = False


def _broken_rule(result: _Head) -> str | None:
    """The first rule that the result as a whole breaks."""
    method, confidence, main = result.method, result.confidence, result.main
    if result.kind == "single_artist":
        if method is None or confidence is None:
            return "kind single_artist needs a method and a confidence"
    elif main is not None:
        return f"kind {result.kind} takes no main"
    elif result.kind == "unresolved" and (method is not None or confidence is not None):
        return "kind unresolved takes no method and no confidence"
    elif (method is None) is not (confidence is None):
        return "method and confidence must be both set or both null"
    return _unfit_main_id(main) if main is not None else None


def _unfit_main_id(main: _Main) -> str | None:
    ids = (
        main.musicbrainz_artist_id,
        main.wikidata_qid,
        main.spotify_artist_id,
        main.apple_music_artist_id,
        main.bandcamp_id,
    )
    for name, value in zip(_MAIN_IDS, ids, strict=True):
        if value is not None and not _is_id(value):
            return f"main.{name}: {_unfit(value)}"
    return None


def _entry_fault(entry: Provenance) -> _Fault | None:
    """Why the entry may not be used. One without an id or a confidence has no fault: the writer skips it."""
    external_id, confidence = entry.external_id, entry.confidence
    if external_id is None or confidence is None:
        return None
    if not _is_id(external_id):
        return _Fault(f"external_id: {_unfit(external_id)}")
    if entry.method is None:
        return _Fault("method: is missing")
    outside = _out_of_band(entry.method, confidence)
    return _Fault(outside, only_out_of_band=True) if outside else None


def _track_fault(track: Track) -> _Fault | None:
    if not track.artist_name.strip():
        return _Fault("artist_name: is blank")
    outside = _out_of_band(track.method, track.confidence)
    first = _Fault(outside, only_out_of_band=True) if outside else None
    for index, entry in enumerate(track.sources or ()):
        if fault := _entry_fault(entry):
            fault = _Fault(f"sources.{index}.{fault.reason}", fault.only_out_of_band)
            if not fault.only_out_of_band:
                return fault
            first = first or fault
    return first


def _out_of_band(method: str | None, confidence: float | None) -> str | None:
    if method is None or confidence is None:
        return None
    low, high = CONFIDENCE_BANDS[method]
    if low <= confidence <= high:
        return None
    band = f"{low:.2f}" if low == high else f"{low:.2f} to {high:.2f}"
    return f"method {method} takes a confidence of {band}, got {confidence!r}"


def _is_id(text: str) -> bool:
    return len(text) <= MAX_TEXT and is_identifier(text)


def _unfit(text: str) -> str:
    if len(text) > MAX_TEXT:
        return f"is longer than {MAX_TEXT} characters"
    return "holds a control character or a lost one" if text.strip() else "is blank"


_AT_PATH: Final = re.compile(r"(.*?)(?: - at `\$\.?(.*)`)?$", re.DOTALL)
_MISSING: Final = re.compile(r"Object missing required field `(.*)`")
_ENUM: Final = re.compile(r"Invalid enum value (.*)", re.DOTALL)
_VALUES: Final = {"kind": get_args(Kind), "method": get_args(Method), "source": get_args(Source)}


def _fault_of_form(error: msgspec.ValidationError) -> str:
    """msgspec's message in our words: the field first, then what is wrong with it."""
    matched = _AT_PATH.match(str(error))
    message, path = (matched[1], matched[2] or "") if matched else (str(error), "")
    path = path.replace("[", ".").replace("]", "").strip(".")
    if missing := _MISSING.match(message):
        return one_line(f"{path}.{missing[1]}: is missing".strip("."))
    values = _VALUES.get(path.rpartition(".")[2])
    if values and (wrong := _ENUM.match(message)):
        return one_line(f"{path}: {one_line(wrong[1], 60)} is not one of {', '.join(values)}")
    return one_line(f"{path or 'entry'}: {message[:1].lower()}{message[1:]}")
