"""What the rules of docs/legs.md come to on the real catalogue: nothing of it is lost, however Discogs writes it."""

import csv
from pathlib import Path

import pytest

from benchmarks.leg_rules import (
    RULES_OFF,
    SPELLINGS,
    as_discogs,
    compared,
    demo,
    made_one,
    why_lost,
    without,
)

RELEASES = Path(__file__).parents[3] / "shared" / "data" / "freemusi-cc" / "releases.csv"


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_the_real_catalogue_matches_a_cache_that_writes_its_artists_as_discogs_does(spelling: str) -> None:
    if not RELEASES.exists():
        pytest.skip("the real catalogue ../shared/data/freemusi-cc is not here")
    with RELEASES.open(encoding="utf-8", newline="") as file:
        library = [(row["artist"], row["album"]) for row in csv.DictReader(file)]
    _pairs, before, now, ambiguous, lost, gained = compared(library, as_discogs(library, SPELLINGS[spelling]))
    assert now == 2286
    assert (ambiguous, lost, gained) == (0, 0, now - before)


AS_DISCOGS_WRITES = {
    "joined names": ("Ann and Bo", ["Ann", "Bo"]),
    "homonym": ("Lumen", ["Lumen (2)"]),
    "last article": ("The Pebbles", ["Pebbles, The"]),
    "compilation": ("Various Artists", ["Various"]),
}


@pytest.mark.parametrize("rule", AS_DISCOGS_WRITES)
def test_what_a_rule_gains_is_what_is_not_matched_without_it(rule: str) -> None:
    artist, written = AS_DISCOGS_WRITES[rule]
    library = [(artist, "One"), (artist, "Two"), ("Somebody else", "Three")]
    cache = as_discogs(library, lambda number, given: written if number < 3 else [given])
    assert without(rule, library, cache) == (1, 2, 0, 0)
    assert {without(other, library, cache) for other in RULES_OFF if other != rule} == {(3, 0, 0, 0)}


def test_what_the_rule_for_tombstones_loses_is_matched_without_it() -> None:
    library = [("Ann", "One"), ("Ann", "Two")]
    cache = as_discogs(library, SPELLINGS["as the catalogue writes them"])
    cache.tombstones = {2}
    assert without("tombstone", library, cache) == (2, 0, 1, 0)


def test_two_compilations_of_one_title_are_ambiguous_by_the_rule_for_compilations() -> None:
    library = [("Various Artists", "Live"), ("Soundtracks - D", "Live")]
    cache = as_discogs(library, SPELLINGS["as the catalogue writes them"])
    assert without("compilation", library, cache) == (2, 0, 0, 2)


def test_each_row_that_the_demo_loses_has_a_reason_and_its_gains_are_those_of_two_rules() -> None:
    library, cache = demo(2_000)
    _pairs, _before, now, _ambiguous, lost, gained = compared(library, cache)
    reasons = why_lost(library, cache)
    assert reasons.total() == lost > 0
    assert reasons.keys() <= {"co_artist", "tombstone"}
    by_rule = {rule: without(rule, library, cache) for rule in RULES_OFF}
    assert by_rule["tombstone"][0] == now + reasons["tombstone"]
    assert 0 < gained <= by_rule["homonym"][1] + by_rule["compilation"][1]


def test_names_that_differ_by_joiner_or_order_alone_are_listed() -> None:
    assert made_one(["A & B", "B and A", "A feat. B", "A, C", "A", "B"]) == [
        ["A & B", "A feat. B", "B and A"]
    ]
