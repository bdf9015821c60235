"""The story of a row reads as plain sentences, and fits a terminal of 100 columns."""

import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from rich.console import Console

from identity_assets.backend.reports.due import Due, DueWhy
from identity_assets.backend.reports.story_records import (
    EarlierAnswer,
    GateStanding,
    GateState,
    LedgerRow,
    LibraryRow,
    SidecarRow,
    StoredVerdict,
    Story,
    VerdictState,
)
from identity_assets.settings import Scope
from identity_assets.terminal.explain_page import print_story
from identity_assets.terminal.sentences import format_time, missing_sentence

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
WEEK = timedelta(days=7)

LIBRARY = LibraryRow(
    artist_name="Anna Nyberg",
    album_title="First",
    legacy_release_id=9,
    artist_id=12,
    artist_on_file="Anna Nyberg",
    canonical_entity_id="discogs:1",
    canonical_entity_confidence=1.0,
    canonical_entity_resolved_at=NOON,
    code_volume_letters=None,
    has_va_letters=False,
    is_called_compilation=False,
    track_credits=0,
    cohort="non_va",
)
VERDICT = StoredVerdict(
    state=VerdictState.applied,
    kind="single_artist",
    method="trigram",
    confidence=0.9,
    main={"wikidata_qid": "Q1", "bandcamp_id": None},
    provenance=(
        {"source": "discogs", "method": "exact_match", "confidence": 1.0, "external_id": "77"},
        {"source": "spotify", "method": "trigram", "confidence": None, "external_id": None},
    ),
    artist_name="Anna Nyberg",
    album_title="First",
    asked_at=NOON,
    run_id="run-1",
    applied_at=NOON,
    holds_until=NOON + WEEK,
    unwound_at=None,
    rejected_reason=None,
    entries_set_aside=(),
    previous_asked_at=None,
    previous_kind=None,
    held_at=None,
    held_run_id=None,
    accepted_at=None,
    dropped_at=None,
)
LEDGER = LedgerRow("full", "non_va", "never_asked", NOON, "run-1", NOON, "resolved", None)
MAIN_ROW = {
    "library_id": 5,
    "discogs_master_id": None,
    "wikidata_qid": "Q1",
    "last_verified_at": NOON,
    "method": "trigram",
    "confidence": 0.9,
    "agreement_sources": None,
    "notes": "consumer:lml-bulk",
}
SOURCE_ROW = {
    "library_id": 5,
    "source": "discogs",
    "external_id": "77",
    "method": "exact_match",
    "confidence": 1.0,
    "last_verified_at": NOON,
    "boost_sources": None,
    "notes": "consumer:lml-bulk",
}
GATE = GateStanding(GateState.resolved, True, 0.9, 12, 3, None, None, None)
RESOLVED = {"is_due": False, "why": DueWhy.resolved_in_window, "until": NOON + WEEK, "decided_at": NOON}


def due_in_both(**of: Any) -> tuple[Due, ...]:
    return tuple(Due(scope, **of) for scope in Scope)


STORY = Story(
    library_id=5,
    read_at=NOON,
    partition_key="05",
    scope=Scope.canonical,
    library=LIBRARY,
    due=due_in_both(**RESOLVED),
    verdict=VERDICT,
    earlier_answers=(),
    ledger=LEDGER,
    leg_evidence=(),
    main_row=MAIN_ROW,
    source_rows=(SOURCE_ROW,),
    history=(),
    sidecar=None,
    gate=GATE,
)


def lines(story: Story, width: int = 100) -> list[str]:
    out = io.StringIO()
    print_story(Console(file=out, width=width), story)
    return [line.strip() for line in out.getvalue().splitlines()]


def told(story: Story = STORY, **changes: Any) -> str:
    """The story with these changes, its lines joined so that a sentence can be found across them."""
    return " ".join(" ".join(lines(replace(story, **changes))).split())


def test_the_story_answers_its_questions_in_order() -> None:
    headings = [
        "What Backend holds",
        "Is it due?",
        "What LML answered",
        "The last pass",
        "What is written",
        "What it replaced",
        "Does the gate count it?",
    ]
    printed = lines(STORY)
    assert [line for line in printed if line in headings] == headings
    assert printed[0] == "library row 5, partition 05, as of 2026-11-21 12:00 UTC"


