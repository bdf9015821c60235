"""What the wire promises: one bad result spoils itself alone, and nothing bad is written."""

from __future__ import annotations

import time
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity_assets.lml.contract import (
    CONFIDENCE_BANDS,
    LibraryInput,
    LmlMalformedAnswer,
    Verdict,
    judge,
    parse_answer,
)
from identity_assets.lml.request import request_body
from identity_assets.lml.text import MAX_TEXT


def entry(**changed: object) -> dict[str, object]:
    return {"source": "discogs", "method": "exact_match", "confidence": 1.0, "external_id": "42", **changed}


def result(library_id: object = 1, **changed: object) -> dict[str, Any]:
    return {
        "kind": "single_artist",
        "library_id": library_id,
        "main": {"discogs_artist_id": 42, "wikidata_qid": "Q42"},
        "method": "exact_match",
        "confidence": 1.0,
        "provenance": [entry()],
        "tracks_attempted": None,
        "tracks": None,
        **changed,
    }


def nothing(kind: str, **changed: object) -> dict[str, Any]:
    return result(kind=kind, main=None, method=None, confidence=None, provenance=[]) | changed


def body(*results: object, **more: object) -> bytes:
    return orjson.dumps({"results": list(results), **more})


def only_verdict(raw: object) -> Verdict:
    (verdict,) = parse_answer(body(raw), [1]).verdicts
    return verdict


def rejection(raw: dict[str, Any]) -> str | None:
    return judge(raw).rejected_reason


def aside(raw: dict[str, Any], **how: bool) -> list[tuple[str, int, str]]:
    """The entries that are set aside; the answer itself may be written."""
    judgement = judge(raw, **how)
    assert judgement.rejected_reason is None
    return [(one.where, one.index, one.reason) for one in judgement.set_aside]


def test_a_request_carries_the_names_as_they_are_and_tracks_only_when_asked_for() -> None:
    one = LibraryInput(7, "Björk", "", legacy_release_id=9)
    assert orjson.loads(request_body([one])) == {
        "inputs": [{"library_id": 7, "artist_name": "Björk", "album_title": "", "legacy_release_id": 9}]
    }
    assert orjson.loads(request_body([one], include_tracks=True))["include_tracks"] is True


def test_a_name_that_no_utf8_can_say_does_not_keep_its_batch_from_being_asked() -> None:
    sent = orjson.loads(request_body([LibraryInput(1, "a\ud800b", "x"), LibraryInput(2, "c", "y")]))
    assert [one["artist_name"] for one in sent["inputs"]] == ["a?b", "c"]


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"<html>",
        b"[]",
        b"{}",
        b'{"results": null}',
        b'{"results": {}}',
        b'{"results": [',
        b'{"results": [{"a": NaN}]}',
        b'{"results": ["\\ud800"]}',
        b'{"results": [1e999]}',
        b"\xff\xfe",
        b"[" * 2000,
    ],
)
def test_a_body_that_cannot_be_read_is_a_malformed_answer_and_worth_asking_again(raw: bytes) -> None:
    with pytest.raises(LmlMalformedAnswer) as caught:
        parse_answer(raw, [1])
    assert caught.value.retryable
    assert "\n" not in str(caught.value)


def test_results_are_keyed_by_library_id_and_their_order_is_not_trusted() -> None:
    answer = parse_answer(body(result(3), result(1), result(2)), [1, 2, 3])
    assert sorted(verdict.library_id for verdict in answer.verdicts) == [1, 2, 3]
    assert (answer.missing, answer.foreign, answer.duplicates) == ((), 0, 0)


def test_missing_foreign_and_duplicate_results_are_counted_and_the_first_of_two_wins() -> None:
    first, second = result(1), nothing("unresolved")
    answer = parse_answer(body(first, second, result(99)), [1, 2])
    assert [(one.library_id, one.kind) for one in answer.verdicts] == [(1, "single_artist")]
    assert (answer.missing, answer.foreign, answer.duplicates) == ((2,), 1, 1)


@pytest.mark.parametrize("library_id", ["1", True, 1.0, None, [1], 2**70 * 1.0, 99])
def test_a_result_whose_id_is_no_int_or_was_not_asked_is_foreign(library_id: object) -> None:
    answer = parse_answer(body(result(library_id)), [1])
    assert (answer.verdicts, answer.missing, answer.foreign) == ((), (1,), 1)


@pytest.mark.parametrize("raw", [None, "oops", 1, []])
def test_a_result_that_is_no_object_is_foreign(raw: object) -> None:
    assert parse_answer(body(raw, result(1)), [1]).foreign == 1


def test_the_body_of_a_verdict_is_the_result_as_it_came() -> None:
    raw = result(1, something_new={"deep": [1, "é", None]})
    assert orjson.loads(only_verdict(raw).body) == raw
    assert only_verdict(raw).rejected_reason is None


