"""What the wire promises: one bad result spoils itself alone, and nothing bad is written."""

from __future__ import annotations

import time
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity_assets.clean_text import MAX_TEXT
from identity_assets.lml.contract import (
    CONFIDENCE_BANDS,
    MAX_RESULT_BYTES,
    LibraryInput,
    LmlMalformedAnswer,
    Verdict,
    judge,
    parse_answer,
)
from identity_assets.lml.request import request_body
from identity_assets.lml.text import MAX_DEPTH


def entry(**changed: object) -> dict[str, object]:
    return {"source": "discogs", "method": "exact_match", "confidence": 1.0, "external_id": "42", **changed}


def track(**changed: object) -> dict[str, object]:
    return {
        "artist_name": "Björk",
        "track_title": "Jóga",
        "track_position": "A1",
        "resolved_artist_name": "Björk",
        "confidence": 1.0,
        "method": "exact_match",
        "sources": [entry()],
        **changed,
    }


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


def texts(value: Any) -> list[str]:
    """All texts in a JSON value, keys included."""
    if isinstance(value, dict):
        return [text for item in value.items() for text in texts(list(item))]
    return [text for item in value for text in texts(item)] if isinstance(value, list) else [str(value)]


def only_verdict_of(raw: bytes) -> Verdict:
    (verdict,) = parse_answer(b'{"results": [' + raw + b"]}", [1]).verdicts
    return verdict


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
        b'{"results": [{"a": tru}]}',
        b'{"results": [1] "a": 2}',
        b'{"results": [1]} {}',
        b'{1: 2, "results": []}',
        b"\xff\xfe",
        b"[" * 2000,
    ],
)
def test_a_body_that_cannot_be_read_is_a_malformed_answer_and_worth_asking_again(raw: bytes) -> None:
    with pytest.raises(LmlMalformedAnswer) as caught:
        parse_answer(raw, [1])
    assert caught.value.retryable
    assert "\n" not in str(caught.value)


@pytest.mark.promise("bad answers")
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
    assert [one.index for one in verdict.set_aside] == [0]
    stored = orjson.loads(verdict.body)
    assert stored["provenance"][0]["external_id"] == "4\ufffd2"
    assert stored["note"] == "a\\u0000"
    assert "k\ufffd" in stored
    assert b"\\u0000" not in verdict.body.replace(b"\\\\u0000", b"")
    assert not verdict.rejected


@pytest.mark.parametrize("levels", [MAX_DEPTH, 400, 900])
def test_a_result_nested_too_deeply_to_be_stored_is_set_aside_alone(levels: int) -> None:
    raw = b'{"results": [{"library_id": 1, "x": %s}, %s]}' % (
        b"[" * levels + b"]" * levels,
        orjson.dumps(result(2)),
    )
    first, second = parse_answer(raw, [1, 2]).verdicts
    assert (first.rejected_reason, second.rejected_reason) == ("the result is nested too deeply", None)
    assert first.body == b'{"library_id":1}'


def test_brackets_in_a_name_are_no_nesting() -> None:
    raw = result(1, note="[" * 500)
    assert orjson.loads(only_verdict(raw).body) == raw
    assert not only_verdict(raw).rejected


STORED_WITH_A_REPAIR: list[tuple[bytes, object]] = [
    (b'"\\ud800"', "\ufffd"),
    (b'"a\\udc00b"', "a\ufffdb"),
    (b'"\\u0000"', "\ufffd"),
    (b'"\x00\x01"', "\ufffd\x01"),
    (b'"\xff"', "\ufffd"),
    (b"NaN", None),
    (b"-Infinity", None),
    (b"1e999", None),
    (b"[1E999]", [None]),
    (b"1e-99999", 0.0),
    (b"9" * 400, None),
    (b"0." + b"1" * 400, float("0." + "1" * 400)),
]


@pytest.mark.promise("bad answers")
@pytest.mark.parametrize(("sent", "stored"), STORED_WITH_A_REPAIR)
def test_what_jsonb_refuses_spoils_no_other_result_and_is_stored_with_a_repair(
    sent: bytes, stored: object
) -> None:
    bad = orjson.dumps(result(1)).removesuffix(b"}") + b', "x": ' + sent + b"}"
    raw = b'{"results": [%s, %s]}' % (bad, b", ".join(orjson.dumps(result(n)) for n in range(2, 501)))
    answer = parse_answer(raw, range(1, 501))
    assert (answer.missing, answer.foreign) == ((), 0)
    assert not any(one.rejected for one in answer.verdicts)
    assert orjson.loads(answer.verdicts[0].body) == result(1, x=stored)
    assert [one.body for one in answer.verdicts[1:]] == [orjson.dumps(result(n)) for n in range(2, 501)]


