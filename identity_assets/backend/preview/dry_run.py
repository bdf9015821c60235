"""A dry run: LML is asked what a run would ask, what the run would write is worked out, and nothing is written.

The candidates, the batches and what an answer makes of a row are the run's own; only the storing is left out.
"""

from array import array
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial
from itertools import starmap
from typing import Any

import orjson
from sqlalchemy import Row, TextClause

from identity_assets.ask_again import AskAgain, ask_again_params
from identity_assets.backend.database import HASH_JOINS, Database, execute
from identity_assets.backend.ledger.accounts import PENDING
from identity_assets.backend.ledger.candidates import Cohort, in_batches, windows
from identity_assets.backend.ledger.plausible import Plausibility
from identity_assets.backend.ledger.verdicts import answers_json, ask_in_turn
from identity_assets.backend.preview.changes import PREDICTED, Change, change_foreseen
from identity_assets.lml.client import LmlClient, LmlError
from identity_assets.lml.contract import Batch, LibraryInput, Verdict
from identity_assets.lml.judging import SetAside
from identity_assets.partition_keys import Buckets
from identity_assets.postgres import statements
from identity_assets.settings import Leg, Scope, Settings

_sql = statements(__file__)

WOULD_SKIP = (
    "compilation",
    "lml_error",
    "lml_cardinality_mismatch",
    "lml_untrusted_library_id",
    "lml_invalid_verdict",
    "manual_override",
)
WOULD_SKIP_AT_TIMES = ("missing_artist_name", "not_asked", "rejected_by_person", "answer_held", PENDING)
ANSWERS_A_PAGE = 2000

Stage = Callable[[int], AbstractContextManager[Callable[[int], None]]]


@dataclass(frozen=True)
class DryRun:
    """The predicted result of a run, in library rows except `source_rows_skipped_null_confidence`; LML's time in ms.

    `failure` says why asking stopped early, if it did: the rows that were not asked are in `lml_error`. `cause` is
    the exception. `would_hold` has the guard's figures if the run would hold the answers back: those rows are in
    `answer_held`, and `changes` are what the answers would change if a person accepted them. What the run would
    write for the `legs` is not predicted here.
    """

    scope: Scope
    outcomes: Mapping[str, int]
    changes: Mapping[str, int]
    lml_total_calls: int
    lml_total_latency_ms: int
    source_rows_skipped_null_confidence: int
    failure: str | None = None
    cause: LmlError | None = field(default=None, compare=False)
    would_hold: Plausibility | None = None
    legs: Sequence[Leg] = ()

    @property
    def remarks(self) -> list[str]:
        """What a person must know before a run: a sentence each, if the guard would hold answers, or a leg is on."""
        remarks = []
        if self.would_hold is not None:
            remarks.append(
                f"a run would hold back all {self.would_hold.waiting:,} answers and write none of them: "
                f"{self.would_hold.figures}"
            )
        if self.legs:
            remarks.append(
                f"IDENTITY_LEGS={','.join(self.legs)}: what a leg writes comes on top of these figures and changes; "
                f"`identity-assets dry-run --leg {self.legs[0]}` counts it for one leg"
            )
        return remarks

    @property
    def scanned(self) -> int:
        """How many library rows are due."""
        return sum(self.outcomes.values())

    def as_dict(self) -> dict[str, Any]:
        """The one JSON object of `dry-run`.

        `would_skip` always has its six reasons, and a reason of WOULD_SKIP_AT_TIMES if there are such rows. So
        scanned == would_resolve + would_resolve_compilation + would_unresolved + sum(would_skip). `would_hold` is
        there only if the guard would hold the answers back.
        """
        would_skip = {reason: self.outcomes.get(reason, 0) for reason in WOULD_SKIP}
        would_skip |= {
            reason: self.outcomes[reason] for reason in WOULD_SKIP_AT_TIMES if self.outcomes.get(reason)
        }
        return {
            "scope": str(self.scope),
            "scanned": self.scanned,
            "lml_total_calls": self.lml_total_calls,
            "lml_total_latency_ms": self.lml_total_latency_ms,
            "would_resolve": self.outcomes.get("resolved", 0),
            "would_resolve_compilation": self.outcomes.get("resolved_compilation", 0),
            "would_unresolved": self.outcomes.get("unresolved", 0),
            "would_skip": would_skip,
            "source_rows_skipped_null_confidence": self.source_rows_skipped_null_confidence,
            **({} if self.would_hold is None else {"would_hold": self.would_hold.as_dict()}),
        }


