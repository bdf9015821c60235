"""People's decisions and asking again in real Dagster runs: what is written, asked and checked."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from identity_assets.ask_again import Answers, AskAgain
from identity_assets.backend.reports.integrity import (
    read_asked_twice,
    read_unbalanced,
    read_withdrawn,
    read_without_sources,
)
from identity_assets.definitions import build_defs
from identity_assets.partition_keys import range_tags
from identity_assets.partitions import library_partitions
from identity_assets.progress import LogProgress
from identity_assets.resources import make_resources
from identity_assets.settings import Scope, Settings
from identity_assets.terminal.run_pass import PassReport, run_pass
from identity_assets_tests.scripted_lml import ScriptedLml, scripted_lml
from identity_assets_tests.support import EVERY_BUCKET, Shelf, nothing, single_artist
from identity_assets_tests.terminal.calling import call_here, clean_env

pytestmark = pytest.mark.long

EVERY_KEY = library_partitions.get_partition_keys()
QUIET = LogProgress(say=lambda _line: None)


@pytest.fixture
def lml_says() -> Iterator[ScriptedLml]:
    with scripted_lml() as server:
        yield server


@pytest.fixture
def station(shelf: Shelf, lml_says: ScriptedLml) -> Settings:
    return replace(shelf.settings, library_metadata_url=lml_says.url, scope=Scope.full)


@pytest.fixture
def env(station: Settings) -> dict[str, str]:
    return clean_env(
        DATABASE_URL=station.require_database_url().render_as_string(hide_password=False),
        LIBRARY_METADATA_URL=station.require_library_metadata_url(),
    )


def run(station: Settings, instance: dg.DagsterInstance, ask_again: AskAgain | None = None) -> PassReport:
    report = run_pass(station, instance, EVERY_KEY, QUIET, ask_again=ask_again)
    assert report.failures == ()
    return report


def assert_checks_pass(shelf: Shelf) -> None:
    assert read_unbalanced(shelf.database, EVERY_BUCKET).count == 0
    assert read_without_sources(shelf.database).count == 0
    assert read_withdrawn(shelf.database).count == 0
    assert read_asked_twice(shelf.database, shelf.settings).count == 0


def asked(lml: ScriptedLml) -> list[int]:
    """What LML was asked since the last call of this."""
    ids, lml.asked = sorted(lml.asked), []
    return ids


def test_a_rejected_identity_stays_away_and_returns_when_lml_says_something_else(
    shelf: Shelf,
    lml_says: ScriptedLml,
    station: Settings,
    env: dict[str, str],
    instance: dg.DagsterInstance,
) -> None:
    wrong, right = shelf.put(), shelf.put("Else", artist_id=2)
    lml_says.results = {one: single_artist(one) for one in (wrong, right)}
    run(station, instance)
    assert call_here("reject", str(wrong), "--by", "bob", env=env).returncode == 0
    assert_checks_pass(shelf)
    assert asked(lml_says) == [wrong, right]
    assert run(station, instance).accounts.scanned == 0

    shelf.age(8)
    predicted = json.loads(call_here("dry-run", "--scope", "full", env=env).stdout)
    assert (predicted["would_resolve"], predicted["would_skip"]["rejected_by_person"]) == (1, 1)
    assert asked(lml_says) == [wrong, right]
    report = run(station, instance)
    assert report.accounts.resolved == 1
    assert report.accounts.skipped == {"rejected_by_person": 1}
    assert [row["library_id"] for row in shelf.rows("SELECT library_id FROM library_identity")] == [right]
    assert asked(lml_says) == [wrong, right]
    assert_checks_pass(shelf)
    assert run(station, instance).accounts.scanned == 0, "nothing is asked twice in its window"

    shelf.age(8)
    lml_says.results = {**lml_says.results, wrong: single_artist(wrong, main={"wikidata_qid": "Q4711"})}
    assert run(station, instance).accounts.resolved == 2
    [main] = shelf.rows("SELECT wikidata_qid, method FROM library_identity WHERE library_id = :id", id=wrong)
    assert main == {"wikidata_qid": "Q4711", "method": "cross_source_agreement"}
    assert_checks_pass(shelf)


def test_a_correction_outlives_every_run_and_the_name_of_the_artist(
    shelf: Shelf,
    lml_says: ScriptedLml,
    station: Settings,
    env: dict[str, str],
    instance: dg.DagsterInstance,
) -> None:
    one, tape = shelf.put(), shelf.put("Demo", artist_id=2)
    lml_says.results = {one: single_artist(one), tape: nothing(tape)}
    run(station, instance)
    assert call_here("correct", str(one), "--wikidata", "Q9", env=env).returncode == 0
    assert call_here("correct", str(tape), "--none", env=env).returncode == 0
    before = shelf.tables()["main"], shelf.tables()["source"]
    asked(lml_says)
    shelf.age(900)
    shelf.run("UPDATE library SET artist_name = artist_name || ' (2)'")
    assert run(station, instance).accounts.scanned == 0
    everything = AskAgain(Answers.all)
    assert run(station, instance, everything).accounts.scanned == 0
    assert asked(lml_says) == []
    assert (shelf.tables()["main"], shelf.tables()["source"]) == before
    assert_checks_pass(shelf)


@pytest.mark.parametrize(
    ("answers", "again"),
    [
        (Answers.unresolved, {"unresolved"}),
        (Answers.compilations, {"compilation"}),
        (Answers.invalid, {"invalid"}),
        (Answers.all, {"single", "unresolved", "compilation", "invalid"}),
    ],
)
def test_lml_is_asked_again_once_whatever_the_windows_say(
    answers: Answers,
    again: set[str],
    shelf: Shelf,
    lml_says: ScriptedLml,
    station: Settings,
    env: dict[str, str],
    instance: dg.DagsterInstance,
) -> None:
    kinds = ("single", "unresolved", "compilation", "invalid")
    ids = {kind: shelf.put(kind, artist_id=number) for number, kind in enumerate(kinds, 1)}
    lml_says.results = {
        ids["single"]: single_artist(ids["single"]),
        ids["unresolved"]: nothing(ids["unresolved"]),
        ids["compilation"]: nothing(ids["compilation"], "compilation"),
        ids["invalid"]: single_artist(ids["invalid"], confidence=7),
    }
    run(station, instance)
    new = shelf.put("never asked", artist_id=9)
    asked(lml_says)
    wanted = sorted(ids[kind] for kind in again)

    foreseen = call_here("dry-run", "--scope", "full", "--ask-again", str(answers), env=env)
    assert json.loads(foreseen.stdout)["scanned"] == len(wanted), foreseen.stderr
    assert asked(lml_says) == wanted
    lml_says.results = {one: single_artist(one) for one in (*ids.values(), new)}
    report = run(station, instance, AskAgain(answers))
    assert asked(lml_says) == wanted
    assert report.accounts.resolved == len(wanted)
    assert {row["reason"] for row in shelf.rows("SELECT reason FROM candidate_library")} == {"asked_again"}
    assert_checks_pass(shelf)

    assert run(station, instance).accounts.scanned == 1, "only the row that was never asked is due"
    assert asked(lml_says) == [new]
    assert_checks_pass(shelf)
    page = call_here("explain", str(wanted[0]), env=env).stdout
    assert "a person wanted LML to be asked again" in " ".join(page.split())


def test_asking_again_is_narrowed_down_by_library_row_and_by_date(
    shelf: Shelf,
    lml_says: ScriptedLml,
    station: Settings,
    env: dict[str, str],
    instance: dg.DagsterInstance,
) -> None:
    first, second = shelf.put("A", canonical=None), shelf.put("B", artist_id=2)
    lml_says.results = {one: nothing(one) for one in (first, second)}
    run(station, instance)
    asked(lml_says)
    ended = call_here("run", "--ask-again", "unresolved", "--library-id", str(first), env=env)
    assert ended.returncode == 0, ended.stderr
    assert asked(lml_says) == [first], "a row that is named is asked in whichever scope it is"
    yesterday = datetime.now(UTC) - timedelta(days=1)
    assert run(station, instance, AskAgain(Answers.all, (), yesterday)).accounts.scanned == 0
    ended = call_here("run", "--scope", "full", "--ask-again", "all", "--asked-before", "2999-01-01", env=env)
    assert ended.returncode == 0, ended.stderr
    assert asked(lml_says) == [first, second]
    assert_checks_pass(shelf)


def test_an_answer_that_was_asked_for_again_and_not_written_is_written_by_the_next_run(
    shelf: Shelf, lml_says: ScriptedLml, station: Settings, instance: dg.DagsterInstance
) -> None:
    one = shelf.put()
    lml_says.results = {one: nothing(one)}
    run(station, instance)
    lml_says.results = {one: single_artist(one)}
    shelf.fault("library_identity", "RAISE EXCEPTION 'disk full' USING ERRCODE = '53100'")
    assert run_pass(station, instance, EVERY_KEY, QUIET, ask_again=AskAgain(Answers.all)).failures
    shelf.mend("library_identity")
    asked(lml_says)
    assert run(station, instance).accounts.resolved == 1
    assert asked(lml_says) == []
    assert [row["reason"] for row in shelf.rows("SELECT reason FROM candidate_library")] == ["asked_again"]


def test_the_launchpad_asks_again_too(
    shelf: Shelf, lml_says: ScriptedLml, station: Settings, instance: dg.DagsterInstance
) -> None:
    first, second = shelf.put("A"), shelf.put("B", artist_id=2)
    lml_says.results = {first: nothing(first), second: single_artist(second)}
    run(station, instance)
    asked(lml_says)
    definitions = build_defs(resources=make_resources(station, QUIET), legs=station.identity_legs)

    def launch(config: dict[str, object]) -> dg.ExecuteInProcessResult:
        return definitions.resolve_job_def("refresh_library_identity").execute_in_process(
            instance=instance,
            tags=range_tags(EVERY_KEY),
            run_config={
                "ops": {"candidate_libraries": {"config": config}},
                "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
            },
            raise_on_error=False,
        )

    assert launch({"ask_again": "unresolved"}).success
    assert asked(lml_says) == [first]
    wrong = launch({"library_ids": [first]})
    assert not wrong.success
    foreseen = definitions.resolve_job_def("dry_run").execute_in_process(
        instance=instance, run_config={"ops": {"predict": {"config": {"ask_again": "all", "scope": "full"}}}}
    )
    assert foreseen.success
    assert asked(lml_says) == [first, second]
