"""The wire: the records that go to LML and come back, and how a body becomes verdicts.

Pure functions on bytes and records. The rules for one result are in `judging`; HTTP, retries and threads
belong in `client` and `asking`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

import msgspec
from msgspec import Raw

from identity_assets.lml.envelope import finite_numbers, open_envelope
from identity_assets.lml.errors import LmlError, LmlMalformedAnswer
from identity_assets.lml.judging import (
    CONFIDENCE_BANDS,
    Judgement,
    Kind,
    Result,
    SetAside,
    judge,
    judge_result,
)
from identity_assets.lml.text import LOST, dumps, is_storable, loads_leniently, storable

__all__ = [
    "CONFIDENCE_BANDS",
    "Answer",
    "Batch",
    "Judgement",
    "LibraryInput",
    "LmlError",
    "LmlMalformedAnswer",
    "SetAside",
    "Verdict",
    "judge",
    "parse_answer",
]

TRACKS_CONTRACT_VERSION: Final = 1
MAX_RESULT_BYTES: Final = 4 * 1024 * 1024
MIN_MASKED_SECRET: Final = 8

_KINDS: Final = frozenset(get_args(Kind))
_MAX_VALUES_IN_RESULT: Final = 100_000
_VALUES_PER_INPUT: Final = 2_000
_VALUES_PER_INPUT_WITH_TRACKS: Final = 10_000
"""A release has 483 credits at the 99th percentile, and a credit with its sources some 15 values."""
_MORE_RESULTS: Final = 1_000


@dataclass(frozen=True, slots=True)
class LibraryInput:
    """One library row as LML is asked about it."""

    library_id: int
    artist_name: str
    album_title: str
    legacy_release_id: int | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """The inputs of one call: 1 to 1,000 of one cohort, with tracks or without."""

    cohort: Literal["va", "non_va"]
    include_tracks: bool
    inputs: tuple[LibraryInput, ...]


class Verdict(msgspec.Struct, frozen=True):
    """What LML said about one asked row.

    `body` is the result object as it came, as JSON bytes that PostgreSQL's jsonb takes: U+FFFD stands for each
    NUL and lone surrogate, null for NaN and infinity. `kind` is None where LML gave none that the contract knows.
    `rejected_reason` is None for a verdict that may be written, without the entries in `set_aside`.
    `tracks_trusted` says whether the answer vouched for its pair of `tracks_attempted` and `tracks`.
    `out_of_band` names a confidence outside its method's band that is accepted because bands only warn.
    """

    library_id: int
    kind: str | None
    body: bytes
    rejected_reason: str | None
    tracks_trusted: bool = False
    out_of_band: str | None = None
    set_aside: tuple[SetAside, ...] = ()

    @property
    def rejected(self) -> bool:
        """Whether the verdict as a whole is set aside."""
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


def parse_answer(
    body: bytes,
    asked: Sequence[int],
    *,
    include_tracks: bool = False,
    reject_out_of_band: bool = True,
    secret: str | None = None,
) -> Answer:
    """Read one 200 body and re-key it on the asked ids; order is not trusted.

    `include_tracks`: they were asked about with their tracks, so the body may be larger.

    A fault in one result, or in one entry of it, spoils nothing else. Where LML echoes the `secret`, U+FFFD
    stands for it. Raises LmlMalformedAnswer where the body as a whole cannot be read.
    """
    wanted = dict.fromkeys(asked)
    secret = secret if secret and len(secret) >= MIN_MASKED_SECRET else None
    per_input = _VALUES_PER_INPUT_WITH_TRACKS if include_tracks else _VALUES_PER_INPUT
    envelope = open_envelope(_masked(body, secret), _MAX_VALUES_IN_RESULT + per_input * len(wanted))
    if envelope.count > 2 * len(wanted) + _MORE_RESULTS:
        raise LmlMalformedAnswer(f"LML answered {len(wanted)} inputs with {envelope.count} results")
    trusted = _is_trusted(envelope.tracks_contract_version)
    must_be_checked = len(body) > MAX_RESULT_BYTES or not is_storable(body)
    reader = _Reader(trusted, reject_out_of_band, secret, must_be_checked)
    found: dict[int, Verdict] = {}
    foreign = duplicates = 0
    for raw in envelope.results:
        verdict = reader.read(raw)
        if verdict is None or verdict.library_id not in wanted:
            foreign += 1
        elif verdict.library_id in found:
            duplicates += 1
        else:
            found[verdict.library_id] = verdict
    return Answer(
        verdicts=tuple(found.values()),
        missing=tuple(i for i in wanted if i not in found),
        foreign=foreign,
        duplicates=duplicates,
        cache_stats=finite_numbers(envelope.cache_stats),
        tracks_trusted=trusted,
    )


def _is_trusted(version: object) -> bool:
    return type(version) is int and version == TRACKS_CONTRACT_VERSION


def _masked(body: bytes, secret: str | None) -> bytes:
    """The body without the secret as JSON would write it; `storable` finds what escapes hide."""
    if secret is None:
        return body
    return body.replace(json.dumps(secret)[1:-1].encode(), LOST.encode())


_RESULT: Final = msgspec.json.Decoder(Result)


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads the results of one body, each by itself."""

    trusted: bool
    reject_out_of_band: bool
    secret: str | None
    must_be_checked: bool

    def read(self, raw: Raw | bytes) -> Verdict | None:
        """The verdict of one result; None where it does not say which row it is about."""
        if memoryview(raw).nbytes > MAX_RESULT_BYTES:
            return self._unreadable(raw, "the result is too large")
        body = bytes(raw)
        if self.must_be_checked and not is_storable(body):
            return self._read_slowly(body)
        try:
            result = _RESULT.decode(raw)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return self._read_slowly(body)
        judgement = judge_result(result, reject_out_of_band=self.reject_out_of_band)
        return self._verdict(result.library_id, result.kind, body, judgement)

    def _read_slowly(self, body: bytes) -> Verdict | None:
        """The same for a result with a fault, or one that must be cleaned before it is stored."""
        if body.count(b",") > _MAX_VALUES_IN_RESULT:
            return self._unreadable(body, "the result is too large")
        try:
            document = storable(loads_leniently(body.decode("utf-8", "replace")), self.secret)
            cleaned = dumps(document)
        except RecursionError:
            return self._unreadable(body, "the result is nested too deeply")
        library_id = _library_id(document)
        if library_id is None:
            return None
        judgement = judge(document, reject_out_of_band=self.reject_out_of_band)
        return self._verdict(library_id, document.get("kind"), cleaned, judgement)

    def _unreadable(self, body: Raw | bytes, reason: str) -> Verdict | None:
        """A verdict that holds nothing but whose it is."""
        try:
            library_id = _IDENTITY.decode(body).library_id
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return None
        stub = b'{"library_id":%d}' % library_id
        return self._verdict(library_id, None, stub, Judgement(reason))

    def _verdict(self, library_id: int, kind: object, body: bytes, judgement: Judgement) -> Verdict:
        return Verdict(
            library_id,
            kind if isinstance(kind, str) and kind in _KINDS else None,
            body,
            judgement.rejected_reason,
            self.trusted,
            judgement.out_of_band,
            judgement.set_aside,
        )


class _Identity(msgspec.Struct):
    library_id: int


_IDENTITY: Final = msgspec.json.Decoder(_Identity)


def _library_id(document: Any) -> int | None:
    if not isinstance(document, dict):
        return None
    value = document.get("library_id")
    # True == 1 and 5.0 == 5 would find their row in a set of ints.
    return value if type(value) is int else None
