"""A statement that PostgreSQL ends with an error, at any point of a command: it is tried again, or is one clear line.

The error is the server's own: the statement is replaced by one that raises it, or that ends the connection.
"""

import pytest

from identity_assets_tests.faults.conftest import Stage
from identity_assets_tests.faults.harness import Ended, Point, differences, strike
from identity_assets_tests.faults.victim import CONNECTION_LOST

pytestmark = pytest.mark.long

# Each error with what its line must name.
ERRORS = {
    CONNECTION_LOST: "PostgreSQL",
    "40P01": "40P01",
    "40001": "40001",
    "53100": "out of disk",
    "55P03": "lock_timeout",
    "57014": "statement_timeout",
    "57P01": "run again",
    "25006": "read only",
    "42501": "lacks this right",
    "42P01": "identity-assets migrate",
    "42703": "identity-assets migrate",
}
RETRIED = ("40P01", "40001", "55P03")


def shares(number: int) -> list[float]:
    return [round((one + 0.5) / number, 4) for one in range(number)]


def points(error: str, number: int) -> list[Point]:
    """This error at so many statements, spread over the command."""
    return [Point("statement", share, error) for share in shares(number)]


FEW = [
    ("run", Point("statement", 0.7, CONNECTION_LOST)),
    ("run", Point("statement", 0.2, "53100")),
    ("unwind a run", Point("statement", 0.6, "57014")),
    # The locks of the partitions are just being taken.
    ("unwind a run", Point("statement", 0.25, CONNECTION_LOST)),
    ("unwind by notes", Point("statement", 0.6, "40P01")),
    ("correct", Point("statement", 0.8, "42501")),
    ("migrate", Point("statement", 0.5, "55P03")),
]
MANY = [
    *[("run", one) for one in points(CONNECTION_LOST, 14)],
    *[("run", one) for error in ERRORS if error != CONNECTION_LOST for one in points(error, 4)],
    *[
        (branch, one)
        for branch in (
            *("replay", "unwind a run", "unwind by notes", "unwind a leg", "correct", "reject"),
            *("accept held answers", "drop held answers", "migrate", "migrate down"),
        )
        for error in (CONNECTION_LOST, "40P01", "53100", "42501")
        for one in points(error, 2)
    ],
]


def one_clear_line(ended: Ended, error: str) -> None:
    [line] = [one for one in ended.output.splitlines() if one.startswith("identity-assets: ")]
    expected = [ERRORS[error], "the discogs-cache cannot be read: "]
    if error == "55P03":
        # A run waits for the last session of the run before it, and gives up at lock_timeout.
        expected.append(
            "is being worked on by a run that has just ended. Nothing was done here: wait for it to end"
        )
    assert any(one in line for one in expected), line
    for never in ("Traceback", "[SQL", "sqlalchemy", "psycopg2", "parameters:"):
        assert never not in ended.output, ended.output


def check(stage: Stage, branch: str, point: Point) -> None:
    undisturbed = stage.undisturbed(branch)
    assert point.fails is not None
    with stage.of(branch) as shelf:
        deed = stage.deed(branch, shelf)
        struck = strike(stage.victim, deed, point, undisturbed, shelf, stage.lml)
    if not deed.is_done(struck.first):
        assert struck.first.code == 1, struck.first.output
        one_clear_line(struck.first, point.fails)
    assert deed.is_done(struck.again), struck.again.output
    assert not (wrong := differences(struck.tables, undisturbed.tables)), "\n".join(wrong)
    assert not struck.stored & struck.asked_again.keys()


@pytest.mark.parametrize(("branch", "point"), FEW, ids=lambda one: str(one).replace(" ", "-"))
def test_a_statement_that_fails_is_tried_again_or_is_one_line(
    stage: Stage, branch: str, point: Point
) -> None:
    check(stage, branch, point)


@pytest.mark.faults
@pytest.mark.parametrize(("branch", "point"), MANY, ids=lambda one: str(one).replace(" ", "-"))
def test_any_statement_that_fails_is_tried_again_or_is_one_line(
    stage: Stage, branch: str, point: Point
) -> None:
    check(stage, branch, point)
