"""A small library for the tests of commands, a run on it, and all tables that a command may change."""

import re
from typing import Any

from identity_assets_tests.support import Shelf
from identity_assets_tests.terminal.calling import call_here


def stock_five_rows(shelf: Shelf) -> list[int]:
    """Three rows that LML resolves, one that it does not, one compilation; their ids, the compilation fourth."""
    return shelf.put_many(["Known 1", "Known 2", "Stranger", "Various Artists", "Known 3"])


def run_full_scope(env: dict[str, str]) -> str:
    """Run the graph in the full scope; the id of the run."""
    ended = call_here("run", "--scope", "full", env=env)
    assert ended.returncode == 0, ended.stderr
    [run_id] = re.findall(r"unwind --run ([0-9a-f-]{36})", ended.stderr)
    return str(run_id)


def all_tables(shelf: Shelf) -> dict[str, list[dict[str, Any]]]:
    """All tables that a run or a command may write, with all columns."""
    tables = ("library_identity", "library_identity_source", "library_unresolved", "library_identity_history")
    ours = (
        "candidate_library",
        "lml_verdict",
        "lml_verdict_state",
        "lml_verdict_history",
        "catalog_watermark",
    )
    journal = ("journal_chunk", "journal_image")
    return {table: shelf.rows(f"SELECT * FROM {table} ORDER BY 1, 2") for table in (*tables, *ours, *journal)}
