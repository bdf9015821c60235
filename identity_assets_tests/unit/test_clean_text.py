"""Text is cleaned in clean_text.py alone, and leaves the process through the functions that call it."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity_assets.clean_text import clean_lines, one_line, visible

PACKAGE = Path(__file__).parents[2] / "identity_assets"
WRITERS = {
    "terminal/output.py": {"click.echo"},
    "telemetry/logs.py": {"sys.stderr.write"},
    "settings_help.py": {"print"},
    "demo/fixture_lml/__main__.py": {"print"},
}
"""The modules that write to stdout or stderr, and how. Each cleans the text, or writes none from outside."""

OUTPUT = {
    "click.echo",
    "click.secho",
    "print",
    "Console",
    "sys.stdout.write",
    "sys.stderr.write",
    "rich.print",
}


def calls_in(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func)


def test_only_these_modules_write_to_stdout_or_stderr() -> None:
    found = {
        str(path.relative_to(PACKAGE)): calls
        for path in sorted(PACKAGE.rglob("*.py"))
        if (calls := OUTPUT & set(calls_in(path)))
    }
    assert found == WRITERS


def test_only_one_module_lists_control_characters_to_take_out_of_shown_text() -> None:
    listed = {
        str(path.relative_to(PACKAGE))
        for path in PACKAGE.rglob("*.py")
        if "\\x9f" in path.read_text(encoding="utf-8")
    }
    # lml/text.py says which characters PostgreSQL stores and what an id may hold.
    assert listed == {"clean_text.py", "lml/text.py"}


@given(st.text(st.characters(codec=None)))
def test_whatever_comes_in_no_control_character_comes_out(text: str) -> None:
    assert visible(text).isprintable()
    for cleaned in (one_line(text, None), clean_lines(text).replace("\n", "").replace("\t", "")):
        assert not set(cleaned) & {
            *map(chr, range(32)),
            *map(chr, range(127, 160)),
            *"\u2028\u2029\u202e\u2066",
        }
        assert all(not 0xD800 <= ord(one) <= 0xDFFF for one in cleaned)


@pytest.mark.parametrize("text", ["", "Motörhead, 東京, “ΑΒΓ” 🎸", "a\nb\tc"])
def test_harmless_text_stays_as_it_is(text: str) -> None:
    assert clean_lines(text) == text
    assert one_line(text) == " ".join(text.split())
