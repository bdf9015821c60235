"""Ten thousand mutated results through whole passes: select, ask over HTTP, store, write.

What is wrong with an answer is decided in lml/; here the tables are read after each pass.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import orjson
import pytest

from identity_assets.backend.ledger.accounts import Accounts, read_accounts
from identity_assets.backend.ledger.verdicts import ask_and_store
from identity_assets.backend.reports.integrity import (
    read_out_of_band,
    read_unbalanced,
    read_without_sources,
)
from identity_assets.lml.client import LmlClient
from identity_assets.lml.contract import CONFIDENCE_BANDS, LmlMalformedAnswer, parse_answer
from identity_assets.lml.text import is_identifier
from identity_assets.settings import Scope
from identity_assets_tests.lml.raw_lml import Request, raw_lml
from identity_assets_tests.lml.test_mutated_answers import MUTATIONS, track
from identity_assets_tests.support import EVERY_BUCKET, Shelf, nothing, single_artist

pytestmark = pytest.mark.long

PASSES: Final = 25
ROWS: Final = 408
UNTOUCHED: Final = 8
MALFORMED_IN_A_PASS: Final = 2
"""Results that make the whole body malformed: the batch is halved down to each of them."""
SOURCES: Final = {"discogs", "musicbrainz", "wikidata", "spotify", "apple_music", "bandcamp"}
MAIN_IDS: Final = (
    "wikidata_qid",
    "spotify_id",
    "apple_music_id",
    "musicbrainz_artist_id",
    "bandcamp_id",
)


def good_result(library_id: int) -> dict[str, Any]:
    """A right answer: mostly one artist, else nothing, or a compilation with its tracks."""
    match library_id % 4:
        case 2:
            return nothing(library_id)
        case 3:
            return {
                **nothing(library_id, "compilation"),
                "tracks_attempted": True,
                "tracks": [track(), track(track_title=None)],
            }
    return single_artist(library_id)


def wrapped(result: bytes) -> bytes:
    return b'{"results": [' + result + b'], "tracks_contract_version": 1}'


def mutated_result(chance: random.Random, library_id: int, malformed_left: list[int]) -> bytes:
    """A result with one thing wrong; one that spoils the whole body only while such are left."""
    while True:
        body = wrapped(json.dumps(good_result(library_id)).encode())
        (mutate,) = chance.choices([one for one, _ in MUTATIONS[:3]], [weight for _, weight in MUTATIONS[:3]])
        body = mutate(chance, body)
        start, end = body.find(b"["), body.rfind(b"]")
        result = body[start + 1 : end]
        if not 0 < start < end or body != wrapped(result):
            # The change hit what stands around the result.
            continue
        try:
            parse_answer(body, [library_id])
        except LmlMalformedAnswer:
            if not malformed_left:
                continue
            malformed_left.pop()
        return result


class Pass:
    """One library of rows with what LML says of each of them."""

    def __init__(self, seed: int, ids: Sequence[int]) -> None:
        chance = random.Random(seed)
        self.untouched = ids[:UNTOUCHED]
        malformed_left = [0] * MALFORMED_IN_A_PASS
        self.results = {
            one: json.dumps(good_result(one)).encode()
            if one in self.untouched
            else mutated_result(chance, one, malformed_left)
            for one in ids
        }

    def respond(self, request: Request) -> None:
        results = b", ".join(self.results[one] for one in request.ids)
        request.respond(wrapped(results))


def put(shelf: Shelf) -> list[int]:
    shelf.empty()
    shelf.run("INSERT INTO artists (id, artist_name) VALUES (1, 'x')")
    made = shelf.rows(
        "INSERT INTO library (artist_id, artist_name, album_title, legacy_release_id) "
        "SELECT 1, 'Anna Nyberg', 'Album ' || n, n FROM generate_series(1, :rows) AS n RETURNING id",
        rows=ROWS,
    )
    return [row["id"] for row in made]


def one_pass(shelf: Shelf, seed: int) -> Counter[str | None]:
    """Run a pass and check all that it left; returns the outcomes of the rows whose result was mutated."""
    ids = put(shelf)
    sent = Pass(seed, ids)
    settings = replace(shelf.settings, scope=Scope.full, batch_size=ROWS)
    assert shelf.select() == ROWS
    with (
        raw_lml(sent.respond) as lml,
        LmlClient(lml.url, attempts=2, wait_initial=0.001, wait_max=0.002) as client,
    ):
        for _ in ask_and_store(shelf.database, client, EVERY_BUCKET, settings, "run"):
            pass
    shelf.write(chunk_rows=150)
    accounts = sum(read_accounts(shelf.database, EVERY_BUCKET).values(), Accounts())
    accounts.check(selected=ROWS)
    assert read_unbalanced(shelf.database, EVERY_BUCKET).count == 0
    check_ledger(shelf, sent)
    check_tables(shelf, sent)
    return Counter(outcome for one, outcome in shelf.outcomes().items() if one not in sent.untouched)


def check_ledger(shelf: Shelf, sent: Pass) -> None:
    """Each row has one outcome, each row that is set aside says why, and right answers are applied."""
    ledger = {
        row["library_id"]: row
        for row in shelf.rows("SELECT library_id, outcome, detail FROM candidate_library")
    }
    assert {row["outcome"] for row in ledger.values()} <= {
        *("resolved", "resolved_compilation", "unresolved", "compilation"),
        *("lml_invalid_verdict", "lml_cardinality_mismatch", "lml_error"),
    }
    for row in ledger.values():
        said = row["detail"]
        if row["outcome"].startswith("lml_"):
            assert said
            assert said.isprintable()
            assert len(said) < 500
    expected = {0: "resolved", 1: "resolved", 2: "unresolved", 3: "resolved_compilation"}
    assert {one: ledger[one]["outcome"] for one in sent.untouched} == {
        one: expected[one % 4] for one in sent.untouched
    }
    for row in shelf.rows("SELECT set_aside FROM answer WHERE set_aside IS NOT NULL"):
        assert row["set_aside"]
        assert all(entry["reason"] and entry["reason"].isprintable() for entry in row["set_aside"])


def check_tables(shelf: Shelf, sent: Pass) -> None:
    """Nothing breaks the contract, and all of it is what LML said of that row."""
    assert read_out_of_band(shelf.database).count == 0
    for row in shelf.rows("SELECT * FROM library_identity"):
        assert all(row[name] is None or is_identifier(row[name]) for name in MAIN_IDS)
        assert_in_band(row)
    for row in shelf.rows("SELECT * FROM library_identity_source"):
        assert row["source"] in SOURCES
        assert is_identifier(row["external_id"])
        assert_in_band(row)
    outcomes = shelf.outcomes()
    resolved = {one for one, outcome in outcomes.items() if outcome == "resolved"}
    assert ids_in(shelf, "library_identity") == resolved
    assert ids_in(shelf, "library_identity_source") <= resolved
    assert ids_in(shelf, "library_unresolved") == {
        one for one, outcome in outcomes.items() if outcome in ("unresolved", "compilation")
    }
    for row in written_beside_stored(shelf):
        assert stored_main(row["verdict"]) == {name: row[name] for name in ("wikidata_qid", "method")}
    untouched = [one for one in sent.untouched if one % 4 in (0, 1)]
    assert read_without_sources(shelf.database).count <= len(resolved) - len(untouched)


def assert_in_band(row: Mapping[str, Any]) -> None:
    low, high = CONFIDENCE_BANDS[row["method"]]
    assert low - 1e-6 <= row["confidence"] <= high + 1e-6


def ids_in(shelf: Shelf, table: str) -> set[int]:
    return {row["library_id"] for row in shelf.rows(f"SELECT DISTINCT library_id FROM {table}")}


def written_beside_stored(shelf: Shelf) -> Iterator[dict[str, Any]]:
    yield from shelf.rows(
        "SELECT main.wikidata_qid, main.method, CAST(answer.verdict AS text) AS verdict "
        "FROM library_identity AS main JOIN answer USING (library_id)"
    )


def stored_main(verdict: str) -> dict[str, Any]:
    stored = orjson.loads(verdict)
    return {"wikidata_qid": (stored.get("main") or {}).get("wikidata_qid"), "method": stored["method"]}


@pytest.mark.promise("one outcome", cases=PASSES * (ROWS - UNTOUCHED) // 2)
@pytest.mark.parametrize("half", [0, 1])
def test_ten_thousand_mutated_results_through_whole_passes_write_nothing_wrong(
    shelf: Shelf, half: int
) -> None:
    seeds = range(half, PASSES, 2)
    outcomes = sum((one_pass(shelf, seed) for seed in seeds), Counter[str | None]())
    assert outcomes.total() == len(seeds) * (ROWS - UNTOUCHED)
    assert PASSES * (ROWS - UNTOUCHED) == 10_000
    # The mutations do harm, and do it to single results.
    assert outcomes["lml_invalid_verdict"] > outcomes.total() / 10
    assert outcomes["resolved"] > outcomes.total() / 10
