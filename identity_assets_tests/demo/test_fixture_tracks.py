"""What the fixture LML answers about the tracks of compilations."""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import Any

import httpx
import pytest

from identity_assets.demo.fixture_lml import (
    ENDPOINT,
    Fault,
    FaultKind,
    FixtureLmlProcess,
    FixtureLmlThread,
    TrackSettings,
    TrackState,
)
from identity_assets.demo.fixture_lml.tracks import (
    TrackCredit,
    Tracks,
    TrackSizes,
    credits_of,
    read_credits,
    write_credits,
)
from identity_assets.demo.fixture_lml.wire import Question
from identity_assets.lml.judging import CONFIDENCE_BANDS, judge

KNOWN = ("Björk", "Cluster", "Stereolab")
COMPILATION: dict[str, object] = {"library_id": 1, "artist_name": "Various Artists", "album_title": "Hits"}


def ask(lml: FixtureLmlThread, *inputs: dict[str, object], include_tracks: bool = True) -> dict[str, Any]:
    """The whole answer."""
    return ask_at(lml.url, *inputs, include_tracks=include_tracks)


def ask_at(url: str, *inputs: dict[str, object], include_tracks: bool) -> dict[str, Any]:
    """The whole answer of the fixture at this address."""
    with httpx.Client(base_url=url, trust_env=False) as http:
        response = http.post(ENDPOINT, json={"inputs": inputs, "include_tracks": include_tracks})
    assert response.status_code == 200
    answer: dict[str, Any] = response.json()
    return answer


@pytest.mark.parametrize(
    ("state", "attempted", "has_entries"),
    [
        ("not_visited", False, False),
        ("nothing_found", True, False),
        ("resolved", True, True),
        ("attempted_lost", False, True),
    ],
)
@pytest.mark.parametrize("version", [1, None])
def test_each_state_of_the_pair_can_be_had_with_and_without_the_marker(
    state: TrackState, attempted: bool, has_entries: bool, version: int | None
) -> None:
    with FixtureLmlThread(KNOWN, tracks=TrackSettings(state, version)) as lml:
        answer = ask(lml, COMPILATION)
    (result,) = answer["results"]
    assert (result["tracks_attempted"], bool(result["tracks"])) == (attempted, has_entries)
    assert answer["tracks_contract_version"] == version
    assert judge(result).rejected_reason is None


def test_without_the_question_for_tracks_the_pair_and_the_marker_are_null() -> None:
    with FixtureLmlThread(KNOWN, tracks=TrackSettings("resolved")) as lml:
        answer = ask(lml, COMPILATION, include_tracks=False)
    (result,) = answer["results"]
    assert result["tracks_attempted"] is result["tracks"] is answer["tracks_contract_version"] is None


def test_the_same_release_gets_the_same_tracks_and_another_release_others() -> None:
    others = [{**COMPILATION, "library_id": 2}, {**COMPILATION, "album_title": "More Hits"}]
    answers = []
    for known in (KNOWN, KNOWN[::-1]):
        with FixtureLmlThread(known, tracks=TrackSettings("resolved")) as lml:
            answers.append(ask(lml, COMPILATION)["results"] + ask(lml, *others)["results"])
    assert answers[0] == answers[1]
    assert len({str(result["tracks"]) for result in answers[0]}) == 3


def test_entries_name_the_credits_that_the_demo_can_store_and_keep_the_bands() -> None:
    question = Question(library_id=7, artist_name="Various Artists", album_title="Hits")
    sizes = TrackSizes(60, 70, 80)
    _, entries = Tracks(KNOWN, TrackSettings("resolved", sizes=sizes)).pair(question)
    assert [(e["artist_name"], e["track_title"], e["track_position"]) for e in entries] == [
        (credit.artist_name, credit.track_title, credit.track_position)
        for credit in credits_of(question, sorted(KNOWN), sizes)
    ]
    resolved = [entry for entry in entries if entry["resolved_artist_name"] is not None]
    assert 0 < len(resolved) < len(entries)
    for entry in resolved:
        low, high = CONFIDENCE_BANDS[entry["method"]]
        assert low <= entry["confidence"] <= high
        assert entry["sources"]


