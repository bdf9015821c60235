"""Changes on a terminal or in a CSV: those that a dry run predicts, a replay made, or an unwind takes back."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from identity_assets.backend.preview.changes import SHOWN, Change, ChangeKind
from identity_assets.backend.preview.dry_run import DryRun
from identity_assets.backend.undo.by_run import WHY_LEFT_ALONE, Unwound
from identity_assets.backend.undo.runs import WrittenRun
from identity_assets.backend.writing.replay import Replayed
from identity_assets.terminal.output import is_narrow, print_block
from identity_assets.terminal.sentences import as_text, format_time
from identity_assets.wording import counted_reasons, number_of

# How many rows a person gets to see of a long list.
SAMPLE_ROWS = 15
# How many lines about one row: a compilation may have thousands of tracks.
DETAIL_LINES = 12
WIDE_ENOUGH_FOR_SUMS = 72
DESCRIPTIONS = {
    ChangeKind.new: "library rows that get their first identity",
    ChangeKind.changed: "identities with a column that changes",
    ChangeKind.confirmed: "identities that LML confirms without a change",
    ChangeKind.withdrawn: "identities that LML no longer gives: it finds nothing, or a compilation; they stay",
    ChangeKind.unresolved: "library rows without an identity of LML, for which it finds nothing",
    ChangeKind.compilation: "compilations of which no track is linked",
    ChangeKind.removed: "library rows that lose their identity",
    ChangeKind.decided: "library rows about which something else was written, such as a person's decision",
}
CSV_HEADER = ("library_id", "artist_name", "album_title", "change", "column", "from", "to")


class ChangesSample:
    """The number of changes of each kind, and the first of each, without those that leave an identity as it is."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.kept: dict[ChangeKind, list[Change]] = {kind: [] for kind in SHOWN}

    @property
    def rows(self) -> list[Change]:
        """The changes in the sample: identities that change or go come before new ones."""
        return [change for changes in self.kept.values() for change in changes]

    def add(self, change: Change) -> None:
        """Count the change, and keep it if the sample has room for its kind."""
        self.counts[str(change.kind)] += 1
        kept = self.kept.get(change.kind)
        if kept is not None and len(kept) < SAMPLE_ROWS:
            kept.append(change)


def print_changes(console: Console, predicted: DryRun, sample: ChangesSample) -> None:
    """Print the accounts of a dry run, the number of changes by kind, and the sample."""
    shown = predicted.as_dict()
    would_skip = counted_reasons(shown["would_skip"])
    console.print(
        f"dry run ({shown['scope']}): {shown['scanned']:,} scanned = {shown['would_resolve']:,} would resolve + "
        f"{shown['would_resolve_compilation']:,} compilations would resolve + {shown['would_unresolved']:,} would "
        f"stay unresolved + {sum(shown['would_skip'].values()):,} would be skipped ({would_skip}); "
        f"{number_of(shown['lml_total_calls'], 'LML call')}. Nothing was written.",
        highlight=False,
        soft_wrap=True,
    )
    title = "What would change" if predicted.would_hold is None else "What the held answers would change"
    for remark in predicted.remarks:
        console.print(remark, highlight=False, soft_wrap=True)
    _print_sample(console, title, predicted.changes, sample.rows)


def print_changes_made(console: Console, run_id: str, sample: ChangesSample) -> None:
    """Print what a run changed: the number of changes by kind, and the sample."""
    _print_sample(console, f"What run {run_id[:8]} changed", sample.counts, sample.rows)


def _print_sample(console: Console, title: str, counts: Mapping[str, int], rows: Sequence[Change]) -> None:
    _print_sums(console, title, [kind for kind in DESCRIPTIONS if kind in counts], counts)
    if rows and is_narrow(console):
        for row in rows:
            names = f"{as_text(row.artist_name)}: {as_text(row.album_title)}"
            print_block(console, f"{row.library_id}  {names}", str(row.kind), *_details(row))
    elif rows:
        console.print(_rows_table(rows))
    more = sum(counts.get(kind, 0) for kind in SHOWN) - len(rows)
    if more > 0:
        console.print(f"and {more:,} more: `--csv FILE` or `--json` lists all of them", highlight=False)


def _print_sums(console: Console, title: str, kinds: Sequence[ChangeKind], counts: Mapping[str, int]) -> None:
    if console.width < WIDE_ENOUGH_FOR_SUMS:
        console.print(f"{title}, in library rows", highlight=False)
        for kind in kinds:
            print_block(console, f"{kind}: {counts[kind]:,}", DESCRIPTIONS[kind])
        return
    sums = Table(title=title)
    sums.add_column("change", no_wrap=True)
    sums.add_column("library rows", justify="right")
    sums.add_column("")
    for kind in kinds:
        sums.add_row(str(kind), f"{counts[kind]:,}", DESCRIPTIONS[kind])
    console.print(sums)


