"""The body of one call to LML."""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from identity_assets.lml.contract import LibraryInput


def request_body(inputs: Sequence[LibraryInput], *, include_tracks: bool = False) -> bytes:
    """The JSON of one call.

    A name that is not well-formed Unicode is sent with `?` for each character that UTF-8 cannot express, so
    that one such row does not keep its whole batch from being asked.
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


def _request(inputs: Sequence[LibraryInput], include_tracks: bool) -> dict[str, object]:
    body: dict[str, object] = {"inputs": inputs}
    if include_tracks:
        body["include_tracks"] = True
    return body


def _sendable(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")
