"""How counts are written in a sentence, in the Dagster UI and on a terminal alike."""

from collections.abc import Mapping


def counted_reasons(counts: Mapping[str, int]) -> str:
    """The reasons that have rows, each with its number, such as `lml_error 3, compilation 2`; `none` if none has."""
    return ", ".join(f"{reason} {rows:,}" for reason, rows in counts.items() if rows) or "none"


def number_of(count: int, noun: str) -> str:
    """The count with its noun, such as `1 library row` or `2,000 library rows`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
