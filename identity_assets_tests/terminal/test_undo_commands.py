"""The commands dry-run, replay and unwind: what they print, how they end, and that a wrong word changes nothing."""

import csv
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import make_url

from identity_assets.demo.fixture_lml import Fault, FixtureLmlThread
from identity_assets_tests.support import Shelf
from identity_assets_tests.terminal.calling import call_here, one_line

KEYS = [
    "scope",
    "scanned",
    "lml_total_calls",
    "lml_total_latency_ms",
    "would_resolve",
    "would_resolve_compilation",
    "would_unresolved",
    "would_skip",
    "source_rows_skipped_null_confidence",
]
SKIP_KEYS = [
    "compilation",
    "lml_error",
    "lml_cardinality_mismatch",
    "lml_untrusted_library_id",
    "lml_invalid_verdict",
    "manual_override",
]
NOWHERE = "postgresql://u:hunter2@127.0.0.1:1/d"
COMMANDS = (["dry-run"], ["replay"], ["unwind", "--run", "0" * 36])


def stock(shelf: Shelf) -> list[int]:
    return shelf.put_many(["Known 1", "Known 2", "Stranger", "Various Artists", "Known 3"])


def run(env: dict[str, str], *arguments: str) -> str:
    """Run the graph; the run's id."""
    ended = call_here("run", "--scope", "full", *arguments, env=env)
    assert ended.returncode == 0, ended.stderr
    [run_id] = re.findall(r"unwind --run ([0-9a-f-]{36})", ended.stderr)
    return str(run_id)


def everything(shelf: Shelf) -> dict[str, list[dict[str, Any]]]:
    """All tables that a run or a command may write, every column."""
    tables = ("library_identity", "library_identity_source", "library_unresolved", "library_identity_history")
    ours = ("candidate_library", "lml_verdict", "lml_verdict_history", "library_write", "catalog_watermark")
    return {table: shelf.rows(f"SELECT * FROM {table} ORDER BY 1, 2") for table in (*tables, *ours)}


@contextmanager
def written_tuples(shelf: Shelf) -> Iterator[dict[str, int]]:
    """The rows that the database counts as inserted, updated or deleted while the block ran, by table."""

    def tuples() -> dict[str, int]:
        shelf.rows("SELECT pg_stat_force_next_flush()")
        query = "SELECT relname, n_tup_ins + n_tup_upd + n_tup_del AS rows FROM pg_stat_user_tables"
        return {row["relname"]: row["rows"] for row in shelf.rows(query)}

    counted: dict[str, int] = {}
    before = tuples()
    yield counted
    after = tuples()
    counted.update({table: rows - before[table] for table, rows in after.items() if rows != before[table]})


def test_a_dry_run_is_one_json_object_with_the_figures_of_the_run_after_it(
    shelf: Shelf, env: dict[str, str], lml: FixtureLmlThread
) -> None:
    ids = stock(shelf)
    lml.faults.add(Fault("out_of_band", library_id=ids[4]))
    with written_tuples(shelf) as written:
        first = call_here("dry-run", "--scope", "full", env=env)
        second = call_here("run", "--scope", "full", env={**env, "DRY_RUN": "true"})
    assert written == {}
    assert (first.returncode, second.returncode) == (0, 0)
    shown, again = json.loads(first.stdout), json.loads(second.stdout)
    assert list(shown) == KEYS
    assert list(shown["would_skip"]) == SKIP_KEYS
    assert {**again, "lml_total_latency_ms": 0} == {**shown, "lml_total_latency_ms": 0}

    with written_tuples(shelf) as written:
        ended = call_here("run", "--scope", "full", "--json", env=env)
    assert written["library_identity"] > 0
    done = json.loads(ended.stdout)
    assert (shown["scanned"], shown["would_resolve"], shown["would_unresolved"]) == (
        done["scanned"],
        done["resolved"],
        done["unresolved"],
    )
    assert {reason: rows for reason, rows in shown["would_skip"].items() if rows} == done["skipped"]
    assert done["skipped"] == {"compilation": 1, "lml_invalid_verdict": 1}
    assert shown["source_rows_skipped_null_confidence"] == done["source_rows_skipped_null_confidence"]
    assert shown["lml_total_calls"] == done["lml_total_calls"]


