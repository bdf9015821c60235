"""The commands replay and unwind: what they print, how they end, and that a bad option changes nothing."""

import json
import re

import pytest

from identity_assets.demo.fixture_lml import Fault, FixtureLmlThread
from identity_assets_tests.support import Shelf
from identity_assets_tests.terminal.calling import call_here, one_line
from identity_assets_tests.terminal.stock import all_tables, run_full_scope, stock_five_rows

NOWHERE = "postgresql://u:hunter2@127.0.0.1:1/d"
COMMANDS = (["replay"], ["unwind", "--run", "0" * 36])


def test_a_run_is_taken_back_and_another_one_asks_lml_anew(
    shelf: Shelf, env: dict[str, str], lml: FixtureLmlThread
) -> None:
    stock_five_rows(shelf)
    before = shelf.tables()
    run_id = run_full_scope(env)
    after = shelf.tables()

    unasked = call_here("unwind", "--run", run_id[:8], env=env)
    assert unasked.returncode == 1
    assert "main row removed: there was no main row before" in unasked.stderr
    assert "nothing was changed" in unasked.stderr.splitlines()[-1]
    assert shelf.tables() == after

    answered = call_here("unwind", "--run", run_id[:8], "--json", env=env, stdin="y\n")
    assert answered.returncode == 0
    assert json.loads(answered.stdout) == {
        "rows": 5,
        "main_rows_restored": 0,
        "main_rows_removed": 3,
        "main_rows_recomputed": 0,
        "main_rows_unchanged": 2,
        "left_alone": {},
        "left_alone_rows": [],
        "run_id": None,
        "runs": [],
    }
    now = shelf.tables()
    assert (now["main"], now["source"], now["sidecar"]) == (
        before["main"],
        before["source"],
        before["sidecar"],
    )
    assert [row["superseded_reason"] for row in now["history"]] == ["unwind"] * 3
    assert set(shelf.outcomes().values()) == {"unwound"}

    again = call_here("unwind", "--run", run_id, "--yes", env=env)
    assert again.returncode == 1
    assert "there is nothing to take back" in one_line(again)
    told = json.loads(call_here("explain", "1", "--json", env=env).stdout)
    assert told["verdict"]["state"] == "unwound"
    assert told["ledger"]["outcome"] == "unwound"

    lml.calls.reset()
    run_full_scope(env)
    assert lml.calls.number > 0
    assert call_here("gate", env=env).returncode == 0
    assert shelf.tables()["main"] == after["main"]


def test_one_row_is_taken_back_by_its_id(shelf: Shelf, env: dict[str, str], lml: FixtureLmlThread) -> None:
    ids = stock_five_rows(shelf)
    assert lml.url
    run_full_scope(env)
    ended = call_here(
        "unwind", "--library-id", str(ids[0]), "--library-id", "4711", "--yes", "--json", env=env
    )
    assert ended.returncode == 0
    done = json.loads(ended.stdout)
    assert (done["main_rows_removed"], done["left_alone"]) == (1, {"nothing_recorded": 1})
    assert {row["library_id"] for row in shelf.rows("SELECT * FROM library_identity")} == {ids[1], ids[4]}
    nothing_left = call_here("unwind", "--library-id", str(ids[0]), "--yes", env=env)
    assert nothing_left.returncode == 1
    assert "nothing_recorded" in one_line(nothing_left)


def test_a_leg_is_looked_at_written_and_taken_back(
    shelf: Shelf, env: dict[str, str], lml: FixtureLmlThread
) -> None:
    stock_five_rows(shelf)
    assert lml.url
    run_full_scope(env)
    before = all_tables(shelf)
    looked = call_here("dry-run", "--leg", "S1", env={**env, "DRY_RUN": "true"})
    assert json.loads(looked.stdout) == {
        "source": "S1",
        "scanned": 5,
        "would_write_sources": 5,
        "would_upsert_mains": 5,
        "skipped": {},
    }
    assert all_tables(shelf) == before

    run_full_scope({**env, "IDENTITY_LEGS": "S1"})
    assert {row["discogs_release_id"] for row in shelf.tables()["main"]} == {1}
    taken = call_here("unwind", "--notes", "backfill:S1", "--yes", "--json", env=env)
    assert taken.returncode == 0, taken.stderr
    done = json.loads(taken.stdout)
    assert (done["rows"], done["main_rows_removed"], done["main_rows_recomputed"]) == (5, 2, 3)
    now = all_tables(shelf)
    assert now["library_identity"] == before["library_identity"]
    assert now["library_identity_source"] == before["library_identity_source"]
    [again] = re.findall(r"unwind --run ([0-9a-f-]{36})", taken.stderr)
    assert call_here("unwind", "--run", again, "--yes", env=env).returncode == 0
    assert {row["discogs_release_id"] for row in shelf.tables()["main"]} == {1}


