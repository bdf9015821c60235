"""The only place where the benchmarks of `run`, `write` and `scale` use the package's own modules on the
database.

If the writer or the ledger changes its interface, change this module and nothing else here.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from identity_assets.backend.database import Database
from identity_assets.backend.ledger.candidates import select_candidates
from identity_assets.backend.ledger.verdicts import ask_and_store
from identity_assets.backend.writing.verdicts import write_verdicts
from identity_assets.lml.client import LmlClient
from identity_assets.partition_keys import Buckets
from identity_assets.settings import Scope, Settings

STORED_ANSWERS = "SELECT library_id, kind, verdict FROM identity_assets.lml_verdict"
"""The stored answers: `library_id` integer, `kind` text, and `verdict` jsonb, the result as LML sent it."""

RUN_ID = "benchmark"


def every_bucket(partitions: int) -> Buckets:
    """All partitions of a library."""
    return Buckets(partitions, tuple(range(partitions)))


def store_answers(settings: Settings) -> int:
    """Select every row and store LML's answers, without writing them. Returns the number of answers."""
    buckets = every_bucket(settings.library_partitions)
    with (
        Database(settings, RUN_ID) as database,
        LmlClient(settings.require_library_metadata_url(), None) as client,
    ):
        select_candidates(database, buckets, settings, Scope.full, RUN_ID)
        return sum(
            len(asked.verdicts) for asked in ask_and_store(database, client, buckets, settings, RUN_ID)
        )


def write(settings: Settings) -> int:
    """Write all stored answers. Returns the number of library rows."""
    buckets = every_bucket(settings.library_partitions)
    with Database(settings, RUN_ID) as database:
        written = write_verdicts(database, buckets, settings.writer_chunk_rows, RUN_ID, lambda _rows: None)
        return sum(one.rows for one in written.values())


def run_command(statements_file: Path, *, with_plans: bool = False) -> Sequence[str]:
    """The command of one whole run. It writes its SQL statements to the file (`_statements`)."""
    plans = ["--plans"] if with_plans else []
    counted = [sys.executable, "-m", "benchmarks._counted", str(statements_file), *plans]
    return [*counted, "--", "run", "--scope", "full", "--json"]