def test_a_plain_story_reads_in_sentences() -> None:
    text = told()
    for sentence in (
        "“Anna Nyberg” (artist 12)",
        "discogs:1, resolved on 2026-11-21 12:00 UTC, confidence 1.00",
        "one artist: no volume letters, no track credits",
        "Not due: resolved on 2026-11-21 12:00 UTC, due again from 2026-11-28 12:00 UTC. This is so in both scopes",
        "One artist (single_artist), by trigram with confidence 0.90.",
        "Asked on 2026-11-21 12:00 UTC by run run-1, with the current names.",
        "Its ids: wikidata_qid Q1.",
        "Applied on 2026-11-21 12:00 UTC.",
        "Selected on 2026-11-21 12:00 UTC as never_asked (scope full, cohort non_va) by run run-1.",
        "Outcome: resolved: LML's identity was written.",
        "Main row, written by this project, from LML's answer (consumer:lml-bulk):",
        "empty discogs_master_id, agreement_sources",
        "Source rows written by this project, from LML's answer (consumer:lml-bulk): discogs.",
        "Nothing: no main row of this library row was ever replaced by a different one.",
        "No: it is resolved, its main row has confidence 0.90 (at least 0.70).",
    ):
        assert sentence in text


def test_a_story_without_anything_says_so() -> None:
    gate = GateStanding(GateState.truly_unresolved, False, None, 12, 0, None, None, None)
    text = told(
        due=due_in_both(is_due=True, why=DueWhy.never_asked),
        verdict=None,
        ledger=None,
        main_row=None,
        source_rows=(),
        gate=gate,
    )
    for sentence in (
        "Due: LML was never asked about it. This is so in both scopes",
        "No answer from LML is stored.",
        "Not in the ledger: the last pass of partition 05 did not select it, or there was no pass.",
        "No main row: the artist is not known.",
        "No source rows.",
        "Yes, it is truly unresolved: no main row, and artist 12 has no other library row",
    ):
        assert sentence in text


@pytest.mark.parametrize(
    ("due", "sentence"),
    [
        (
            {"is_due": True, "why": DueWhy.stale, "since": NOON + WEEK, "decided_at": NOON},
            "Due since 2026-11-28 12:00 UTC, stale: it has an identity, last verified or asked about on 2026-11-21",
        ),
        (
            {"is_due": True, "why": DueWhy.retry_due, "since": NOON + WEEK, "decided_at": NOON},
            "Due since 2026-11-28 12:00 UTC, to be tried again: LML was asked on 2026-11-21 12:00 UTC and found",
        ),
        (
            {**RESOLVED, "why": DueWhy.unresolved_in_window},
            "Not due: LML was asked on 2026-11-21 12:00 UTC and found nothing, due again from 2026-11-28 12:00 UTC.",
        ),
        (
            {**RESOLVED, "why": DueWhy.unresolved_in_window, "counts_from_future": True},
            "2026-11-21 12:00 UTC is in the future: a clock was wrong, or somebody set that time.",
        ),
        (
            {**RESOLVED, "why": DueWhy.compilation_in_window},
            "Not due: LML was asked on 2026-11-21 12:00 UTC and called it a compilation, due again from",
        ),
        (
            {**RESOLVED, "why": DueWhy.invalid_in_window},
            "Not due: LML was asked on 2026-11-21 12:00 UTC, and its answer was set aside, whole or in part, "
            "because it broke the contract, due again from 2026-11-28 12:00 UTC.",
        ),
        (
            {"is_due": True, "why": DueWhy.names_changed, "since": NOON, "decided_at": NOON},
            "Due: the names changed since LML was asked, so this is a new question; LML was last asked on 2026-11-21 "
            "12:00 UTC.",
        ),
        (
            {"is_due": True, "why": DueWhy.invalid_retry_due, "since": NOON + WEEK, "decided_at": NOON},
            "Due since 2026-11-28 12:00 UTC, to be asked again: LML was asked on 2026-11-21 12:00 UTC, and its "
            "answer was set aside, whole or in part, because it broke the contract.",
        ),
        (
            {"is_due": True, "why": DueWhy.invalid_retry_due, "decided_at": NOON, "answer_stored": True},
            "Due: LML was asked again on 2026-11-21 12:00 UTC about an answer that was set aside, and nothing is "
            "written from it. The next run applies the answer that is stored",
        ),
        ({"is_due": False, "why": DueWhy.manual}, "Never due: its main row is a person's decision"),
        ({"is_due": False, "why": DueWhy.no_artist_name}, "Never sent: it has no artist name"),
        (
            {"is_due": True, "why": DueWhy.never_asked, "answer_stored": True},
            "Due: no identity and no attempt is on record. The next run applies the answer that is stored, without "
            "asking LML again.",
        ),
    ],
)
def test_why_it_is_or_is_not_due_is_one_sentence(due: dict[str, Any], sentence: str) -> None:
    assert sentence in told(due=due_in_both(**due))