def test_a_dry_run_needs_no_right_to_write(shelf: Shelf, env: dict[str, str], lml: FixtureLmlThread) -> None:
    stock(shelf)
    assert lml.url
    shelf.run("CREATE ROLE reader LOGIN PASSWORD 'reads'")
    try:
        for schema in ("wxyc_schema", "identity_assets"):
            shelf.run(f"GRANT USAGE ON SCHEMA {schema} TO reader")
            shelf.run(f"GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO reader")
        url = make_url(env["DATABASE_URL"]).set(username="reader", password="reads")
        reading = {**env, "DATABASE_URL": url.render_as_string(hide_password=False)}
        ended = call_here("dry-run", "--scope", "full", "--changes", "--json", env=reading)
        assert ended.returncode == 0, ended.stderr
        assert json.loads(ended.stdout)["would_resolve"] == 3
        refused = call_here("run", "--scope", "full", env=reading)
        assert refused.returncode == 1
        assert "permission denied" in refused.stderr
    finally:
        shelf.run("DROP OWNED BY reader")
        shelf.run("DROP ROLE reader")


def test_changes_are_a_table_or_json_or_csv_of_the_same_rows(
    shelf: Shelf, env: dict[str, str], lml: FixtureLmlThread, tmp_path: Path
) -> None:
    ids = stock(shelf)
    assert lml.url
    shelf.run(
        "INSERT INTO library_identity (library_id, method, confidence, notes, last_verified_at) "
        "SELECT id, 'llm', 0.6, 'consumer:lml-bulk', now() - interval '9 days' FROM unnest(:ids) AS id",
        ids=ids[1:3],
    )
    as_json = call_here("dry-run", "--scope", "full", "--changes", "--json", env=env)
    changes = json.loads(as_json.stdout)["changes"]
    rows = changes.pop("rows")
    assert changes == {"new": 2, "changed": 1, "confirmed": 0, "withdrawn": 1}
    assert {row["library_id"]: row["change"] for row in rows} == dict(
        zip(ids[:3] + ids[4:], ["new", "changed", "withdrawn", "new"], strict=True)
    )
    [changed] = [row for row in rows if row["change"] == "changed"]
    assert changed["columns"]["method"][0] == "llm"

    table = call_here("dry-run", "--scope", "full", "--changes", env={**env, "COLUMNS": "200"})
    assert "Nothing was written." in table.stdout
    assert all(str(row["library_id"]) in table.stdout for row in rows)
    assert f"method: llm → {changed['columns']['method'][1]}" in table.stdout

    file = tmp_path / "changes.csv"
    as_csv = call_here("dry-run", "--scope", "full", "--changes", "--csv", str(file), env=env)
    assert list(json.loads(as_csv.stdout)) == KEYS
    with file.open(encoding="utf-8", newline="") as stream:
        lines = list(csv.DictReader(stream))
    assert {(int(line["library_id"]), line["change"]) for line in lines} == {
        (row["library_id"], row["change"]) for row in rows
    }
    assert {(line["column"], line["from"]) for line in lines} >= {("method", "llm"), ("method", "")}


def test_a_dry_run_of_which_lml_answers_nothing_says_so_and_fails(
    shelf: Shelf, env: dict[str, str], lml: FixtureLmlThread
) -> None:
    stock(shelf)
    lml.faults.add(Fault("status", status=401))
    ended = call_here("dry-run", "--scope", "full", env=env)
    assert ended.returncode == 1
    shown = json.loads(ended.stdout)
    assert shown["scanned"] == shown["would_skip"]["lml_error"] == 5
    assert "LML_API_KEY" in ended.stderr


def test_a_run_is_taken_back_and_another_one_asks_lml_anew(
    shelf: Shelf, env: dict[str, str], lml: FixtureLmlThread
) -> None:
    stock(shelf)
    before = shelf.tables()
    run_id = run(env)
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
    run(env)
    assert lml.calls.number > 0
    assert call_here("gate", env=env).returncode == 0
    assert shelf.tables()["main"] == after["main"]


