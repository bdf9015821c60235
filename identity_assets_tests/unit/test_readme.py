"""The README describes the package as it is."""

import re
from pathlib import Path

PROJECT = Path(__file__).parents[2]
PACKAGE = PROJECT / "identity_assets"
README = (PROJECT / "README.md").read_text(encoding="utf-8")


def rooms(folder: Path) -> set[str]:
    return {
        f"{one.name}/" for one in folder.iterdir() if one.is_dir() and not one.name.startswith(("_", "."))
    }


def test_where_things_are_names_every_room_and_no_other() -> None:
    block = README.split("## Where things are")[1].split("```")[1]
    named = re.findall(r"^( +)([a-z_]+(?:/|\.py))  ", block, re.MULTILINE)
    assert {name for indent, name in named if len(indent) == 2 and name.endswith("/")} == rooms(PACKAGE)
    assert {name for indent, name in named if len(indent) == 4} == rooms(PACKAGE / "backend")
    for indent, name in named:
        assert (PACKAGE / ("backend" if len(indent) == 4 else "") / name).exists()


def test_every_file_that_it_links_to_exists() -> None:
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", README)
    assert [link for link in links if not (PROJECT / link).exists()] == []
