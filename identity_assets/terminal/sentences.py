"""The facts about one library row as sentences that a newcomer understands.

Pure functions of the records of backend/reports/story_records.py. The layout of the page is in explain_page.py.
"""

from datetime import UTC, datetime
from typing import Any

from identity_assets.backend.reports.due import Due, DueWhy
from identity_assets.backend.reports.story_records import (
    GateStanding,
    GateState,
    LedgerRow,
    LibraryRow,
    StoredVerdict,
    TableRow,
    VerdictState,
)
from identity_assets.backend.writing.verdicts import LML_BULK
from identity_assets.clean_text import visible

NOTHING = "-"

WRITERS = {
    LML_BULK: "this project, from LML's answer",
    "backfill:S1": "this project, from canonical_entity_id",
    "backfill:S3": "this project, from flowsheet_match",
}

OUTCOMES = {
    None: "not settled yet",
    "resolved": "resolved: LML's identity was written",
    "resolved_compilation": "resolved as a compilation, track by track",
    "unresolved": "unresolved: LML was asked and found nothing",
    "compilation": "compilation: a various-artists release has no identity of its own",
    "missing_artist_name": "missing_artist_name: without an artist name LML cannot be asked",
    "manual_override": "manual_override: a person's decision stands, and nothing was written",
    "lml_error": "lml_error: LML gave no answer",
    "lml_cardinality_mismatch": "lml_cardinality_mismatch: LML answered the batch but not this row",
    "lml_invalid_verdict": "lml_invalid_verdict: LML's answer breaks the contract and was not written",
    "lml_untrusted_library_id": "lml_untrusted_library_id: LML's answer does not say which row it is about",
    "writer_error": "writer_error: the database refused LML's answer",
    "library_row_gone": "library_row_gone: the library row is gone, Backend deleted it after LML was asked",
    "names_changed": "names_changed: nothing was written, the names changed after LML was asked",
    "rejected_by_person": "rejected_by_person: a person rejected LML's answer",
    "answer_held": "answer_held: LML's answers of this pass could not be true and are held back",
    "not_asked": "not_asked: the time for asking LML was over",
    "unwound": "unwound: what was written for it was taken back",
}


