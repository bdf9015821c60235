"""A command that is killed with SIGKILL at any point leaves nothing half-done, and the next one ends the same.

A few points run with every test; the marked set has three hundred and more (`make test-faults`).
"""

import pytest

from identity_assets_tests.faults.conftest import Stage
from identity_assets_tests.faults.harness import BATCH_SIZE, IN_FLIGHT, KILLED, Point, differences, strike

OF_STATEMENTS = ("statement", "in statement", "executed")
OF_COMMITS = ("commit", "in commit", "committed")
OF_CALLS = ("call", "in call", "answer")


def spread(kind: str, points: int) -> list[Point]:
    """So many points over the whole course of a command; of events, the first is among them."""
    first = 0.5 if kind == "moment" else 0
    return [Point(kind, round((number + first) / points, 4)) for number in range(points)]


def of_kinds(kinds: tuple[str, ...], points: int) -> list[Point]:
    """So many points of each of these kinds."""
    return [point for kind in kinds for point in spread(kind, points)]


# Each deed with its points, 313 in all.
POINTS: dict[str, list[Point]] = {
    "run": [
        *of_kinds(OF_STATEMENTS, 20),
        *of_kinds(OF_COMMITS, 9),
        *of_kinds(OF_CALLS, 6),
        *spread("moment", 12),
    ],
    "run of one partition": of_kinds(("statement", "commit"), 5),
    "replay": [*of_kinds(OF_STATEMENTS, 6), *of_kinds(OF_COMMITS, 4), *spread("moment", 3)],
    "unwind a run": [*of_kinds(OF_STATEMENTS, 6), *of_kinds(OF_COMMITS, 3), *spread("moment", 3)],
    "unwind by notes": [*of_kinds(OF_STATEMENTS, 3), *of_kinds(OF_COMMITS, 2)],
    "unwind a leg": [*of_kinds(OF_STATEMENTS, 2), *of_kinds(OF_COMMITS, 1)],
    "correct": [*of_kinds(OF_STATEMENTS, 3), *of_kinds(OF_COMMITS, 2)],
    "correct to none": of_kinds(("in statement", "commit"), 3),
    "reject": [*of_kinds(OF_STATEMENTS, 3), *of_kinds(OF_COMMITS, 3)],
    "reject a source": of_kinds(("in statement", "committed"), 3),
    "accept held answers": [*of_kinds(OF_STATEMENTS, 3), *of_kinds(OF_COMMITS, 2)],
    "drop held answers": [*of_kinds(OF_STATEMENTS, 3), *of_kinds(OF_COMMITS, 2)],
    "migrate": [*of_kinds(OF_STATEMENTS, 2), *of_kinds(OF_COMMITS, 1)],
    "migrate down": [*of_kinds(OF_STATEMENTS, 3), *of_kinds(OF_COMMITS, 2)],
}
FEW = [
    *[("run", Point(kind, 0.6)) for kind in ("in statement", "commit", "committed", "in call")],
    ("replay", Point("executed", 0.5)),
    ("unwind a run", Point("in statement", 0.6)),
    ("unwind by notes", Point("commit", 0.5)),
    ("unwind a leg", Point("committed", 0.5)),
    ("correct", Point("statement", 0.7)),
    ("correct to none", Point("commit", 0.5)),
    ("reject", Point("committed", 0.85)),
    ("reject a source", Point("executed", 0.9)),
    ("accept held answers", Point("executed", 0.9)),
    ("drop held answers", Point("committed", 0.9)),
    ("migrate", Point("executed", 0.5)),
    ("migrate down", Point("statement", 0.5)),
]


def check(stage: Stage, branch: str, point: Point) -> None:
    undisturbed = stage.undisturbed(branch)
    with stage.of(branch) as shelf:
        deed = stage.deed(branch, shelf)
        struck = strike(stage.victim, deed, point, undisturbed, shelf, stage.lml)
    # A moment is a share of the seconds of another run, so this one may have ended before it; and the middle of its
    # last commit may come after its end.
    ended = {KILLED, deed.code} if point.kind in {"moment", "in commit"} else {KILLED}
    assert struck.first.code in ended, struck.first.output
    assert deed.is_done(struck.again), struck.again.output
    assert not (wrong := differences(struck.tables, undisturbed.tables)), "\n".join(wrong)
    # What is stored is never asked again. In flight are the open calls, and one more answer that each worker had.
    assert not struck.stored & struck.asked_again.keys()
    assert len(struck.in_flight & struck.asked_again.keys()) <= 2 * BATCH_SIZE * IN_FLIGHT
    assert struck.asked_again <= undisturbed.asked


@pytest.mark.promise("killed")
@pytest.mark.parametrize(("branch", "point"), FEW, ids=lambda one: str(one).replace(" ", "-"))
def test_a_command_that_is_killed_is_finished_by_the_next(stage: Stage, branch: str, point: Point) -> None:
    check(stage, branch, point)


@pytest.mark.promise("killed")
@pytest.mark.faults
@pytest.mark.parametrize(
    ("branch", "point"),
    [(branch, point) for branch, points in POINTS.items() for point in points],
    ids=lambda one: str(one).replace(" ", "-"),
)
def test_wherever_a_command_is_killed_the_next_one_ends_as_if_nothing_had_happened(
    stage: Stage, branch: str, point: Point
) -> None:
    check(stage, branch, point)


def test_the_points_are_many_and_of_all_kinds() -> None:
    assert sum(map(len, POINTS.values())) >= 200
    kinds = {point.kind for points in POINTS.values() for point in points}
    assert kinds == {*OF_STATEMENTS, *OF_COMMITS, *OF_CALLS, "moment"}
