"""Text and JSON from outside, made safe where they enter, so that PostgreSQL stores them.

What is shown to people is cleaned by clean_text.py.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, Final

LOST: Final = "\ufffd"
"""Stands in the place of a character that PostgreSQL's jsonb refuses, as Unicode means it to."""

_NOT_STORED: Final = re.compile("[\x00\ud800-\udfff]")
_NOT_IN_AN_ID: Final = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffd]")
_ESCAPES: Final = re.compile(rb"\\(?:u00[0-7]|/)")
_MAX_DIGITS: Final = 300
MAX_DEPTH: Final = 64
_NO_BRACKETS: Final = bytes(set(range(256)) - set(b"[]{}"))

# With digits, signs and space taken out, a number with an exponent is an `e` after `:`, `,` or `[`.
_NUMBERS: Final = b"0123456789.+- \t\r\n"
_PLAIN: Final = bytes.maketrans(b":[E", b",,e")
_ALL_ZEROS: Final = bytes.maketrans(b"123456789.", b"0" * 10)


def is_identifier(text: str) -> bool:
    """Whether this can be an id: it is not blank, and it holds no control character and no lost one."""
    if text.isspace() or not text:
        return False
    return text.isprintable() if text.isascii() else _NOT_IN_AN_ID.search(text) is None


def loads_leniently(text: str) -> Any:
    """Read JSON as Python's own reader does, with what `lenient_decoder` lets pass. Raises ValueError."""
    return lenient_decoder().decode(text)


def lenient_decoder() -> json.JSONDecoder:
    """A reader that takes lone surrogates and control characters, and gives None for a number that is not finite."""
    return json.JSONDecoder(
        strict=False, parse_constant=lambda _: None, parse_int=_whole_number, parse_float=_finite
    )


def is_storable(body: bytes) -> bool:
    """Whether this JSON, which is known to be well-formed, can be kept as it is.

    False where jsonb could refuse it (a NUL, a number beyond its range, no UTF-8), where escapes could hide a
    secret, and sometimes without need. It runs over every answer, so it only searches for fixed bytes.
    """
    if b"\\" in body and _ESCAPES.search(body):
        return False
    if b",e" in body.translate(_PLAIN, _NUMBERS) or b"0" * _MAX_DIGITS in body.translate(_ALL_ZEROS):
        return False
    return _is_shallow(body) and (body.isascii() or _is_utf8(body))


def _is_shallow(body: bytes) -> bool:
    """Whether at most MAX_DEPTH levels are nested. Brackets inside a string may make the result False too."""
    brackets = body.translate(None, _NO_BRACKETS)
    for _ in range(MAX_DEPTH):
        if not brackets:
            break
        brackets = brackets.replace(b"[]", b"").replace(b"{}", b"")
    return not brackets


def _is_utf8(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


def storable(value: Any, secret: str | None = None, depth: int = MAX_DEPTH) -> Any:
    """A copy of a JSON value that jsonb takes: U+FFFD stands for each NUL, lone surrogate, and for the secret.

    Raises RecursionError where more than `depth` levels are nested.
    """
    if isinstance(value, str):
        text = _NOT_STORED.sub(LOST, value)
        return text.replace(secret, LOST) if secret else text
    if not isinstance(value, list | dict):
        return value
    if depth == 0:
        raise RecursionError
    if isinstance(value, list):
        return [storable(item, secret, depth - 1) for item in value]
    return {storable(key, secret): storable(item, secret, depth - 1) for key, item in value.items()}


def dumps(value: Any) -> bytes:
    """JSON in UTF-8. Integers of any size are written; the value is one that `storable` gave."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def _whole_number(digits: str) -> int | None:
    return int(digits) if len(digits) <= _MAX_DIGITS else None


def _finite(digits: str) -> float | None:
    number = float(digits)
    return number if math.isfinite(number) else None
