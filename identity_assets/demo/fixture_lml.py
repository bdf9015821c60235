"""An LML that answers the contract over real HTTP, for the demo (own process) and the tests (a thread).

Its verdicts are a function of the artist's name alone. It can be told to fail in each way LML may fail;
what the other side makes of that is no concern of this module.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import socket
import stat
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from hashlib import blake2b
from pathlib import Path
from signal import SIG_IGN, SIGINT, SIGTERM, signal
from types import TracebackType
from typing import Annotated, Any, Final, Literal, Self
from uuid import UUID

import orjson
import uvicorn
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from uvicorn.protocols.http.h11_impl import H11Protocol
from wxyc_etl.text import (  # type: ignore[import-untyped]  # it ships no types
    is_compilation_artist,
    to_match_form,
)

ENDPOINT: Final = "/api/v1/identity/bulk-resolve-libraries"
MAX_INPUTS: Final = 1_000
SOURCES: Final = ("discogs", "musicbrainz", "wikidata", "spotify", "apple_music", "bandcamp")
KEY_VARIABLE: Final = "FIXTURE_LML_API_KEY"

_TRANSPORT: Final = "fixture_lml.transport"
_BASE62: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
# Method, lowest and highest hundredth of its confidence band, in the order a byte of the hash picks them.
_METHODS: Final = (
    ("exact_match", 100, 100),
    ("name_variation", 90, 99),
    ("exact_match", 100, 100),
    ("trigram", 70, 100),
    ("alias_match", 75, 84),
    ("member_group", 80, 89),
    ("llm", 60, 79),
    ("name_variation", 90, 99),
)

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
]

# One call meets one of these at most: after it there is nothing left to spoil.
_WHOLE_CALL: Final = frozenset({"status", "hang", "drop", "malformed", "truncated"})


@dataclass(frozen=True, slots=True)
class Fault:
    """One way to fail, for every call, or for those that ask about `library_id`, or for `times` of them.

    `seconds` is the length of a delay or a hang; `status` and `retry_after` are those of a `status`.
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
        """Put these in force."""
        with self._lock:
            self._rules.extend(faults)

    def clear(self) -> None:
        """Go back to answering as LML should."""
        with self._lock:
            self._rules.clear()

    def take(self, ids: Collection[int]) -> list[Fault]:
        """The faults that hit a call about these ids, each counted against its `times`."""
        with self._lock:
            hits: list[Fault] = []
            kept: list[Fault] = []
            ended = False
            for rule in self._rules:
                hit = (rule.library_id is None or rule.library_id in ids) and not (
                    ended and rule.kind in _WHOLE_CALL
                )
                if hit:
                    hits.append(rule)
                    ended = ended or rule.kind in _WHOLE_CALL
                kept.extend(_left_of(rule) if hit else [rule])
            self._rules = kept
            return hits


class Calls:
    """What has been asked: `number` of calls, the `sizes` of their batches, how often each library_id.

    `most_at_once` is the largest number of calls that were open at the same time.
    """

    def __init__(self) -> None:
        self.number = 0
        self.sizes: list[int] = []
        self.by_library_id: Counter[int] = Counter()
        self.most_at_once = 0
        self._open = 0

    @property
    def inputs(self) -> int:
        """Inputs asked in all, each as often as it was asked."""
        return sum(self.sizes)

    def reset(self) -> None:
        """Forget what was asked."""
        self.number = self.most_at_once = 0
        self.sizes.clear()
        self.by_library_id.clear()

    @contextmanager
    def open(self) -> Iterator[None]:
        """Count one call while it is answered."""
        self.number += 1
        self._open += 1
        self.most_at_once = max(self.most_at_once, self._open)
        try:
            yield
        finally:
            self._open -= 1


class _Input(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True)
    library_id: int
    artist_name: str
    album_title: str
    legacy_release_id: int | None = None


class _Request(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True)
    inputs: Annotated[list[_Input], Field(min_length=1)]
    include_tracks: bool = False


