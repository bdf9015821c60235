"""The gate: its definition in docs/rules.md, by the plain SQL and by plain Python, and what its report says."""

from collections import Counter
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.console import Console
from sqlalchemy import make_url

from identity_assets.backend.database import Database, DatabaseError
from identity_assets.backend.reports.gate import REASONS, ArtistResidual, GateReport, advice, read_gate
from identity_assets.terminal.gate_report import print_gate
from identity_assets_tests.support import Shelf, single_artist

PLAIN = (Path(__file__).parents[3] / "benchmarks" / "gate_plain.sql").read_text(encoding="utf-8")
FIGURES = ("total_library_rows", "unresolved_rows", "fallback_resolved_rows", "truly_unresolved_rows")
COMPILATIONS = ("compilations_with_known_tracks", "truly_unresolved_rows_without_them")
FAILURES = (
    "lml_error",
    "lml_cardinality_mismatch",
    "lml_invalid_verdict",
    "lml_untrusted_library_id",
    "writer_error",
    "manual_override",
    "names_changed",
    "unwound",
    "not_asked",
)


class Row(NamedTuple):
    """A library row and all that stands beside it; None where nothing does."""

    artist_id: int = 1
    artist_name: str | None = "A"
    confidence: float | None = None
    method: str = "exact_match"
    attempt: str | None = None
    is_candidate: bool = False
    is_answered: bool = False
    outcome: str | None = None
    is_held: bool = False


def fill(shelf: Shelf, *rows: Row) -> None:
    """Let the library hold these rows and no others; their ids are 1, 2, ..."""
    shelf.run(
        "TRUNCATE artists, library, library_identity, library_identity_source, library_unresolved, "
        "compilation_track_artist, candidate_library, lml_verdict, lml_verdict_state RESTART IDENTITY"
    )
    if not rows:
        return
    shelf.run(
        "INSERT INTO artists (id, artist_name) SELECT id, 'Artist ' || id FROM unnest(:ids) AS id",
        ids=sorted({row.artist_id for row in rows}),
    )
    shelf.run(
        "INSERT INTO library (artist_id, artist_name, album_title, legacy_release_id) "
        "SELECT artist_id, artist_name, 'Title', 1 "
        "FROM unnest(CAST(:artist_ids AS integer[]), CAST(:names AS text[])) WITH ORDINALITY "
        "AS given (artist_id, artist_name, number) ORDER BY number",
        artist_ids=[row.artist_id for row in rows],
        names=[row.artist_name for row in rows],
    )
    _fill_main_rows(shelf, {number: row for number, row in enumerate(rows, 1) if row.confidence is not None})
    _fill_sidecar(shelf, {number: row for number, row in enumerate(rows, 1) if row.attempt is not None})
    _fill_ledger(shelf, {number: row for number, row in enumerate(rows, 1) if row.is_candidate})
    shelf.run(
        "INSERT INTO lml_verdict_state (library_id, asked_at, held_at, held_run_id) "
        "SELECT library_id, asked_at, now(), 'run' FROM lml_verdict WHERE library_id = ANY (:ids)",
        ids=[number for number, row in enumerate(rows, 1) if row.is_held],
    )


def _fill_main_rows(shelf: Shelf, rows: dict[int, Row]) -> None:
    shelf.run(
        "INSERT INTO library_identity (library_id, confidence, method, last_verified_at) "
        "SELECT *, now() "
        "FROM unnest(CAST(:ids AS integer[]), CAST(:confidences AS real[]), CAST(:methods AS text[]))",
        ids=list(rows),
        confidences=[row.confidence for row in rows.values()],
        methods=[row.method for row in rows.values()],
    )


def _fill_sidecar(shelf: Shelf, rows: dict[int, Row]) -> None:
    shelf.run(
        "INSERT INTO library_unresolved (library_id, kind, attempted_at, attempts, first_attempted_at) "
        "SELECT *, now(), 1, now() FROM unnest(CAST(:ids AS integer[]), CAST(:kinds AS text[]))",
        ids=list(rows),
        kinds=[row.attempt for row in rows.values()],
    )