def _rows_table(rows: Sequence[Change]) -> Table:
    table = Table()
    for name in ("library_id", "artist", "title", "change", "what"):
        table.add_column(
            name,
            justify="right" if name == "library_id" else "left",
            overflow="fold",
            no_wrap=name == "change",
        )
    for row in rows:
        table.add_row(
            str(row.library_id),
            as_text(row.artist_name),
            as_text(row.album_title),
            str(row.kind),
            "\n".join(_details(row)),
        )
    return table


def _details(change: Change) -> list[str]:
    """The method and the sources of a new identity; the old and the new value of each column otherwise."""
    note = ["(somebody else has changed it since)"] if change.changed_since else []
    after = {name: as_text(value) for name, (_, value) in change.columns.items()}
    if change.kind is ChangeKind.new and "method" in after:
        sources = [name.partition(".")[0] for name in after if name.endswith(".external_id")]
        found = f"{after['method']} {after['confidence']}; {', '.join(sources) or 'no source rows'}"
        return [found, *note]
    lines = [
        f"{place}: {', '.join(values)}" if place else "\n".join(values)
        for place, values in _values_by_place(change).items()
    ]
    more = len(lines) - DETAIL_LINES
    return [*lines[:DETAIL_LINES], *([f"and {more:,} more"] if more > 0 else []), *note]


def _values_by_place(change: Change) -> dict[str, list[str]]:
    """What changes in the main row (``), in each source row, and in each track credit."""
    places: dict[str, list[str]] = {}
    for name, (before, after) in change.columns.items():
        place, _, column = name.rpartition(".")
        sign = " " if place else ": "
        places.setdefault(place, []).append(f"{column}{sign}{as_text(before)} → {as_text(after)}")
    return places


def change_lines(change: Change) -> list[Sequence[object]]:
    """The change as lines of the CSV: one for each column that changes, or one without a column."""
    row = (change.library_id, change.artist_name, change.album_title, change.kind)
    return [(*row, name, before, after) for name, (before, after) in change.columns.items()] or [
        (*row, None, None, None)
    ]


def print_replayed(console: Console, run_id: str, replayed: Replayed) -> None:
    """Print the result of a replay."""
    figures: dict[str, Any] = replayed.as_dict()
    left = counted_reasons(figures["left_alone"])
    console.print(
        f"{figures['answers']:,} stored answers judged and {figures['applied']:,} applied, without a call to LML: "
        f"{figures['main_rows_written']:,} main rows, {figures['source_rows_written']:,} source rows, "
        f"{figures['sidecar_rows_written']:,} sidecar rows written, {figures['source_rows_removed']:,} source rows "
        f"removed, {figures['history_rows_written']:,} replaced main rows kept in history. "
        f"{figures['newly_accepted']:,} are accepted that were rejected, {figures['newly_rejected']:,} are rejected "
        f"that were accepted. Left alone: {left}.",
        highlight=False,
        soft_wrap=True,
    )
    if figures["main_rows_written"] or figures["source_rows_written"] or figures["sidecar_rows_written"]:
        console.print(
            f"`identity-assets unwind --run {run_id}` takes it back", highlight=False, soft_wrap=True
        )


def print_unwound(console: Console, unwound: Unwound, *, is_plan: bool) -> None:
    """Print what an unwind would do or did, and the first rows that it leaves alone."""
    table = Table(title="What would be taken back" if is_plan else "What was taken back")
    table.add_column("")
    table.add_column("library rows", justify="right")
    table.add_row("main row removed: there was no main row before", f"{unwound.removed:,}")
    table.add_row("main row restored as it was before", f"{unwound.restored:,}")
    table.add_row("main row composed again from the sources that remain", f"{unwound.recomputed:,}")
    table.add_row(
        "main row unchanged, source rows or attempt restored",
        f"{unwound.unchanged:,}",
    )
    for reason, rows in unwound.reasons().items():
        table.add_row(f"left alone ({reason}): {WHY_LEFT_ALONE[reason]}", f"{rows:,}")
    console.print(table)
    for one in unwound.left_alone[:SAMPLE_ROWS]:
        by = f" by run {one.run_id}" if one.run_id else ""
        console.print(f"left alone: library row {one.library_id}, {one.reason}{by}", highlight=False)
    if len(unwound.left_alone) > SAMPLE_ROWS:
        console.print(
            f"and {len(unwound.left_alone) - SAMPLE_ROWS:,} more: `--json` lists all of them", highlight=False
        )


def print_runs(console: Console, runs: Sequence[WrittenRun]) -> None:
    """Print the runs that are taken back together, in the order in which they are taken back."""
    for number, run in enumerate(runs, 1):
        console.print(
            f"{number}. run {run.run_id}, {format_time(run.first_written_at)}: "
            f"{number_of(run.library_rows, 'library row')}",
            highlight=False,
        )


def reasons_left_alone(unwound: Unwound) -> str:
    """The end of a sentence that names the reasons; empty if no row is left alone."""
    return "".join(
        f"; {rows:,} library rows are left alone ({reason}: {WHY_LEFT_ALONE[reason]})"
        for reason, rows in unwound.reasons().items()
    )
