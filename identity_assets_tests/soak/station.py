"""A station that lives through its nights: the tables, LML, the discogs-cache, the people, and the model."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from random import Random
from typing import Any

import dagster as dg

from identity_assets.backend.ledger.candidates import reopen_failed, select_candidates
from identity_assets.backend.ledger.evidence import EvidenceShrunkError
from identity_assets.backend.ledger.held import decide, read_held
from identity_assets.backend.ledger.plausible import require_plausible
from identity_assets.backend.ledger.verdicts import ask_and_store
from identity_assets.backend.reports.gate import read_gate
from identity_assets.backend.writing.corrections import problems_of, write_decisions
from identity_assets.backend.writing.decisions import Decision, DecisionKind
from identity_assets.backend.writing.verdicts import write_verdicts
from identity_assets.demo.fixture_lml import Fault, FixtureLmlThread
from identity_assets.gathering import gather_and_store
from identity_assets.lml.client import client_of
from identity_assets.partition_keys import all_keys
from identity_assets.progress import LogProgress
from identity_assets.settings import Leg, Scope, Settings
from identity_assets.terminal.run_pass import run_pass
from identity_assets_tests.legs.support import Cache
from identity_assets_tests.soak.clock import Clock
from identity_assets_tests.soak.model import STALE, Lie, Main, Model, Row, Truth
from identity_assets_tests.support import EVERY_BUCKET, Shelf

UNWIND_DAYS, VERDICT_HISTORY_DAYS = 10, 20
A_BROKEN_CACHE = 0.62
PERSON = "bob"


class Composer:
    """What LML answers: the truth about each release, except where it lies."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self.lies: Mapping[int, Lie] = {}

    def result(self, question: Any, _include_tracks: bool) -> dict[str, Any]:
        """As the fixture's own composer."""
        row = self._model.rows[question.library_id]
        assert (question.artist_name, question.album_title) == row.names
        return row.truth.wire(question.library_id, self.lies.get(question.library_id))


@dataclass
class Night:
    """What is wrong in one night."""

    lies: dict[int, Lie] = field(default_factory=dict)
    left_out: set[int] = field(default_factory=set)
    refused: set[int] = field(default_factory=set)
    lml_is_down: bool = False
    is_killed: bool = False
    by_dagster: bool = False