def _fill_ledger(shelf: Shelf, rows: dict[int, Row]) -> None:
    shelf.run(
        "INSERT INTO candidate_library (library_id, outcome, answers_since, scope, cohort, reason, album_title, "
        "selected_at, run_id) SELECT id, outcome, now(), 'full', 'non_va', 'never_asked', 'Title', now(), 'run' "
        "FROM unnest(CAST(:ids AS integer[]), CAST(:outcomes AS text[])) AS given (id, outcome)",
        ids=list(rows),
        outcomes=[row.outcome for row in rows.values()],
    )
    # An answer of an earlier pass does not answer the row.
    shelf.run(
        "INSERT INTO lml_verdict (library_id, verdict, tracks_trusted, artist_name, album_title, asked_at, run_id) "
        "SELECT id, '{}', false, 'A', 'Title', now() - make_interval(days => days), 'run' "
        "FROM unnest(CAST(:ids AS integer[]), CAST(:days AS integer[])) AS given (id, days)",
        ids=list(rows),
        days=[0 if row.is_answered else 9 for row in rows.values()],
    )


def is_unresolved(row: Row) -> bool:
    return row.confidence is None or row.confidence < 0.70


def is_fallback_resolved(row: Row, others: list[Row]) -> bool:
    return is_unresolved(row) and any(
        other.artist_id == row.artist_id and not is_unresolved(other) and other.method != "inherited"
        for other in others
    )


def reason_of(row: Row) -> str:
    if not (row.artist_name or "").strip():
        return "no_artist_name"
    if row.confidence is not None:
        return "low_confidence"
    if row.attempt is not None:
        return {"unresolved": "lml_unresolved", "compilation": "compilation"}[row.attempt]
    if row.is_candidate and row.is_held:
        return "answer_held"
    if row.is_candidate and row.outcome in FAILURES:
        return row.outcome
    return "answer_stored" if row.is_candidate and row.is_answered and not row.outcome else "never_asked"


library_rows = st.lists(
    st.builds(
        Row,
        artist_id=st.integers(1, 10),
        artist_name=st.sampled_from([*["A"] * 8, None, "", " ", "\t \n"]),
        confidence=st.sampled_from([*[None] * 8, 0.0, 0.69, 0.6999, 0.7, 0.71, 1.0]),
        method=st.sampled_from(["exact_match", "inherited", "manual", "llm", "trigram"]),
        attempt=st.sampled_from([*[None] * 5, "unresolved", "compilation"]),
        is_candidate=st.booleans(),
        is_answered=st.booleans(),
        outcome=st.sampled_from(
            [
                None,
                "resolved",
                "resolved_compilation",
                "unresolved",
                "compilation",
                "missing_artist_name",
                *FAILURES,
            ]
        ),
    ),
    max_size=40,
)


@pytest.mark.promise("gate")
@given(rows=library_rows)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_gate_is_its_plain_definition_on_any_library(shelf: Shelf, rows: list[Row]) -> None:
    fill(shelf, *rows)
    report = read_gate(shelf.database, 5)

    figures = {name: getattr(report, name) for name in FIGURES}
    assert [figures] == shelf.rows(PLAIN)
    siblings = [[other for place, other in enumerate(rows) if place != own] for own in range(len(rows))]
    truly = [
        row
        for row, others in zip(rows, siblings, strict=True)
        if is_unresolved(row) and not is_fallback_resolved(row, others)
    ]
    assert figures == {
        "total_library_rows": len(rows),
        "unresolved_rows": sum(map(is_unresolved, rows)),
        "fallback_resolved_rows": sum(map(is_fallback_resolved, rows, siblings)),
        "truly_unresolved_rows": len(truly),
    }
    assert Counter(report.residual) == Counter(map(reason_of, truly))
    assert sum(report.residual.values()) == len(truly)
    by_artist = Counter(row.artist_id for row in truly)
    assert [(artist.artist_id, artist.truly_unresolved_rows) for artist in report.top_artists] == sorted(
        by_artist.items(), key=lambda one: (-one[1], one[0])
    )
    assert report.gate_status == ("PASS" if len(truly) < 5 else "FAIL")