class _Composer:
    """The verdict on an artist's name, composed once by DOMAIN.md "Composition", rules 2 to 6."""

    def __init__(self, known_artists: Collection[str]) -> None:
        self._known = frozenset(to_match_form(name) for name in known_artists) - {""}
        self._composed: dict[str, dict[str, Any]] = {}

    def result(self, one: _Input, include_tracks: bool) -> dict[str, Any]:
        """One result of the answer; every key of the contract is in it."""
        verdict = self._composed.get(one.artist_name)
        if verdict is None:
            verdict = self._composed[one.artist_name] = self._compose(one.artist_name)
        asked_for = include_tracks and verdict["kind"] == "compilation"
        return {
            "library_id": one.library_id,
            **verdict,
            "tracks_attempted": False if asked_for else None,
            "tracks": [] if asked_for else None,
        }

    def _compose(self, artist_name: str) -> dict[str, Any]:
        name = to_match_form(artist_name)
        if is_compilation_artist(artist_name):
            return _verdict("compilation", [])
        digest = blake2b(name.encode("utf-8", "replace"), digest_size=32).digest()
        if name not in self._known:
            return _verdict("unresolved", [_nothing(source) for source in SOURCES[: 2 + digest[0] % 3]])
        rows = _source_rows(digest)
        counted = [row for row in rows if row["confidence"] is not None and row["confidence"] >= 0.70]
        method, confidence = _composed_pair(counted)
        return _verdict("single_artist", rows, main=_main(counted), method=method, confidence=confidence)


def _verdict(kind: str, provenance: list[dict[str, Any]], **composed: object) -> dict[str, Any]:
    nothing: dict[str, object] = {"main": None, "method": None, "confidence": None}
    return {"kind": kind, **nothing, **composed, "provenance": provenance}


def _source_rows(digest: bytes) -> list[dict[str, Any]]:
    rows = []
    for place, source in enumerate(SOURCES):
        method, low, high = _METHODS[digest[place] % len(_METHODS)]
        if digest[6 + place] < 128:
            confidence = (low + digest[12 + place] % (high - low + 1)) / 100
            rows.append(_found(source, method, confidence, digest))
        else:
            rows.append(_nothing(source))
    if not any(row["confidence"] is not None and row["confidence"] >= 0.70 for row in rows):
        rows[0] = _found("discogs", "exact_match", 1.0, digest)
    return rows


def _nothing(source: str) -> dict[str, Any]:
    return {"source": source, "method": "exact_match", "confidence": None, "external_id": None}


def _found(source: str, method: str, confidence: float, digest: bytes) -> dict[str, Any]:
    external_id = _EXTERNAL_ID[source](digest)
    return {"source": source, "method": method, "confidence": confidence, "external_id": external_id}


def _number(digest: bytes, place: int) -> int:
    return int.from_bytes(digest[place : place + 3], "big") + 1


