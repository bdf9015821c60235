"""The guard in real runs: answers that cannot be true are held back, and a person decides about them."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import dagster as dg
import pytest

from identity_assets.backend.ledger.plausible import Plausibility, read_plausibility
from identity_assets.backend.reports.gate import read_gate
from identity_assets.backend.reports.overview import read_overview
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
IDENTITY_TABLES = ("main", "source", "history", "sidecar")


@pytest.fixture
def scripted() -> Iterator[ScriptedLml]:
    with scripted_lml() as lml:
        yield lml


@pytest.fixture
def chosen(station_settings: Settings, scripted: ScriptedLml) -> Settings:
    return replace(station_settings, library_metadata_url=scripted.url, scope=Scope.full)


@pytest.fixture
def env(chosen: Settings) -> dict[str, str]:
    """The environment of a command on the same library."""
    url = chosen.require_database_url().render_as_string(hide_password=False)
    return clean_env(DATABASE_URL=url, LIBRARY_METADATA_URL=chosen.require_library_metadata_url())


def run(chosen: Settings, keys: Sequence[str] = EVERY_KEY) -> PassReport:
    with dg.DagsterInstance.ephemeral() as instance:
        return run_pass(chosen, instance, keys, LogProgress(say=lambda _line: None))


def put(shelf: Shelf, rows: int) -> list[int]:
    shelf.run("INSERT INTO artists (id, artist_name) VALUES (1, 'x') ON CONFLICT DO NOTHING")
    made = shelf.rows(
        "INSERT INTO library (artist_id, artist_name, album_title, legacy_release_id) "
        "SELECT 1, 'Anna Nyberg', 'Album ' || n, n FROM generate_series(1, :rows) AS n RETURNING id",
        rows=rows,
    )
    return [row["id"] for row in made]


def resolved_long_ago(shelf: Shelf, chosen: Settings, scripted: ScriptedLml, rows: int) -> list[int]:
    """Library rows with an identity that is due to be asked about again."""
    ids = put(shelf, rows)
    scripted.results = {one: single_artist(one) for one in ids}
    assert run(chosen).accounts.resolved == rows
    shelf.age(8)
    scripted.asked.clear()
    return ids


def identity_tables(shelf: Shelf) -> dict[str, list[dict[str, Any]]]:
    return {name: rows for name, rows in shelf.tables().items() if name in IDENTITY_TABLES}


@pytest.mark.promise("implausible")
def test_an_lml_that_finds_nothing_of_what_it_knew_is_not_believed(
    shelf: Shelf, chosen: Settings, scripted: ScriptedLml
) -> None:
    ids = resolved_long_ago(shelf, chosen, scripted, 40)
    before = identity_tables(shelf)
    scripted.results = {one: nothing(one) for one in ids}

    report = run(chosen)
    [failure] = report.failures
    assert failure == (
        "answers_plausible: LML's answers cannot be true: 40 of 40 library rows that had an identity came back "
        "unresolved (100.0%, at most 5.0% is plausible), and 0 of 0 rows asked about for the first time were "
        "resolved (at least 2.0% is plausible); all 40 answers of this pass are held back, and "
        "`identity-assets held` accepts "
        "or drops them"
    )
    assert report.accounts.skipped == {"answer_held": 40}
    assert identity_tables(shelf) == before

    # They are neither asked again nor written, however often a run is made.
    scripted.asked.clear()
    again = run(chosen)
    assert (again.failures, again.accounts.scanned, scripted.asked) == ((), 0, [])
    assert identity_tables(shelf) == before


@pytest.mark.promise("implausible")
def test_an_lml_that_knows_nobody_is_not_believed_about_rows_that_were_never_asked(
    shelf: Shelf, chosen: Settings, scripted: ScriptedLml
) -> None:
    ids = put(shelf, 500)
    scripted.results = {one: single_artist(one) if n < 9 else nothing(one) for n, one in enumerate(ids)}
    [failure] = run(chosen).failures
    assert "and 9 of 500 rows asked about for the first time were resolved (1.8%, at least" in failure
    assert shelf.tables()["main"] == shelf.tables()["sidecar"] == []
    gate = read_gate(shelf.database, 1000)
    assert gate.residual["answer_held"] == 500
    assert "`identity-assets held`" in gate.as_dict()["advice"]


@pytest.mark.promise("implausible")
def test_as_many_as_the_limits_allow_are_written(
    shelf: Shelf, chosen: Settings, scripted: ScriptedLml
) -> None:
    ids = resolved_long_ago(shelf, chosen, scripted, 400)
    new = put(shelf, 500)
    answers = {one: nothing(one) if n < 20 else single_artist(one) for n, one in enumerate(ids)}
    scripted.results = answers | {
        one: single_artist(one) if n < 10 else nothing(one) for n, one in enumerate(new)
    }
    report = run(chosen)
    assert report.failures == ()
    assert (report.accounts.resolved, report.accounts.unresolved) == (390, 510)


def test_a_dry_run_foresees_that_the_answers_would_be_held_back(
    shelf: Shelf, chosen: Settings, scripted: ScriptedLml, env: dict[str, str]
) -> None:
    ids = resolved_long_ago(shelf, chosen, scripted, 40)
    [new] = put(shelf, 1)
    half = {one: nothing(one) if n % 2 else single_artist(one) for n, one in enumerate(ids)}
    scripted.results = half | {new: single_artist(new, confidence=0.5)}
    before = shelf.tables()

    ended = call_here("dry-run", "--scope", "full", env=env)
    shown = json.loads(ended.stdout)
    assert (ended.returncode, shown["scanned"], shown["would_resolve"], shown["would_unresolved"]) == (
        0,
        41,
        0,
        0,
    )
    skipped = {reason: rows for reason, rows in shown["would_skip"].items() if rows}
    assert skipped == {"lml_invalid_verdict": 1, "answer_held": 40}
    assert (shown["would_hold"]["withdrawn"], shown["would_hold"]["had_identity"]) == (20, 40)
    says = "a run would hold back all 40 answers and write none of them: 20 of 40 library rows that had an identity"
    assert says in ended.stderr
    table = call_here("dry-run", "--scope", "full", "--changes", env={**env, "COLUMNS": "200"})
    assert says in table.stdout
    assert "What the held answers would change" in table.stdout
    with dg.DagsterInstance.ephemeral() as instance:
        result = (
            build_defs(resources=make_resources(chosen))
            .resolve_job_def("dry_run")
            .execute_in_process(instance=instance)
        )
    [output] = [event for event in result.all_events if event.is_successful_output]
    assert output.step_output_data.metadata["would_hold"].value == shown["would_hold"]
    assert shelf.tables() == before

    report = run(chosen)
    assert report.accounts.skipped == skipped
    assert (report.accounts.scanned, report.accounts.resolved) == (41, 0)


def test_a_dry_run_leaves_answers_that_a_person_has_accepted_out_of_the_guards_figures(
    shelf: Shelf, chosen: Settings, scripted: ScriptedLml, env: dict[str, str]
) -> None:
    ids = resolved_long_ago(shelf, chosen, scripted, 40)
    scripted.results = {one: nothing(one) for one in ids}
    run(chosen)
    assert call_here("held", "--accept", "--yes", env=env).returncode == 0
    shown = json.loads(call_here("dry-run", "--scope", "full", env=env).stdout)
    assert (shown["would_unresolved"], "would_hold" in shown) == (40, False)
    assert run(chosen).accounts.unresolved == 40


@pytest.mark.parametrize(
    ("figures", "is_plausible"),
    [
        ((0, 0, 0, 0), True),
        ((19, 19, 0, 0), True),
        ((20, 20, 0, 0), False),
        ((400, 20, 0, 0), True),
        ((400, 21, 0, 0), False),
        ((0, 0, 499, 0), True),
        ((0, 0, 500, 9), False),
        ((0, 0, 500, 10), True),
    ],
)
def test_the_limits_are_five_in_a_hundred_and_twenty_and_two_in_a_hundred_of_five_hundred(
    figures: tuple[int, int, int, int], is_plausible: bool
) -> None:
    had_identity, withdrawn, first_asked, first_resolved = figures
    found = Plausibility(900, had_identity, withdrawn, first_asked, first_resolved, 0.05, 0.02)
    assert found.is_plausible is is_plausible


def test_what_a_person_or_a_leg_set_and_what_was_withdrawn_before_is_no_news(
    shelf: Shelf, chosen: Settings, scripted: ScriptedLml
) -> None:
    ids = resolved_long_ago(shelf, chosen, scripted, 30)
    person, leg, before, renamed = ids[:5], ids[5:10], ids[10:15], ids[15:20]
    shelf.run("UPDATE library_identity SET method = 'manual' WHERE library_id = ANY (:ids)", ids=person)
    shelf.run("UPDATE library_identity SET notes = 'backfill:S1' WHERE library_id = ANY (:ids)", ids=leg)
    shelf.run(
        "INSERT INTO library_unresolved (library_id, kind, attempted_at, attempts, first_attempted_at) "
        "SELECT id, 'unresolved', now() - interval '8 days', 1, now() FROM unnest(CAST(:ids AS integer[])) AS id",
        ids=before,
    )
    shelf.run("UPDATE library SET album_title = 'New' WHERE id = ANY (:ids)", ids=renamed)
    shelf.select()
    shelf.answer(*(nothing(one) for one in ids))
    found = read_plausibility(shelf.database, EVERY_BUCKET, chosen)
    assert (found.had_identity, found.withdrawn, found.first_asked) == (10, 10, 0)


def test_a_run_of_one_partition_and_a_run_of_a_range_hold_back_their_own_answers(
    shelf: Shelf, chosen: Settings, scripted: ScriptedLml
) -> None:
    ids = resolved_long_ago(shelf, chosen, scripted, 480)
    scripted.results = {one: nothing(one) for one in ids}
    for keys in (["03"], ["05", "06"]):
        [failure] = run(chosen, keys).failures
        assert f"{30 * len(keys)} of {30 * len(keys)} library rows that had an identity" in failure
    held = {row["library_id"] % 16 for row in shelf.rows("SELECT library_id FROM held_answer()")}
    assert held == {3, 5, 6}


def evaluation_of(instance: dg.DagsterInstance) -> dg.AssetCheckEvaluation:
    [record] = instance.event_log_storage.get_asset_check_execution_history(
        dg.AssetCheckKey(dg.AssetKey("lml_verdicts"), "answers_plausible"), limit=1
    )
    assert record.evaluation is not None
    return record.evaluation


def test_the_figures_and_the_limits_are_in_the_check_of_every_run(
    shelf: Shelf, chosen: Settings, scripted: ScriptedLml, instance: dg.DagsterInstance
) -> None:
    ids = resolved_long_ago(shelf, chosen, scripted, 40)
    scripted.results = {one: nothing(one) if n < 10 else single_artist(one) for n, one in enumerate(ids)}
    report = run_pass(chosen, instance, EVERY_KEY, LogProgress(say=lambda _line: None))
    assert report.failures == ()
    found = evaluation_of(instance)
    assert found.passed
    shown = {name: value.value for name, value in found.metadata.items()}
    assert (shown["withdrawn"], shown["had_identity"], shown["withdrawn_share"]) == (10, 40, 0.25)
    assert (shown["withdrawn_share_limit"], shown["fewest_withdrawn"]) == (0.05, 20)
    assert (shown["resolved_share_floor"], shown["fewest_first_asked"]) == (0.02, 500)
    assert "10 of 40 library rows that had an identity" in (found.description or "")


def test_the_tables_materialised_without_the_check_are_guarded_too(
    shelf: Shelf, chosen: Settings, scripted: ScriptedLml, instance: dg.DagsterInstance
) -> None:
    ids = resolved_long_ago(shelf, chosen, scripted, 40)
    before = identity_tables(shelf)
    shelf.select()
    shelf.answer(*(nothing(one) for one in ids))
    definitions = build_defs(resources=make_resources(chosen, LogProgress(say=lambda _line: None)))
    tables = [
        dg.AssetKey(name)
        for name in (
            *("library_identity", "library_identity_source", "library_unresolved"),
            "compilation_track_identity",
        )
    ]
    result = definitions.resolve_job_def("refresh_library_identity").execute_in_process(
        instance=instance, tags=range_tags(EVERY_KEY), asset_selection=tables, raise_on_error=False
    )
    assert not result.success
    assert set(shelf.outcomes().values()) == {"answer_held"}
    assert identity_tables(shelf) == before


@pytest.fixture
def held(shelf: Shelf, chosen: Settings, scripted: ScriptedLml) -> list[int]:
    """The rows of a run whose answers are held back."""
    ids = resolved_long_ago(shelf, chosen, scripted, 40)
    scripted.results = {one: nothing(one) for one in ids}
    assert len(run(chosen).failures) == 1
    scripted.asked.clear()
    return ids


def test_accepted_answers_are_written_by_the_next_run_without_asking_and_go_back_by_run(
    shelf: Shelf, chosen: Settings, scripted: ScriptedLml, env: dict[str, str], held: list[int]
) -> None:
    before = identity_tables(shelf)
    listed = json.loads(call_here("held", "--json", env=env).stdout)
    assert [(one["answers"], one["unresolved"]) for one in listed["runs"]] == [(40, 40)]
    unconfirmed = call_here("held", "--accept", env=env)
    assert unconfirmed.returncode == 1
    assert "nothing was changed" in unconfirmed.stderr.splitlines()[-1]

    accepted = call_here("held", "--accept", "--run", listed["runs"][0]["run_id"][:8], "--yes", env=env)
    assert accepted.returncode == 0
    assert accepted.stderr.splitlines()[-1] == (
        "40 answers accepted: the next run writes them without asking LML"
    )
    report = run(chosen)
    assert (report.failures, scripted.asked) == ((), [])
    assert report.accounts.unresolved == 40
    assert len(shelf.tables()["sidecar"]) == 40

    assert call_here("unwind", "--run", report.run_ids[0], "--yes", env=env).returncode == 0
    assert identity_tables(shelf) == before
    # A week later the same finding is no news, and is not held again.
    scripted.results = {one: nothing(one) for one in held}
    assert len(run(chosen).failures) == 1
    call_here("held", "--accept", "--yes", env=env)
    run(chosen)
    shelf.age(8)
    assert run(chosen).failures == ()


def test_answers_accepted_after_their_window_are_written_all_the_same(
    shelf: Shelf, chosen: Settings, scripted: ScriptedLml, env: dict[str, str], held: list[int]
) -> None:
    shelf.age(20)
    assert run(chosen).accounts.scanned == 0
    assert call_here("held", "--accept", "--yes", env=env).returncode == 0
    assert run(chosen).accounts.unresolved == len(held)
    assert scripted.asked == []


def test_dropped_answers_are_void_and_lml_is_asked_anew(
    shelf: Shelf, chosen: Settings, scripted: ScriptedLml, env: dict[str, str], held: list[int]
) -> None:
    dropped = call_here("held", "--drop", "--yes", "--json", env=env)
    assert json.loads(dropped.stdout)["dropped"] == 40
    assert "Dropped by a person on" in call_here("explain", str(held[0]), env=env).stdout
    scripted.results = {one: single_artist(one) for one in held}
    report = run(chosen)
    assert (report.accounts.resolved, sorted(scripted.asked)) == (40, held)
    # Asking anew is not asking twice.
    assert shelf.rows("SELECT 1 FROM lml_verdict WHERE previous_asked_at IS NOT NULL") == []
    ended = call_here("held", "--drop", "--yes", env=env)
    assert (ended.returncode, ended.stderr.splitlines()) == (
        1,
        ["identity-assets: no answers are held: there is nothing to decide"],
    )


@pytest.mark.parametrize("run_id", ["", "0", "1234567"])
def test_an_empty_or_short_run_id_decides_about_no_answer(
    shelf: Shelf,
    chosen: Settings,
    instance: dg.DagsterInstance,
    env: dict[str, str],
    held: list[int],
    run_id: str,
) -> None:
    ended = call_here("held", "--accept", "--run", run_id, "--yes", env=env)
    assert ended.returncode == 2
    assert f"{run_id!r} is not a run id" in ended.stderr
    job = build_defs(resources=make_resources(chosen)).resolve_job_def("held_answers")
    config = {"ops": {"decide_held_answers": {"config": {"action": "drop", "run_id": run_id}}}}
    assert not job.execute_in_process(instance=instance, run_config=config, raise_on_error=False).success
    assert len(shelf.rows("SELECT 1 FROM held_answer()")) == len(held)


def test_held_answers_show_in_status_and_explain(
    shelf: Shelf, chosen: Settings, env: dict[str, str], held: list[int]
) -> None:
    assert read_overview(shelf.database, chosen).answers_held == 40
    assert "40 answers are held back:" in call_here("status", env=env).stdout
    page = " ".join(call_here("explain", str(held[0]), env=env).stdout.split())
    assert "its answer is held back until a person accepts or drops it" in page
    assert "because the answers of that run could not be true" in page
    assert "Outcome: answer_held" in page
    replayed = json.loads(call_here("replay", "--json", env=env).stdout)
    assert replayed["left_alone"] == {"held": 40}


def test_a_renamed_row_is_asked_about_though_its_answer_is_held(
    shelf: Shelf, chosen: Settings, scripted: ScriptedLml, held: list[int]
) -> None:
    shelf.run("UPDATE library SET album_title = 'New' WHERE id = :id", id=held[0])
    scripted.results = {one: single_artist(one) for one in held}
    assert run(chosen).accounts.resolved == 1
    assert scripted.asked == held[:1]
    assert len(shelf.rows("SELECT 1 FROM held_answer()")) == 39


@pytest.mark.parametrize(
    ("action", "outcome"), [("list", "answer_held"), ("accept", None), ("drop", "unwound")]
)
def test_the_job_does_what_the_command_does(
    shelf: Shelf,
    chosen: Settings,
    instance: dg.DagsterInstance,
    held: list[int],
    action: str,
    outcome: str | None,
) -> None:
    job = build_defs(resources=make_resources(chosen)).resolve_job_def("held_answers")
    result = job.execute_in_process(
        instance=instance, run_config={"ops": {"decide_held_answers": {"config": {"action": action}}}}
    )
    [output] = [event for event in result.all_events if event.is_successful_output]
    assert output.step_output_data.metadata["held_answers"].value == len(held)
    assert set(shelf.outcomes().values()) == {outcome}
