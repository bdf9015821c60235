"""Split LML's answer into its results. Of each result, only its end is found here.

If a strict reader refuses the body (a lone surrogate, NaN, a control character), a lenient one splits it. So one bad
result does not spoil the others.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import msgspec
from msgspec import Raw, Struct

from identity_assets.clean_text import one_line
from identity_assets.lml.errors import LmlMalformedAnswer
from identity_assets.lml.text import lenient_decoder, loads_leniently

_BOM: Final = b"\xef\xbb\xbf"
_MAX_LENIENT_BYTES: Final = 16 * 1024 * 1024
_SPACE: Final = re.compile(r"[ \t\r\n]*")


@dataclass(frozen=True, slots=True)
class Envelope:
    """One 200 body. Each of the `count` results is JSON that has not been read."""

    count: int
    results: Iterable[Raw | bytes]
    cache_stats: object
    tracks_contract_version: object


class _Strict(Struct):
    results: list[Raw]
    cache_stats: Raw = Raw(b"null")
    tracks_contract_version: Raw = Raw(b"null")


_READER: Final = msgspec.json.Decoder(_Strict)
_NO_RESULTS: Final = "LML's answer is not an object with a list `results`"


def open_envelope(body: bytes, max_values: int) -> Envelope:
    """Take a body apart. Raises LmlMalformedAnswer where it is not an object with a list `results`.

    `max_values` bounds the memory that a body may take: one with more commas is refused unread.
    """
    if body.count(b",") > max_values:
        raise LmlMalformedAnswer(f"LML's answer holds more than {max_values} values")
    body = body.removeprefix(_BOM)
    try:
        strict = _READER.decode(body)
        return Envelope(
            len(strict.results),
            strict.results,
            _value(strict.cache_stats),
            _value(strict.tracks_contract_version),
        )
    except msgspec.ValidationError:
        raise LmlMalformedAnswer(_NO_RESULTS) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        if len(body) > _MAX_LENIENT_BYTES:
            raise LmlMalformedAnswer(f"LML's answer is not JSON: {error}") from None
        return _open_leniently(body.decode("utf-8", "replace"))


def finite_numbers(stats: object) -> dict[str, float]:
    """The finite numbers in `cache_stats`, which is untrusted."""
    if not isinstance(stats, dict):
        return {}
    return {
        one_line(key, 40): float(value)
        for key, value in stats.items()
        if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300
    }


def _value(raw: Raw) -> object:
    try:
        return loads_leniently(bytes(raw).decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None


def _open_leniently(text: str) -> Envelope:
    spans: list[tuple[int, int]] | None = None
    others: dict[str, object] = {}
    try:
        walk = _Walk(text)
        for key in walk.fields():
            if key == "results":
                spans = list(walk.items())
            else:
                others[key] = walk.value()
        walk.end()
    except (ValueError, RecursionError) as error:
        raise LmlMalformedAnswer(f"LML's answer is not JSON: {error}") from None
    if spans is None:
        raise LmlMalformedAnswer(_NO_RESULTS)
    results = (text[start:end].encode() for start, end in spans)
    return Envelope(len(spans), results, others.get("cache_stats"), others.get("tracks_contract_version"))


class _Walk:
    """Python's own JSON reader, stepped through the outermost object. Raises ValueError where it is broken."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._read = lenient_decoder().raw_decode

    def fields(self) -> Iterator[str]:
        """Each key of the object; the caller reads its value before it takes the next."""
        self._take("{")
        closed = self._next_is("}")
        while not closed:
            key = self.value()
            if not isinstance(key, str):
                raise ValueError(f"a key is missing at {self._at}")
            self._take(":")
            yield key
            closed = self._take(",}") == "}"

    def items(self) -> Iterator[tuple[int, int]]:
        """Where each item of the list begins and ends."""
        self._take("[")
        closed = self._next_is("]")
        while not closed:
            self._skip_space()
            start = self._at
            self.value()
            yield start, self._at
            closed = self._take(",]") == "]"

    def value(self) -> object:
        """The value that comes next."""
        self._skip_space()
        value, self._at = self._read(self._text, self._at)
        return value

    def end(self) -> None:
        """Check that nothing follows."""
        self._skip_space()
        if self._at != len(self._text):
            raise ValueError(f"more text follows at {self._at}")

    def _next_is(self, character: str) -> bool:
        self._skip_space()
        found = self._text[self._at : self._at + 1] == character
        self._at += found
        return found

    def _take(self, expected: str) -> str:
        self._skip_space()
        found = self._text[self._at : self._at + 1]
        if not found or found not in expected:
            raise ValueError(f"one of {expected} is missing at {self._at}")
        self._at += 1
        return found

    def _skip_space(self) -> None:
        matched = _SPACE.match(self._text, self._at)
        self._at = matched.end() if matched else self._at
