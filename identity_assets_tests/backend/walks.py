"""What random walks through runs, decisions and unwinds have in common: a run, and what stands after it."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

from identity_assets.backend.writing.verdicts import write_verdicts
from identity_assets.settings import Leg
from identity_assets_tests.legs.support import evidence, forget
from identity_assets_tests.support import EVERY_BUCKET, Shelf, nothing, provenance, single_artist

Rows = dict[int, list[tuple[str, ...]]]

Found = tuple[str | None, str | None, bool]
"""What S1 and S3 find for a library row, and whether S3's is ambiguous."""


def snapshot(shelf: Shelf, tables: Iterable[str]) -> Rows:
    """Every row of these tables, by library row."""
    rows: Rows = {}
    for table in tables:
        for row in shelf.rows(f"SELECT library_id, to_jsonb({table}) AS row FROM {table}"):
            rows.setdefault(row["library_id"], []).append((table, str(sorted(row["row"].items()))))
    return {library_id: sorted(held) for library_id, held in rows.items()}


def result_of(library_id: int, verdict: str) -> dict[str, Any] | None:
    """What LML says; None if it does not answer."""
    results: dict[str, Callable[[], dict[str, Any] | None]] = {
        "one": lambda: single_artist(library_id),
        "another": lambda: single_artist(library_id, main={"wikidata_qid": "Q7"}, confidence=0.99),
        "fewer sources": lambda: single_artist(
            library_id, provenance=[provenance("discogs", "exact_match", 1.0, "other")]
        ),
        "unresolved": lambda: nothing(library_id),
        "compilation": lambda: nothing(library_id, "compilation"),
        "nothing said": lambda: None,
    }
    return results[verdict]()


def run(
    shelf: Shelf,
    ids: Sequence[int],
    verdicts: Sequence[str],
    found: Sequence[Found],
    run_id: str,
    *,
    with_legs: bool = True,
) -> None:
    """Let the legs find this, ask LML about what is due, and write both."""
    for library_id, (first, second, ambiguous) in zip(ids, found, strict=True):
        for leg, entity in zip(Leg, (first, second), strict=True):
            forget(shelf, library_id, leg)
            if entity is not None:
                evidence(shelf, library_id, leg, entity, ambiguous=ambiguous and leg == Leg.S3)
    shelf.select(run_id=run_id)
    open_ids = [one for one, outcome in shelf.outcomes().items() if outcome is None]
    said = [result_of(one, verdict) for one, verdict in zip(ids, verdicts, strict=True) if one in open_ids]
    if answers := [one for one in said if one is not None]:
        shelf.answer(*answers, run_id=run_id)
    write(shelf, run_id, with_legs=with_legs)


def write(shelf: Shelf, run_id: str, *, with_legs: bool = True) -> None:
    """Write what is stored, two library rows a transaction."""
    chosen = replace(shelf.settings, writer_chunk_rows=2)
    write_verdicts(shelf.database, EVERY_BUCKET, chosen, run_id, with_legs=with_legs)
