"""Text from outside that would control a terminal, or that looks like markup, is printed as plain text."""

import pytest

from identity_assets_tests.lml.raw_lml import Request, raw_lml
from identity_assets_tests.support import Shelf
from identity_assets_tests.terminal.calling import call_here

ESCAPE = "\x1b[2J\x1b]0;owned\x07"
NAME = f"Evil {ESCAPE}[/bold] :smile: \x9b31m\u202e"


def respond(request: Request) -> None:
    """A failure whose text holds escape sequences, for every batch with the first row; else an answer."""
    if 1 in request.ids:
        request.respond(f'{{"detail": "{ESCAPE} broke"}}'.encode(), status=b"500 " + ESCAPE.encode())
    else:
        request.answer()


def controls_in(text: str) -> set[str]:
    return {one for one in text if not one.isprintable() and one not in "\n"}


@pytest.mark.parametrize("log_format", ["plain", "json"])
def test_no_command_prints_a_control_character(shelf: Shelf, env: dict[str, str], log_format: str) -> None:
    shelf.put_many([NAME, NAME], canonical="discogs:1")
    with raw_lml(respond) as lml:
        env = {**env, "LIBRARY_METADATA_URL": lml.url, "LOG_FORMAT": log_format, "COLUMNS": "200"}
        for arguments, said in (
            (("dry-run",), "scanned"),
            (("dry-run", "--changes"), "Evil"),
            (("run",), "rows_set_aside"),
            (("rows", "--outcome", "lml_error"), "[/bold] :smile:"),
            (("explain", "1"), "[/bold] :smile:"),
            (("explain", "2"), "[/bold] :smile:"),
            (("status",), "library"),
            (("gate",), "Gate"),
            (("unwind", "--run", ESCAPE), "run"),
            ((f"no-{ESCAPE}-command",), "No such command"),
        ):
            ended = call_here(*arguments, env=env)
            assert controls_in(ended.stdout + ended.stderr) == set(), arguments
            assert said in ended.stdout + ended.stderr, (arguments, ended)
