"""README.md and the pages of docs/ describe the project as it is: links, commands, options, variables, rooms."""

import re
from dataclasses import fields
from pathlib import Path

import click
import pytest

from identity_assets.definitions import build_defs
from identity_assets.settings import Leg, Settings
from identity_assets.terminal.cli import cli

PROJECT = Path(__file__).parents[2]
PACKAGE = PROJECT / "identity_assets"
DOCS = PROJECT / "docs"
PAGES = sorted([*PROJECT.glob("*.md"), *DOCS.glob("*.md"), PROJECT / "benchmarks" / "README.md"])
EVERY_PAGE = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
# Variables of the pages that are no settings: those of Dagster, and the parts that stand for DATABASE_URL.
OF_OTHERS = {
    "TEST_POSTGRES_VERSION",
    "PG14_BINDIR",
    "DAGSTER_HOME",
    "DAGSTER_POSTGRES_HOST",
    "DAGSTER_POSTGRES_PASSWORD",
    "DAGSTER_POSTGRES_URL",
}
OF_OTHERS |= {"DB_HOST", "DB_PORT", "DB_NAME", "DB_USERNAME", "DB_PASSWORD"}
# What an operator fills in.
PLACEHOLDERS = {"RUN_ID", "LIBRARY_ID"}


def prose_of(page: Path) -> str:
    """The page without its blocks of code."""
    return re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


def links_of(page: Path) -> list[str]:
    """What the page links to in the repository: a path, a path and an anchor, or an anchor."""
    return re.findall(r"\]\((?!https?:)([^)\s]+)\)", prose_of(page))


