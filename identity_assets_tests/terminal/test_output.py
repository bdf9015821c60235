"""Where messages, errors and progress go, and what a result looks like."""

import contextvars
import json
import logging

import pytest

from identity_assets.progress import LogProgress
from identity_assets.terminal.output import (
    FAILED,
    print_json,
    progress_on_stderr,
    say,
    send_messages_to_log,
    stop,
)


def test_a_message_goes_to_stderr_and_a_result_to_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    say("loading")
    print_json({"name": "Motörhead"})
    printed = capsys.readouterr()
    assert printed.err == "loading\n"
    assert printed.out.isascii()
    assert json.loads(printed.out) == {"name": "Motörhead"}


def test_stop_prints_one_line_whatever_the_message_holds(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        stop("PostgreSQL said:\n  no\tpassword", FAILED)
    assert stopped.value.code == FAILED
    assert capsys.readouterr().err == "identity-assets: PostgreSQL said: no password\n"


def test_messages_that_are_sent_to_the_log_are_not_printed(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    def command() -> None:
        send_messages_to_log()
        say("loading")
        with pytest.raises(SystemExit):
            stop("no password", FAILED)

    with caplog.at_level(logging.INFO, "identity_assets"):
        contextvars.copy_context().run(command)
    assert [(record.levelname, record.message) for record in caplog.records] == [
        ("INFO", "loading"),
        ("ERROR", "identity-assets: no password"),
    ]
    assert capsys.readouterr().err == ""


def test_outside_a_terminal_progress_is_lines() -> None:
    assert isinstance(progress_on_stderr(), LogProgress)
