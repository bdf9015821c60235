"""The command dry-run: its figures are those of the run after it, and it writes nothing."""

import csv
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import make_url

from identity_assets.demo.fixture_lml import Fault, FixtureLmlThread
from identity_assets_tests.support import Shelf
from identity_assets_tests.terminal.calling import call_here, one_line
from identity_assets_tests.terminal.stock import all_tables, stock_five_rows

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
    ids = stock_five_rows(shelf)
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
    assert shown["would_resolve_compilation"] == done["resolved_compilation"]
    assert done["resolved_compilation"] + done["skipped"].get("compilation", 0) == 1
    assert done["skipped"]["lml_invalid_verdict"] == 1
    assert shown["source_rows_skipped_null_confidence"] == done["source_rows_skipped_null_confidence"]
    assert shown["lml_total_calls"] == done["lml_total_calls"]


@pytest.mark.promise("dry run")
def test_a_dry_run_needs_no_right_to_write(shelf: Shelf, env: dict[str, str], lml: FixtureLmlThread) -> None:
    stock_five_rows(shelf)
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
    ids = stock_five_rows(shelf)
    assert lml.url
    shelf.run(
        "INSERT INTO library_identity (library_id, method, confidence, notes, last_verified_at) "
        "SELECT id, 'llm', 0.6, 'consumer:lml-bulk', now() - interval '9 days' FROM unnest(:ids) AS id",
        ids=ids[1:3],
    )
    as_json = call_here("dry-run", "--scope", "full", "--changes", "--json", env=env)
    changes = json.loads(as_json.stdout)["changes"]
    rows = changes.pop("rows")
    counts = {"new": 2, "changed": 1, "confirmed": 0, "withdrawn": 1, "unresolved": 0, "compilation": 1}
    assert changes == counts
    assert {row["library_id"]: row["change"] for row in rows} == dict(
        zip(ids, ["new", "changed", "withdrawn", "compilation", "new"], strict=True)
    )
    [changed] = [row for row in rows if row["change"] == "changed"]
    assert changed["columns"]["method"][0] == "llm"

    table = call_here("dry-run", "--scope", "full", "--changes", env={**env, "COLUMNS": "200"})
    assert "Nothing was written." in table.stdout
    assert all(str(row["library_id"]) in table.stdout for row in rows if row["change"] != "compilation")
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
    stock_five_rows(shelf)
    lml.faults.add(Fault("status", status=401))
    ended = call_here("dry-run", "--scope", "full", env=env)
    assert ended.returncode == 1
    shown = json.loads(ended.stdout)
    assert shown["scanned"] == shown["would_skip"]["lml_error"] == 5
    assert "LML_API_KEY; 5 of 5 library rows have no answer" in ended.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["dry-run", "--partition", "99"], "there is no partition 99: they are 00 to 15"),
        (["dry-run", "--scope", "half"], "'half' is not one of 'canonical', 'full'"),
        (["dry-run", "--csv", "x.csv"], "--csv needs --changes"),
        (["dry-run", "--changes", "--csv", "/no/such/folder/x.csv"], "cannot be written"),
        (["dry-run", "--leg", "S9"], "'S9' is not one of 'S1', 'S3'"),
        (["dry-run", "--leg", "S1", "--changes"], "--leg does not ask LML"),
        (["dry-run", "--leg", "S3"], "DATABASE_URL_DISCOGS is not set"),
    ],
)
def test_a_bad_option_of_a_dry_run_is_one_line_and_changes_nothing(
    arguments: list[str], message: str, shelf: Shelf, env: dict[str, str]
) -> None:
    shelf.put("Known 1")
    before = all_tables(shelf)
    ended = call_here(*arguments, env=env)
    assert ended.returncode == 2
    assert message in one_line(ended)
    assert all_tables(shelf) == before


def test_a_dry_run_without_a_database_is_one_line(env: dict[str, str]) -> None:
    ended = call_here("dry-run", env={**env, "DATABASE_URL": "postgresql://u:hunter2@127.0.0.1:1/d"})
    assert ended.returncode == 1
    assert "PostgreSQL cannot be reached" in one_line(ended)
    assert "hunter2" not in ended.stderr
    unset = call_here("dry-run", env={**env, "DATABASE_URL": ""})
    assert unset.returncode == 2
    assert "DATABASE_URL is not set" in one_line(unset)


def test_json_and_csv_together_are_one_json_object_that_says_to_choose(env: dict[str, str]) -> None:
    ended = call_here("dry-run", "--changes", "--json", "--csv", "x.csv", env=env)
    assert ended.returncode == 2
    assert json.loads(ended.stdout)["error"] == "--csv and --json exclude each other: choose one"


def test_a_dry_run_says_that_what_the_legs_write_comes_on_top(shelf: Shelf, env: dict[str, str]) -> None:
    shelf.put("Known 1")
    said = "`identity-assets dry-run --leg S1` counts it for one leg"
    with_leg = {**env, "IDENTITY_LEGS": "S1"}
    assert said in call_here("dry-run", env=with_leg).stderr
    assert said in call_here("dry-run", "--changes", env=with_leg).stdout
    without = call_here("dry-run", "--changes", env=env)
    assert "--leg" not in without.stdout + without.stderr
    json.loads(call_here("dry-run", "--changes", "--json", env=with_leg).stdout)
