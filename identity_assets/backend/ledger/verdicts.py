"""LML's answers, stored as they come and before they are applied, so that LML is not asked for them twice."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import Any, Literal

import msgspec
import orjson

from identity_assets.backend.database import Database, execute
from identity_assets.backend.ledger.candidates import batches_to_ask
from identity_assets.lml.asking import Asked, ask
from identity_assets.lml.client import LmlClient
from identity_assets.lml.contract import Batch, Verdict
from identity_assets.lml.judging import SetAside
from identity_assets.partition_keys import Buckets
from identity_assets.postgres import statements
from identity_assets.settings import Settings

_sql = statements(__file__)


def ask_and_store(
    database: Database, client: LmlClient, buckets: Buckets, settings: Settings, run_id: str
) -> Iterator[Asked]:
    """Ask LML about every unasked row of the ledger; each batch is yielded when its answers are stored.

    Raises:
        LmlError: LML is down or refuses the key. Everything answered before was stored and yielded.
    """
    non_va, va, late = (
        batches_to_ask(database, buckets, settings, cohort) for cohort in ("non_va", "va", "va")
    )
    yield from ask_in_turn(
        # V/A rows fill up what the last other batches leave free. LML's last compilations come too late for them.
        (chain(non_va, va), late),
        client,
        settings,
        store=lambda asked: store_asked(database, asked, run_id),
    )


def ask_in_turn(
    groups: Iterable[Iterable[Batch]],
    client: LmlClient,
    settings: Settings,
    *,
    store: Callable[[Asked], None] = lambda _asked: None,
) -> Iterator[Asked]:
    """Ask about groups of batches. A group is read when every answer to those before it is stored and yielded.

    Raises:
        LmlError: LML is down or refuses the key.
    """
    started = time.monotonic()
    for batches in groups:
        left = None
        if settings.lml_run_seconds is not None:
            left = max(settings.lml_run_seconds - (time.monotonic() - started), 0.0)
        yield from ask(
            batches,
            client,
            store=store,
            max_in_flight=settings.lml_max_in_flight,
            patience_seconds=settings.lml_patience_seconds,
            run_seconds=left,
        )


def store_asked(database: Database, asked: Asked, run_id: str) -> None:
    """Keep what became of one batch: its verdicts, and the outcome of each input that got none."""
    failures = [
        {"library_id": library_id, "outcome": failure.outcome, "detail": failure.detail}
        for library_id, failure in asked.failures.items()
    ]
    with database.transaction() as connection:
        if asked.verdicts:
            execute(
                connection,
                _sql("store_answers.sql"),
                answers=answers_json(asked.verdicts),
                run_id=run_id,
                include_tracks=asked.include_tracks,
            )
        if failures:
            execute(connection, _sql("store_failures.sql"), failures=orjson.dumps(failures).decode())


def answers_json(verdicts: Sequence[Verdict]) -> str:
    """The parameter `answers` of the statements that take LML's answers: each body in it as it came."""
    return orjson.dumps(
        [
            {
                "library_id": verdict.library_id,
                "kind": verdict.kind,
                "rejected_reason": verdict.rejected_reason,
                "tracks_trusted": verdict.tracks_trusted,
                "set_aside": set_aside_json(verdict.set_aside),
                "verdict": orjson.Fragment(verdict.body),
            }
            for verdict in verdicts
        ]
    ).decode()


def set_aside_json(entries: Sequence[SetAside]) -> list[dict[str, Any]] | None:
    """The entries of an answer that are not used, as `lml_verdict_state.set_aside` keeps them; None: all are used."""
    return [msgspec.structs.asdict(entry) for entry in entries] or None


def settle_unasked(
    database: Database, buckets: Buckets, outcome: Literal["lml_error", "not_asked"], detail: str
) -> int:
    """Give every row that was not asked this outcome and say why; returns how many. They stay due."""
    with database.transaction() as connection:
        return execute(
            connection, _sql("settle_unasked.sql"), **buckets.params(), outcome=outcome, detail=detail
        ).rowcount