@pytest.mark.parametrize("sent", [b"NaN", b"1e999", b'"\\ud800"', b'"1.0"', b"{}"])
def test_a_confidence_that_is_no_number_rejects_that_result_alone(sent: bytes) -> None:
    bad = orjson.dumps(result(1)).replace(
        b'"method":"exact_match","confidence":1.0', b'"method":"exact_match","confidence":' + sent, 1
    )
    first, second = parse_answer(b'{"results": [%s, %s]}' % (bad, orjson.dumps(result(2))), [1, 2]).verdicts
    assert first.rejected
    assert not second.rejected


def test_of_a_repeated_key_the_last_counts_as_for_jsonb() -> None:
    bad = orjson.dumps(result(1)).removesuffix(b"}") + b', "confidence": "high", "confidence": 0.5}'
    assert only_verdict_of(bad).rejected_reason == "method exact_match takes a confidence of 1.00, got 0.5"
    good = b'{"confidence": "high", ' + orjson.dumps(result(1)).removeprefix(b"{")
    assert not only_verdict_of(good).rejected


def test_a_byte_order_mark_is_no_part_of_the_json() -> None:
    assert len(parse_answer(b"\xef\xbb\xbf" + body(result(1)), [1]).verdicts) == 1


def test_a_result_or_an_answer_that_would_take_much_memory_is_not_read() -> None:
    large = result(1, note="x" * MAX_RESULT_BYTES)
    first, second = parse_answer(body(large, result(2)), [1, 2]).verdicts
    assert (first.rejected_reason, first.body) == ("the result is too large", b'{"library_id":1}')
    assert not second.rejected
    with pytest.raises(LmlMalformedAnswer, match="holds more than 102000 values"):
        parse_answer(b'{"results": [' + b"[],[]," * 60_000 + b"[]]}", [1])
    with pytest.raises(LmlMalformedAnswer, match="answered 1 inputs with 2000 results"):
        parse_answer(body(*([0] * 2000)), [1])


@pytest.mark.parametrize("key", ["s3cr3t-key-of-the-station", 'with"quote\\and/slash'])
def test_a_key_that_an_answer_echoes_is_in_no_verdict(key: str) -> None:
    everywhere = result(1, echo=key, provenance=[entry(external_id=key)], **{key: [key]})
    hidden = "".join(f"\\u{ord(one):04x}" for one in key).encode()
    for raw in (
        body(everywhere),
        body(everywhere).replace(orjson.dumps(key)[1:-1], hidden),
        body(everywhere).replace(b"/", b"\\/"),
    ):
        (verdict,) = parse_answer(raw, [1], secret=key).verdicts
        assert not any(key in text for text in texts(orjson.loads(verdict.body)))
        assert [(one.where, one.index) for one in verdict.set_aside] == [("provenance", 0)]


@pytest.mark.promise("verbatim")
@pytest.mark.parametrize(("method", "band"), CONFIDENCE_BANDS.items())
def test_each_method_takes_its_band_both_ends_included(method: str, band: tuple[float, float]) -> None:
    low, high = band
    for confidence in (low, high):
        assert rejection(result(method=method, confidence=confidence)) is None
        assert aside(result(provenance=[entry(method=method, confidence=confidence)])) == []
        assert aside(nothing("compilation", tracks=[track(method=method, confidence=confidence)])) == []
    for confidence in (low - 0.001, high + 0.001):
        assert rejection(result(method=method, confidence=confidence)) is not None
        assert len(aside(result(provenance=[entry(method=method, confidence=confidence)]))) == 1
        assert len(aside(nothing("compilation", tracks=[track(method=method, confidence=confidence)]))) == 1


def test_a_reason_says_what_was_expected_and_what_came() -> None:
    assert rejection(result(method="trigram", confidence=0.42)) == (
        "method trigram takes a confidence of 0.70 to 1.00, got 0.42"
    )
    assert rejection(result(kind="banana")) == (
        "kind: 'banana' is not one of single_artist, compilation, unresolved"
    )
    assert aside(result(provenance=[entry(), entry(method="llm")])) == [
        ("provenance", 1, "method llm takes a confidence of 0.60 to 0.79, got 1.0")
    ]
    assert aside(result(provenance=[entry(source="hearsay")])) == [
        (
            "provenance",
            0,
            "source: 'hearsay' is not one of discogs, musicbrainz, wikidata, spotify, apple_music, bandcamp",
        )
    ]
    assert aside(result(provenance=[{"method": "llm"}])) == [("provenance", 0, "source: is missing")]


def test_where_bands_only_warn_the_first_confidence_outside_one_is_named_and_nothing_set_aside() -> None:
    raw = result(provenance=[entry(), entry(method="llm")])
    warned = judge(raw, reject_out_of_band=False)
    reason = "method llm takes a confidence of 0.60 to 0.79, got 1.0"
    assert (warned.rejected_reason, warned.set_aside) == (None, ())
    assert warned.out_of_band == f"provenance.1: {reason}"
    assert judge(raw).out_of_band is None
    (verdict,) = parse_answer(body(raw), [1], reject_out_of_band=False).verdicts
    assert verdict.is_written_out_of_band
    assert not only_verdict(raw).is_written_out_of_band


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
    ({"tracks_attempted": 1}, "tracks_attempted"),
    ({"tracks": "none"}, "tracks"),
]


