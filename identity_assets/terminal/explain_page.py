"""The story of one library row on a terminal: sections, sentences and tables.

What is true of the row is decided in reports/story.py, the sentences are in sentences.py; this is only the layout.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from rich import box
from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from identity_assets.backend.reports.story_records import (
    EarlierAnswer,
    LedgerRow,
    LibraryRow,
    StoredVerdict,
    Story,
    TableRow,
)
from identity_assets.terminal.sentences import (
    NOTHING,
    OUTCOMES,
    answer_sentence,
    cohort_sentence,
    due_sentence,
    gate_sentence,
    quoted,
    said,
    said_time,
    verdict_state_sentence,
    writer_of,
)

# Columns of a history row that are shown in a column of their own, or say nothing about the row that was replaced.
SHOWN_APART = {
    *("history_id", "library_id", "method", "confidence", "last_verified_at", "distinct_unresolved_sources"),
    *("superseded_at", "superseded_reason", "reason_category"),
}


def print_story(console: Console, story: Story) -> None:
    """Print the story, one section for each question that it answers."""
    sections: list[tuple[str, Iterable[RenderableType]]] = [
        ("What Backend holds", _library(story.library)),
        ("Is it due?", map(_text, _due_sentences(story))),
        ("What LML said", _verdict(story.verdict, story)),
        ("The last pass", map(_text, _ledger(story.ledger, story.partition_key))),
        *([("What the legs found", _leg_evidence(story.leg_evidence))] if story.leg_evidence else ()),
        ("What is written", _written(story)),
        ("What it replaced", _history(story.history)),
        ("Does the gate count it?", [_text(gate_sentence(story.gate))]),
    ]
    console.print(
        _text(
            f"library row {story.library_id}, partition {story.partition_key}, as of {said_time(story.read_at)}"
        )
    )
    for heading, lines in sections:
        console.print()
        console.print(Text(heading, style="bold"))
        for line in lines:
            console.print(Padding(line, (0, 0, 0, 2), expand=False))


def _text(line: str) -> Text:
    """A line without markup: a name in it may look like markup."""
    return Text(said(line))


def _pairs(pairs: Iterable[tuple[str, str]]) -> Table:
    table = Table.grid(padding=(0, 2))
    for name, value in pairs:
        table.add_row(Text(name, style="dim"), _text(value))
    return table


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]], *, folded: str) -> Padding:
    """A table below a blank line, in which only the column `folded` may take several lines."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    for column in columns:
        table.add_column(column, no_wrap=column != folded, overflow="fold")
    for row in rows:
        table.add_row(*map(_text, row))
    return Padding(table, (1, 0, 0, 0), expand=False)


def _library(row: LibraryRow) -> Iterator[RenderableType]:
    on_file = "" if row.artist_on_file == row.artist_name else f", on file as {quoted(row.artist_on_file)}"
    canonical = row.canonical_entity_id or "none"
    if row.canonical_entity_resolved_at is not None:
        canonical += f", resolved on {said_time(row.canonical_entity_resolved_at)}"
    if row.canonical_entity_confidence is not None:
        canonical += f", confidence {said(row.canonical_entity_confidence)}"
    yield _pairs(
        [
            ("artist", f"{quoted(row.artist_name)} (artist {row.artist_id}{on_file})"),
            ("title", quoted(row.album_title)),
            ("legacy_release_id", said(row.legacy_release_id)),
            ("canonical_entity_id", canonical),
            ("cohort", cohort_sentence(row)),
        ]
    )


def _due_sentences(story: Story) -> Iterator[str]:
    """One line for each scope, or one line for both if they agree."""
    sentences = {due.scope: due_sentence(due, story.verdict) for due in story.due}
    if len(set(sentences.values())) == 1:
        yield f"{sentences[story.scope]} That holds in both scopes, canonical and full."
        return
    for scope, sentence in sentences.items():
        is_set = " (the one that is set)" if scope == story.scope else ""
        yield f"In scope {scope}{is_set}: {sentence}"


def _verdict(verdict: StoredVerdict | None, story: Story) -> Iterator[RenderableType]:
    if verdict is None:
        yield _text("No answer of LML is stored.")
        return
    yield _text(answer_sentence(verdict))
    yield _text(
        f"Asked on {said_time(verdict.asked_at)} by run {verdict.run_id}, {_names_asked(verdict, story)}."
    )
    yield _text(verdict_state_sentence(verdict, story.ledger))
    if verdict.previous_asked_at is not None:
        yield _text(
            f"Asked about the same names before that on {said_time(verdict.previous_asked_at)}; "
            f"the answer was {said(verdict.previous_kind)}."
        )
    if story.earlier_answers:
        yield _table(
            ["before that", "answer", "method", "confidence", "run"],
            map(_earlier_answer_line, story.earlier_answers),
            folded="run",
        )
    if isinstance(verdict.main, Mapping):
        yield _text(f"Its ids: {_listed(verdict.main)}.")
    if verdict.provenance:
        yield _table(
            ["provenance", "method", "confidence", "external id", ""],
            map(_provenance_line, verdict.provenance),
            folded="external id",
        )


