"""The HTTP interface of the fixture: LML's endpoint, and `/_fixture/...` to control it and to read its counts."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from typing import Any, Final

import orjson
from pydantic import TypeAdapter, ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from identity_assets.demo.fixture_lml.calls import Calls
from identity_assets.demo.fixture_lml.capacity import Capacity, CapacityExceeded, Workplace
from identity_assets.demo.fixture_lml.composer import Composer, cache_stats
from identity_assets.demo.fixture_lml.faults import WHOLE_CALL, Fault, Faults, spoil
from identity_assets.demo.fixture_lml.tracks import TrackSettings
from identity_assets.demo.fixture_lml.wire import ENDPOINT, MAX_INPUTS, BulkRequest

TRANSPORT: Final = "fixture_lml.transport"
"""The key of the ASGI scope that holds the connection's transport; `server` puts it there."""

_FAULTS: Final = TypeAdapter(list[Fault])


def create_app(
    known_artists: Collection[str],
    *,
    api_key: str | None = None,
    seconds_per_input: float = 0.0,
    capacity: Capacity | None = None,
    tracks: TrackSettings | None = None,
) -> Starlette:
    """LML as an ASGI app. It resolves `known_artists`, compared by their match form, and no other artist.

    With an `api_key` it answers 401 to every other key. `app.state.faults` and `app.state.calls` are its `Faults`
    and `Calls`. Over HTTP: POST and DELETE `/_fixture/faults`, GET `/_fixture/calls`, POST `/_fixture/reset`.
    """
    app = Starlette(
        routes=[
            Route(ENDPOINT, _bulk_resolve, methods=["POST"]),
            Route("/_fixture/faults", _change_faults, methods=["POST", "DELETE"]),
            Route("/_fixture/calls", _report_calls, methods=["GET"]),
            Route("/_fixture/reset", _reset, methods=["POST"]),
        ]
    )
    app.state.tracks = tracks or TrackSettings()
    app.state.composer = Composer(known_artists, app.state.tracks)
    app.state.workplace = Workplace(capacity or Capacity(), seconds_per_input)
    app.state.api_key = api_key
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
        ids = [question.library_id for question in asked.inputs]
        state.calls.sizes.append(len(ids))
        state.calls.by_library_id.update(ids)
        return await _answer(request, asked, state.faults.take(frozenset(ids)))


def _read(body: bytes) -> BulkRequest | Response:
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        return _json({"detail": "malformed JSON"}, 400)
    inputs = document.get("inputs") if isinstance(document, dict) else None
    if isinstance(inputs, list) and len(inputs) > MAX_INPUTS:
        return _json({"detail": f"{len(inputs)} inputs, {MAX_INPUTS} at most"}, 413)
    try:
        return BulkRequest.model_validate(document)
    except ValidationError as error:
        return _json({"detail": error.errors(include_url=False, include_input=False)[:3]}, 422)


async def _answer(request: Request, asked: BulkRequest, faults: Sequence[Fault]) -> Response:
    workplace: Workplace = request.app.state.workplace
    delay = sum(fault.seconds or 0.0 for fault in faults if fault.kind == "delay")
    try:
        async with workplace.work_on(len(asked.inputs), delay):
            answer = _json(_document(request.app, asked, faults))
    except CapacityExceeded:
        return _json({"detail": "too many calls"}, 429, _retry_after(workplace.capacity.retry_after))
    whole = next((fault for fault in faults if fault.kind in WHOLE_CALL), None)
    return answer if whole is None else await _fail(request, whole, bytes(answer.body))


def _document(app: Starlette, asked: BulkRequest, faults: Sequence[Fault]) -> dict[str, object]:
    results: list[Any] = [
        app.state.composer.result(question, asked.include_tracks) for question in asked.inputs
    ]
    for fault in faults:
        results = spoil(results, fault)
    marked = asked.include_tracks and all(fault.kind != "no_tracks_marker" for fault in faults)
    return {
        "results": results,
        "cache_stats": cache_stats(len(asked.inputs)),
        "tracks_contract_version": app.state.tracks.contract_version if marked else None,
    }


async def _fail(request: Request, fault: Fault, body: bytes) -> Response:
    if fault.kind == "status":
        return _json(
            {"detail": "as the fixture was told"}, fault.status or 503, _retry_after(fault.retry_after)
        )
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
    request.scope[TRANSPORT].abort()
    await asyncio.sleep(0)
    return Response()


def _retry_after(value: str | None) -> Mapping[str, str]:
    return {"Retry-After": value} if value is not None else {}


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


def _json(content: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(orjson.dumps(content), status, headers, "application/json")