def format_time(moment: datetime) -> str:
    """The moment to the minute, such as `2026-11-21 12:00 UTC`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def as_text(value: Any) -> str:
    """A value from a table or from LML on one line, without characters that control a terminal."""
    if value is None:
        return NOTHING
    if isinstance(value, datetime):
        return format_time(value)
    text = _number(value) if isinstance(value, float) else str(value)
    return visible(text)


def _number(value: float) -> str:
    """The number with two decimals, as confidences are written, or with four digits if it has more decimals."""
    return f"{value:.2f}" if value == round(value, 2) else f"{value:.4g}"


def quoted(name: str | None) -> str:
    """The name in quotation marks, so that a blank name is visible."""
    return "no name" if name is None else f"“{as_text(name)}”"


def cohort_sentence(row: LibraryRow) -> str:
    """Whether the row counts as a various-artists release, and which signs of one it has."""
    signs = []
    if row.has_va_letters:
        signs.append(f"its volume letters are {as_text(row.code_volume_letters)}")
    if row.track_credits:
        signs.append(f"it has {row.track_credits:,} track credits")
    if row.is_called_compilation:
        signs.append("LML calls it a compilation")
    if signs:
        return f"various artists (V/A): {' and '.join(signs)}"
    letters = (
        "no volume letters"
        if row.code_volume_letters is None
        else f"volume letters {row.code_volume_letters}"
    )
    return f"one artist: {letters}, no track credits"


def missing_sentence(library_id: int, *, is_gone: bool) -> str:
    """Say that Backend has no such library row; `is_gone`: Backend had it once."""
    return (
        f"library row {library_id} is gone: Backend deleted it"
        if is_gone
        else f"there is no library row {library_id}"
    )


def is_about_current_names(verdict: StoredVerdict, library: LibraryRow) -> bool:
    """Whether LML was asked with the names that the library row has now."""
    return (verdict.artist_name, verdict.album_title) == (library.artist_name, library.album_title)


def due_sentence(due: Due, verdict: StoredVerdict | None, library: LibraryRow) -> str:
    """Whether the row is due in one scope, why, and since or until when."""
    if not due.is_due:
        return _not_due_sentence(due)
    instead = (
        " The next run applies the answer that is stored, without asking LML again."
        if due.answer_stored
        else ""
    )
    return f"{_due_reason(due, verdict, library)}.{instead}"


def _due_reason(due: Due, verdict: StoredVerdict | None, library: LibraryRow) -> str:
    since = "" if due.since is None else f" since {format_time(due.since)}"
    on = "" if due.decided_at is None else format_time(due.decided_at)
    if due.why is DueWhy.invalid_retry_due and (due.answer_stored or _is_unwound(verdict)):
        return f"Due: LML was asked again on {on} about an answer that was set aside, and nothing is written from it"
    is_asked = verdict is not None and is_about_current_names(verdict, library)
    if due.why is DueWhy.names_changed and is_asked and (due.answer_stored or _is_void(verdict)):
        return f"Due: LML was asked on {on} because the names had changed, and nothing is written from its answer"
    return {
        DueWhy.never_asked: f"Due: {_never_asked(verdict)}",
        DueWhy.names_changed: (
            f"Due: the names changed since LML was asked, so this is a new question; LML was last asked on {on}"
        ),
        DueWhy.invalid_retry_due: (
            f"Due{since}, to be asked again: LML was asked on {on}, and its answer was set aside, whole or in part, "
            "because it broke the contract"
        ),
        DueWhy.retry_due: f"Due{since}, to be tried again: LML was asked on {on} and {_found(verdict)}",
        DueWhy.asked_again: (
            f"Due: LML was asked again on {on} because a person wanted it, and nothing is written from its answer"
        ),
        DueWhy.stale: f"Due{since}, stale: {_resolved(verdict)}, last verified or asked about on {on}",
    }[due.why]


def _resolved(verdict: StoredVerdict | None) -> str:
    is_compilation = verdict is not None and verdict.kind == "compilation"
    return "its tracks are resolved" if is_compilation else "it has an identity"


def _never_asked(verdict: StoredVerdict | None) -> str:
    return "LML was never asked about it" if verdict is None else "no identity and no attempt is on record"


def _found(verdict: StoredVerdict | None) -> str:
    if verdict is not None and verdict.state is VerdictState.rejected_by_person:
        return "named an identity that a person rejected"
    return "found nothing"


def _is_unwound(verdict: StoredVerdict | None) -> bool:
    return verdict is not None and verdict.state is VerdictState.unwound


def _is_void(verdict: StoredVerdict | None) -> bool:
    return _is_unwound(verdict) or (verdict is not None and verdict.state is VerdictState.dropped)


def _not_due_sentence(due: Due) -> str:
    if due.decided_at is None:
        return {
            DueWhy.not_in_scope: "Not due: it has no canonical_entity_id, so it is not in this scope.",
            DueWhy.manual: "Never due: its main row is a person's decision (manual), which no run changes.",
            DueWhy.decided_none: "Never due: a person decided that no service has an identity for it.",
            DueWhy.no_artist_name: "Never sent: it has no artist name, so LML cannot be asked about it.",
        }[due.why]
    on, until = format_time(due.decided_at), "" if due.until is None else format_time(due.until)
    if due.why is DueWhy.answer_held:
        return (
            f"Not due: LML was asked on {on}, and its answer is held back until a person accepts or drops it "
            "(`identity-assets held`)."
        )
    happened = {
        DueWhy.resolved_in_window: f"resolved on {on}",
        DueWhy.unresolved_in_window: f"LML was asked on {on} and found nothing",
        DueWhy.compilation_in_window: f"LML was asked on {on} and called it a compilation",
        DueWhy.rejected_in_window: f"LML was asked on {on} and named an identity that a person rejected",
        DueWhy.resolved_compilation_in_window: f"LML was asked on {on} and resolved it track by track",
        DueWhy.invalid_in_window: (
            f"LML was asked on {on}, and its answer was set aside, whole or in part, because it broke the contract"
        ),
    }[due.why]
    future = (
        f" {on} is in the future: a clock was wrong, or somebody set that time."
        if due.counts_from_future
        else ""
    )
    return f"Not due: {happened}, due again from {until}.{future}"


def answer_sentence(verdict: StoredVerdict) -> str:
    """LML's answer, in plain words and with its own term."""
    if verdict.kind == "single_artist":
        by = f"by {as_text(verdict.method)} with confidence {as_text(verdict.confidence)}"
        return f"One artist (single_artist), {by}."
    return {
        "unresolved": "Nothing (unresolved): LML tried and found no artist.",
        "compilation": "A various-artists release (compilation), which has no identity of its own.",
    }.get(verdict.kind or "", "An answer of a kind that the contract does not have.")


