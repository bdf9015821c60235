"""docs/runbook.md: each command of ours is run, and what the others name exists."""

import re
import shlex
from pathlib import Path

import pytest

from identity_assets_tests.deploy.compose import services
from identity_assets_tests.deploy.dockerfile import PROJECT
from identity_assets_tests.support import Shelf
from identity_assets_tests.terminal.calling import call_here
from identity_assets_tests.terminal.conftest import env

__all__ = ["env"]

RUNBOOK = (PROJECT / "docs" / "runbook.md").read_text(encoding="utf-8")

# How these commands end, with exit code 1, on a station where nothing has gone wrong.
NOTHING_TO_DO = (("held", "no answers are held"), ("--notes", "there is nothing to take back"))


def commands(program: str) -> list[list[str]]:
    """The arguments of each command line of this program, in the order of the page."""
    lines = [
        line for block in re.findall(r"```sh\n(.*?)```", RUNBOOK, re.DOTALL) for line in block.splitlines()
    ]
    words = [shlex.split(line, comments=True) for line in lines]
    return [line[1:] for line in words if line and line[0] == program]


@pytest.mark.long
def test_each_command_of_the_runbook_works_in_the_order_of_the_page(
    shelf: Shelf, env: dict[str, str], tmp_path: Path
) -> None:
    """The gate of a small library passes. What a command is given stands for what an operator finds out."""
    ids = shelf.put_many([f"Known {number}" for number in range(40)])
    (tmp_path / "dagster.yaml").write_text("telemetry:\n  enabled: false\n", encoding="utf-8")
    env = {**env, "DAGSTER_HOME": str(tmp_path)}
    ran = commands("identity-assets")
    assert len(ran) > 20
    for arguments in ran:
        runs = shelf.rows("SELECT run_id FROM journal_chunk ORDER BY chunk_id LIMIT 1")
        given = {"LIBRARY_ID": str(ids[0]), "RUN_ID": runs[0]["run_id"] if runs else "none"}
        ended = call_here(*(given.get(word, word) for word in arguments), env=env)
        nothing_to_do = any(words in arguments and said in ended.stderr for words, said in NOTHING_TO_DO)
        assert ended.returncode == 0 or nothing_to_do, f"{shlex.join(arguments)}: {ended.stderr}"


def test_the_services_that_the_runbook_names_exist() -> None:
    named = {word for line in commands("docker") for word in line[3:] if not word.startswith("-")}
    assert named - {"up", "stop", "run", "build", "logs"} <= services().keys()


@pytest.mark.parametrize("program", ["docker", "kubectl", "helm"])
def test_the_files_that_the_runbook_names_exist(program: str) -> None:
    files = [word for line in commands(program) for word in line if word.endswith(".yaml")]
    assert files
    assert all((PROJECT / file).is_file() for file in files)


def test_an_upgrade_stops_the_daemon_first_and_starts_it_last() -> None:
    section = RUNBOOK.split("## Upgrade")[1].split("## Roll back")[0]
    order = [section.index(words) for words in ("stop daemon", "--detach code-server", "--detach daemon")]
    assert order == sorted(order)


def test_every_alert_of_the_page_is_a_check_or_says_that_runs_fail() -> None:
    from identity_assets.definitions import build_defs  # noqa: PLC0415  # only here

    names = {key.name for key in build_defs().get_repository_def().asset_graph.asset_check_keys}
    table = RUNBOOK.split("## Alerts")[1].split("## Reading")[0]
    alerts = set(re.findall(r"^\| `([\w ]+)` \|", table, re.MULTILINE))
    assert alerts - {"runs fail"} <= names
