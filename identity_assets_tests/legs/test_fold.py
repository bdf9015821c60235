"""Where PostgreSQL's `unaccent`, which makes the snapshot, and our normalised form differ, on Debian's PostgreSQL."""

import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace

import psycopg2
import pytest
from psycopg2.extensions import cursor as Cursor

from benchmarks._installed_postgres import DEBIAN_BINARIES, InstalledPostgres
from identity_assets.gathering import gather
from identity_assets.legs.names import normalise
from identity_assets.settings import Leg
from identity_assets_tests.legs.support import Cache
from identity_assets_tests.support import EVERY_BUCKET, Shelf

NAMED = "½²™№…ﬁµ"
"""The characters that the two were seen to differ on."""

LATIN = "".join(chr(number) for number in range(0xA0, 0x180))

# The text "a?b" in PostgreSQL's form, and in ours.
DIFFERENCES = {
    "²": ("ab", "a2b"),
    "³": ("ab", "a3b"),
    "¹": ("ab", "a1b"),
    "ª": ("ab", "aab"),
    "º": ("ab", "aob"),
    "™": ("ab", "atmb"),
    "©": ("acb", "ab"),
    "®": ("arb", "ab"),
    "ĸ": ("aqb", "ab"),
    # The match form opens these to a space and a mark.
    "\u00a0": ("ab", "a b"),
    "¨": ("ab", "a b"),
    "¯": ("ab", "a b"),
    "\u00b4": ("ab", "a b"),
    "\u00b8": ("ab", "a b"),
}

SNAPSHOT_FORM = """
    SELECT regexp_replace(regexp_replace({form}, '^the ', ''), '[^a-z0-9 ]', '', 'g')
    FROM unnest(%s) WITH ORDINALITY AS given (name, place)
    ORDER BY place
"""


@contextmanager
def connected(directory: str) -> Iterator[Cursor]:
    """A cursor in a transaction that is committed at the end."""
    server = psycopg2.connect(host=directory, user="postgres", dbname="postgres")
    with closing(server), server, server.cursor() as cursor:
        yield cursor


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    if not (DEBIAN_BINARIES / "postgres").exists():
        pytest.skip("Debian's postgresql-15 is not installed: apt-get install postgresql-15")
    with InstalledPostgres(DEBIAN_BINARIES) as postgres:
        directory = str(postgres.home)
        with connected(directory) as cursor:
            cursor.execute("CREATE EXTENSION unaccent")
        yield directory


def in_snapshot_form(server: str, names: Sequence[str], form: str = "lower(unaccent(name))") -> list[str]:
    """The names as the maker of the snapshot normalises them."""
    with connected(server) as cursor:
        cursor.execute(SNAPSHOT_FORM.format(form=form), (list(names),))
        return [" ".join(name.split()) for (name,) in cursor.fetchall()]


def test_the_letters_of_latin_names_and_the_characters_named_differ_only_in_these(server: str) -> None:
    characters = list(dict.fromkeys(NAMED + LATIN))
    names = [f"a{character}b" for character in characters]
    forms = zip(characters, in_snapshot_form(server, names), normalise(names), strict=True)
    assert {character: (theirs, ours) for character, theirs, ours in forms if theirs != ours} == DIFFERENCES


def test_the_order_of_lower_and_unaccent_matters_for_the_number_sign_alone(server: str) -> None:
    characters = [character for character in NAMED + LATIN if unicodedata.category(character) != "Cc"]
    names = [f"a{character}b" for character in characters]
    one, other = (
        in_snapshot_form(server, names, form) for form in ("lower(unaccent(name))", "unaccent(lower(name))")
    )
    differing = [name for name, first, second in zip(names, one, other, strict=True) if first != second]
    assert differing == ["a№b", "a©b", "a®b"]


@pytest.mark.parametrize("character", [*NAMED, *DIFFERENCES])
def test_where_we_compute_the_pairs_both_sides_are_folded_by_the_same_function(
    shelf: Shelf, cache: Cache, character: str
) -> None:
    library_id = shelf.put(f"a{character}b", f"c{character}d")
    cache.release(5, 7, f"C{character}D", f"A{character}B")
    settings = replace(cache.settings, flowsheet_match_rematerialise=True)
    [found] = gather(Leg.S3, shelf.database, settings, EVERY_BUCKET).evidence
    assert (found.library_id, found.external_id, found.confidence) == (library_id, "7", 1.0)
