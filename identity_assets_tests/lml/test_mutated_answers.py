"""Thousands of answers with something wrong in them: nothing wrong passes, nothing good is lost, nothing raises."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterable
from typing import Any, Final

import orjson
import pytest

from identity_assets.lml.asking import Asked, ask
from identity_assets.lml.client import LmlClient
from identity_assets.lml.contract import (
    CONFIDENCE_BANDS,
    Answer,
    Batch,
    LibraryInput,
    LmlMalformedAnswer,
    SetAside,
    Verdict,
    judge,
    parse_answer,
)
from identity_assets.lml.text import is_identifier
from identity_assets_tests.lml.raw_lml import Request, raw_lml
from identity_assets_tests.support import nothing, single_artist

ANSWERS: Final = 10_000
OVER_HTTP: Final = 300
IDS: Final = range(1, 7)

# JSON texts; not all of them are JSON.
VALUES: Final = [
    *[
        b"null",
        b"true",
        b"false",
        b"0",
        b"-1",
        b"1",
        b"0.5",
        b"1e0",
        b"1E999",
        b"-1e-99999",
        b"NaN",
        b"-Infinity",
    ],
    *[b"9" * 20, b"9" * 500, b"2147483648", b"1.0", b"[]", b"{}", b"[[[{}]]]", b"[" * 70 + b"]" * 70],
    *[
        b'""',
        b'" "',
        b'"\\t"',
        b'"\\u0000"',
        b'"Q\\u0000"',
        b'"\\ud800"',
        b'"\\udc00\\ud800"',
        b'"\\ud83d\\ude00"',
    ],
    *[b'"\x01"', b'"\xff\xfe"', b'"\xc3\xa9"', b'"\\u202e"', b'"\\ufffd"', b'"' + b"x" * 5000 + b'"', b'"1"'],
    *[
        b'"manual"',
        b'"inherited"',
        b'"trigram"',
        b'"discogs"',
        b'"compilation"',
        b'"unresolved"',
        b'"single_artist"',
    ],
    *[
        b'{"source":"discogs"}',
        b'[{"source":"discogs","method":"llm","confidence":0.7,"external_id":"1"}]',
        b"",
        b"}",
    ],
]

Mutation = Callable[[random.Random, bytes], bytes]


def value_replaced(chance: random.Random, body: bytes) -> bytes:
    """Another value for one of the keys."""
    spots = [at + 3 for at in range(len(body)) if body.startswith(b'": ', at)]
    at = chance.choice([at for at in spots if not body.startswith(b'"results"', at - 11)])
    end = at + len(json.dumps(json.JSONDecoder().raw_decode(body[at:].decode())[0]).encode())
    return body[:at] + chance.choice(VALUES) + body[end:]


def key_added(chance: random.Random, body: bytes) -> bytes:
    """A key that is unknown, or stands there already."""
    at = chance.choice([at + 1 for at in range(len(body)) if body[at : at + 1] == b"{"])
    key = chance.choice(
        [b'"x"', b'"kind"', b'"confidence"', b'"library_id"', b'"main"', b'"\\ud800"', b'"source"']
    )
    return body[:at] + key + b": " + chance.choice(VALUES) + b", " + body[at:]


def bytes_damaged(chance: random.Random, body: bytes) -> bytes:
    """A byte that is another one, or is not there."""
    at = chance.randrange(len(body))
    return body[:at] + chance.choice([b"", b"\x00", b"\xff", b'"', b",", b"{", b"\\"]) + body[at + 1 :]


def encoded_otherwise(chance: random.Random, body: bytes) -> bytes:
    """In another charset."""
    return body.decode().encode(
        chance.choice(["utf-16", "utf-8-sig", "utf-16-le", "utf-32", "cp037", "utf-7"])
    )


MUTATIONS: Final[list[tuple[Mutation, int]]] = [
    (value_replaced, 70),
    (key_added, 20),
    (bytes_damaged, 8),
    (encoded_otherwise, 2),
]


def track(**changed: Any) -> dict[str, Any]:
    return {
        "artist_name": "a",
        "track_title": "t",
        "method": "trigram",
        "confidence": 0.9,
        "sources": [],
        **changed,
    }


def good_results() -> list[dict[str, Any]]:
    return [
        single_artist(1),
        single_artist(2),
        nothing(3),
        {**nothing(4, "compilation"), "tracks_attempted": True, "tracks": [track(), track(track_title=None)]},
        single_artist(5),
        nothing(6),
    ]


def mutated(seed: int) -> bytes:
    """An answer with one to three things wrong in it."""
    chance = random.Random(seed)
    body = json.dumps({"results": good_results(), "tracks_contract_version": 1}).encode()
    (mutate,) = chance.choices([one for one, _ in MUTATIONS], [weight for _, weight in MUTATIONS])
    return mutate(chance, body)


def is_in_band(method: Any, confidence: Any) -> bool:
    low, high = CONFIDENCE_BANDS[method]
    return type(confidence) in (int, float) and low <= confidence <= high


def places(entries: Iterable[SetAside]) -> list[tuple[str, int]]:
    return [(one.where, one.index) for one in entries]


def check(verdict: Verdict) -> None:
    """Nothing in what may be written breaks the contract, and what is set aside says why."""
    text = verdict.body.decode()
    assert "\\u0000" not in text.replace("\\\\", "")
    stored = orjson.loads(verdict.body)
    if verdict.body != b'{"library_id":%d}' % verdict.library_id:
        again = judge(stored)
        assert (again.rejected_reason is None) == (verdict.rejected_reason is None)
        assert places(again.set_aside) == places(verdict.set_aside)
    for reason in [verdict.rejected_reason, *(one.reason for one in verdict.set_aside)]:
        assert reason is None or (0 < len(reason) <= 300 and reason.isprintable())
    if verdict.rejected:
        return
    assert stored["library_id"] == verdict.library_id
    assert stored["kind"] == verdict.kind in ("single_artist", "compilation", "unresolved")
    if stored["kind"] == "single_artist":
        assert is_in_band(stored["method"], stored["confidence"])
    assert all(
        is_identifier(one)
        for name, one in (stored.get("main") or {}).items()
        if name.endswith("_qid") and one is not None
    )
    aside = {one.index for one in verdict.set_aside if one.where == "provenance"}
    for index, entry in enumerate(stored["provenance"]):
        if (
            index not in aside
            and entry.get("external_id") is not None
            and entry.get("confidence") is not None
        ):
            assert is_in_band(entry["method"], entry["confidence"])
            assert is_identifier(entry["external_id"])


def check_all(answer: Answer | Asked) -> None:
    for verdict in answer.verdicts:
        check(verdict)


def read(body: bytes) -> Answer | None:
    """The answer, None where the body as a whole is malformed; nothing else may be raised."""
    try:
        return parse_answer(body, IDS)
    except LmlMalformedAnswer:
        return None


@pytest.mark.promise("bad answers", cases=ANSWERS)
def test_ten_thousand_mutated_answers_are_read_or_are_malformed_as_a_whole() -> None:
    whole = one_lost = malformed = 0
    for seed in range(ANSWERS):
        body = mutated(seed)
        answer = read(body)
        if answer is None:
            malformed += 1
            continue
        check_all(answer)
        assert sorted([*(one.library_id for one in answer.verdicts), *answer.missing]) == list(IDS)
        good = sum(not one.rejected for one in answer.verdicts)
        # A change of one result costs no other.
        assert good >= len(IDS) - 1, (seed, body)
        whole += good == len(IDS)
        one_lost += good < len(IDS)
    assert whole > 1000
    assert one_lost > 1000
    assert malformed < ANSWERS / 5


CHARSETS: Final = ["utf-8", "utf-16", "utf-7", "hex", "rot13", "undefined", "idna", "\xff"]


@pytest.mark.promise("one outcome", cases=OVER_HTTP)
@pytest.mark.parametrize("in_flight", [4])
def test_hundreds_of_mutated_answers_over_http_balance_and_raise_nothing(in_flight: int) -> None:
    def respond(request: Request) -> None:
        seed = request.ids[0]
        chance = random.Random(seed)
        results = [{**one, "library_id": seed} for one in good_results()[:1]]
        body = json.dumps({"results": results}).encode()
        (mutate,) = chance.choices([one for one, _ in MUTATIONS], [weight for _, weight in MUTATIONS])
        charset = chance.choice(CHARSETS).encode("latin-1")
        status = chance.choice([b"200 OK"] * 8 + [b"500 Oh no", b"422 No"])
        headers = [b"Content-Type: application/json; charset=" + charset, b"Set-Cookie: a=\xff"]
        if chance.random() < 0.1:
            headers.append(b"Content-Encoding: " + chance.choice([b"gzip", b"br", b"hex", b"identity"]))
        request.respond(mutate(chance, body), *headers, status=status)

    batches = (Batch("non_va", False, (LibraryInput(n, "a", "b"),)) for n in range(1, OVER_HTTP + 1))
    stored: list[Asked] = []
    with raw_lml(respond) as lml, LmlClient(lml.url, attempts=1) as client:
        got = list(ask(batches, client, store=stored.append, max_in_flight=in_flight))
    assert len(got) == len(stored) == OVER_HTTP
    for asked in stored:
        check_all(asked)
        assert len(asked.verdicts) + len(asked.failures) == 1
        assert all(one.detail.isprintable() and len(one.detail) < 400 for one in asked.failures.values())
    assert sum(not one.rejected for asked in stored for one in asked.verdicts) > OVER_HTTP / 4
