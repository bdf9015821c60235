"""The page of `identity-assets explain`: the story of one library row, in sections.

backend/reports/story.py finds the facts, sentences.py puts them into words, explain_layout.py lays them out.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.text import Text

from identity_assets.backend.reports.story_records import (
    EarlierAnswer,
    LedgerRow,
    LibraryRow,
    StoredVerdict,
    Story,
    TableRow,
)
from identity_assets.terminal.explain_layout import folded_table, line_of_text, list_of_values, pairs_table
from identity_assets.terminal.explain_tables import history_rows, written_rows
from identity_assets.terminal.explain_tracks import track_rows
from identity_assets.terminal.sentences import (
    OUTCOMES,
    answer_sentence,
    as_text,
    cohort_sentence,
    decision_sentence,
    due_sentence,
    format_time,
    gate_sentence,
    is_about_current_names,
    quoted,
    verdict_state_sentence,
)


def print_story(console: Console, story: Story) -> None:
    """Print the story, one section for each question that it answers."""
    sections: list[tuple[str, Iterable[RenderableType]]] = [
        ("What Backend holds", _library(story.library)),
        ("Is it due?", map(line_of_text, _due_sentences(story))),
        ("What LML answered", _verdict(story.verdict, story)),
        ("The last pass", map(line_of_text, _ledger(story.ledger, story.partition_key))),
        *([("What the legs found", _leg_evidence(story.leg_evidence))] if story.leg_evidence else ()),
        *(
            [("What people decided", map(line_of_text, map(decision_sentence, story.decisions)))]
            if story.decisions
            else ()
        ),
        ("What is written", written_rows(story)),
        *([("Its tracks", track_rows(story))] if story.tracks else ()),
        ("What it replaced", history_rows(story.history)),
        ("Does the gate count it?", [line_of_text(gate_sentence(story.gate))]),
    ]
    console.print(
        line_of_text(
            f"library row {story.library_id}, partition {story.partition_key}, as of {format_time(story.read_at)}"
        )
    )
    for heading, lines in sections:
        console.print()
        console.print(Text(heading, style="bold"))
        for line in lines:
            console.print(Padding(line, (0, 0, 0, 2), expand=False))


def _library(row: LibraryRow) -> Iterator[RenderableType]:
    on_file = "" if row.artist_on_file == row.artist_name else f", on file as {quoted(row.artist_on_file)}"
    canonical = row.canonical_entity_id or "none"
    if row.canonical_entity_resolved_at is not None:
        canonical += f", resolved on {format_time(row.canonical_entity_resolved_at)}"
    if row.canonical_entity_confidence is not None:
        canonical += f", confidence {as_text(row.canonical_entity_confidence)}"
    yield pairs_table(
        [
            ("artist", f"{quoted(row.artist_name)} (artist {row.artist_id}{on_file})"),
            ("title", quoted(row.album_title)),
            ("legacy_release_id", as_text(row.legacy_release_id)),
            ("canonical_entity_id", canonical),
            ("cohort", cohort_sentence(row)),
        ]
    )


def _due_sentences(story: Story) -> Iterator[str]:
    """One sentence for each scope, or one sentence if both scopes agree."""
    sentences = {due.scope: due_sentence(due, story.verdict, story.library) for due in story.due}
    if len(set(sentences.values())) == 1:
        yield f"{sentences[story.scope]} This is so in both scopes, canonical and full."
        return
    for scope, sentence in sentences.items():
        is_set = " (the one that is set)" if scope == story.scope else ""
        yield f"In scope {scope}{is_set}: {sentence}"


def _verdict(verdict: StoredVerdict | None, story: Story) -> Iterator[RenderableType]:
    if verdict is None:
        yield line_of_text("No answer from LML is stored.")
        return
    yield line_of_text(answer_sentence(verdict))
    yield line_of_text(
        f"Asked on {format_time(verdict.asked_at)} by run {verdict.run_id}, {_names_asked(verdict, story)}."
    )
    yield line_of_text(verdict_state_sentence(verdict, story.ledger))
    if verdict.previous_asked_at is not None:
        then = f"the answer was {as_text(verdict.previous_kind)}"
        if verdict.previous_kind == "asked_again":
            then = "a person wanted LML to be asked again"
        yield line_of_text(
            f"Asked about the same names before, on {format_time(verdict.previous_asked_at)}; {then}."
        )
    if story.earlier_answers:
        yield folded_table(
            ["earlier", "answer", "method", "confidence", "run"],
            map(_earlier_answer_line, story.earlier_answers),
            folded="run",
        )
    if isinstance(verdict.main, Mapping):
        yield line_of_text(f"Its ids: {list_of_values(verdict.main)}.")
    if verdict.provenance:
        yield folded_table(
            ["provenance", "method", "confidence", "external id", ""],
            map(_provenance_line, verdict.provenance),
            folded="external id",
        )


def _earlier_answer_line(answer: EarlierAnswer) -> Sequence[str]:
    kind = (
        f"{as_text(answer.kind)} (set aside)" if answer.rejected_reason is not None else as_text(answer.kind)
    )
    return (
        format_time(answer.asked_at),
        kind,
        as_text(answer.method),
        as_text(answer.confidence),
        answer.run_id,
    )


def _names_asked(verdict: StoredVerdict, story: Story) -> str:
    if is_about_current_names(verdict, story.library):
        return "with the current names"
    return (
        "with names that differ from the current ones: "
        f"{quoted(verdict.artist_name)}, {quoted(verdict.album_title)}"
    )


def _provenance_line(entry: Mapping[str, Any]) -> list[str]:
    has_both = entry.get("confidence") is not None and entry.get("external_id") is not None
    line = [as_text(entry.get(name)) for name in ("source", "method", "confidence", "external_id")]
    return [*line, "" if has_both else "found nothing"]


def _ledger(ledger: LedgerRow | None, partition_key: str) -> Iterator[str]:
    if ledger is None:
        yield (
            f"Not in the ledger: the last pass of partition {partition_key} did not select it, "
            "or there was no pass."
        )
        return
    yield (
        f"Selected on {format_time(ledger.selected_at)} as {ledger.reason} (scope {ledger.scope}, cohort "
        f"{ledger.cohort}) by run {ledger.run_id}."
    )
    detail = "" if ledger.detail is None else f" ({as_text(ledger.detail)})"
    yield f"Outcome: {OUTCOMES.get(ledger.outcome, as_text(ledger.outcome))}{detail}."


def _leg_evidence(rows: Sequence[TableRow]) -> Iterator[RenderableType]:
    for row in rows:
        kind = str(row["source"]).removeprefix("discogs_")
        refused = (
            "" if row["refused_reason"] is None else f" The database refuses it: {row['refused_reason']}."
        )
        yield line_of_text(
            f"{row['leg']} pins it to the Discogs {kind} {row['external_id']}, by {row['method']} with confidence "
            f"{as_text(row['confidence'])}, found on {format_time(row['verified_at'])}.{_outdated(row)}{refused}"
        )


def _outdated(row: TableRow) -> str:
    """What the leg read, if the library row has changed since then."""
    if not row["is_outdated"]:
        return ""
    read = (
        f"the canonical_entity_id {row['canonical_entity_id']}"
        if row["leg"] == "S1"
        else f"the names {row['artist_name']} / {row['album_title']}"
    )
    return f" It was found for {read}: the evidence writes nothing new until the leg is gathered again."
