"""The command `changes`: row by row what a run changed, from what to what, as a dry run shows it beforehand."""

import csv
import json
from pathlib import Path
from typing import Any

from identity_assets_tests.support import Shelf
from identity_assets_tests.terminal.calling import call_here, one_line
from identity_assets_tests.terminal.stock import run_full_scope, stock_five_rows


def changed(env: dict[str, str], run_id: str) -> dict[int, dict[str, Any]]:
    """The rows of `changes --json`, by library row."""
    ended = call_here("changes", "--run", run_id, "--json", env=env)
    assert ended.returncode == 0, ended.stderr
    return {row["library_id"]: row for row in json.loads(ended.stdout)["rows"]}


def predicted(env: dict[str, str]) -> dict[int, dict[str, Any]]:
    """The rows of `dry-run --changes --json`, by library row."""
    ended = call_here("dry-run", "--scope", "full", "--changes", "--json", env=env)
    return {row["library_id"]: row for row in json.loads(ended.stdout)["changes"]["rows"]}


def spoil(shelf: Shelf, library_id: int) -> None:
    """Let the next answer of LML differ from what stands."""
    shelf.run("UPDATE library_identity SET wikidata_qid = 'Q1' WHERE library_id = :id", id=library_id)
    shelf.run(
        "UPDATE library_identity_source SET external_id = 'old' WHERE library_id = :id AND source = "
        "(SELECT min(source) FROM library_identity_source WHERE library_id = :id)",
        id=library_id,
    )


def test_a_run_changed_what_the_dry_run_before_it_showed(shelf: Shelf, env: dict[str, str]) -> None:
    first, second, stranger, compilation, third = stock_five_rows(shelf)
    foreseen = predicted(env)
    run_id = run_full_scope(env)
    made = changed(env, run_id)
    assert [made[one]["change"] for one in (stranger, compilation)] == ["unresolved", "compilation"]
    assert made == {one: {**row, "changed_since": False} for one, row in foreseen.items()}
    shelf.age(8)
    spoil(shelf, second)
    shelf.run("UPDATE library SET artist_name = 'Nobody' WHERE id = :id", id=third)
    foreseen = predicted(env)
    again = run_full_scope(env)
    made = changed(env, again)
    assert [made[one]["change"] for one in (first, second, third)] == ["confirmed", "changed", "withdrawn"]
    assert made[second]["columns"]["wikidata_qid"][0] == "Q1"
    assert made == {one: {**row, "changed_since": False} for one, row in foreseen.items()}


def test_what_an_older_run_changed_is_told_from_the_journal_of_the_runs_after_it(
    shelf: Shelf, env: dict[str, str]
) -> None:
    _, second, *_ = stock_five_rows(shelf)
    first_run = run_full_scope(env)
    before = changed(env, first_run)
    for _ in range(2):
        shelf.age(8)
        spoil(shelf, second)
        last_run = run_full_scope(env)
    columns = changed(env, first_run)[second]["columns"]
    assert columns.keys() == before[second]["columns"].keys() | {"wikidata_qid"}
    # The row was changed by hand between the runs: the journal of the next run has it as it was changed.
    assert columns["wikidata_qid"] == [None, "Q1"]
    assert changed(env, last_run)[second]["columns"]["wikidata_qid"] == ["Q1", None]


def test_a_row_that_somebody_else_has_changed_since_is_marked(shelf: Shelf, env: dict[str, str]) -> None:
    first, second, *_ = stock_five_rows(shelf)
    run_id = run_full_scope(env)
    shelf.run("UPDATE library_identity SET wikidata_qid = 'Q1' WHERE library_id = :id", id=first)
    made = changed(env, run_id)
    assert (made[first]["changed_since"], made[second]["changed_since"]) == (True, False)
    assert "somebody else has changed it since" in " ".join(
        call_here("changes", "--run", run_id, env={**env, "COLUMNS": "200"}).stdout.split()
    )


def test_a_table_for_a_person_and_a_csv_for_a_spreadsheet(
    shelf: Shelf, env: dict[str, str], tmp_path: Path
) -> None:
    shelf.put("Known 1", "=SUM(1)")
    run_id = run_full_scope(env)
    shown = call_here("changes", "--run", run_id[:8], env=env)
    assert f"What run {run_id[:8]} changed" in shown.stdout
    assert "library rows that get their first identity" in shown.stdout
    file = tmp_path / "changes.csv"
    written = call_here("changes", "--run", run_id, "--csv", str(file), env=env)
    assert one_line(written) == f"1 library row written to {file}"
    with file.open(encoding="utf-8", newline="") as stream:
        lines = list(csv.DictReader(stream))
    assert {line["album_title"] for line in lines} == {"'=SUM(1)"}
    assert {line["column"] for line in lines} >= {"method", "confidence"}


def test_a_run_that_changed_nothing_or_is_not_known_is_one_line(shelf: Shelf, env: dict[str, str]) -> None:
    run_id = run_full_scope_of_nothing(shelf, env)
    assert "changed nothing" in one_line(call_here("changes", "--run", run_id, env=env))
    assert "Missing option '--run'" in one_line(call_here("changes", env=env))


def run_full_scope_of_nothing(shelf: Shelf, env: dict[str, str]) -> str:
    """A run that selects a row without an artist name, and writes nothing; its id."""
    shelf.put(None)
    ended = call_here("run", "--scope", "full", "--json", env=env)
    return str(json.loads(ended.stdout)["run_id"])