def test_nul_characters_are_replaced_because_jsonb_refuses_them() -> None:
    verdict = only_verdict(result(1, provenance=[entry(external_id="4\0002")], note="a\\u0000", **{"k\0": 1}))
    stored = orjson.loads(verdict.body)
    assert stored["provenance"][0]["external_id"] == "4\ufffd2"
    assert stored["note"] == "a\\u0000"
    assert "k\ufffd" in stored
    assert b"\\u0000" not in verdict.body.replace(b"\\\\u0000", b"")
    assert not verdict.rejected


def test_a_result_nested_too_deeply_to_be_stored_is_set_aside_alone() -> None:
    deep = orjson.loads(b"[" * 400 + b"]" * 400)
    raw = b'{"results": [{"library_id": 1, "x": %s}, %s]}' % (
        b"[" * 400 + b"]" * 400,
        orjson.dumps(result(2)),
    )
    assert isinstance(deep, list)
    first, second = parse_answer(raw, [1, 2]).verdicts
    assert (first.rejected_reason, second.rejected_reason) == ("the result is nested too deeply", None)


@pytest.mark.parametrize(("method", "band"), CONFIDENCE_BANDS.items())
def test_each_method_takes_its_band_both_ends_included(method: str, band: tuple[float, float]) -> None:
    low, high = band
    for confidence in (low, high):
        assert rejection(result(method=method, confidence=confidence)) is None
        assert rejection(result(provenance=[entry(method=method, confidence=confidence)])) is None
    for confidence in (low - 0.001, high + 0.001):
        assert rejection(result(method=method, confidence=confidence)) is not None
        assert rejection(result(provenance=[entry(method=method, confidence=confidence)])) is not None


def test_a_reason_says_what_was_expected_and_what_came() -> None:
    assert rejection(result(method="trigram", confidence=0.42)) == (
        "method trigram takes a confidence of 0.70 to 1.00, got 0.42"
    )
    assert rejection(result(kind="banana")) == (
        "kind: 'banana' is not one of single_artist, compilation, unresolved"
    )
    assert rejection(result(provenance=[entry(), entry(method="llm")])) == (
        "provenance.1 (discogs): method llm takes a confidence of 0.60 to 0.79, got 1.0"
    )


INVALID = [
    ({"kind": None}, "kind"),
    ({"kind": "x" * 5000}, "kind"),
    ({"kind": "a\nb"}, "kind"),
    ({"method": "inherited"}, "method"),
    ({"method": 3}, "method"),
    ({"confidence": True}, "confidence"),
    ({"confidence": "1.0"}, "confidence"),
    ({"confidence": 1.5}, "confidence"),
    ({"confidence": -0.1}, "confidence"),
    ({"method": None}, "single_artist"),
    ({"confidence": None}, "single_artist"),
    ({"main": []}, "main"),
    ({"main": {"discogs_artist_id": "42"}}, "main.discogs_artist_id"),
    ({"main": {"discogs_artist_id": True}}, "main.discogs_artist_id"),
    ({"main": {"discogs_artist_id": 42.0}}, "main.discogs_artist_id"),
    ({"main": {"discogs_artist_id": 0}}, "main.discogs_artist_id"),
    ({"main": {"discogs_artist_id": 2**31}}, "main.discogs_artist_id"),
    ({"main": {"discogs_artist_id": float(2**70)}}, "main.discogs_artist_id"),
    ({"main": {"wikidata_qid": 42}}, "main.wikidata_qid"),
    ({"provenance": None}, "provenance"),
    ({"provenance": {}}, "provenance"),
    ({"provenance": ["discogs"]}, "provenance.0"),
    ({"provenance": [entry(source="hearsay")]}, "provenance.0.source"),
    ({"provenance": [entry(source=None)]}, "provenance.0.source"),
    ({"provenance": [entry(method="guesswork")]}, "provenance.0.method"),
    ({"provenance": [entry(method=None)]}, "provenance.0"),
    ({"provenance": [entry(external_id=42)]}, "provenance.0.external_id"),
    ({"provenance": [entry(confidence="1")]}, "provenance.0.confidence"),
    ({"tracks_attempted": 1}, "tracks_attempted"),
    ({"tracks": "none"}, "tracks"),
    ({"tracks": [{"artist_name": None}]}, "tracks.0.artist_name"),
    ({"tracks": [{"artist_name": "a", "confidence": 7}]}, "tracks.0.confidence"),
]


@pytest.mark.parametrize(("changed", "named"), INVALID)
def test_an_invalid_verdict_is_set_aside_alone_with_a_short_reason_that_names_the_field(
    changed: dict[str, object], named: str
) -> None:
    bad, good = parse_answer(body(result(1, **changed), result(2)), [1, 2]).verdicts
    assert bad.rejected
    reason = bad.rejected_reason or ""
    assert named in reason
    assert len(reason) <= MAX_TEXT
    assert "\n" not in reason
    assert not good.rejected


