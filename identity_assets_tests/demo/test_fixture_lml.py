"""The fixture LML, which the demo and the tests use, keeps the contract of the real one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import httpx
import orjson
import pytest

from identity_assets.demo.fixture_lml import (
    ENDPOINT,
    Fault,
    FaultKind,
    FixtureLmlProcess,
    FixtureLmlThread,
)
from identity_assets.lml.client import LmlClient
from identity_assets.lml.contract import CONFIDENCE_BANDS, LibraryInput, judge

ROOT = Path(__file__).resolve().parents[2]
RESULT_KEYS = {
    "kind",
    "library_id",
    "main",
    "method",
    "confidence",
    "provenance",
    "tracks_attempted",
    "tracks",
}


@pytest.fixture
def lml() -> Iterator[FixtureLmlThread]:
    with FixtureLmlThread(["Björk", "Cluster"]) as running:
        yield running


@pytest.fixture
def http(lml: FixtureLmlThread) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=lml.url, trust_env=False) as plain:
        yield plain


def one(library_id: int, artist_name: str) -> dict[str, object]:
    return {"library_id": library_id, "artist_name": artist_name, "album_title": "Untitled"}


def results(http: httpx.Client, *inputs: object, **more: object) -> list[dict[str, Any]]:
    response = http.post(ENDPOINT, json={"inputs": inputs, **more})
    assert response.status_code == 200
    answered: list[dict[str, Any]] = response.json()["results"]
    return answered


def test_a_known_artist_is_resolved_in_any_spelling_and_always_to_the_same(http: httpx.Client) -> None:
    first, second, third = results(http, one(1, "Björk"), one(2, "BJORK"), one(3, "Björk"))
    assert first["kind"] == "single_artist"
    assert first["main"] == second["main"] == third["main"]
    assert first["provenance"] == second["provenance"]
    assert judge(first).rejected_reason is None


def test_an_unknown_artist_is_unresolved_with_nothing_found(http: httpx.Client) -> None:
    (answer,) = results(http, one(1, "Nobody At All"))
    assert (answer["kind"], answer["method"], answer["confidence"], answer["main"]) == (
        "unresolved",
        None,
        None,
        None,
    )
    assert answer["provenance"]
    assert {(row["confidence"], row["external_id"]) for row in answer["provenance"]} == {(None, None)}
    assert judge(answer).rejected_reason is None


def test_a_compilation_has_tracks_only_when_they_are_asked_for(http: httpx.Client) -> None:
    various = one(1, "Various Artists - Rock")
    (plain,) = results(http, various)
    (tracks,) = results(http, various, include_tracks=True)
    (artist,) = results(http, one(2, "Cluster"), include_tracks=True)
    assert (plain["kind"], plain["tracks_attempted"], plain["tracks"]) == ("compilation", None, None)
    assert tracks["kind"] == "compilation"
    assert isinstance(tracks["tracks_attempted"], bool)
    assert isinstance(tracks["tracks"], list)
    assert (artist["tracks_attempted"], artist["tracks"]) == (None, None)
    assert judge(plain).rejected_reason is judge(tracks).rejected_reason is None


@pytest.mark.parametrize(("include_tracks", "version"), [(True, 1), (False, None)])
def test_every_key_of_the_contract_is_there_and_the_version_says_whether_tracks_are(
    http: httpx.Client, include_tracks: bool, version: int | None
) -> None:
    inputs = [one(1, "Cluster"), one(2, "Nobody"), one(3, "Various Artists")]
    answer = http.post(ENDPOINT, json={"inputs": inputs, "include_tracks": include_tracks}).json()
    assert all(set(result) == RESULT_KEYS for result in answer["results"])
    assert answer["tracks_contract_version"] == version
    assert answer["cache_stats"].keys() >= {"memory_hits", "pg_hits", "pg_misses", "api_calls"}


def test_verdicts_are_varied_valid_and_composed_by_the_rules() -> None:
    names = [f"Artist {n}" for n in range(1000)]
    with FixtureLmlThread(names) as lml, httpx.Client(base_url=lml.url, trust_env=False) as http:
        verdicts = results(http, *(one(n, name) for n, name in enumerate(names)))
    assert {verdict["kind"] for verdict in verdicts} == {"single_artist"}
    assert [judge(verdict).rejected_reason for verdict in verdicts] == [None] * 1000
    usable = [[row for row in v["provenance"] if row["confidence"] is not None] for v in verdicts]
    assert 2.5 < sum(map(len, usable)) / 1000 < 3.5
    assert min(map(len, usable)) >= 1
    assert {row["source"] for rows in usable for row in rows} == {
        "discogs",
        "musicbrainz",
        "wikidata",
        "spotify",
        "apple_music",
        "bandcamp",
    }
    assert {v["method"] for v in verdicts} >= {"cross_source_agreement", "exact_match", "trigram", "llm"}
    assert any(0.60 <= row["confidence"] < 0.70 for rows in usable for row in rows)
    for verdict, rows in zip(verdicts, usable, strict=True):
        counted = {row["source"]: row["confidence"] for row in rows if row["confidence"] >= 0.70}
        assert verdict["confidence"] >= 0.70
        if {"discogs", "musicbrainz"} <= counted.keys():
            expected = max(0.95, min(counted["discogs"], counted["musicbrainz"]))
            assert (verdict["method"], verdict["confidence"]) == ("cross_source_agreement", expected)
        else:
            assert verdict["confidence"] == min(counted.values())
            low, high = CONFIDENCE_BANDS[verdict["method"]]
            assert low <= verdict["confidence"] <= high


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"{", 400),
        (b"[]", 422),
        (b"{}", 422),
        (b'{"inputs": []}', 422),
        (b'{"inputs": [{"library_id": "1", "artist_name": "a", "album_title": "b"}]}', 422),
        (b'{"inputs": [{"library_id": 1, "artist_name": null, "album_title": "b"}]}', 422),
        (orjson.dumps({"inputs": [one(n, "a") for n in range(1001)]}), 413),
        (orjson.dumps({"inputs": [one(n, "a") for n in range(1000)]}), 200),
    ],
)
def test_a_bad_request_is_refused_as_lml_refuses_it(http: httpx.Client, content: bytes, status: int) -> None:
    assert http.post(ENDPOINT, content=content).status_code == status


def test_without_the_key_there_is_no_answer() -> None:
    with FixtureLmlThread(api_key="right") as lml, httpx.Client(base_url=lml.url, trust_env=False) as http:
        assert http.post(ENDPOINT, json={"inputs": [one(1, "a")]}).status_code == 401
        right = {"Authorization": "Bearer right"}
        assert http.post(ENDPOINT, json={"inputs": [one(1, "a")]}, headers=right).status_code == 200


def test_an_input_takes_its_time_and_calls_overlap() -> None:
    with FixtureLmlThread(seconds_per_input=0.01) as lml, httpx.Client(base_url=lml.url) as http:
        started = time.monotonic()
        results(http, *(one(n, "a") for n in range(20)))
        assert time.monotonic() - started >= 0.2


def test_faults_are_set_counted_and_cleared_over_http(lml: FixtureLmlThread, http: httpx.Client) -> None:
    fault = {"kind": "status", "status": 503, "times": 1, "retry_after": "7", "library_id": 2}
    assert http.post("/_fixture/faults", json=[fault]).status_code == 200
    results(http, one(1, "a"))
    hit = http.post(ENDPOINT, json={"inputs": [one(2, "a")]})
    assert (hit.status_code, hit.headers["retry-after"]) == (503, "7")
    results(http, one(2, "a"))
    assert http.get("/_fixture/calls").json() == {
        "number": 3,
        "inputs": 3,
        "most_at_once": 1,
        "by_library_id": {"1": 1, "2": 2},
    }
    http.post("/_fixture/faults", json=[{"kind": "malformed"}])
    assert http.delete("/_fixture/faults").status_code == 200
    results(http, one(1, "a"))
    http.post("/_fixture/faults", json=[{"kind": "malformed"}])
    http.post("/_fixture/reset")
    assert lml.calls.number == 0
    results(http, one(1, "a"))
    assert http.post("/_fixture/faults", json=[{"kind": "gremlin"}]).status_code == 422


TRACK_FAULTS = ("bad_track", "no_tracks_marker")
SLOW_FAULTS = ("hang", "delay")


@pytest.mark.parametrize(
    "kind", [kind for kind in get_args(FaultKind) if kind not in (*SLOW_FAULTS, *TRACK_FAULTS)]
)
def test_every_kind_of_fault_changes_what_comes_back(http: httpx.Client, kind: str) -> None:
    def come_back() -> object:
        try:
            response = http.post(ENDPOINT, json={"inputs": [one(n, "Cluster") for n in range(3)]})
        except httpx.TransportError as error:
            return type(error).__name__
        return response.status_code, response.content

    before = come_back()
    http.post("/_fixture/faults", json=[{"kind": kind, "times": 1}])
    assert come_back() != before
    assert come_back() == before


@pytest.mark.parametrize("kind", SLOW_FAULTS)
def test_a_hang_or_a_delay_keeps_the_caller_waiting(lml: FixtureLmlThread, kind: FaultKind) -> None:
    lml.faults.add(Fault(kind, seconds=0.3))
    with httpx.Client(base_url=lml.url, timeout=0.1) as http, pytest.raises(httpx.ReadTimeout):
        http.post(ENDPOINT, json={"inputs": [one(1, "a")]})


def test_a_fixture_with_a_call_that_hangs_still_stops() -> None:
    with FixtureLmlThread() as lml:
        lml.faults.add(Fault("hang"))
        with httpx.Client(base_url=lml.url, timeout=0.1) as http, pytest.raises(httpx.ReadTimeout):
            http.post(ENDPOINT, json={"inputs": [one(1, "a")]})
        started = time.monotonic()
    assert time.monotonic() - started < 5


def test_the_fixture_answers_from_a_process_of_its_own_and_leaves_none_behind() -> None:
    with FixtureLmlProcess(["Björk", "Stereolab"], api_key="right") as lml:
        with LmlClient(lml.url, "right") as client:
            answer = client.resolve([LibraryInput(1, "Bjork", "Post"), LibraryInput(2, "Nobody", "")])
        assert [verdict.kind for verdict in answer.verdicts] == ["single_artist", "unresolved"]
        url = lml.url
    with pytest.raises(httpx.ConnectError):
        httpx.get(url, trust_env=False)


def test_the_process_ends_when_its_block_is_left_by_an_error() -> None:
    with pytest.raises(RuntimeError, match="in the block"), FixtureLmlProcess([]) as lml:
        raise RuntimeError("in the block")
    with pytest.raises(httpx.ConnectError):
        httpx.get(lml.url, trust_env=False)


@pytest.mark.parametrize("end", ["parent", signal.SIGTERM, signal.SIGINT])
def test_the_process_stops_quietly_on_a_signal_and_with_its_parent(tmp_path: Path, end: object) -> None:
    known = tmp_path / "known.txt"
    known.write_text("Björk\nStereolab", "utf-8")
    command = [sys.executable, "-m", "identity_assets.demo.fixture_lml", "--known", str(known)]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            line = process.stdout.readline().decode()
            assert line.startswith("listening on http://127.0.0.1:")
            if isinstance(end, signal.Signals):
                process.send_signal(end)
            else:
                process.stdin.close()
            assert process.wait(10) == 0
            assert (process.stdout.read(), process.stderr.read()) == (b"", b"")
        finally:
            process.kill()


def test_a_fixture_that_cannot_start_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(RuntimeError, match="did not start"), FixtureLmlProcess([]):
        pass