REASON_OF = {
    Row(): "never_asked",
    Row(artist_name=None): "no_artist_name",
    Row(artist_name=" \t"): "no_artist_name",
    Row(artist_name="", confidence=0.5, attempt="unresolved"): "no_artist_name",
    Row(confidence=0.69, attempt="unresolved"): "low_confidence",
    Row(attempt="unresolved", is_candidate=True, outcome="lml_error"): "lml_unresolved",
    Row(attempt="compilation", is_candidate=True, outcome="compilation"): "compilation",
    Row(is_candidate=True): "never_asked",
    Row(is_candidate=True, is_answered=True): "answer_stored",
    Row(is_candidate=True, is_answered=True, is_held=True, outcome="answer_held"): "answer_held",
    # The ledger of a later pass does not have the row.
    Row(is_candidate=True, is_held=True, outcome="lml_error"): "answer_held",
    Row(is_candidate=True, is_held=True, attempt="unresolved"): "lml_unresolved",
    **{Row(is_candidate=True, is_answered=True, outcome=outcome): outcome for outcome in FAILURES},
    # What the ledger says and the tables no longer bear out: the row is due as if it had never been asked about.
    **{
        Row(is_candidate=True, is_answered=True, outcome=outcome): "never_asked"
        for outcome in (
            "resolved",
            "resolved_compilation",
            "unresolved",
            "compilation",
            "missing_artist_name",
        )
    },
}


@pytest.mark.promise("gate")
def test_the_reasons_are_these_and_each_row_counts_for_one(shelf: Shelf) -> None:
    by_decision = {"decided_none", "rejected_by_person"}
    assert set(REASON_OF.values()) == set(REASONS) - by_decision
    for row, reason in REASON_OF.items():
        fill(shelf, row)
        residual = read_gate(shelf.database, 1000).residual
        assert {name: rows for name, rows in residual.items() if rows} == {reason: 1}, row


def test_an_answer_that_was_set_aside_is_the_reason_also_when_the_next_pass_has_other_rows(
    shelf: Shelf,
) -> None:
    one = shelf.put("Anna")
    shelf.select()
    shelf.answer(single_artist(one, confidence=0.1))
    shelf.write()
    assert shelf.select() == 0
    residual = read_gate(shelf.database, 1).residual
    assert {reason: rows for reason, rows in residual.items() if rows} == {"lml_invalid_verdict": 1}


@pytest.mark.parametrize(("confidence", "unresolved"), [(0.69, 1), (0.6999999, 1), (0.70, 0), (0.7000001, 0)])
def test_a_confidence_of_exactly_070_is_resolved_though_the_column_stores_it_a_little_below(
    shelf: Shelf, confidence: float, unresolved: int
) -> None:
    fill(shelf, Row(confidence=confidence, method="trigram"))
    assert read_gate(shelf.database, 1000).unresolved_rows == unresolved


def test_a_row_falls_back_on_a_sibling_but_not_on_one_that_is_inherited_or_weak(shelf: Shelf) -> None:
    fill(
        shelf,
        *(Row(1), Row(1, confidence=0.7)),
        *(Row(2), Row(2, confidence=1.0, method="inherited")),
        *(Row(3), Row(3, confidence=0.65, method="llm")),
        Row(4),
    )
    report = read_gate(shelf.database, 1000)
    assert (report.unresolved_rows, report.fallback_resolved_rows, report.truly_unresolved_rows) == (5, 1, 4)
    assert [artist.artist_id for artist in report.top_artists] == [3, 2, 4]


def test_at_most_ten_artists_are_named_those_with_the_most_rows_first(shelf: Shelf) -> None:
    fill(shelf, *(Row(artist_id) for artist_id in range(1, 13) for _ in range(2 if artist_id == 12 else 1)))
    artists = read_gate(shelf.database, 1000).top_artists
    assert artists[0] == ArtistResidual(12, "Artist 12", 2)
    assert [artist.artist_id for artist in artists[1:]] == list(range(1, 10))


def test_an_empty_library_passes(shelf: Shelf) -> None:
    report = read_gate(shelf.database, 1)
    assert (report.total_library_rows, report.truly_unresolved_rows, report.gate_status) == (0, 0, "PASS")
    assert report.top_artists == ()


def test_the_gate_passes_below_the_threshold_and_not_at_it(shelf: Shelf) -> None:
    fill(shelf, Row(1), Row(2))
    assert read_gate(shelf.database, 3).gate_status == "PASS"
    assert read_gate(shelf.database, 2).gate_status == "FAIL"


def test_a_database_that_cannot_be_reached_or_read_is_an_error_and_no_fail(shelf: Shelf) -> None:
    away = replace(shelf.settings, database_url=make_url("postgresql+psycopg2://nobody@127.0.0.1:1/nowhere"))
    with Database(away, "test") as database, pytest.raises(DatabaseError, match="cannot be reached"):
        read_gate(database, 1000)
    shelf.run("DROP TABLE library_unresolved")
    with pytest.raises(DatabaseError, match=r"library_unresolved.*42P01"):
        read_gate(shelf.database, 1000)