def verdict_state_sentence(verdict: StoredVerdict, ledger: LedgerRow | None) -> str:
    """When the answer was applied, or why it was not applied."""
    at = _at(verdict.applied_at)
    refused = as_text(ledger.detail if ledger is not None else None)
    return {
        VerdictState.applied: f"{_accepted(verdict)}Applied on {at}.{_set_aside(verdict)}",
        VerdictState.unwound: (
            f"Taken back on {_at(verdict.unwound_at)}: it is not applied "
            "again, and the next run asks LML again."
        ),
        VerdictState.dropped: (
            f"Dropped by a person on {_at(verdict.dropped_at)}: it is not applied, and the next run asks LML again."
        ),
        VerdictState.held: (
            f"Not applied: held back on {_at(verdict.held_at)} by run {verdict.held_run_id}, because the answers of "
            "that run could not be true. `identity-assets held` accepts or drops it."
        ),
        VerdictState.overruled: f"Settled on {at}; the main row is a person's decision.",
        VerdictState.rejected_by_person: (
            f"Settled on {at}: a person rejected the identity that it names, and nothing is written from it."
        ),
        VerdictState.rejected: f"Not applied: it was set aside, because {as_text(verdict.rejected_reason)}.",
        VerdictState.writer_error: f"Not applied: the database refused it ({refused}). The next run tries again.",
        VerdictState.names_changed: (
            "Not applied: the names changed since LML was asked. The next run asks LML about the new names."
        ),
        VerdictState.window_passed: (
            f"Not applied, and too old since {format_time(verdict.holds_until)}: the next run asks LML again."
        ),
        VerdictState.waiting: (
            f"{_accepted(verdict)}Not applied yet: the next run applies it without asking LML."
        ),
    }[verdict.state]


def _at(moment: datetime | None) -> str:
    return "" if moment is None else format_time(moment)


def _accepted(verdict: StoredVerdict) -> str:
    if verdict.accepted_at is None:
        return ""
    return f"It was held back, and a person accepted it on {format_time(verdict.accepted_at)}. "


def _set_aside(verdict: StoredVerdict) -> str:
    """What parts of an applied answer were not used, the first three by name."""
    entries = verdict.entries_set_aside
    if not entries:
        return ""
    named = [
        f"{as_text(entry.get('where'))} {as_text(entry.get('index'))}: {as_text(entry.get('reason'))}"
        for entry in entries[:3]
    ]
    more = f"; and {len(entries) - 3:,} more" if len(entries) > 3 else ""
    return f" Not used: {'; '.join(named)}{more}."


def decision_sentence(row: TableRow) -> str:
    """What a person decided, when and why, and the command that takes it back."""
    ids = (
        ", ".join(f"{source} {as_text(value)}" for source, value in sorted(row["ids"].items()))
        or "without ids"
    )
    if row["decision"] == "reject":
        what = (
            f"rejected this identity: {ids}. LML's answer is not written as long as it names it"
            if row["source"] is None
            else f"rejected one id: {ids}. It is not written again; another id of {row['source']} is"
        )
    elif row["decision"] == "none":
        what = "decided that no service has an identity for it. LML is not asked about it"
    else:
        what = f"decided its identity: {ids}. No run changes it"
    note = "" if row["note"] is None else f" Note: {as_text(row['note'])}."
    return (
        f"On {format_time(row['made_at'])}, {as_text(row['made_by'])} {what}.{note} "
        f"`identity-assets unwind --run {row['run_id']}` takes the decision back."
    )


def writer_of(row: TableRow) -> str:
    """Who wrote a main row or a source row, according to its method and its notes."""
    notes = row["notes"]
    if row["method"] == "manual" and notes != LML_BULK:
        return "a person" if notes is None else f"a person ({as_text(notes)})"
    if notes is None:
        return "an unknown writer (no notes)"
    return f"{WRITERS[notes]} ({notes})" if notes in WRITERS else f"another writer ({as_text(notes)})"


def gate_sentence(gate: GateStanding) -> str:
    """Whether the gate counts the row as truly unresolved, and why."""
    if gate.state is GateState.resolved:
        return f"No: it is resolved, its main row has confidence {as_text(gate.confidence)} (at least 0.70)."
    lacks = (
        f"its main row has confidence {as_text(gate.confidence)}, below 0.70"
        if gate.has_main_row
        else "no main row"
    )
    if gate.state is GateState.fallback_resolved:
        return (
            f"No: {lacks}, but it is fallback-resolved: library row {gate.sibling_library_id} of the same artist "
            f"({gate.artist_id}) has {as_text(gate.sibling_method)} with confidence "
            f"{as_text(gate.sibling_confidence)}."
        )
    others = f"artist {gate.artist_id} has no other library row"
    if gate.other_library_rows:
        others = (
            f"none of the {gate.other_library_rows:,} other library rows of artist {gate.artist_id} has a main row "
            "with confidence 0.70 or more"
        )
    return f"Yes, it is truly unresolved: {lacks}, and {others} to fall back on."
