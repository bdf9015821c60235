"""How a finding is shown in the UI: the sentence, the exact count, the sample, the reason, and what to do.

What is looked for belongs in backend/integrity.py; what a check says, in the module of that check.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import dagster as dg

from identity_assets.backend.reports.integrity import SAMPLE_ROWS, Finding

# A bool is an int, so it is asked first.
COLUMN_TYPES: dict[type, str] = {bool: "bool", int: "int", float: "float"}


@dataclass(frozen=True)
class Words:
    """What a check says: one sentence each way, and in Markdown why it matters and what to do about it.

    `failed` ends where the count goes on: "These rows have no name" becomes "These rows have no name: 3."
    `about` is the asset to look at next.
    """

    passed: str
    failed: str
    reason: str
    what_to_do: str
    about: str


def result_of(
    finding: Finding,
    words: Words,
    *,
    severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.ERROR,
    metadata: Mapping[str, dg.MetadataValue] | None = None,
) -> dg.AssetCheckResult:
    """The check's result: it passes when no row offends, and fails with `severity` otherwise."""
    return dg.AssetCheckResult(
        passed=finding.count == 0,
        severity=severity,
        description=_said_of(finding, words),
        metadata={
            "offending_rows": dg.MetadataValue.int(finding.count),
            "sample": table(finding.columns, finding.sample),
            "reason": dg.MetadataValue.md(words.reason),
            "what_to_do": dg.MetadataValue.md(_what_to_do(finding, words)),
            "about": dg.MetadataValue.asset(dg.AssetKey(words.about)),
            **(metadata or {}),
        },
    )


def _said_of(finding: Finding, words: Words) -> str:
    """What the UI shows first: the finding and, since it keeps longer Markdown behind a click, what to do."""
    if finding.count == 0:
        return words.passed
    return f"{words.failed}: {finding.count:,}.\n\n{_what_to_do(finding, words)}"


def table(columns: Sequence[str], rows: Iterable[Mapping[str, object]]) -> dg.TableMetadataValue:
    """Rows as the UI shows a table; what it has no type for is written out, moments in ISO 8601."""
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


def _what_to_do(finding: Finding, words: Words) -> str:
    if finding.count == 0:
        return "Nothing."
    if finding.count <= SAMPLE_ROWS:
        return words.what_to_do
    return f"{words.what_to_do}\n\nThe sample shows the first {SAMPLE_ROWS} by `library_id`."


def _cell(value: object) -> str | int | float | bool | None:
    if value is None or isinstance(value, str | int | float):
        return value
    return value.isoformat(timespec="seconds") if isinstance(value, datetime) else str(value)


def _type_of(cells: Iterable[object]) -> str:
    known = next((cell for cell in cells if cell is not None), None)
    return COLUMN_TYPES.get(type(known), "string")
