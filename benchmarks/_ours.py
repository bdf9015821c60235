"""The only place where `run`, `write`, `legs`, `tracks` and `scale` use the package's own modules on the database.

If the writer or the ledger changes its interface, change this module. `gate` also fills tables of its own.
"""

import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import text

from identity_assets.backend.database import Database
from identity_assets.backend.ledger.candidates import select_candidates
from identity_assets.backend.ledger.verdicts import ask_and_store, store_asked
from identity_assets.backend.writing.verdicts import write_verdicts
from identity_assets.gathering import gather_and_store
from identity_assets.lml.asking import Asked
from identity_assets.lml.client import LmlClient
from identity_assets.lml.contract import parse_answer
from identity_assets.partition_keys import Buckets
from identity_assets.settings import Leg, Scope, Settings

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


def store_given_answers(settings: Settings, answers: Iterable[Sequence[Mapping[str, Any]]]) -> None:
    """Select every due row and store these results of LML, some at a time, as if it had been asked with tracks."""
    with Database(settings, RUN_ID) as database:
        select_candidates(database, every_bucket(settings.library_partitions), settings, Scope.full, RUN_ID)
        for results in answers:
            body = orjson.dumps({"results": results, "tracks_contract_version": 1})
            answer = parse_answer(body, [one["library_id"] for one in results])
            store_asked(database, Asked(answer.verdicts, {}, 0, 0, include_tracks=True), RUN_ID)


def make_stale(settings: Settings) -> None:
    """Make all answers older than their windows."""
    with Database(settings, RUN_ID) as database, database.transaction() as connection:
        for table in ("lml_verdict", "lml_verdict_state"):
            connection.execute(text(f"UPDATE {table} SET asked_at = asked_at - interval '8 days'"))


def write(settings: Settings, *, with_legs: bool = False) -> int:
    """Write all stored answers, and with `with_legs` the evidence of the legs. Returns the main rows written."""
    buckets = every_bucket(settings.library_partitions)
    with Database(settings, RUN_ID) as database:
        written = write_verdicts(database, buckets, settings, RUN_ID, with_legs=with_legs)
        return sum(one.main_rows_written for one in written.values())


def gather(settings: Settings, leg: Leg) -> int:
    """Gather the evidence of one leg and store it. Returns the number of rows with evidence."""
    buckets = every_bucket(settings.library_partitions)
    with Database(settings, RUN_ID) as database:
        gathered, _ = gather_and_store(leg, database, settings, buckets, RUN_ID)
        return len(gathered.evidence)


def run_command(statements_file: Path, *, with_plans: bool = False) -> Sequence[str]:
    """The command of one whole run. It writes its SQL statements to the file (`_statements`)."""
    plans = ["--plans"] if with_plans else []
    counted = [sys.executable, "-m", "benchmarks._counted", str(statements_file), *plans]
    return [*counted, "--", "run", "--scope", "full", "--json"]