def test_one_row_is_taken_back_by_its_id(shelf: Shelf, env: dict[str, str], lml: FixtureLmlThread) -> None:
    ids = stock(shelf)
    assert lml.url
    run(env)
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
    stock(shelf)
    assert lml.url
    run(env)
    before = everything(shelf)
    looked = call_here("dry-run", "--leg", "S1", env={**env, "DRY_RUN": "true"})
    assert json.loads(looked.stdout) == {
        "source": "S1",
        "scanned": 5,
        "would_write_sources": 5,
        "would_upsert_mains": 5,
        "skipped": {},
    }
    assert everything(shelf) == before

    run({**env, "IDENTITY_LEGS": "S1"})
    assert {row["discogs_release_id"] for row in shelf.tables()["main"]} == {1}
    taken = call_here("unwind", "--notes", "backfill:S1", "--yes", "--json", env=env)
    assert taken.returncode == 0, taken.stderr
    done = json.loads(taken.stdout)
    assert (done["rows"], done["main_rows_removed"], done["main_rows_recomputed"]) == (5, 2, 3)
    now = everything(shelf)
    assert now["library_identity"] == before["library_identity"]
    assert now["library_identity_source"] == before["library_identity_source"]
    [again] = re.findall(r"unwind --run ([0-9a-f-]{36})", taken.stderr)
    assert call_here("unwind", "--run", again, "--yes", env=env).returncode == 0
    assert {row["discogs_release_id"] for row in shelf.tables()["main"]} == {1}


def test_a_replay_changes_nothing_unless_a_rule_has_changed(
    shelf: Shelf, env: dict[str, str], lml: FixtureLmlThread
) -> None:
    ids = stock(shelf)
    lml.faults.add(Fault("out_of_band", library_id=ids[0]))
    run_id = run(env)
    lml.calls.reset()
    before = everything(shelf)
    first = call_here("replay", "--since", run_id, "--json", env=env)
    assert first.returncode == 0, first.stderr
    assert json.loads(first.stdout)["left_alone"] == {"rejected": 1}
    assert everything(shelf) == before

    warned = call_here("replay", "--rejected", env={**env, "CONFIDENCE_BANDS": "warn"})
    assert warned.returncode == 0
    assert "1 are accepted that were rejected" in warned.stdout
    assert shelf.outcomes()[ids[0]] == "resolved"
    assert lml.calls.number == 0
    [replay_id] = re.findall(r"unwind --run ([0-9a-f-]{36})", warned.stdout.replace("\n", ""))
    assert call_here("unwind", "--run", replay_id, "--yes", env=env).returncode == 0
    assert everything(shelf)["library_identity"] == before["library_identity"]

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
        (["dry-run", "--partition", "99"], 2, "there is no partition 99: they are 00 to 15"),
        (["dry-run", "--scope", "half"], 2, "'half' is not one of 'canonical', 'full'"),
        (["dry-run", "--csv", "x.csv"], 2, "--csv needs --changes"),
        (["dry-run", "--changes", "--json", "--csv", "x.csv"], 2, "choose one"),
        (["dry-run", "--changes", "--csv", "/no/such/folder/x.csv"], 2, "cannot be written"),
        (["replay", "--partition", "x"], 2, "there is no partition x"),
        (
            ["replay", "--since", "12345678-no-such-run"],
            1,
            "nothing here is known of a run 12345678-no-such-run",
        ),
        (["replay"], 1, "there is nothing to replay"),
        (["unwind"], 2, "choose what to take back"),
        (["unwind", "--run", "x", "--library-id", "1"], 2, "choose what to take back"),
        (["dry-run", "--leg", "S9"], 2, "'S9' is not one of 'S1', 'S3'"),
        (["dry-run", "--leg", "S1", "--changes"], 2, "--leg does not ask LML"),
        (["dry-run", "--leg", "S3"], 2, "DATABASE_URL_DISCOGS is not set"),
        (["unwind", "--notes", "somebody"], 2, "'somebody' is not one of"),
        (["unwind", "--notes", "backfill:S3", "--yes"], 1, "there is nothing to take back"),
        (["unwind", "--run", "x"], 1, "'x' is no run id"),
        (["unwind", "--run", "12345678", "--yes"], 1, "nothing here is known of a run 12345678"),
        (["unwind", "--library-id", "1", "--yes"], 1, "there is nothing to take back"),
        (["unwind", "--library-id", "x"], 2, "'x' is not a valid integer"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_changes_nothing(
    arguments: list[str], code: int, said: str, shelf: Shelf, env: dict[str, str]
) -> None:
    shelf.put("Known 1")
    before = everything(shelf)
    ended = call_here(*arguments, env=env)
    assert ended.returncode == code
    assert said in one_line(ended)
    assert everything(shelf) == before


def test_with_dry_run_set_nothing_can_be_written(shelf: Shelf, env: dict[str, str]) -> None:
    assert shelf.database
    for arguments in (["replay"], ["unwind", "--run", "12345678"]):
        ended = call_here(*arguments, env={**env, "DRY_RUN": "true"})
        assert ended.returncode == 2
        assert "DRY_RUN=true" in one_line(ended)
