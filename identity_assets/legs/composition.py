"""How source rows make a main row: the rules 1 to 6 of "Composition" in docs/rules.md, as a pure function.

backend/functions/leg_composed.sql holds the same rules for sets of rows; a property test holds the two equal. Which
source rows corroborate each other is decided there too, from the legs' evidence.
"""

from collections.abc import Iterable
from dataclasses import dataclass

LEAST_CONFIDENCE = 0.70
LEAST_AGREEMENT = 0.95


@dataclass(frozen=True)
class SourceRow:
    """What one source says about a library row. `corroborates`: another source agrees with it.

    Two legs that pin the same entity are two of these, although the table keeps one row for both.
    """

    source: str
    method: str
    confidence: float
    corroborates: bool = False


@dataclass(frozen=True)
class MainRow:
    """The columns of the main row that are composed."""

    method: str
    confidence: float
    agreement_sources: str | None = None


def compose(rows: Iterable[SourceRow]) -> MainRow | None:
    """Compose the main row of these source rows; None if no row counts.

    If several rows have the lowest confidence, the source that comes first by name decides.
    """
    given = list(rows)
    if any(row.method == "manual" for row in given):
        return MainRow("manual", 1.0)
    usable = [row for row in given if row.confidence >= LEAST_CONFIDENCE]
    agreeing = [row for row in usable if row.corroborates and row.method != "inherited"]
    if len(agreeing) >= 2:
        confidence = max(LEAST_AGREEMENT, min(row.confidence for row in agreeing))
        sources = ",".join(sorted({row.source for row in agreeing}))
        return MainRow("cross_source_agreement", confidence, sources)
    if not usable:
        return None
    weakest = min(usable, key=lambda row: (row.confidence, row.source))
    return MainRow(weakest.method, weakest.confidence)