def _base62(digest: bytes) -> str:
    number = int.from_bytes(digest[:20], "big")
    return "".join(_BASE62[number // 62**place % 62] for place in range(22))


_EXTERNAL_ID: Final[Mapping[str, Callable[[bytes], str]]] = {
    "discogs": lambda digest: str(_number(digest, 18)),
    "musicbrainz": lambda digest: str(UUID(bytes=digest[8:24], version=4)),
    "wikidata": lambda digest: f"Q{_number(digest, 21)}",
    "spotify": _base62,
    "apple_music": lambda digest: str(100_000_000 + _number(digest, 24)),
    "bandcamp": lambda digest: str(1_000_000_000 + _number(digest, 27)),
}


def _composed_pair(counted: Sequence[Mapping[str, Any]]) -> tuple[str, float]:
    corroborating = [row["confidence"] for row in counted if row["source"] in ("discogs", "musicbrainz")]
    if len(corroborating) > 1:
        return "cross_source_agreement", max(0.95, min(corroborating))
    lowest = min(counted, key=lambda row: float(row["confidence"]))
    return lowest["method"], lowest["confidence"]


def _main(counted: Sequence[Mapping[str, Any]]) -> dict[str, object]:
    ids = {row["source"]: row["external_id"] for row in counted}
    return {
        "discogs_artist_id": int(ids["discogs"]) if "discogs" in ids else None,
        "musicbrainz_artist_id": ids.get("musicbrainz"),
        "wikidata_qid": ids.get("wikidata"),
        "spotify_artist_id": ids.get("spotify"),
        "apple_music_artist_id": ids.get("apple_music"),
        "bandcamp_id": ids.get("bandcamp"),
    }


def _cache_stats(inputs: int) -> dict[str, float]:
    hits, misses = inputs // 2, inputs // 10
    return {
        "memory_hits": inputs - hits,
        "pg_hits": hits - misses,
        "pg_misses": misses,
        "api_calls": misses,
        "pg_time_ms": round(0.4 * hits, 1),
        "api_time_ms": round(21.0 * misses, 1),
    }


def _found_row(**changed: object) -> dict[str, object]:
    return {"source": "discogs", "method": "exact_match", "confidence": 1.0, "external_id": "1234", **changed}


def _resolved(result: Mapping[str, Any], **changed: object) -> dict[str, Any]:
    verdict = _verdict("single_artist", [_found_row()], method="exact_match", confidence=1.0)
    return {**result, **verdict, **changed}


# One verdict in, the same verdict with one fault out.
_SPOILED: Final[Mapping[str, Callable[[dict[str, Any]], object]]] = {
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
        **_verdict("unresolved", [], main={"discogs_artist_id": 1}),
    },
}


def _spoil(results: list[Any], fault: Fault) -> list[Any]:
    """The results with one fault, at the named id, or where none is named at each of them."""
    named = [_is_about(result, fault.library_id) for result in results]
    if fault.kind == "reordered":
        return results[::-1]
    if fault.kind == "duplicated":
        return results + [result for result, hit in zip(results, named, strict=True) if hit]
    if fault.kind == "foreign":
        return [{**results[0], "library_id": 2_000_000_000}, *results] if results else []
    if fault.kind == "short":
        last = len(results) - 1
        left_out = [hit if fault.library_id is not None else n == last for n, hit in enumerate(named)]
        return [result for result, out in zip(results, left_out, strict=True) if not out]
    spoil = _SPOILED[fault.kind]
    return [spoil(result) if hit else result for result, hit in zip(results, named, strict=True)]


def _is_about(result: object, library_id: int | None) -> bool:
    return isinstance(result, dict) and library_id in (None, result["library_id"])


def _left_of(rule: Fault) -> list[Fault]:
    if rule.times is None:
        return [rule]
    return [replace(rule, times=rule.times - 1)] if rule.times > 1 else []


def create_app(
    known_artists: Collection[str], *, api_key: str | None = None, seconds_per_input: float = 0.0
) -> Starlette:
    """LML as an ASGI app: resolves `known_artists`, compared by their match form, and nobody else.

    With an `api_key` it answers 401 to any other. `app.state.faults` and `app.state.calls` are its
    Faults and Calls; over HTTP: POST and DELETE `/_fixture/faults`, GET `/_fixture/calls`,
    POST `/_fixture/reset`.
    """
    app = Starlette(
        routes=[
            Route(ENDPOINT, _bulk_resolve, methods=["POST"]),
            Route("/_fixture/faults", _change_faults, methods=["POST", "DELETE"]),
            Route("/_fixture/calls", _report_calls, methods=["GET"]),
            Route("/_fixture/reset", _reset, methods=["POST"]),
        ]
    )
    app.state.composer = _Composer(known_artists)
    app.state.api_key = api_key
    app.state.seconds_per_input = seconds_per_input
    app.state.faults = Faults()
    app.state.calls = Calls()
    return app


async def _bulk_resolve(request: Request) -> Response:
    state = request.app.state
    with state.calls.open():
        if state.api_key and request.headers.get("authorization") != f"Bearer {state.api_key}":
            return _json({"detail": "invalid API key"}, 401)
        asked = _read(await request.body())
        if isinstance(asked, Response):
            return asked
        ids = [one.library_id for one in asked.inputs]
        state.calls.sizes.append(len(ids))
        state.calls.by_library_id.update(ids)
        return await _answer(request, asked, state.faults.take(frozenset(ids)))


def _read(body: bytes) -> _Request | Response:
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        return _json({"detail": "malformed JSON"}, 400)
    inputs = document.get("inputs") if isinstance(document, dict) else None
    if isinstance(inputs, list) and len(inputs) > MAX_INPUTS:
        return _json({"detail": f"{len(inputs)} inputs, {MAX_INPUTS} at most"}, 413)
    try:
        return _Request.model_validate(document)
    except ValidationError as error:
        return _json({"detail": error.errors(include_url=False, include_input=False)[:3]}, 422)


async def _answer(request: Request, asked: _Request, faults: Sequence[Fault]) -> Response:
    state = request.app.state
    pause = state.seconds_per_input * len(asked.inputs)
    pause += sum(fault.seconds or 0.0 for fault in faults if fault.kind == "delay")
    if pause:
        await asyncio.sleep(pause)
    results: list[Any] = [state.composer.result(one, asked.include_tracks) for one in asked.inputs]
    for fault in faults:
        if fault.kind != "delay" and fault.kind not in _WHOLE_CALL:
            results = _spoil(results, fault)
    answer = _json(
        {
            "results": results,
            "cache_stats": _cache_stats(len(asked.inputs)),
            "tracks_contract_version": 1 if asked.include_tracks else None,
        }
    )
    whole = next((fault for fault in faults if fault.kind in _WHOLE_CALL), None)
    return answer if whole is None else await _fail(request, whole, bytes(answer.body))


async def _fail(request: Request, fault: Fault, body: bytes) -> Response:
    if fault.kind == "status":
        headers = {"Retry-After": fault.retry_after} if fault.retry_after is not None else {}
        return _json({"detail": "as the fixture was told"}, fault.status or 503, headers)
    if fault.kind == "malformed":
        return Response(b"<html>this is not JSON</html>", media_type="application/json")
    if fault.kind == "truncated":
        return Response(body[: len(body) // 2], headers={"content-length": str(len(body))})
    if fault.kind == "hang":
        with suppress(TimeoutError):
            async with asyncio.timeout(fault.seconds or 3600.0):
                while not await request.is_disconnected():
                    await asyncio.sleep(0.02)
        return _json({"detail": "too late"}, 504)
    request.scope[_TRANSPORT].abort()
    await asyncio.sleep(0)
    return Response()


async def _change_faults(request: Request) -> Response:
    faults: Faults = request.app.state.faults
    if request.method == "DELETE":
        faults.clear()
        return _json({})
    try:
        added = _FAULTS.validate_json(await request.body())
    except ValidationError as error:
        return _json({"detail": error.errors(include_url=False, include_input=False)[:3]}, 422)
    faults.add(*added)
    return _json([asdict(fault) for fault in added])


async def _report_calls(request: Request) -> Response:
    calls: Calls = request.app.state.calls
    return _json(
        {
            "number": calls.number,
            "inputs": calls.inputs,
            "most_at_once": calls.most_at_once,
            "by_library_id": {str(library_id): count for library_id, count in calls.by_library_id.items()},
        }
    )


async def _reset(request: Request) -> Response:
    request.app.state.faults.clear()
    request.app.state.calls.reset()
    return _json({})


_FAULTS: Final = TypeAdapter(list[Fault])


def _json(content: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(orjson.dumps(content), status, headers, "application/json")


class _Protocol(H11Protocol):
    """Hands the connection to the app, which has no other way to drop it without a word."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        super().connection_made(transport)
        served = self.app

        async def with_transport(scope: Any, receive: Any, send: Any) -> None:
            scope[_TRANSPORT] = transport
            await served(scope, receive, send)

        self.app = with_transport


class _Server(uvicorn.Server):
    """A quiet server on a socket of its own; calls `on_start` once it accepts connections."""

    def __init__(self, app: Starlette, port: int, on_start: Callable[[str], None]) -> None:
        config = uvicorn.Config(
            app,
            http=_Protocol,
            loop="asyncio",
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="critical",
            access_log=False,
            # A client's idle connection outlives any pause of the tests and the demo.
            timeout_keep_alive=600,
            timeout_graceful_shutdown=1,
        )
        super().__init__(config)
        # asyncio sets TCP_NODELAY only on a socket that names its protocol; without it a call takes 40 ms more.
        self._listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind(("127.0.0.1", port))
        self._listener.listen(128)
        self._on_start = on_start
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def serve_until_told(self) -> None:
        """Serve until `should_exit` is set or a signal comes, then close the socket."""
        with self._listener:
            self.run(sockets=[self._listener])

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn's, and says so when it is done."""
        await super().startup(sockets)
        self._on_start(self.url)


class FixtureLmlThread:
    """The fixture on a free port of 127.0.0.1, in a thread; for tests. A context manager."""

    def __init__(
        self,
        known_artists: Collection[str] = (),
        *,
        api_key: str | None = None,
        seconds_per_input: float = 0.0,
    ) -> None:
        self.app = create_app(known_artists, api_key=api_key, seconds_per_input=seconds_per_input)
        self.faults: Faults = self.app.state.faults
        self.calls: Calls = self.app.state.calls
        self.url = ""
        self._started = threading.Event()

    def __enter__(self) -> Self:
        self._server = _Server(self.app, 0, lambda _: self._started.set())
        self._thread = threading.Thread(target=self._server.serve_until_told, name="fixture-lml", daemon=True)
        self.url = self._server.url
        self._thread.start()
        if not self._started.wait(30):
            raise RuntimeError("the fixture LML did not start")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.should_exit = True
        self._thread.join(30)


class FixtureLmlProcess:
    """The fixture in a process of its own, so that its work costs the demo nothing. A context manager."""

    def __init__(
        self,
        known_artists: Collection[str],
        *,
        api_key: str | None = None,
        seconds_per_input: float = 0.0,
    ) -> None:
        self.url = ""
        self._known_artists = known_artists
        self._api_key = api_key
        self._seconds_per_input = seconds_per_input
        self._resources = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as undo:
            folder = Path(undo.enter_context(tempfile.TemporaryDirectory(prefix="fixture-lml-")))
            known = folder / "known.txt"
            known.write_text("\n".join(" ".join(name.split()) for name in self._known_artists), "utf-8")
            # The child has them now; a catalogue of names need not stay in this process too.
            self._known_artists = ()
            process = undo.enter_context(self._start(known))
            undo.callback(_end, process)
            self.url = _announced_url(process)
            self._resources = undo.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._resources.close()

    def _start(self, known: Path) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "identity_assets.demo.fixture_lml", "--known", str(known)]
        command += ["--seconds-per-input", str(self._seconds_per_input)]
        root = str(Path(__file__).resolve().parents[2])
        inherited = os.environ.get("PYTHONPATH")
        env = {**os.environ, "PYTHONPATH": os.pathsep.join([root, inherited] if inherited else [root])}
        if self._api_key:
            command += ["--api-key-env", KEY_VARIABLE]
            env[KEY_VARIABLE] = self._api_key
        # The child reads the pipe only to learn that its parent is gone.
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env)


def _announced_url(process: subprocess.Popen[bytes]) -> str:
    assert process.stdout is not None
    hurry = threading.Timer(60, process.kill)
    hurry.start()
    try:
        line = process.stdout.readline().decode().strip()
    finally:
        hurry.cancel()
        hurry.join()
    if not line.startswith("listening on "):
        raise RuntimeError(f"the fixture LML did not start: it said {line!r}")
    return line.removeprefix("listening on ")


def _end(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    process.stdin.close()
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()


def _stop_with_parent(server: uvicorn.Server) -> None:
    """Stop once the pipe that the parent holds is closed. A terminal or a file says nothing of a parent."""
    try:
        is_pipe = stat.S_ISFIFO(os.fstat(0).st_mode)
    except OSError:
        return
    if not is_pipe:
        return

    def watch() -> None:
        # Not sys.stdin: its lock, held by a thread at exit, would abort the interpreter.
        while os.read(0, 1024):
            pass
        server.should_exit = True

    threading.Thread(target=watch, daemon=True).start()


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until SIGTERM, SIGINT or the parent's end; says on stdout where, once it accepts connections."""
    parser = argparse.ArgumentParser(description="An LML that answers over real HTTP.")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--known", type=Path, required=True, help="file of artist names, one a line, UTF-8")
    parser.add_argument("--api-key-env", metavar="NAME", help="variable that holds the key it asks for")
    parser.add_argument("--seconds-per-input", type=float, default=0.0)
    options = parser.parse_args(arguments)
    app = create_app(
        options.known.read_text("utf-8").split("\n"),
        api_key=os.environ[options.api_key_env] if options.api_key_env else None,
        seconds_per_input=options.seconds_per_input,
    )
    # uvicorn stops cleanly on these and then raises them again, which would end in a traceback.
    for quiet in (SIGINT, SIGTERM):
        signal(quiet, SIG_IGN)
    server = _Server(app, options.port, lambda url: print(f"listening on {url}", flush=True))
    _stop_with_parent(server)
    server.serve_until_told()


if __name__ == "__main__":
    main()