def test_a_replay_changes_nothing_unless_a_rule_has_changed(
    shelf: Shelf, env: dict[str, str], lml: FixtureLmlThread
) -> None:
    ids = stock_five_rows(shelf)
    lml.faults.add(Fault("out_of_band", library_id=ids[0]))
    run_id = run_full_scope({**env, "SET_ASIDE_SHARE_LIMIT": "1"})
    lml.calls.reset()
    before = all_tables(shelf)
    first = call_here("replay", "--since", run_id, "--json", env=env)
    assert first.returncode == 0, first.stderr
    assert json.loads(first.stdout)["left_alone"] == {"rejected": 1}
    assert all_tables(shelf) == before

    warned = call_here("replay", "--rejected", env={**env, "CONFIDENCE_BANDS": "warn"})
    assert warned.returncode == 0
    assert "1 are accepted that were rejected" in warned.stdout
    assert shelf.outcomes()[ids[0]] == "resolved"
    assert lml.calls.number == 0
    [replay_id] = re.findall(r"unwind --run ([0-9a-f-]{36})", warned.stdout.replace("\n", ""))
    assert call_here("unwind", "--run", replay_id, "--yes", env=env).returncode == 0
    assert all_tables(shelf)["library_identity"] == before["library_identity"]

    nothing = call_here("replay", "--rejected", "--partition", "09", env=env)
    assert nothing.returncode == 1
    assert "there is nothing to replay" in one_line(nothing)


@pytest.mark.parametrize("arguments", COMMANDS, ids=lambda words: words[0])
def test_no_database_is_one_line(arguments: list[str], env: dict[str, str]) -> None:
    ended = call_here(*arguments, env={**env, "DATABASE_URL": NOWHERE})
    assert ended.returncode == 1
    assert "PostgreSQL cannot be reached" in one_line(ended)
    assert "hunter2" not in ended.stderr
    unset = call_here(*arguments, env={**env, "DATABASE_URL": ""})
    assert unset.returncode == 2
    assert "DATABASE_URL is not set" in one_line(unset)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["replay", "--partition", "x"], 2, "there is no partition x"),
        (
            ["replay", "--since", "12345678-no-such-run"],
            2,
            "no run 12345678-no-such-run is known here",
        ),
        (["replay"], 1, "there is nothing to replay"),
        (["unwind"], 2, "choose what to take back"),
        (["unwind", "--run", "x", "--library-id", "1"], 2, "choose what to take back"),
        (["unwind", "--notes", "somebody"], 2, "'somebody' is not one of"),
        (["unwind", "--notes", "backfill:S3", "--yes"], 1, "there is nothing to take back"),
        (["unwind", "--run", "x"], 2, "'x' is not a run id"),
        (["unwind", "--run", "12345678", "--yes"], 2, "no run 12345678 is known here"),
        (["unwind", "--library-id", "1", "--yes"], 1, "there is nothing to take back"),
        (["unwind", "--library-id", "1", "--library-id", "4711", "--yes"], 2, "there is no library row 4711"),
        (["changes", "--run", "x"], 2, "'x' is not a run id"),
        (["changes", "--run", "12345678"], 2, "no run 12345678 is known here"),
        (["held", "--run", "x"], 2, "'x' is not a run id"),
        (["held", "--run", "12345678"], 2, "no run 12345678 is known here"),
        (["explain", "4711"], 2, "there is no library row 4711"),
        (["run", "--ask-again", "all", "--library-id", "4711"], 2, "there is no library row 4711"),
        (["dry-run", "--ask-again", "all", "--library-id", "4711"], 2, "there is no library row 4711"),
        (["unwind", "--library-id", "x"], 2, "'x' is not a valid integer"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_changes_nothing(
    arguments: list[str], code: int, said: str, shelf: Shelf, env: dict[str, str]
) -> None:
    shelf.put("Known 1")
    before = all_tables(shelf)
    ended = call_here(*arguments, env=env)
    assert ended.returncode == code
    assert said in one_line(ended)
    assert all_tables(shelf) == before


def test_with_dry_run_set_nothing_can_be_written(shelf: Shelf, env: dict[str, str]) -> None:
    assert shelf.database
    for arguments in (["replay"], ["unwind", "--run", "12345678"]):
        ended = call_here(*arguments, env={**env, "DRY_RUN": "true"})
        assert ended.returncode == 2
        assert "DRY_RUN=true" in one_line(ended)
