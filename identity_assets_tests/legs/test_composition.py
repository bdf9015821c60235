"""The rules of "Composition" in rules.md: as a pure function, as it stands in the database, and the two the same."""

from collections.abc import Sequence
from itertools import product
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from identity_assets.legs.composition import MainRow, SourceRow, compose
from identity_assets_tests.legs.support import evidence, put_source, reflect, said
from identity_assets_tests.support import Shelf

RELEASE = SourceRow("discogs_release", "exact_match", 1.0)
MASTER = SourceRow("discogs_master", "alias_match", 0.75)
BOTH = "discogs_master,discogs_release"


def agreeing(*rows: SourceRow) -> list[SourceRow]:
    return [SourceRow(row.source, row.method, row.confidence, corroborates=True) for row in rows]


# The table of docs/rules.md, line by line


def test_discogs_release_exact_match_100_gives_exact_match_100() -> None:
    assert compose([RELEASE]) == MainRow("exact_match", 1.0)


def test_plus_discogs_master_alias_match_075_not_corroborating_gives_alias_match_075() -> None:
    assert compose([RELEASE, MASTER]) == MainRow("alias_match", 0.75)


def test_plus_discogs_master_alias_match_075_corroborating_gives_cross_source_agreement_095() -> None:
    assert compose(agreeing(RELEASE, MASTER)) == MainRow("cross_source_agreement", 0.95, BOTH)


def test_exact_match_100_and_exact_match_100_corroborating_gives_cross_source_agreement_100() -> None:
    other = SourceRow("discogs_master", "exact_match", 1.0)
    assert compose(agreeing(RELEASE, other)) == MainRow("cross_source_agreement", 1.0, BOTH)


# And the same lines in the database


def test_the_first_line_of_the_table_in_the_database(shelf: Shelf) -> None:
    library_id = shelf.put()
    evidence(shelf, library_id, "S1", "release 5")
    reflect(shelf, library_id)
    assert said(shelf, library_id) == ("exact_match", 1.0, None, None, 5, "backfill:S1")


def test_the_second_line_not_corroborating_the_release_belongs_to_another_master(shelf: Shelf) -> None:
    library_id = shelf.put()
    evidence(shelf, library_id, "S1", "release 5")
    evidence(shelf, library_id, "S3", "master 7", ambiguous=True, checked=(5, 8))
    reflect(shelf, library_id)
    assert said(shelf, library_id) == ("alias_match", 0.75, None, None, 5, "backfill:S1")


@pytest.mark.parametrize("checked", [None, (5, 7), (6, 8)])
def test_the_third_line_corroborating(shelf: Shelf, checked: tuple[int, int] | None) -> None:
    library_id = shelf.put()
    evidence(shelf, library_id, "S1", "release 5")
    evidence(shelf, library_id, "S3", "master 7", ambiguous=True, checked=checked)
    reflect(shelf, library_id)
    row = said(shelf, library_id)
    assert row is not None
    assert row[1] == pytest.approx(0.95)
    assert (row[0], *row[2:]) == ("cross_source_agreement", BOTH, 7, 5, "backfill:S1")


def test_the_fourth_line_two_exact_matches_corroborating(shelf: Shelf) -> None:
    library_id = shelf.put()
    evidence(shelf, library_id, "S1", "release 5")
    evidence(shelf, library_id, "S3", "master 7")
    reflect(shelf, library_id)
    assert said(shelf, library_id) == ("cross_source_agreement", 1.0, BOTH, 7, 5, "backfill:S1")


# What the two legs say, every combination of it


Said = tuple[tuple[str, int], bool]
ENTITIES = [("release", 5), ("release", 6), ("master", 7), ("master", 8)]
CHECKED = [None, (5, 7), (5, 8), (6, 7), (9, 9)]


def expected(one: Said, three: Said, checked: tuple[int, int] | None) -> MainRow | None:
    """By the words of rules.md: which source rows stand, whether they corroborate, and what is composed of them."""
    rows = [SourceRow(f"discogs_{kind}", *worth(unsure)) for (kind, _number), unsure in (one, three)]
    if one[0] == three[0]:
        return compose(agreeing(*rows))
    if one[0][0] == three[0][0]:
        return compose([max(rows, key=lambda row: row.confidence)])
    numbers = dict([one[0], three[0]])
    denied = checked is not None and checked[0] == numbers["release"] and checked[1] != numbers["master"]
    return compose(rows if denied else agreeing(*rows))


def worth(ambiguous: bool) -> tuple[str, float]:
    return ("alias_match", 0.75) if ambiguous else ("exact_match", 1.0)


