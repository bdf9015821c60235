"""The tour of README.md: each of its commands is run, in its order, and shows something."""

import re
import shlex
from pathlib import Path

from identity_assets_tests.support import Shelf
from identity_assets_tests.terminal.calling import call_here

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


def tour() -> list[list[str]]:
    """The arguments of each `identity-assets` command in the section, in its order."""
    block = README.split("## A tour of the command line")[1].split("```sh\n")[1].split("```")[0]
    lines = [shlex.split(line, comments=True) for line in block.splitlines()]
    return [line[1:] for line in lines if line[:1] == ["identity-assets"]]


def test_every_command_of_the_tour_works_and_shows_something(
    shelf: Shelf, env: dict[str, str], tmp_path: Path
) -> None:
    shelf.put_many([f"Known {number}" for number in range(30)] + ["Other Stranger"] * 9)
    shelf.put("Stranger", artist_id=2)  # no other release of this artist is resolved
    (tmp_path / "dagster.yaml").touch()
    here = {**env, "DAGSTER_HOME": str(tmp_path)}
    run_id = "none"
    shown = {}
    for arguments in tour():
        words = [run_id[:8] if word == "RUN_ID" else word for word in arguments]
        ended = call_here(*words, env=here)
        # Nobody answers the question of unwind here, so it shows its plan and changes nothing.
        assert ended.returncode == (1 if words[0] == "unwind" else 0), f"{shlex.join(words)}: {ended.stderr}"
        shown[words[0]] = ended.stdout + ended.stderr
        if words[0] == "run":
            [run_id] = set(re.findall(r"unwind --run ([0-9a-f-]{36})", shown["run"]))
    assert "40 scanned" in shown["run"]
    assert re.search(r"new +│ +30 ", shown["dry-run"])
    assert re.search(r"new +│ +30 ", shown["changes"])
    assert "40 library rows" in shown["unwind"]
    assert "Stranger" in shown["rows"]
    assert "row 17" in shown["explain"]
    assert {"status", "correct", "gate"} <= shown.keys()
