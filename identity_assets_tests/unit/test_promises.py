"""docs/promises.md is what the marked tests make it, and every promise has a test."""

import subprocess
import sys
from pathlib import Path

import pytest

from identity_assets_tests.promises import PAGE, PROMISES, TESTS, Held, added_up, marked_files, page


def test_the_page_is_current() -> None:
    """Make it again with `python -m identity_assets_tests.promises > docs/promises.md`."""
    made = subprocess.run(
        [sys.executable, "-m", "identity_assets_tests.promises"],
        cwd=TESTS.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stderr[-2000:]
    assert made.stdout == PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", PROMISES)
def test_every_promise_has_a_test(name: str) -> None:
    marker = f'mark.promise("{name}"'
    assert any(marker in Path(file).read_text(encoding="utf-8") for file in marked_files())


def test_the_cases_of_all_sets_of_parameters_are_added_up() -> None:
    first, second = list(PROMISES)[:2]
    held = [
        Held(second, "b.py", "test_b", 40),
        Held(first, "a.py", "test_a", 1),
        Held(first, "a.py", "test_a", 1),
    ]
    assert added_up(held) == [Held(first, "a.py", "test_a", 2), Held(second, "b.py", "test_b", 40)]
    made = page(added_up(held))
    assert "| a | [a.py](../a.py) | 2 |" in made
    assert made.index("2 cases.") < made.index("40 cases.")


def test_a_promise_that_is_not_listed_is_an_error() -> None:
    with pytest.raises(ValueError, match="is not in list"):
        added_up([Held("no such promise", "a.py", "test_a", 1)])