def test_all_states_occur_and_the_sizes_are_the_published_ones() -> None:
    tracks = Tracks((), TrackSettings())
    questions = [Question(library_id=n, artist_name="V/A", album_title="Hits") for n in range(200)]
    pairs = {(attempted, bool(entries)) for attempted, entries in map(tracks.pair, questions)}
    assert pairs == {(False, False), (True, False), (True, True), (False, True)}
    sizes = [TrackSizes().credits((place + 0.5) / 6300) for place in range(6300)]
    assert statistics.mean(sizes) == pytest.approx(56, rel=0.05)
    assert sizes[round(0.99 * 6300)] == pytest.approx(483, rel=0.02)
    assert (min(sizes), max(sizes)) == (1, 2364)


@pytest.mark.parametrize(("mean", "p99"), [(56, 56), (56, 40), (0, 10), (1, 1000)])
def test_sizes_that_no_curve_has_are_refused(mean: float, p99: float) -> None:
    with pytest.raises(ValueError, match="no lognormal curve"):
        TrackSizes(mean, p99)


@pytest.mark.parametrize("kind", ["bad_track", "no_tracks_marker"])
def test_a_fault_in_the_tracks_hits_one_call(kind: FaultKind) -> None:
    with FixtureLmlThread(KNOWN, tracks=TrackSettings("resolved")) as lml:
        good = ask(lml, COMPILATION)
        lml.faults.add(Fault(kind, times=1))
        bad = ask(lml, COMPILATION)
        assert ask(lml, COMPILATION) == good
    if kind == "bad_track":
        (before,), (after,) = good["results"], bad["results"]
        assert after["tracks"][0] == {**before["tracks"][0], "confidence": "high"}
        assert after["tracks"][1:] == before["tracks"][1:]
    else:
        assert bad == {**good, "tracks_contract_version": None}


def test_given_credits_are_all_that_lml_knows_and_it_resolves_each_of_them(tmp_path: Path) -> None:
    given = {1: [TrackCredit("Ants", "Bees", "A1"), TrackCredit("Moths", None, None)]}
    write_credits(tmp_path / "credits.json", given)
    assert read_credits(tmp_path / "credits.json") == given
    with FixtureLmlThread(KNOWN, tracks=TrackSettings(given=given)) as lml:
        first, second = ask(lml, COMPILATION, {**COMPILATION, "library_id": 2})["results"]
    assert [(entry["artist_name"], entry["resolved_artist_name"]) for entry in first["tracks"]] == [
        ("Ants", "Ants"),
        ("Moths", "Moths"),
    ]
    assert (first["tracks_attempted"], second["tracks_attempted"], second["tracks"]) == (True, True, [])
    assert judge(first).rejected_reason is None


def test_flaws_repeat_some_tracks_at_another_position_and_spoil_a_few() -> None:
    question = Question(library_id=7, artist_name="Various Artists", album_title="Hits")
    sizes = TrackSizes(2_000, 2_010, 2_100)
    _, good = Tracks(KNOWN, TrackSettings("resolved", sizes=sizes)).pair(question)
    _, flawed = Tracks(KNOWN, TrackSettings("resolved", sizes=sizes, flaws=True)).pair(question)
    repeated = [entry for entry in flawed if (entry["track_position"] or "").endswith("b")]
    assert 15 < len(repeated) == len(flawed) - len(good) < 60
    assert 0 < sum(entry["confidence"] == 2.0 for entry in flawed) < 20


def test_a_process_of_its_own_answers_with_the_same_tracks_as_a_thread() -> None:
    given = {1: [TrackCredit("Ants", "Bees", "A1")]}
    for settings in (
        TrackSettings("resolved", None, TrackSizes(4, 30, 240), flaws=True),
        TrackSettings(given=given),
    ):
        with (
            FixtureLmlThread(KNOWN, tracks=settings) as thread,
            FixtureLmlProcess(KNOWN, tracks=settings) as process,
        ):
            answers = [ask_at(url, COMPILATION, include_tracks=True) for url in (thread.url, process.url)]
        assert answers[0] == answers[1]
        assert answers[0]["results"][0]["tracks"]