def anchors_of(page: Path) -> set[str]:
    """The anchors that GitHub gives the headings of the page."""
    headings = re.findall(r"^#+ (.+)$", prose_of(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def code_of(page: Path) -> list[str]:
    """Each line of the blocks of shell code, and each piece of code in the text."""
    blocks = re.findall(r"^```(?:sh)?\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines()] + re.findall(
        r"`([^`\n]+)`", prose_of(page)
    )


def commands_of(page: Path) -> list[list[str]]:
    """The words of each `identity-assets` command on the page, without the program; the short forms too."""
    found = []
    for code in code_of(page):
        words = code.split(" #")[0].replace("[", " ").replace("]", " ").replace('"', "").split()
        starts = [at for at, word in enumerate(words) if word.split("/")[-1] == "identity-assets"]
        if starts and words[-1] != "source":  # not the shell completion of fish
            found.append(words[starts[0] + 1 :])
        elif words and words[0] in cli.commands and any(word.startswith("--") for word in words):
            found.append(words)
    return [words for words in found if words]


def faults_of(words: list[str]) -> list[str]:
    """What the command line does not know in a command."""
    if words[0].startswith(("-", "COMMAND")):
        return [word for word in words if word.startswith("--") and word not in {"--help", "--version"}]
    if words[0] not in cli.commands:
        return [words[0]]
    known = {name: one for one in cli.commands[words[0]].params for name in one.opts}
    faults = []
    for word, value in zip(words, [*words[1:], ""], strict=True):
        if not word.startswith("--") or word == "--help":
            continue
        if word not in known:
            faults.append(word)
        elif isinstance(known[word].type, click.Choice) and value and not value.isupper():
            choices = known[word].type.choices  # type: ignore[attr-defined]  # narrowed above, not on the item
            faults += [one for one in value.split("|") if one not in choices]
    return faults


def rooms(folder: Path) -> set[str]:
    return {
        f"{one.name}/" for one in folder.iterdir() if one.is_dir() and not one.name.startswith(("_", "."))
    }


@EVERY_PAGE
def test_every_link_leads_to_a_file_and_a_heading(page: Path) -> None:
    broken = []
    for link in links_of(page):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors_of(target)):
            broken.append(link)
    assert broken == []


def test_every_page_is_linked_from_the_readme() -> None:
    linked = {(PROJECT / link.partition("#")[0]).resolve() for link in links_of(PROJECT / "README.md")}
    assert [page.name for page in PAGES if page not in linked and page.name != "README.md"] == []


@EVERY_PAGE
def test_every_command_has_the_name_and_the_options_of_the_command_line(page: Path) -> None:
    assert {" ".join(words): faults for words in commands_of(page) if (faults := faults_of(words))} == {}


def test_commands_are_found_on_the_pages_and_their_faults_are_seen() -> None:
    assert len(commands_of(PROJECT / "README.md")) > 10
    assert len(commands_of(DOCS / "operator.md")) > 20
    assert faults_of(["run", "--scope", "full", "--json"]) == []
    assert faults_of(["run", "--scop", "full"]) == ["--scop"]
    assert faults_of(["run", "--scope", "canonical|whole"]) == ["whole"]
    assert faults_of(["walk", "--scope"]) == ["walk"]


@EVERY_PAGE
def test_every_make_target_and_benchmark_exists(page: Path) -> None:
    targets = set(
        re.findall(r"^([a-z-]+):", (PROJECT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    )
    lines = [line.split(" #")[0].split() for line in code_of(page)]
    assert {
        line[1] for line in lines if line[:1] == ["make"] and len(line) > 1 and line[1].islower()
    } <= targets
    modules = {name for line in lines for name in line if re.fullmatch(r"benchmarks\.\w+", name)}
    assert [name for name in modules if not (PROJECT / f"{name.replace('.', '/')}.py").exists()] == []


@EVERY_PAGE
def test_every_environment_variable_is_a_setting(page: Path) -> None:
    named = {name for code in code_of(page) for name in re.findall(r"\b([A-Z]+(?:_[A-Z0-9]+)+)\b", code)}
    known = {one.metadata["env"] for one in fields(Settings)} | OF_OTHERS | PLACEHOLDERS
    assert named - known == set()


def test_where_things_are_names_every_room_and_no_other() -> None:
    page = (DOCS / "architecture.md").read_text(encoding="utf-8")
    block = page.split("## Where things are")[1].split("```")[1]
    named = re.findall(r"^( +)([a-z_]+(?:/|\.py))  ", block, re.MULTILINE)
    assert {name for indent, name in named if len(indent) == 2 and name.endswith("/")} == rooms(PACKAGE)
    assert {name for indent, name in named if len(indent) == 4} == rooms(PACKAGE / "backend")
    for indent, name in named:
        assert (PACKAGE / ("backend" if len(indent) == 4 else "") / name).exists()


def test_the_tables_of_the_architecture_are_those_of_the_schema() -> None:
    schema = (PACKAGE / "backend" / "schema.sql").read_text(encoding="utf-8")
    tables = set(re.findall(r"^CREATE TABLE (?:identity_assets\.)?(\w+)", schema, re.MULTILINE))
    section = (
        (DOCS / "architecture.md").read_text(encoding="utf-8").split("## Our tables")[1].split("\n## ")[0]
    )
    assert set(re.findall(r"^\| `(\w+)`", section, re.MULTILINE)) == tables


def test_the_operator_reads_of_every_check_and_schedule() -> None:
    page = (DOCS / "operator.md").read_text(encoding="utf-8")
    repository = build_defs(legs=(Leg.S1, Leg.S3)).get_repository_def()
    checks = {(key.name, key.asset_key.to_user_string()) for key in repository.asset_graph.asset_check_keys}
    section = page.split("### Checks")[1].split("\n### ")[0]
    assert set(re.findall(r"^\| `(\w+)` \| `(\w+)` \|", section, re.MULTILINE)) == checks
    automation = {one.name for one in repository.schedule_defs} | {one.name for one in repository.sensor_defs}
    section = page.split("### Schedules")[1].split("\n## ")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)) == automation


def test_the_readme_fits_on_three_screens() -> None:
    assert len((PROJECT / "README.md").read_text(encoding="utf-8").splitlines()) <= 150