def test_a_verdict_without_the_list_of_provenance_is_set_aside() -> None:
    raw = result(1)
    del raw["provenance"]
    assert rejection(raw) == "provenance: is missing"


@pytest.mark.parametrize("kind", ["unresolved", "compilation"])
def test_only_a_single_artist_has_a_main(kind: str) -> None:
    assert rejection(nothing(kind)) is None
    assert rejection(nothing(kind, main={})) == f"kind {kind} takes no main"


@pytest.mark.parametrize(
    "pair", [{"method": "llm"}, {"confidence": 0.7}, {"method": "llm", "confidence": 0.7}]
)
def test_unresolved_has_neither_method_nor_confidence(pair: dict[str, object]) -> None:
    assert rejection(nothing("unresolved", **pair)) == "kind unresolved takes no method and no confidence"


def test_a_compilation_has_both_method_and_confidence_or_neither() -> None:
    assert rejection(nothing("compilation", method="llm", confidence=0.7)) is None
    assert rejection(nothing("compilation", method="llm")) is not None
    assert rejection(nothing("compilation", method="llm", confidence=0.9)) is not None


@pytest.mark.parametrize(
    "provenance",
    [
        [],
        [entry(confidence=None, external_id=None)],
        [entry(confidence=None)],
        [entry(external_id=None)],
        [entry(method=None, confidence=None, external_id=None)],
        [entry(), entry(external_id="43")],
    ],
)
def test_an_entry_that_the_writer_skips_is_no_fault_of_the_verdict(provenance: list[object]) -> None:
    assert rejection(result(provenance=provenance)) is None


def test_tracks_are_read_loosely() -> None:
    track: dict[str, object] = {
        "artist_name": "Björk",
        "track_title": None,
        "track_position": "A1",
        "resolved_artist_name": None,
        "confidence": None,
        "method": None,
        "sources": [],
    }
    assert rejection(nothing("compilation", tracks_attempted=True, tracks=[track])) is None
    assert rejection(nothing("compilation", tracks_attempted=False, tracks=[])) is None


@pytest.mark.parametrize(
    ("version", "trusted"), [(1, True), (None, False), (2, False), (True, False), (1.0, False), ("1", False)]
)
def test_tracks_are_trusted_by_the_value_1_and_by_nothing_else(version: object, trusted: bool) -> None:
    answer = parse_answer(body(result(1), tracks_contract_version=version), [1])
    assert answer.tracks_trusted is trusted
    assert answer.verdicts[0].tracks_trusted is trusted
    assert parse_answer(body(result(1)), [1]).tracks_trusted is False


@pytest.mark.parametrize("stats", [None, [], "many", 3])
def test_cache_stats_of_a_wrong_shape_are_dropped(stats: object) -> None:
    assert parse_answer(body(cache_stats=stats), []).cache_stats == {}


def test_of_the_cache_stats_only_finite_numbers_are_kept() -> None:
    stats = {"memory_hits": 3, "pg_time_ms": 1.5, "api_calls": "9", "pg_hits": True, "pg_misses": None}
    assert parse_answer(body(cache_stats=stats), []).cache_stats == {"memory_hits": 3.0, "pg_time_ms": 1.5}


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    # A lone surrogate is no JSON; such a body is malformed as a whole.
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(list(result())), inner),
    max_leaves=20,
)


@given(st.lists(JSON | st.builds(lambda n, more: result(n) | {"main": more}, st.integers(1, 4), JSON)))
def test_whatever_results_come_each_asked_id_has_one_verdict_or_is_missing(results: list[object]) -> None:
    answer = parse_answer(body(*results), [1, 2, 3])
    seen = [verdict.library_id for verdict in answer.verdicts]
    assert sorted([*seen, *answer.missing]) == [1, 2, 3]
    assert len(seen) + answer.foreign + answer.duplicates == len(results)


@given(JSON)
def test_a_verdict_read_again_from_the_store_is_judged_as_it_was(changed: object) -> None:
    verdict = only_verdict(result(1, main=changed))
    assert rejection(orjson.loads(verdict.body)) == verdict.rejected_reason


def test_500_results_are_read_in_a_small_part_of_the_time_that_lml_takes_for_them() -> None:
    rows = [entry(source=source) for source in ("discogs", "musicbrainz", "wikidata", "spotify")]
    raw = body(*(result(library_id, provenance=rows) for library_id in range(500)))
    parse_answer(raw, range(500))
    started = time.perf_counter()
    answer = parse_answer(raw, range(500))
    # 5 ms where it was measured; LML takes 1.9 s. The bound leaves room for a busy machine.
    assert time.perf_counter() - started < 0.1
    assert len(answer.verdicts) == 500