@pytest.mark.parametrize("state", [VerdictState.unwound, VerdictState.dropped])
def test_names_that_lml_was_asked_about_did_not_change_since(state: VerdictState) -> None:
    due = due_in_both(is_due=True, why=DueWhy.names_changed, since=NOON, decided_at=NOON)
    void = replace(
        VERDICT,
        state=state,
        unwound_at=NOON,
        dropped_at=NOON,
    )
    assert (
        "Due: LML was asked on 2026-11-21 12:00 UTC because the names had changed, and nothing is written from its "
        "answer." in told(due=due, verdict=void)
    )
    assert "the names changed since LML was asked" in told(
        due=due, verdict=replace(void, album_title="Another")
    )


def test_the_parts_of_an_answer_that_were_not_used_are_named() -> None:
    entries = tuple({"where": "tracks", "index": place, "reason": "no name"} for place in range(5))
    text = told(verdict=replace(VERDICT, entries_set_aside=entries))
    assert "Not used: tracks 0: no name; tracks 1: no name; tracks 2: no name; and 2 more." in text


def test_a_library_row_that_is_gone_is_told_from_one_that_never_was() -> None:
    assert missing_sentence(7, is_gone=True) == "library row 7 is gone: Backend deleted it"
    assert missing_sentence(7, is_gone=False) == "there is no library row 7"
    assert "the library row is gone, Backend deleted it" in told(
        ledger=replace(LEDGER, outcome="library_row_gone")
    )


def test_where_the_scopes_differ_each_is_said_and_the_one_that_is_set_is_marked() -> None:
    due = (
        Due(Scope.canonical, is_due=False, why=DueWhy.not_in_scope),
        Due(Scope.full, is_due=True, why=DueWhy.never_asked),
    )
    text = told(due=due, verdict=None)
    assert "In scope canonical (the one that is set): Not due: it has no canonical_entity_id" in text
    assert "In scope full: Due: LML was never asked about it." in text


@pytest.mark.parametrize(
    ("state", "sentence"),
    [
        (VerdictState.overruled, "the main row is a person's decision."),
        (
            VerdictState.writer_error,
            "Not applied: the database refused it (no luck). The next run tries again.",
        ),
        (VerdictState.names_changed, "Not applied: the names changed since LML was asked"),
        (VerdictState.window_passed, "Not applied, and too old since 2026-11-28 12:00 UTC"),
        (VerdictState.rejected, "Not applied: it was set aside, because no kind."),
        (VerdictState.waiting, "Not applied yet: the next run applies it without asking LML."),
    ],
)
def test_what_became_of_the_answer_is_one_sentence(state: VerdictState, sentence: str) -> None:
    text = told(
        verdict=replace(
            VERDICT,
            state=state,
            applied_at=NOON if state is VerdictState.overruled else None,
            rejected_reason="no kind",
        ),
        ledger=replace(LEDGER, outcome="writer_error", detail="no luck"),
    )
    assert sentence in text


def test_other_names_than_the_library_has_now_are_shown() -> None:
    text = told(verdict=replace(VERDICT, artist_name="A. Nyberg", previous_asked_at=NOON, previous_kind=None))
    assert "with names that differ from the current ones: “A. Nyberg”, “First”" in text
    assert "Asked about the same names before, on 2026-11-21 12:00 UTC; the answer was -." in text


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"has_va_letters": True, "code_volume_letters": "ZA"}, "(V/A): its volume letters are ZA"),
        ({"track_credits": 1234}, "(V/A): it has 1,234 track credits"),
        ({"code_volume_letters": "B"}, "one artist: volume letters B, no track credits"),
    ],
)
def test_the_cohort_says_by_which_sign(changes: dict[str, Any], sentence: str) -> None:
    assert sentence in told(library=replace(LIBRARY, **changes))


def test_the_gate_names_the_sibling_that_resolves_it() -> None:
    gate = GateStanding(GateState.fallback_resolved, True, 0.62, 12, 3, 88, "exact_match", 1.0)
    assert (
        "No: its main row has confidence 0.62, below 0.70, but it is fallback-resolved: library row 88 of the same "
        "artist (12) has exact_match with confidence 1.00."
    ) in told(gate=gate)