def report_of(threshold: int = 1000, top: int = 0, **residual: int) -> GateReport:
    """A report of these truly unresolved rows, on a library of 64,676."""
    rows = sum(residual.values())
    artists = tuple(ArtistResidual(number, f"Artist {number}", 7) for number in range(top))
    return GateReport(64_676, rows, 0, rows, threshold, {**dict.fromkeys(REASONS, 0), **residual}, artists)


def test_a_report_whose_figures_do_not_add_up_is_none() -> None:
    with pytest.raises(AssertionError):
        replace(report_of(never_asked=2), truly_unresolved_rows=3, unresolved_rows=3)
    with pytest.raises(AssertionError):
        replace(report_of(never_asked=2), unresolved_rows=3)


def test_the_advice_is_about_the_reason_with_the_most_rows() -> None:
    said = advice(report_of(never_asked=34_895, lml_unresolved=15_376))
    assert said == (
        "Of 50,271 truly unresolved library rows, most would be gained by the **34,895 never asked**: run "
        "`refresh_library_identity` with scope `full` for all partitions."
    )
    assert "**15,376 unresolved by LML**" in advice(report_of(never_asked=1, lml_unresolved=15_376))


def test_the_advice_on_what_lml_cannot_resolve_counts_what_a_person_could_settle() -> None:
    said = advice(report_of(lml_unresolved=15_376, top=10))
    assert "`UNRESOLVED_RETRY_DAYS`" in said
    assert "(the 10 artists with the most have **70**)" in said


def test_the_advice_leaves_compilations_for_last_and_says_when_they_alone_fail_the_gate() -> None:
    said = advice(report_of(compilation=6300, never_asked=2))
    assert "**2 never asked**" in said
    assert "the **6,300** compilations" in said
    assert "compilation" not in advice(report_of(compilation=999, never_asked=2))
    assert "they alone keep the gate from passing" in advice(report_of(compilation=6300))
    assert "no run lowers this." in advice(report_of(compilation=999))


@pytest.mark.parametrize("reason", REASONS)
def test_every_reason_has_its_advice_in_one_sentence(reason: str) -> None:
    said = advice(report_of(**{reason: 3}))
    assert f"**3 {REASONS[reason].label}**: " in said
    assert said.endswith(".")
    assert "\n" not in said
    assert ". " not in said


def test_where_nothing_is_truly_unresolved_there_is_nothing_to_do() -> None:
    assert "nothing to do" in advice(report_of())


def printed(report: GateReport) -> str:
    console = Console(file=StringIO(), width=80)
    print_gate(console, report)
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def test_the_printed_report_has_the_figures_the_reasons_and_the_artists() -> None:
    lines = printed(report_of(never_asked=1200, writer_error=3, top=1)).splitlines()

    def value(label: str) -> str:
        [line] = [one for one in lines if one.strip().startswith(label)]
        return line.split()[-1]

    assert value("in all") == "64,676"
    assert value("of these, truly unresolved") == "1,203"
    assert any("FAIL: it passes below 1,000" in line for line in lines)
    assert value("never asked") == "1,200"
    assert value("refused by the database") == "3"
    assert value("Artist 0") == "7"
    assert not any("compilations" in line for line in lines)
    assert max(map(len, lines)) <= 80


def test_a_name_that_a_terminal_would_act_on_is_printed_without_effect() -> None:
    report = replace(report_of(never_asked=1), top_artists=(ArtistResidual(1, "[red]\x1b[2J x", 1),))
    shown = printed(report)
    assert "[red]" in shown
    assert "\x1b" not in shown


def test_the_json_object_has_the_figures_under_their_names() -> None:
    shown: dict[str, Any] = report_of(never_asked=1200, top=1).as_dict()
    assert list(shown) == [
        *FIGURES,
        "gate_status",
        "decided_none_rows",
        *COMPILATIONS,
        "threshold",
        "residual",
        "top_artists",
        "advice",
    ]
    assert (shown["gate_status"], shown["threshold"], shown["residual"]["never_asked"]) == (
        "FAIL",
        1000,
        1200,
    )
    assert shown["top_artists"] == [{"artist_id": 0, "artist_name": "Artist 0", "truly_unresolved_rows": 7}]