def test_the_pure_function_and_the_database_agree_on_whatever_the_two_legs_say(shelf: Shelf) -> None:
    said_of = list(product(product(ENTITIES, [True, False]), product(ENTITIES, [True, False]), CHECKED))
    ids = shelf.put_many(["x"] * len(said_of))
    shelf.run("INSERT INTO leg_gathered VALUES ('S1', 1, 0), ('S3', 1, 0)")
    with shelf.database.transaction() as connection:
        for library_id, (one, three, checked) in zip(ids, said_of, strict=True):
            for leg, ((kind, number), ambiguous) in (("S1", one), ("S3", three)):
                connection.execute(
                    text(
                        "INSERT INTO leg_evidence SELECT :id, :leg, :source, :number, :m, :c, now(), 'r', "
                        "CASE :leg WHEN 'S3' THEN artist_name END, CASE :leg WHEN 'S3' THEN album_title END, "
                        "CASE :leg WHEN 'S1' THEN canonical_entity_id END, :a, :b FROM library WHERE id = :id"
                    ),
                    {
                        **{"id": library_id, "leg": leg, "source": f"discogs_{kind}", "number": str(number)},
                        **dict(zip("mc", worth(ambiguous), strict=True)),
                        **dict(zip("ab", checked if checked and leg == "S3" else (None, None), strict=True)),
                    },
                )
    reflect(shelf, *ids)
    found = {row["library_id"]: row for row in shelf.rows("SELECT * FROM library_identity")}
    for library_id, words in zip(ids, said_of, strict=True):
        row = found[library_id]
        composed = MainRow(row["method"], round(row["confidence"], 6), row["agreement_sources"])
        assert composed == expected(*words), words


# The rules


def test_any_manual_source_row_pins_the_main_row_whatever_its_confidence() -> None:
    manual = SourceRow("mb_release", "manual", 0.5)
    assert compose([*agreeing(RELEASE, MASTER), manual]) == MainRow("manual", 1.0)


def test_inherited_rows_never_count_towards_agreement() -> None:
    inherited = SourceRow("discogs_master", "inherited", 0.9)
    assert compose(agreeing(RELEASE, inherited)) == MainRow("inherited", 0.9)


def test_a_corroborated_095_replaces_a_single_100() -> None:
    composed = compose(agreeing(RELEASE, MASTER))
    alone = compose([RELEASE])
    assert composed is not None
    assert alone is not None
    assert composed.confidence < alone.confidence


def test_a_source_below_070_counts_for_nothing() -> None:
    weak = SourceRow("mb_release", "llm", 0.69)
    assert compose([weak]) is None
    assert compose([RELEASE, weak]) == MainRow("exact_match", 1.0)
    assert compose(agreeing(RELEASE, weak)) == MainRow("exact_match", 1.0)
    assert compose([SourceRow("mb_release", "trigram", 0.7)]) == MainRow("trigram", 0.7)


def test_nothing_makes_nothing() -> None:
    assert compose([]) is None


SOURCES = ("discogs_master", "discogs_release", "mb_recording", "mb_release", "mb_release_group")
METHODS = ("manual", "inherited", "exact_match", "alias_match", "trigram", "llm", "cross_source_agreement")
random_rows = st.lists(
    st.builds(
        SourceRow,
        st.sampled_from(SOURCES),
        st.sampled_from(METHODS) | st.sampled_from(METHODS[1:]),
        st.integers(55, 100).map(lambda percent: percent / 100),
        st.booleans(),
    ),
    min_size=1,
    max_size=5,
    unique_by=lambda row: row.source,
)


def in_the_database(shelf: Shelf, libraries: Sequence[Sequence[SourceRow]]) -> list[MainRow | None]:
    """What the database composes of these source rows, of which the first of each library row is a leg's."""
    shelf.run(
        "TRUNCATE library, library_identity, library_identity_source, leg_filled RESTART IDENTITY CASCADE"
    )
    ids = shelf.put_many(["x"] * len(libraries))
    for library_id, rows in zip(ids, libraries, strict=True):
        for number, row in enumerate(rows):
            put_source(
                shelf,
                library_id,
                row.source,
                row.method,
                row.confidence,
                boost="others" if row.corroborates else None,
                notes="somebody" if number else "backfill:S3",
            )
    reflect(shelf, *ids)
    found: dict[int, dict[str, Any]] = {
        row["library_id"]: row for row in shelf.rows("SELECT * FROM library_identity")
    }
    return [
        MainRow(made["method"], round(made["confidence"], 6), made["agreement_sources"])
        if (made := found.get(library_id))
        else None
        for library_id in ids
    ]


@given(libraries=st.lists(random_rows, min_size=1, max_size=25))
@example(libraries=[agreeing(RELEASE, MASTER), [RELEASE, MASTER], agreeing(RELEASE)])
@example(
    libraries=[
        [SourceRow("mb_release", "exact_match", 0.7), SourceRow("discogs_release", "alias_match", 0.7)]
    ]
)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_pure_function_and_the_database_agree_on_random_source_rows(
    shelf: Shelf, libraries: list[list[SourceRow]]
) -> None:
    # A leg's own row is never manual and never below 0.70: with another first row nothing is a leg's to compose.
    libraries = [rows for rows in libraries if rows[0].method != "manual" and rows[0].confidence >= 0.7]
    assert in_the_database(shelf, libraries) == [compose(rows) for rows in libraries]
