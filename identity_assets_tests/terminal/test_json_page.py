"""docs/json.md names the keys of every `--json`: each command is run, and its keys are those of the page."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from identity_assets.terminal.cli import cli
from identity_assets_tests.support import Shelf
from identity_assets_tests.terminal.calling import call_here
from identity_assets_tests.terminal.stock import run_full_scope, stock_five_rows

DOCS = Path(__file__).parents[2] / "docs"
# Objects whose keys are data, such as reasons and states.
OPEN = {"skipped", "would_skip", "residual", "states", "due_now", "left_alone"}
OPEN |= {
    "changes.rows[].columns",
    "rows[].columns",
    "last_runs[].counts",
    "library",
    "verdict",
    "ledger",
    "main_row",
}


def documented(section: str) -> set[str]:
    """The keys in the table of this section."""
    page = (DOCS / "json.md").read_text(encoding="utf-8")
    [text] = re.findall(rf"^## {re.escape(section)}\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)
    return set(re.findall(r"^\| `([^`]+)` \|", text, re.MULTILINE))


def keys_of(value: Any, path: str, known: set[str]) -> set[str]:
    """The paths of all keys in the object; those inside of it only where the page has any key inside."""
    found: set[str] = set()
    for name, inner in value.items():
        key = f"{path}{name}"
        found.add(key)
        if isinstance(inner, dict) and any(one.startswith(f"{key}.") for one in known) and key not in OPEN:
            found |= keys_of(inner, f"{key}.", known)
        elif isinstance(inner, list) and any(one.startswith(f"{key}[].") for one in known):
            assert inner, f"the list {key} is empty, so its keys cannot be compared"
            found |= keys_of(inner[0], f"{key}[].", known)
    return found


def printed(env: dict[str, str], *arguments: str, code: int = 0) -> dict[str, Any]:
    ended = call_here(*arguments, "--json", env=env)
    assert ended.returncode == code, ended.stderr
    return dict(json.loads(ended.stdout))


def assert_documented(section: str, value: dict[str, Any], also: str | None = None) -> None:
    known = documented(section) | (documented(also) if also else set())
    assert keys_of(value, "", known) == known


def test_every_command_prints_the_keys_of_the_page(shelf: Shelf, env: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "dagster.yaml").touch()
    here = {**env, "DAGSTER_HOME": str(tmp_path)}
    stock_five_rows(shelf)
    shelf.put("Lonely", artist_id=2)
    assert_documented("dry-run", printed(env, "dry-run", "--scope", "full"))
    assert_documented(
        "dry-run --changes", printed(env, "dry-run", "--scope", "full", "--changes"), also="dry-run"
    )
    assert_documented("dry-run --leg", printed(env, "dry-run", "--leg", "S1"))
    run = printed(here, "run", "--scope", "full")
    assert_documented("run", run)
    assert_documented("gate", printed(env, "gate"))
    assert_documented("status", printed(here, "status"))
    assert_documented("held", printed(env, "held"))
    assert_documented("rows", printed(env, "rows"))
    assert_documented("explain", printed(env, "explain", "1"))
    for words in (("correct", "1", "--wikidata", "Q5"), ("reject", "2")):
        assert_documented("correct and reject", printed(env, *words))
    assert_documented("changes", printed(env, "changes", "--run", run["run_id"]))
    assert_documented("replay", printed(env, "replay"))
    assert_documented("unwind", printed(env, "unwind", "--run", run["run_id"], "--and-later", "--yes"))
    assert_documented("On an error", printed(env, "explain", "4711", code=2))


def test_the_keys_of_a_dry_run_of_answers_that_would_be_held(shelf: Shelf, env: dict[str, str]) -> None:
    shelf.put_many(["Nobody"] * 500)
    held = printed(env, "dry-run", "--scope", "full")
    assert held["would_skip"]["answer_held"] == held["would_hold"]["waiting"] == 500
    assert_documented("dry-run of answers that would be held", held, also="dry-run")


def test_every_command_with_the_option_has_a_section() -> None:
    with_json = {
        name
        for name, command in cli.commands.items()
        if any("--json" in option.opts for option in command.params)
    }
    sections = set(re.findall(r"^## (.+)$", (DOCS / "json.md").read_text(encoding="utf-8"), re.MULTILINE))
    assert with_json <= {name for section in sections for name in section.split(" and ")}


def test_counts_have_the_same_names_in_a_run_and_in_its_dry_run() -> None:
    run, dry_run = documented("run"), documented("dry-run")
    assert {key for key in dry_run if not key.startswith("would_")} <= run


@pytest.mark.parametrize(
    "line", re.findall(r"^\| \d+\..*$", (DOCS / "operator.md").read_text("utf-8"), re.MULTILINE)
)
def test_each_of_the_ten_questions_is_answered_by_a_command_that_works(
    line: str, shelf: Shelf, env: dict[str, str]
) -> None:
    shelf.put_many(["Known 1"] * 66)
    shelf.put("Known 1")
    run_id = run_full_scope(env)
    [command] = re.findall(r"`identity-assets ([^`]+)`", line)
    ended = call_here(*command.replace("RUN_ID", run_id).split(), env=env)
    # Without an answer unwind changes nothing and ends with 1.
    assert ended.returncode == (1 if command.startswith("unwind") else 0), ended.stderr
    assert ended.stdout or ended.stderr


def test_there_are_ten_questions() -> None:
    page = (DOCS / "operator.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| (\d+)\.", page, re.MULTILINE) == [str(number) for number in range(1, 11)]
