"""Progress: at most one line every five seconds, and a bar on a terminal."""

import io

from rich.console import Console

from identity_assets.progress import LogProgress, progress_line
from identity_assets.terminal.progress_bar import BarProgress


def test_a_line_says_the_rows_done_the_total_the_rate_and_the_time_left() -> None:
    assert progress_line("asking LML", 12_000, 64_676, 2.0) == (
        "asking LML: 12,000 of 64,676 rows, 6,000 rows/s, 9 s left"
    )
    assert progress_line("asking LML", 0, 10, 0.0) == "asking LML: 0 of 10 rows, 0 rows/s"


def test_lines_come_at_most_every_five_seconds_and_never_at_the_end() -> None:
    now = [0.0]
    said: list[str] = []
    with LogProgress(clock=lambda: now[0]).stage(said.append, "writing", 100) as advance:
        for second in range(1, 21):
            now[0] = float(second)
            advance(5)
    assert [line.split(" of ")[0] for line in said] == ["writing: 25", "writing: 50", "writing: 75"]


def test_a_line_goes_to_the_given_function_instead_of_the_steps_log() -> None:
    elsewhere: list[str] = []
    clock = iter([0.0, 10.0])
    progress = LogProgress(say=elsewhere.append, clock=lambda: next(clock))
    with progress.stage(lambda line: (_ for _ in ()).throw(AssertionError(line)), "writing", 2) as advance:
        advance(1)
    assert len(elsewhere) == 1


def test_a_terminal_gets_a_bar_with_rows_and_rate() -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=120)
    with BarProgress(console).stage(print, "writing", 1000) as advance:
        advance(400)
        advance(600)
    assert "writing" in out.getvalue()
    assert "1000/1000" in out.getvalue()
    assert "rows/s" in out.getvalue()
