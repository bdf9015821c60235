"""What the rules of docs/legs.md come to on the real catalogue: nothing of it is lost, however Discogs writes it."""

import csv
from pathlib import Path

import pytest

from benchmarks.leg_rules import SPELLINGS, as_discogs, compared

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