@dataclass
class _Answered:
    """The library rows with a usable answer by the kind of the answer, and by their outcome if it is written.

    Four bytes a row: a dry run may judge hundreds of thousands of answers.
    """

    by_kind: dict[str, "array[int]"] = field(default_factory=dict)
    outcomes: Counter[str] = field(default_factory=Counter)

    def add(self, kind: str, library_id: int, outcome: str) -> None:
        """Count one answer."""
        self.by_kind.setdefault(kind, array("i")).append(library_id)
        self.outcomes[outcome] += 1

    def params(self) -> dict[str, list[Any]]:
        """The parameters of preview_plausible.sql."""
        return {
            "library_ids": [library_id for ids in self.by_kind.values() for library_id in ids],
            "kinds": [kind for kind, ids in self.by_kind.items() for _ in ids],
        }

    def outcomes_if_held(self, held: Plausibility) -> Counter[str]:
        """The outcomes if the guard holds the answers back. Answers that a person has accepted wait on."""
        accepted = self.outcomes.total() - held.waiting
        return Counter({"answer_held": held.waiting, PENDING: accepted})


@dataclass(frozen=True)
class _Due:
    """What a run would select: the rows that get an outcome at once, that have an answer in store, and to ask about.

    They are read once, because the due rule reads the whole library. `compilations` are rows that LML has called
    compilations without their tracks.
    """

    database: Database
    settings: Settings
    params: Mapping[str, Any]
    outcomes: Counter[str] = field(default_factory=Counter)
    answered: "array[int]" = field(default_factory=lambda: array("i"))
    to_ask: Mapping[Cohort, "array[int]"] = field(
        default_factory=lambda: {"non_va": array("i"), "va": array("i")}
    )
    compilations: list[int] = field(default_factory=list)

    @property
    def rows_to_ask(self) -> int:
        """How many rows LML would be asked about."""
        return sum(map(len, self.to_ask.values()))

    def batches(self, cohort: Cohort) -> Iterator[Batch]:
        """What LML would be asked about one cohort. The rows that LML has called compilations by now are V/A."""
        compilations = self.compilations if cohort == "va" else ()
        library_ids = sorted([*self.to_ask[cohort], *compilations])
        yield from in_batches(partial(self._inputs, library_ids), cohort, self.settings)

    def _inputs(self, library_ids: Sequence[int], after: int, rows: int) -> list[LibraryInput]:
        """The next of these library rows, without those that Backend has deleted since."""
        found: list[LibraryInput] = []
        while not found and (page := library_ids[(start := bisect_right(library_ids, after)) : start + rows]):
            found = list(starmap(LibraryInput, self._read(_sql("due_inputs.sql"), page)))
            after = page[-1]
        return found

    def plausibility(self, answered: _Answered) -> Plausibility:
        """What the guard would make of these answers."""
        with self.database.transaction() as connection:
            execute(connection, HASH_JOINS)
            found = execute(
                connection, _sql("preview_plausible.sql"), **self.params, **answered.params()
            ).mappings()
            return Plausibility.of(dict(found.one()), self.settings)

    def stored_answers(self) -> Iterator[list[Verdict]]:
        """The answers that would be applied without asking, a page at a time."""
        library_ids = sorted(self.answered)
        for start in range(0, len(library_ids), ANSWERS_A_PAGE):
            page = library_ids[start : start + ANSWERS_A_PAGE]
            yield [_stored_verdict(row) for row in self._read(_sql("due_answers.sql"), page)]

    def _read(self, statement: TextClause, library_ids: Sequence[int]) -> Sequence[Row[Any]]:
        """What a statement finds for some library rows, whose ids are in order."""
        with self.database.transaction() as connection:
            return execute(
                connection,
                statement,
                library_ids=list(library_ids),
                first_id=library_ids[0],
                last_id=library_ids[-1],
            ).all()


