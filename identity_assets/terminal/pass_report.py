"""The result of one pass on a terminal, as `run` and `demo` print it."""

from rich.console import Console

from identity_assets.terminal.run_pass import PassReport
from identity_assets.wording import counted_reasons, number_of


def print_pass(console: Console, name: str, report: PassReport) -> None:
    """Print one line with the accounts of the pass."""
    accounts = report.accounts
    skipped = counted_reasons(accounts.skipped)
    evidence = "".join(
        f" {leg}: {removed:,} rows of evidence removed, {kept:,} kept;"
        for leg, (removed, kept) in report.evidence.items()
    )
    console.print(
        f"{name}: {accounts.scanned:,} scanned = {accounts.resolved:,} resolved + "
        f"{accounts.resolved_compilation:,} resolved_compilation + {accounts.unresolved:,} unresolved + "
        f"{sum(accounts.skipped.values()):,} skipped ({skipped}); {report.source_rows_written:,} source rows;"
        f"{evidence} {number_of(report.lml_total_calls, 'LML call')}; {report.seconds:.1f} s",
        highlight=False,
        soft_wrap=True,
    )