def _earlier_answer_line(answer: EarlierAnswer) -> Sequence[str]:
    kind = f"{said(answer.kind)} (rejected)" if answer.rejected_reason is not None else said(answer.kind)
    return (said_time(answer.asked_at), kind, said(answer.method), said(answer.confidence), answer.run_id)


def _names_asked(verdict: StoredVerdict, story: Story) -> str:
    asked = (verdict.artist_name, verdict.album_title)
    if asked == (story.library.artist_name, story.library.album_title):
        return "with the names that the library has now"
    return f"with other names than the library has now: {quoted(asked[0])}, {quoted(asked[1])}"


def _provenance_line(entry: Mapping[str, Any]) -> list[str]:
    has_both = entry.get("confidence") is not None and entry.get("external_id") is not None
    line = [said(entry.get(name)) for name in ("source", "method", "confidence", "external_id")]
    return [*line, "" if has_both else "found nothing"]


def _ledger(ledger: LedgerRow | None, partition_key: str) -> Iterator[str]:
    if ledger is None:
        yield f"Not in the ledger: the last pass of partition {partition_key} did not select it, or there was none."
        return
    yield (
        f"Selected on {said_time(ledger.selected_at)} as {ledger.reason} (scope {ledger.scope}, cohort "
        f"{ledger.cohort}) by run {ledger.run_id}."
    )
    detail = "" if ledger.detail is None else f" ({said(ledger.detail)})"
    yield f"Outcome: {OUTCOMES.get(ledger.outcome, said(ledger.outcome))}{detail}."


def _leg_evidence(rows: Sequence[TableRow]) -> Iterator[RenderableType]:
    for row in rows:
        kind = str(row["source"]).removeprefix("discogs_")
        refused = (
            "" if row["refused_reason"] is None else f" The database refuses it: {row['refused_reason']}."
        )
        yield _text(
            f"{row['leg']} pins it to the Discogs {kind} {row['external_id']}, by {row['method']} with confidence "
            f"{said(row['confidence'])}, found so on {said_time(row['verified_at'])}.{refused}"
        )


def _written(story: Story) -> Iterator[RenderableType]:
    if story.main_row is None:
        yield _text("No main row: its artist is not identified.")
    else:
        yield _text(f"Main row, written by {writer_of(story.main_row)}:")
        yield Padding(_main_row(story.main_row), (0, 0, 0, 2), expand=False)
    if story.source_rows:
        yield from _source_rows(story.source_rows)
    else:
        yield _text("No source rows.")
    if story.sidecar is not None:
        yield _text(
            f"Sidecar: LML was asked {_times(story.sidecar.attempts)} and found no identity ({story.sidecar.kind}): "
            f"first on {said_time(story.sidecar.first_attempted_at)}, last on "
            f"{said_time(story.sidecar.attempted_at)} by run {said(story.sidecar.run_id)}."
        )


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count:,} times"


def _main_row(row: TableRow) -> Table:
    filled = {name: value for name, value in row.items() if value is not None and name != "library_id"}
    empty = [name for name, value in row.items() if value is None]
    return _pairs(
        [*((name, said(value)) for name, value in filled.items()), ("empty", ", ".join(empty) or NOTHING)]
    )


def _source_rows(rows: Sequence[TableRow]) -> Iterator[RenderableType]:
    """The rows as a table; above it, one line for each writer."""
    columns = {
        "source": "source row",
        "external_id": "external id",
        "method": "method",
        "confidence": "confidence",
        "last_verified_at": "verified, UTC",
    }
    if any(row["boost_sources"] is not None for row in rows):
        columns["boost_sources"] = "boosted by"
    writers: dict[str, list[str]] = {}
    for row in rows:
        writers.setdefault(writer_of(row), []).append(said(row["source"]))
    for writer, sources in writers.items():
        yield _text(f"Source rows written by {writer}: {', '.join(sources)}.")
    yield _table(
        list(columns.values()), ([_cell(row[name]) for name in columns] for row in rows), folded="external id"
    )


def _history(rows: Sequence[TableRow]) -> Iterator[RenderableType]:
    if not rows:
        yield _text("Nothing: its main row was never replaced by a different one.")
        return
    yield _text(f"{len(rows)} main row{'s' * (len(rows) > 1)}, the newest first.")
    yield _table(
        ("replaced, UTC", "why", "verified, UTC", "the row before"),
        map(_history_line, rows),
        folded="the row before",
    )


def _history_line(row: TableRow) -> list[str]:
    why = [row["superseded_reason"], row.get("reason_category")]
    held = {name: value for name, value in row.items() if name not in SHOWN_APART}
    return [
        _cell(row["superseded_at"]),
        ", ".join(said(one) for one in why if one is not None),
        _cell(row["last_verified_at"]),
        f"{said(row['method'])} {said(row['confidence'])}; {_listed(held)}",
    ]


def _cell(value: Any) -> str:
    """A value in a column; its heading says that times are in UTC."""
    return said(value).removesuffix(" UTC") if isinstance(value, datetime) else said(value)


def _listed(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {said(value)}" for name, value in values.items() if value is not None) or "none"
