"""How counts are written in a sentence, in the Dagster UI and on a terminal alike."""

from collections.abc import Mapping


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """The number and the noun, such as `1 library row` or `1,200 library rows`; `plural` is `noun` with an s."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def counted_reasons(counts: Mapping[str, int]) -> str:
    """The reasons that have rows, each with its number, such as `lml_error 3, compilation 2`; `none` if none has."""
    return ", ".join(f"{reason} {rows:,}" for reason, rows in counts.items() if rows) or "none"
