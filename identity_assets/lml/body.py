"""Reading a response's body within a limit of bytes, decompressed piece by piece."""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable, Iterator
from typing import Final

import httpx

ACCEPT_ENCODING: Final = "gzip"
"""Not deflate: some servers send it without the header of zlib, and such a body cannot be read."""
_PIECE: Final = 256 * 1024
_GZIP_OR_ZLIB: Final = 32 + zlib.MAX_WBITS


class BodyTooLarge(Exception):
    """The body has more bytes than the limit, as it was sent or after decoding."""


class BodyBroken(Exception):
    """The body is not in the encoding that the response declares, or in one that was not asked for."""


def read_body(response: httpx.Response, limit: int, on_size: Callable[[int], None]) -> bytes:
    """The whole body, decoded; `on_size` is told after each piece how many bytes there are.

    Raises BodyTooLarge, BodyBroken, or what httpx raises.
    """
    # Gives its bytes away without a copy, and keeps none when an exception holds this frame.
    with io.BytesIO() as body:
        for piece in _pieces(response, limit):
            body.write(piece)
            if body.tell() > limit:
                raise BodyTooLarge
            on_size(body.tell())
        return body.getvalue()


def read_beginning(response: httpx.Response, limit: int) -> str:
    """At most `limit` bytes of the body as text, in any charset; an empty text if the body is broken."""
    body = bytearray()
    try:
        for piece in _pieces(response, limit * 4):
            body += piece
            if len(body) >= limit:
                break
    except (BodyBroken, BodyTooLarge, httpx.HTTPError, httpx.StreamError):
        pass
    return bytes(body[:limit]).decode("utf-8", "replace")


def _pieces(response: httpx.Response, limit: int) -> Iterator[bytes]:
    encoding = response.headers.get("content-encoding", "").strip().lower()
    if encoding in ("", "identity"):
        return _limited(response.iter_raw(), limit)
    if encoding in ("gzip", "x-gzip", "deflate"):
        return _inflated(_limited(response.iter_raw(), limit))
    raise BodyBroken(f"it is in an encoding that was not asked for: {encoding}")


def _limited(chunks: Iterator[bytes], limit: int) -> Iterator[bytes]:
    sent = 0
    for chunk in chunks:
        sent += len(chunk)
        if sent > limit:
            raise BodyTooLarge
        yield chunk


def _inflated(chunks: Iterator[bytes]) -> Iterator[bytes]:
    inflater = zlib.decompressobj(_GZIP_OR_ZLIB)
    try:
        for chunk in chunks:
            rest, more = chunk, True
            while more and not inflater.eof:
                piece = inflater.decompress(rest, _PIECE)
                yield piece
                rest = inflater.unconsumed_tail
                more = bool(rest) or len(piece) == _PIECE
    except zlib.error as error:
        raise BodyBroken(str(error)) from None
    if not inflater.eof:
        raise BodyBroken("it ends too early")
