"""How a finding is shown in the UI: one sentence with the count, what to do, the reason of the check, and a sample.

What a check looks for is in backend/reports/integrity.py; what it says is in the module of the check.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import dagster as dg

from identity_assets.checks.evaluation import Check, CheckRun, Evaluation

if TYPE_CHECKING:
    from identity_assets.backend.reports.integrity import Finding

# A bool is also an int, so bool comes first.
COLUMN_TYPES: dict[type, str] = {bool: "bool", int: "int", float: "float"}


@dataclass(frozen=True)
class Words:
    """What a check says: one sentence if it passes, one if it fails, and in Markdown the reason and what to do.

    The count is appended to `failed`: "These rows have no name" becomes "These rows have no name: 3."
    `about` is the asset to look at next.
    """

    passed: str
    failed: str
    reason: str
    what_to_do: str
    about: str


def finding_check(
    name: str,
    asset: str,
    description: str,
    words: Words,
    read: "Callable[[CheckRun], Finding]",
    severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.ERROR,
) -> Check:
    """A check that passes if `read` finds no row, and otherwise fails with `severity`."""
    return Check(name, asset, description, lambda run: evaluation_of(read(run), words, severity=severity))


def evaluation_of(
    finding: "Finding",
    words: Words,
    *,
    severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.ERROR,
    metadata: Mapping[str, dg.MetadataValue] | None = None,
) -> Evaluation:
    """The evaluation of a finding: it passes if the finding has no rows."""
    found = f"{words.failed}: {finding.count:,}." if finding.count else words.passed
    return Evaluation(
        passed=finding.count == 0,
        severity=severity,
        # The UI shows a description at once, and metadata in Markdown only after a click.
        description=(
            f"{found}\n\n**What to do.** {_what_to_do(finding, words)}\n\n**Why it is checked.** {words.reason}"
        ),
        metadata={
            "offending_rows": dg.MetadataValue.int(finding.count),
            "sample": table(finding.columns, finding.sample),
            "about": dg.MetadataValue.asset(dg.AssetKey(words.about)),
            **(metadata or {}),
        },
    )


def _what_to_do(finding: "Finding", words: Words) -> str:
    if finding.count == 0:
        return "Nothing."
    sample_rows = len(finding.sample)
    # A list needs an empty line before it.
    what_to_do = f"\n\n{words.what_to_do}" if words.what_to_do.startswith("- ") else words.what_to_do
    if finding.count == sample_rows:
        return what_to_do
    return f"{what_to_do}\n\nThe sample shows the first {sample_rows} by `library_id`."


def table(columns: Sequence[str], rows: Iterable[Mapping[str, object]]) -> dg.TableMetadataValue:
    """The rows as a table of the UI. Times are written in ISO 8601, other unknown types as text."""
    records = [{column: _cell(row[column]) for column in columns} for row in rows]
    return dg.MetadataValue.table(
        records=[dg.TableRecord(data=record) for record in records],
        schema=dg.TableSchema(
            columns=[
                dg.TableColumn(column, type=_type_of(record[column] for record in records))
                for column in columns
            ]
        ),
    )


def _cell(value: object) -> str | int | float | bool | None:
    if value is None or isinstance(value, str | int | float):
        return value
    return value.isoformat(timespec="seconds") if isinstance(value, datetime) else str(value)


def _type_of(cells: Iterable[object]) -> str:
    first_value = next((cell for cell in cells if cell is not None), None)
    return COLUMN_TYPES.get(type(first_value), "string")