def _read_due(
    database: Database, buckets: Buckets, settings: Settings, scope: Scope, ask_again: AskAgain | None
) -> _Due:
    params = {**buckets.params(), **windows(settings), **ask_again_params(ask_again), "scope": scope}
    due = _Due(database, settings, params)
    with database.transaction() as connection:
        for row in execute(connection, _sql("due_rows.sql"), **params):
            if row.outcome is not None:
                due.outcomes[row.outcome] += len(row.library_ids)
            elif row.is_answered:
                due.answered.extend(row.library_ids)
            else:
                due.to_ask[row.cohort].extend(row.library_ids)
    return due


def _stored_verdict(row: Row[Any]) -> Verdict:
    entries = orjson.loads(row.set_aside or "[]")
    return Verdict(
        row.library_id,
        row.kind,
        row.verdict.encode(),
        None,
        row.tracks_trusted,
        set_aside=tuple(SetAside(**entry) for entry in entries),
    )


def dry_run(
    database: Database,
    client: LmlClient,
    buckets: Buckets,
    settings: Settings,
    scope: Scope,
    *,
    stage: Stage,
    on_change: Callable[[Change], None] = lambda _change: None,
    ask_again: AskAgain | None = None,
) -> DryRun:
    """Predict a run of these partitions; `on_change` gets each library row that LML's answers concern.

    `stage` opens the progress of the library rows to ask about; it gives a function that is called with the number of
    rows in each answered batch. If LML fails as a whole, the rows that were not asked are counted as `lml_error`, as
    the run would count them.
    """
    due = _read_due(database, buckets, settings, scope, ask_again)
    outcomes = due.outcomes.copy()
    changes: Counter[str] = Counter({str(kind): 0 for kind in PREDICTED})
    answered = _Answered()
    unusable = 0
    failure, cause, would_hold = None, None, None

    def take(verdicts: Sequence[Verdict]) -> None:
        nonlocal unusable
        for row in _preview(database, verdicts):
            if row["kind"] is None:
                outcomes[row["outcome"]] += 1
            else:
                answered.add(row["kind"], row["library_id"], row["outcome"])
            unusable += row["source_rows_skipped_null_confidence"]
            if change := change_foreseen(row):
                changes[str(change.kind)] += 1
                on_change(change)

    for verdicts in due.stored_answers():
        take(verdicts)
    to_ask = due.rows_to_ask
    unasked, without_answer = to_ask, 0
    try:
        with stage(to_ask) as advance:
            # Here nothing is stored, so V/A rows wait until all that LML calls compilations are known.
            for asked in ask_in_turn((due.batches("non_va"), due.batches("va")), client, settings):
                due.compilations.extend(asked.ask_again)
                answers = [one for one in asked.verdicts if one.library_id not in asked.ask_again]
                take(answers)
                outcomes.update(failed.outcome for failed in asked.failures.values())
                without_answer += len(asked.failures)
                done = len(answers) + len(asked.failures)
                unasked -= done
                advance(done)
        if unasked > 0:
            outcomes["not_asked"] += unasked
    except LmlError as error:
        cause = error
        unanswered = without_answer + max(unasked, 0)
        failure = f"{error}; {unanswered:,} of {to_ask:,} library rows have no answer"
        outcomes["lml_error"] += max(unasked, 0)
    # A run whose asking fails ends before the guard.
    if failure is None and not (figures := due.plausibility(answered)).is_plausible:
        would_hold, unusable = figures, 0
    outcomes += answered.outcomes if would_hold is None else answered.outcomes_if_held(would_hold)
    return DryRun(
        scope,
        outcomes,
        changes,
        client.calls,
        round(client.latency_ms),
        unusable,
        failure,
        cause,
        would_hold,
        settings.identity_legs,
    )


def _preview(database: Database, verdicts: Sequence[Verdict]) -> Sequence[Mapping[str, Any]]:
    if not verdicts:
        return ()
    with database.transaction() as connection:
        found = execute(connection, _sql("preview_answers.sql"), answers=answers_json(verdicts))
        return list(map(dict, found.mappings()))
