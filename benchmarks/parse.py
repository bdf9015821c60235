"""How long one answer of LML takes to be read, and what one bad result in it costs: msgspec beside pydantic.

`python -m benchmarks.parse [--inputs 500] [--rounds 30]`. Both readers give the same: the bytes of each result, and
each result checked by itself. The project's own reader stands beside them. The rounds alternate, so that a busy
machine slows all alike; the figures are medians.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from typing import Annotated, Any

import msgspec
import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from identity_assets.lml.contract import LmlMalformedAnswer, parse_answer
from identity_assets.lml.judging import Kind, Method, Result, Source

Reader = Callable[[bytes, int], int]


class _Model(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")


class _Provenance(_Model):
    source: Source
    method: Method | None = None
    confidence: Annotated[float, Field(ge=0, le=1)] | None = None
    external_id: str | None = None


class _Main(_Model):
    discogs_artist_id: Annotated[int, Field(ge=1, le=2**31 - 1)] | None = None
    musicbrainz_artist_id: str | None = None
    wikidata_qid: str | None = None
    spotify_artist_id: str | None = None
    apple_music_artist_id: str | None = None
    bandcamp_id: str | None = None


class _Result(_Model):
    library_id: int
    kind: Kind
    main: _Main | None = None
    method: Method | None = None
    confidence: Annotated[float, Field(ge=0, le=1)] | None = None
    provenance: list[_Provenance]
    tracks_attempted: bool | None = None
    tracks: list[Any] | None = None


class _Envelope(msgspec.Struct):
    results: list[msgspec.Raw]


_ENVELOPE = msgspec.json.Decoder(_Envelope)
_RESULT = msgspec.json.Decoder(Result)


def with_pydantic(body: bytes, _inputs: int) -> int:
    """Read all, then check and write each result; how many are good."""
    good = 0
    for result in orjson.loads(body)["results"]:
        orjson.dumps(result)
        try:
            _Result.model_validate(result)
        except ValidationError:
            continue
        good += 1
    return good


def with_msgspec(body: bytes, _inputs: int) -> int:
    """Cut into results, then read and check each; how many are good."""
    good = 0
    for raw in _ENVELOPE.decode(body).results:
        bytes(raw)
        try:
            _RESULT.decode(raw)
        except msgspec.ValidationError:
            continue
        good += 1
    return good


def with_the_project(body: bytes, inputs: int) -> int:
    """What a run does: bands, ids and storability are checked too."""
    return sum(not one.rejected for one in parse_answer(body, range(inputs)).verdicts)


READERS: dict[str, Reader] = {
    "pydantic": with_pydantic,
    "msgspec": with_msgspec,
    "project": with_the_project,
}


def answer(inputs: int) -> bytes:
    """A whole answer, each row with six ids and four sources."""
    mbid = "52074ba6-e495-4ef3-9bb4-0703888a9f68"
    main = {"discogs_artist_id": 42, "musicbrainz_artist_id": mbid, "wikidata_qid": "Q42", "bandcamp_id": "x"}
    sources = ("discogs", "musicbrainz", "wikidata", "spotify")
    entry = {"method": "exact_match", "confidence": 1.0, "external_id": mbid}
    common = {"kind": "single_artist", "main": main, "method": "exact_match", "confidence": 1.0}
    provenance = [{"source": source, **entry} for source in sources]
    rows = [{"library_id": number, **common, "provenance": provenance} for number in range(inputs)]
    return orjson.dumps({"results": rows})


def good_results(read: Reader, body: bytes, inputs: int) -> int:
    """How many results of a body are read as good; 0 where the reader refuses the body as a whole."""
    try:
        return read(body, inputs)
    except (orjson.JSONDecodeError, msgspec.DecodeError, LmlMalformedAnswer):
        return 0


def measure(inputs: int, rounds: int) -> dict[str, dict[str, float]]:
    """Milliseconds an answer, and how many results are good when one of them is bad in one way or another."""
    body = answer(inputs)
    times: dict[str, list[float]] = {name: [] for name in READERS}
    for _ in range(rounds):
        for name, read in READERS.items():
            started = time.perf_counter()
            read(body, inputs)
            times[name].append(time.perf_counter() - started)
    bad = {
        "wrong type": b'{"library_id":"0"',
        "NaN": b'{"x":NaN,"library_id":0',
        "surrogate": b'{"x":"\\ud800","library_id":0',
    }
    return {
        name: {
            "ms": round(statistics.median(times[name]) * 1000, 2),
            **{
                f"good with one {what}": good_results(read, body.replace(b'{"library_id":0', head, 1), inputs)
                for what, head in bad.items()
            },
        }
        for name, read in READERS.items()
    }


def main() -> None:
    """Print the table, as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=30)
    options = parser.parse_args()
    print(json.dumps(measure(options.inputs, options.rounds), indent=2))


if __name__ == "__main__":
    main()