@dataclass
class Station:
    """All of it. Each method is one thing that happens, told to the tables and to the model."""

    shelf: Shelf
    settings: Settings
    lml: FixtureLmlThread
    cache: Cache
    clock: Clock
    chance: Random
    model: Model = field(default_factory=Model)
    pairs: dict[int, int] = field(default_factory=dict)
    composer: Composer = field(init=False)
    happened: Counter[str] = field(default_factory=Counter)
    expected_asked: set[int] = field(default_factory=set)
    _artists: int = 0

    def __post_init__(self) -> None:
        self.composer = Composer(self.model)
        self.lml.app.state.composer = self.composer

    # What people and LML do by day.

    def add_releases(self, number: int) -> None:
        """New releases on the shelf: one of three artists each."""
        for _ in range(number):
            place = len(self.model.rows) + self.shelf.legacy_ids
            is_va, has_name = place % 9 == 4, place % 31 != 7
            truth = self._truth(is_va)
            artist = f"Artist {place}" if has_name else None
            title, artist_id = f"Album {place}", 1 + place % 120
            library_id = self.shelf.put(
                artist, title, volume="Z" if is_va else None, artist_id=artist_id, canonical=None
            )
            self.model.rows[library_id] = Row(library_id, artist_id, artist, title, truth)
            if has_name and not is_va and place % 3:
                self.pairs[library_id] = 1000 + place

    def _truth(self, is_va: bool) -> Truth:
        if is_va:
            return Truth(self.chance.choice(("tracks", "unvisited")))
        if self.chance.random() < 0.6:
            return self._new_artist()
        return Truth("unresolved")

    def _new_artist(self) -> Truth:
        self._artists += 1
        return Truth("artist", self._artists)

    def learn(self) -> None:
        """LML changes its mind about a few releases. It withdraws one identity a day at most."""
        for row in self.chance.sample(self._undecided(), 4):
            if row.truth.kind in {"unvisited", "tracks"}:
                row.truth = Truth("tracks" if row.truth.kind == "unvisited" else "unvisited")
            else:
                row.truth = self._new_artist()
            self.happened["LML learnt"] += 1
        known = [row for row in self._undecided() if row.truth.kind == "artist"]
        self.chance.choice(known).truth = Truth("unresolved")
        self.happened["LML forgot"] += 1

    def _undecided(self) -> list[Row]:
        return [row for row in self.model.rows.values() if not row.is_decided and row.artist is not None]

    def _for_people(self) -> list[Row]:
        """Rows that the legs say nothing about and whose answer is written."""
        return [
            row
            for row in self._undecided()
            if row.library_id not in self.pairs
            and row.evidence is None
            and row.answer is not None
            and row.answer.is_applied
            and not row.answer.is_partial
        ]

    def correct(self, run_id: str) -> None:
        """A person says who it is."""
        row = self.chance.choice(self._for_people())
        self._decide(run_id, Decision(row.library_id, DecisionKind.correct, PERSON, {"wikidata": "Q99999"}))
        row.main = Main("person", "Q99999", self.clock.read())

    def reject(self, run_id: str) -> None:
        """A person says who it is not."""
        row = self.chance.choice([one for one in self._for_people() if one.main and one.main.by == "lml"])
        assert row.main is not None
        self._decide(run_id, Decision(row.library_id, DecisionKind.reject, PERSON))
        row.rejected.add(str(row.main.says))
        row.main = None

    def say_none(self, run_id: str) -> None:
        """A person says that there is no identity."""
        row = self.chance.choice(self._for_people())
        self._decide(run_id, Decision(row.library_id, DecisionKind.none, PERSON))
        row.is_decided_none, row.main = True, None

    def _decide(self, run_id: str, decision: Decision) -> None:
        assert problems_of(self.shelf.database, [decision]) == [None]
        write_decisions(self.shelf.database, [decision], self.settings, run_id)
        self.happened[f"a person said {decision.kind}"] += 1

    def rename(self) -> None:
        """Backend changes the title of a release: a new question."""
        row = self.chance.choice([one for one in self._undecided() if one.library_id not in self.pairs])
        row.title += "!"
        self.shelf.run(
            "UPDATE library SET album_title = :title WHERE id = :id", title=row.title, id=row.library_id
        )
        self.happened["a release was renamed"] += 1

    def rename_found(self) -> None:
        """Backend changes the title of a release after the leg read it, if possible of one that was just found."""
        found = [row for row in self._undecided() if row.evidence_names == row.names]
        row = next((one for one in found if one.main is None), found[0])
        is_new = row.main is None
        row.title += " again"
        self.shelf.run(
            "UPDATE library SET album_title = :title WHERE id = :id", title=row.title, id=row.library_id
        )
        self.happened[
            "a release just found was renamed" if is_new else "a release found before was renamed"
        ] += 1

    def delete(self) -> None:
        """Backend deletes a release."""
        row = self.chance.choice(list(self.model.rows.values()))
        self.shelf.delete_release(row.library_id)
        del self.model.rows[row.library_id]
        self.pairs.pop(row.library_id, None)
        self.happened["a release was deleted"] += 1

    def decide_held(self, now: datetime, *, accept: bool) -> None:
        """A person accepts or drops all held answers."""
        runs = read_held(self.shelf.database)
        assert sum(one.answers for one in runs) == sum(
            row.answer is not None and row.answer.is_held for row in self.model.rows.values()
        )
        decide(self.shelf.database, runs, accept=accept)
        for row in self.model.rows.values():
            if row.answer is not None and row.answer.is_held:
                row.answer.is_held, row.answer.is_dropped = False, not accept
                row.answer.accepted_at = now if accept else None
        self.happened["held answers were accepted" if accept else "held answers were dropped"] += 1

    # What happens at four: the discogs-cache was rebuilt, and the leg gathers.

    def rebuild_cache(self) -> None:
        """Some pairs point at another release than before."""
        for library_id in self.chance.sample(sorted(self.pairs), 3):
            self.pairs[library_id] += 100_000
        self.happened["the cache was rebuilt"] += 1

    def gather(self, now: datetime, *, is_broken: bool) -> None:
        """The leg gathers what the cache has. A cache that lost a third of its pairs is not believed."""
        listed = sorted(self.pairs)
        if is_broken:
            listed = listed[: round(len(listed) * A_BROKEN_CACHE)]
        self.cache.run("TRUNCATE wxyc.flowsheet_match")
        for library_id in listed:
            row = self.model.rows[library_id]
            self.cache.match(str(row.artist).lower(), row.title.lower(), 1, None, self.pairs[library_id])
        try:
            gather_and_store(Leg.S3, self.shelf.database, self.settings, EVERY_BUCKET, f"gather {now:%F}")
            believed = True
        except EvidenceShrunkError:
            believed = False
        assert believed != is_broken
        if is_broken:
            self.happened["a broken cache was not believed"] += 1
            return
        for row in self.model.rows.values():
            pin = None if row.library_id not in self.pairs else str(self.pairs[row.library_id])
            row.evidence_names = None if pin is None else row.names
            if pin is None:
                row.evidence = None
            elif row.evidence is None or row.evidence[0] != pin:
                row.evidence = (pin, now)

    # What happens at five: the pass.

    def pass_night(self, now: datetime, night: Night, run_id: str) -> None:
        """One pass over all partitions, in the tables and in the model."""
        self.lml.faults.clear()
        self.lml.calls.reset()
        self.composer.lies = night.lies
        if night.lml_is_down:
            self.lml.faults.add(Fault("status", status=503))
        self.lml.faults.add(*(Fault("short", library_id=one) for one in night.left_out))
        self.lml.faults.add(*(Fault("status", library_id=one, status=503) for one in night.refused))
        wrote = self._pass_by_dagster(night) if night.by_dagster else self._pass_by_hand(night, run_id)
        self._pass_of_model(now, night, wrote)

    def _pass_by_dagster(self, night: Night) -> bool:
        """A run of the graph; whether it wrote."""
        with dg.DagsterInstance.ephemeral() as instance:
            report = run_pass(self.settings, instance, all_keys(), LogProgress(say=lambda _line: None))
        # An LML that is down for a few rows only sets each of them aside.
        assert bool(report.failures) == self._is_implausible(night) or night.lml_is_down
        self.happened["a night by Dagster"] += 1
        self.happened["LML was down"] += night.lml_is_down
        return not report.failures

    def _pass_by_hand(self, night: Night, run_id: str) -> bool:
        """The functions that the assets call, without Dagster, which takes most of the time; whether it wrote."""
        database = self.shelf.database
        with database.partitions_locked(EVERY_BUCKET), client_of(self.settings, None, run_id) as client:
            select_candidates(database, EVERY_BUCKET, self.settings, Scope.full, run_id)
            reopen_failed(database, EVERY_BUCKET)
            for _ in ask_and_store(database, client, EVERY_BUCKET, self.settings, run_id):
                pass
            if night.is_killed:
                self.happened["a run was killed before it wrote"] += 1
                return False
            require_plausible(database, EVERY_BUCKET, self.settings, run_id)
            write_verdicts(database, EVERY_BUCKET, self.settings, run_id, with_legs=True)
        return True

    def _is_implausible(self, night: Night) -> bool:
        return any(lie == "unresolved" for lie in night.lies.values())

    def _pass_of_model(self, now: datetime, night: Night, wrote: bool) -> None:
        model = self.model
        model.forget_earlier_answers(now - timedelta(days=VERDICT_HISTORY_DAYS))
        for row in model.rows.values():
            row.outcome = None
        due = model.due(now)
        self.expected_asked = {
            row.library_id for row in due if row.artist is not None and not row.is_answered(now)
        }
        for row in due:
            row.outcome = "missing_artist_name" if row.artist is None else "open"
            if row.library_id in self.expected_asked:
                self._ask_in_model(row, now, night)
        answered = [row for row in due if row.outcome == "open"]
        if self._is_implausible(night):
            model.hold(answered)
        if wrote:
            for row in answered:
                model.apply(row)
            model.reflect_evidence()

    def _ask_in_model(self, row: Row, now: datetime, night: Night) -> None:
        if night.lml_is_down or row.library_id in night.refused:
            row.outcome = "lml_error"
        elif row.library_id in night.left_out:
            row.outcome = "lml_cardinality_mismatch"
        else:
            self.model.store(row, now, night.lies.get(row.library_id))
            self.happened["answers"] += 1

    # What must hold in the morning.

    def check(self, now: datetime, night: Night, corrected_by: set[str]) -> None:
        """Compare every table with the model."""
        asked = self.lml.calls.by_library_id
        if night.lml_is_down:
            assert set(asked) <= self.expected_asked
        else:
            assert set(asked) == self.expected_asked
        if not (night.lml_is_down or night.refused):
            assert all(times == 1 for times in asked.values())
        self._check_rows()
        self._check_gate()
        self._check_growth(now, corrected_by)

    def _check_rows(self) -> None:
        rows = self.model.rows.values()
        outcomes = {
            row.library_id: None if row.outcome == "open" else row.outcome for row in rows if row.outcome
        }
        assert self.shelf.outcomes() == outcomes
        mains = self.shelf.rows("SELECT library_id, method, notes, wikidata_qid FROM library_identity")
        by = {"consumer:lml-bulk": "lml", "backfill:S3": "leg"}
        found = {
            one["library_id"]: (
                "person" if one["method"] == "manual" else by[one["notes"]],
                one["wikidata_qid"],
            )
            for one in mains
        }
        assert found == {row.library_id: (row.main.by, row.main.says) for row in rows if row.main is not None}
        attempts = self.shelf.rows("SELECT library_id, kind FROM library_unresolved")
        assert {one["library_id"]: one["kind"] for one in attempts} == {
            row.library_id: row.attempt_kind for row in rows if row.attempted_at is not None
        }

    def _check_gate(self) -> None:
        gate = read_gate(self.shelf.database, 1000)
        unresolved, fallback, reasons = self.model.gate()
        assert gate.total_library_rows == len(self.model.rows)
        assert (gate.unresolved_rows, gate.fallback_resolved_rows) == (unresolved, fallback)
        assert dict(gate.reasons) == reasons

    def _check_growth(self, now: datetime, corrected_by: set[str]) -> None:
        rows = self.model.rows.values()
        answered = sum(row.answer is not None for row in rows)
        counts = self.count_rows()
        assert counts["lml_verdict"] == answered
        assert counts["lml_verdict_state"] <= answered
        assert counts["candidate_library"] == sum(row.outcome is not None for row in rows)
        assert counts["lml_verdict_history"] == sum(len(row.earlier_answers) for row in rows)
        assert counts["leg_evidence"] == sum(row.evidence is not None for row in rows)
        assert counts["leg_filled"] <= counts["leg_evidence"]
        old = self.shelf.rows(
            "SELECT DISTINCT run_id FROM journal_chunk WHERE written_at < :since",
            since=now - timedelta(days=UNWIND_DAYS),
        )
        assert {one["run_id"] for one in old} <= corrected_by
        replaced = self.shelf.rows(
            "SELECT library_id, count(*) AS rows FROM library_identity_history WHERE superseded_reason = 'rerun' "
            "GROUP BY library_id"
        )
        assert {one["library_id"]: one["rows"] for one in replaced} == {
            row.library_id: row.replaced for row in rows if row.replaced
        }

    def count_rows(self) -> dict[str, int]:
        """The rows of each table of this project that grows with the passes."""
        tables = (
            *(
                "candidate_library",
                "lml_verdict",
                "lml_verdict_state",
                "lml_verdict_history",
                "journal_chunk",
            ),
            *("journal_image", "leg_evidence", "leg_filled", "library_unresolved", "correction"),
        )
        counted = ", ".join(f"(SELECT count(*) FROM {table}) AS {table}" for table in tables)
        return {name: int(rows) for name, rows in self.shelf.rows(f"SELECT {counted}")[0].items()}


def station_settings_of(shelf: Shelf, lml: FixtureLmlThread, cache: Cache) -> Settings:
    """The settings of this station."""
    return replace(
        shelf.settings,
        library_metadata_url=lml.url,
        database_url_discogs=cache.settings.database_url_discogs,
        scope=Scope.full,
        identity_legs=(Leg.S3,),
        stale_threshold_days=STALE.days,
        unresolved_retry_days=4,
        invalid_retry_days=1,
        unwind_days=UNWIND_DAYS,
        verdict_history_days=VERDICT_HISTORY_DAYS,
        lml_retry_wait_seconds=0.001,
        lml_patience_seconds=1.0,
        batch_size=50,
        va_batch_size=20,
    )