INVALID += [
    ({"main": {name: unfit}}, f"main.{name}: {why}")
    for name in ("musicbrainz_artist_id", "wikidata_qid", "spotify_artist_id", "bandcamp_id")
    for unfit, why in [
        ("", "is blank"),
        (" \t", "is blank"),
        ("Q\0", "holds a control"),
        ("Q" * 301, "is longer than 300 characters"),
        ("Q\ufffd", "holds a"),
    ]
]


@pytest.mark.promise("bad answers")
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


BAD_ENTRIES: list[tuple[object, str]] = [
    ("discogs", "expected `object`"),
    (None, "expected `object`"),
    ({}, "source: is missing"),
    (entry(source=None), "source"),
    (entry(source=["discogs"]), "source"),
    (entry(method="inherited"), "method: 'inherited' is not one of"),
    (entry(method="x" * 5000), "method: 'xxx"),
    (entry(method=None), "method: is missing"),
    (entry(confidence="1"), "confidence"),
    (entry(confidence=True), "confidence"),
    (entry(confidence=1.5), "confidence"),
    (entry(confidence=0.5), "method exact_match takes a confidence of 1.00, got 0.5"),
    (entry(external_id=42), "external_id"),
    (entry(external_id=""), "external_id: is blank"),
    (entry(external_id=" \u2003"), "external_id: is blank"),
    (entry(external_id="4\n2"), "external_id: holds a control character"),
    (entry(external_id="4" * 301), "external_id: is longer than 300 characters"),
    (entry(external_id="4\x852"), "external_id: holds a control character"),
    (entry(external_id="4\0" + "2"), "external_id: holds a control character or a lost one"),
]


@pytest.mark.parametrize(("bad", "said"), BAD_ENTRIES)
def test_a_bad_entry_sets_only_itself_aside_in_a_provenance_and_in_the_sources_of_a_track(
    bad: object, said: str
) -> None:
    verdict = only_verdict(result(1, provenance=[entry(), bad, entry()]))
    assert verdict.rejected_reason is None
    ((where, index, reason),) = [(one.where, one.index, one.reason) for one in verdict.set_aside]
    assert (where, index) == ("provenance", 1)
    assert said in reason
    assert len(reason) <= MAX_TEXT
    tracks = [track(), track(sources=[entry(), bad]), track()]
    ((place, number, why),) = aside(nothing("compilation", tracks_attempted=True, tracks=tracks))
    assert (place, number) == ("tracks", 1)
    assert "sources" in why


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ("x", "expected `object`"),
        ({}, "artist_name: is missing"),
        ({"artist_name": None}, "artist_name"),
        ({"artist_name": " "}, "artist_name: is blank"),
        ({"artist_name": "a", "confidence": 7}, "confidence"),
        ({"artist_name": "a", "track_title": 3}, "track_title"),
        ({"artist_name": "a", "method": "hearsay"}, "method"),
        ({"artist_name": "a", "sources": {}}, "sources"),
    ],
)
def test_one_bad_track_among_2364_sets_only_itself_aside(bad: object, said: str) -> None:
    tracks = [track()] * 1000 + [bad] + [track()] * 1363
    ((where, index, reason),) = aside(nothing("compilation", tracks_attempted=True, tracks=tracks))
    assert (where, index) == ("tracks", 1000)
    assert said in reason


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
        [entry(confidence=None, external_id="")],
        [entry(external_id=None)],
        [entry(method=None, confidence=None, external_id=None)],
        [entry(), entry(external_id="43")],
    ],
)
def test_an_entry_that_the_writer_skips_is_no_fault_of_the_verdict(provenance: list[object]) -> None:
    assert aside(result(provenance=provenance)) == []


def test_nulls_in_a_track_are_no_fault() -> None:
    unknown = dict.fromkeys(
        ["track_title", "track_position", "resolved_artist_name", "confidence", "method", "sources"]
    )
    assert (
        aside(nothing("compilation", tracks_attempted=True, tracks=[track(**unknown), track(sources=[])]))
        == []
    )
    assert aside(nothing("compilation", tracks_attempted=False, tracks=[])) == []


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
    again = judge(orjson.loads(verdict.body))
    assert (again.rejected_reason, again.set_aside) == (verdict.rejected_reason, verdict.set_aside)


def test_500_results_are_read_in_a_small_part_of_the_time_that_lml_takes_for_them() -> None:
    rows = [entry(source=source) for source in ("discogs", "musicbrainz", "wikidata", "spotify")]
    raw = body(*(result(library_id, provenance=rows) for library_id in range(500)))
    parse_answer(raw, range(500))
    started = time.perf_counter()
    answer = parse_answer(raw, range(500))
    # 5 ms where it was measured; LML takes 1.9 s. The bound leaves room for a busy machine.
    assert time.perf_counter() - started < 0.1
    assert len(answer.verdicts) == 500