@pytest.mark.parametrize(
    ("method", "notes", "writer"),
    [
        ("manual", None, "a person"),
        ("manual", "librarian", "a person (librarian)"),
        ("exact_match", "backfill:S1", "this project, from canonical_entity_id (backfill:S1)"),
        ("exact_match", "backfill:S3", "this project, from flowsheet_match (backfill:S3)"),
        ("exact_match", "else", "another writer (else)"),
        ("exact_match", None, "an unknown writer (no notes)"),
    ],
)
def test_who_wrote_a_row_is_said(method: str, notes: str | None, writer: str) -> None:
    text = told(
        main_row={**MAIN_ROW, "method": method, "notes": notes},
        source_rows=({**SOURCE_ROW, "method": method, "notes": notes}, {**SOURCE_ROW, "source": "wikidata"}),
    )
    assert f"Main row, written by {writer}:" in text
    assert f"Source rows written by {writer}: discogs." in text
    assert "Source rows written by this project, from LML's answer (consumer:lml-bulk): wikidata." in text


def test_history_and_sidecar_are_shown_and_the_tables_fit() -> None:
    held = {
        **MAIN_ROW,
        "history_id": 3,
        "superseded_at": NOON,
        "superseded_reason": "rerun",
        "reason_category": None,
        "archived_at": None,
        "method": "cross_source_agreement",
    }
    story = replace(
        STORY,
        history=(held, held),
        sidecar=SidecarRow("unresolved", NOON + WEEK, 2, NOON, "run-2"),
        source_rows=(
            {**SOURCE_ROW, "method": "name_variation", "external_id": "c5165fdc-7899-440a-93ab-64657651be48"},
        ),
    )
    text = told(story)
    assert "2 main rows, the newest first." in text
    assert "rerun 2026-11-21 12:00 cross_source_agreement 0.90; wikidata_qid Q1" in text
    assert (
        "LML was asked 2 times and found no artist (unresolved): first on 2026-11-21 12:00 UTC, last on"
        in text
    )
    assert "c5165fdc-7899-440a-93ab-64657651be48" in text
    for width in (80, 100):
        assert max(map(len, lines(story, width))) <= width


def test_names_that_look_like_markup_or_drive_a_terminal_are_shown_as_they_are_or_not_at_all() -> None:
    text = told(
        library=replace(LIBRARY, artist_name="[red]Anna[/red] \x1b[31m", album_title="a\nb"),
        verdict=replace(VERDICT, method="[bold]x", confidence=[1]),
    )
    assert "[red]Anna[/red] \ufffd[31m" in text
    assert "“a b”" in text
    assert "by [bold]x with confidence [1]" in text
    assert "\x1b" not in text


def test_what_the_legs_found_is_told_where_they_found_anything() -> None:
    assert "What the legs found" not in told()
    found = {
        "leg": "S3",
        "source": "discogs_master",
        "external_id": "7",
        "method": "alias_match",
        "confidence": 0.75,
        "verified_at": NOON,
        "run_id": "run-1",
        "artist_name": "Anna Nyberg",
        "album_title": "First",
        "canonical_entity_id": None,
        "is_outdated": False,
        "refused_reason": None,
    }
    text = told(leg_evidence=(found, {**found, "refused_reason": "no luck"}))
    assert "It was found for" not in text
    assert "S3 pins it to the Discogs master 7, by alias_match with confidence 0.75, found on" in text
    assert "The database refuses it: no luck." in text
    by_names = {**found, "is_outdated": True}
    by_entity = {**by_names, "leg": "S1", "canonical_entity_id": "discogs:5"}
    text = told(leg_evidence=(by_entity, by_names))
    assert "It was found for the canonical_entity_id discogs:5: the evidence writes nothing new until" in text
    assert "It was found for the names Anna Nyberg / First: the evidence writes nothing new until" in text


def test_earlier_answers_and_an_answer_that_was_taken_back_are_told() -> None:
    earlier = EarlierAnswer("single_artist", "trigram", 0.9, NOON - WEEK, "run-0", NOON - WEEK, None)
    taken_back = replace(VERDICT, state=VerdictState.unwound, unwound_at=NOON)
    text = told(
        verdict=taken_back,
        earlier_answers=(earlier, replace(earlier, kind="unresolved", rejected_reason="no kind")),
    )
    assert (
        f"Taken back on {format_time(NOON)}: it is not applied again, and the next run asks LML again."
        in text
    )
    assert f"{format_time(NOON - WEEK)} single_artist trigram 0.90 run-0" in text
    assert "unresolved (set aside)" in text
