"""The command `rows`: every row with its reason and last answer, paged; the worksheet; formulas in a spreadsheet."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from click.shell_completion import ShellComplete
from hypothesis import given
from hypothesis import strategies as st

from identity_assets.backend.reports.rows import RowState
from identity_assets.demo.fixture_lml import Fault, FixtureLmlThread
from identity_assets.terminal.cli import cli
from identity_assets.terminal.csv_files import plain_cell, safe_cell
from identity_assets.terminal.rows_command import STATES
from identity_assets.terminal.rows_report import WORKSHEET
from identity_assets_tests.support import Shelf
from identity_assets_tests.terminal.calling import call_here, one_line
from identity_assets_tests.terminal.stock import run_full_scope, stock_five_rows


def listed(env: dict[str, str], *arguments: str) -> list[dict[str, Any]]:
    """The rows that `rows --json` prints."""
    ended = call_here("rows", "--json", *arguments, env=env)
    assert ended.returncode == 0, ended.stderr
    return list(json.loads(ended.stdout)["rows"])


def ids(rows: list[dict[str, Any]]) -> list[int]:
    return [row["library_id"] for row in rows]


def make_manual(shelf: Shelf, library_id: int) -> None:
    shelf.run(
        "UPDATE library_identity SET method = 'manual', confidence = 1, notes = 'manual:anna', wikidata_qid = 'Q5', "
        "discogs_release_id = 77 WHERE library_id = :id",
        id=library_id,
    )


def test_the_command_knows_every_state() -> None:
    assert tuple(RowState) == STATES


def test_each_row_has_its_reason_and_lmls_last_answer(shelf: Shelf, env: dict[str, str]) -> None:
    first, second, stranger, compilation, third = stock_five_rows(shelf)
    nameless, new = shelf.put(None), shelf.put("Known 9")
    shelf.run("DELETE FROM library WHERE id = :id", id=new)
    run_full_scope(env)
    late = shelf.put("Known 4")
    found = {row["library_id"]: row for row in listed(env, "--scope", "full")}
    assert found.keys() == {first, second, stranger, compilation, third, nameless, late}
    assert (found[first]["state"], found[first]["reason"]) == ("resolved", "resolved_in_window")
    assert found[first]["lml_said"].startswith("single_artist ")
    assert found[stranger]["reason"] == "unresolved_in_window"
    assert (found[stranger]["lml_said"], found[stranger]["outcome"]) == ("unresolved", "unresolved")
    assert found[compilation]["reason"] == "resolved_compilation_in_window"
    assert (found[nameless]["reason"], found[nameless]["lml_said"]) == ("no_artist_name", "")
    assert (found[late]["reason"], found[late]["is_due"], found[late]["outcome"]) == (
        "never_asked",
        True,
        None,
    )


def test_rows_are_found_by_state(shelf: Shelf, env: dict[str, str]) -> None:
    first, second, stranger, compilation, third = stock_five_rows(shelf)
    lonely = shelf.put("Nobody", artist_id=2)
    run_full_scope(env)
    make_manual(shelf, second)
    assert ids(listed(env, "--state", "unresolved")) == [stranger, compilation, lonely]
    assert ids(listed(env, "--state", "truly-unresolved")) == [lonely]
    assert ids(listed(env, "--state", "manual")) == [second]
    assert listed(env, "--state", "due") == listed(env, "--state", "stale") == []
    shelf.age(8)
    assert ids(listed(env, "--state", "stale")) == [first, compilation, third]
    assert ids(listed(env, "--state", "due")) == [first, stranger, compilation, third, lonely]


def test_the_scope_decides_which_rows_are_due(shelf: Shelf, env: dict[str, str]) -> None:
    inside, outside = shelf.put("Known 1"), shelf.put("Known 2", canonical=None)
    assert ids(listed(env, "--state", "due")) == [inside]
    assert ids(listed(env, "--state", "due", "--scope", "full")) == [inside, outside]


def test_rows_are_found_by_outcome_and_by_artist_whatever_the_case_and_accents(
    shelf: Shelf, env: dict[str, str], lml: FixtureLmlThread
) -> None:
    bjork, other = shelf.put("Björk"), shelf.put("Known 1")
    lml.faults.add(Fault("unknown_kind", library_id=other))
    run_full_scope({**env, "SET_ASIDE_SHARE_LIMIT": "1"})
    assert ids(listed(env, "--artist", "BJORK")) == [bjork]
    [invalid] = listed(env, "--outcome", "lml_invalid_verdict")
    assert invalid["library_id"] == other
    assert "set aside: " in invalid["lml_said"]
    assert invalid["reason"] == "invalid_in_window"


def test_a_page_says_where_the_next_begins_and_all_pages_together_are_all_rows(
    shelf: Shelf, env: dict[str, str]
) -> None:
    put = shelf.put_many([f"Known {number}" for number in range(7)])
    seen, after = [], 0
    while True:
        page = json.loads(call_here("rows", "--json", "--limit", "3", "--after", str(after), env=env).stdout)
        seen += ids(page["rows"])
        if page["next_after"] is None:
            break
        after = page["next_after"]
    assert seen == put
    shown = call_here("rows", "--limit", "3", env=env)
    assert f"3 library rows; `--after {put[2]}` shows the next" in shown.stderr


def test_the_worksheet_of_truly_unresolved_rows_has_empty_columns_for_a_decision(
    shelf: Shelf, env: dict[str, str], tmp_path: Path
) -> None:
    lonely = shelf.put("=cmd|' /C calc'!A0", "+1 Album")
    run_full_scope(env)
    file = tmp_path / "sheet.csv"
    ended = call_here("rows", "--state", "truly-unresolved", "--csv", str(file), env=env)
    assert one_line(ended) == f"1 library row written to {file}"
    with file.open(encoding="utf-8", newline="") as stream:
        [header, line] = csv.reader(stream)
    assert header == list(WORKSHEET)
    assert line[:6] == [
        *(str(lonely), "'=cmd|' /C calc'!A0", "'+1 Album"),
        *("truly_unresolved", "unresolved_in_window", "unresolved"),
    ]
    assert line[6:] == [""] * (len(WORKSHEET) - 6)
    assert plain_cell(line[1]) == "=cmd|' /C calc'!A0"


def test_the_csv_of_manual_rows_carries_peoples_decisions(
    shelf: Shelf, env: dict[str, str], tmp_path: Path
) -> None:
    one = shelf.put("Known 1")
    run_full_scope(env)
    make_manual(shelf, one)
    file = tmp_path / "manual.csv"
    call_here("rows", "--state", "manual", "--csv", str(file), env=env)
    with file.open(encoding="utf-8", newline="") as stream:
        [line] = csv.DictReader(stream)
    assert (line["library_id"], line["state"], line["decision"]) == (str(one), "manual", "correct")
    assert (line["wikidata"], line["discogs_release"], line["by"]) == ("Q5", "77", "anna")


@given(st.text())
def test_every_text_comes_back_from_a_csv_cell_and_none_of_them_is_a_formula(text: str) -> None:
    cell = safe_cell(text)
    assert isinstance(cell, str)
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))
    assert plain_cell(cell) == text


def test_a_shell_offers_the_outcomes() -> None:
    shell = ShellComplete(cli, {}, "identity-assets", "_IDENTITY_ASSETS_COMPLETE")
    offered = [one.value for one in shell.get_completions(["rows", "--outcome"], "lml_c")]
    assert offered == ["lml_cardinality_mismatch"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--state", "half"], "'half' is not one of 'due'"),
        (["--outcome", "half"], "'half' is not one of 'resolved'"),
        (["--state", "due", "--outcome", "resolved"], "exclude each other"),
        (["--after", "2147483648"], "2147483648 is not in the range 0<=x<=2147483647"),
        (["--artist", "\udcff"], "this name is not valid UTF-8"),
        (["--limit", "0"], "0 is not in the range x>=1"),
        (["--csv", "/no/such/folder/x.csv"], "cannot be written: No such file or directory"),
    ],
)
def test_a_bad_option_is_one_line(
    arguments: list[str], message: str, shelf: Shelf, env: dict[str, str]
) -> None:
    shelf.put("Known 1")
    ended = call_here("rows", *arguments, env=env)
    assert ended.returncode == 2
    assert message in one_line(ended)


def test_no_line_of_the_list_is_longer_than_a_terminal_of_40_columns_but_for_words(
    shelf: Shelf, env: dict[str, str]
) -> None:
    stock_five_rows(shelf)
    run_full_scope(env)
    ended = call_here("rows", env={**env, "COLUMNS": "40"})
    assert all(len(line) <= 40 for line in ended.stdout.splitlines())
    assert "Known 1: Album 0" in ended.stdout
