"""Two processes at the same time: on one partition, and on different ones."""

from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from identity_assets_tests.faults.conftest import Stage
from identity_assets_tests.faults.harness import Beginning, Ended, Victim, differences, read_tables
from identity_assets_tests.support import Shelf

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def second_victim() -> Iterator[Victim]:
    """Another warm process, for the command beside the first."""
    with Victim() as started:
        yield started


def side_by_side(stage: Stage, second: Victim, shelf: Shelf, *commands: Sequence[str]) -> list[Ended]:
    """Run two commands at the same time."""
    env = stage.env(shelf)
    stage.lml.asked.clear()
    with ThreadPoolExecutor(2) as executor:
        running = [
            executor.submit(victim.run, command, env)
            for victim, command in zip((stage.victim, second), commands, strict=True)
        ]
        return [one.result() for one in running]


WHOLE = ("run", "--scope", "full")


def test_runs_side_by_side_on_different_partitions_end_as_one_run_of_all(
    stage: Stage, second_victim: Victim
) -> None:
    undisturbed = stage.undisturbed("run")
    with stage.of("run") as shelf:
        began = Beginning(shelf)
        halves = [
            (*WHOLE, "--partition", one, "--partition", two) for one, two in (("00", "01"), ("02", "03"))
        ]
        for ended in side_by_side(stage, second_victim, shelf, *halves):
            # Two partitions alone may match no pair of the cache.
            assert ended.code == 0 or "the check leg_matches is red" in ended.output, ended.output
        assert not (wrong := differences(read_tables(shelf, began, {}), undisturbed.tables)), "\n".join(wrong)
        assert Counter(stage.lml.asked) == undisturbed.asked


@pytest.mark.promise("one at a time")
def test_of_two_runs_on_the_same_partitions_one_does_all_and_the_other_nothing(
    stage: Stage, second_victim: Victim
) -> None:
    undisturbed = stage.undisturbed("run")
    with stage.of("run") as shelf:
        began = Beginning(shelf)
        ended = side_by_side(stage, second_victim, shelf, WHOLE, WHOLE)
        refused = [one for one in ended if one.code != 0]
        for one in refused:
            assert one.code == 1
            assert "is being worked on by identity_assets run" in one.output
        # Each step takes the locks by itself, so a run may lose them to the other between two steps.
        if len(refused) == 2:
            assert stage.victim.run(WHOLE, stage.env(shelf)).code == 0
        assert read_tables(shelf, began, {})["library_identity"] == undisturbed.tables["library_identity"]
        assert (
            read_tables(shelf, began, {})["library_identity_source"]
            == undisturbed.tables["library_identity_source"]
        )
        # The answer that LML leaves out is due again at once.
        left_out = set(stage.library.rows["left out"])
        again = Counter(stage.lml.asked) - undisturbed.asked
        assert again.keys() <= left_out


@pytest.mark.faults
def test_a_command_of_a_person_beside_a_run_waits_or_is_refused_and_nothing_is_lost(
    stage: Stage, second_victim: Victim
) -> None:
    changed = stage.library.rows["changed"]
    correction = ("correct", *map(str, changed), "--wikidata", "Q42", "--by", "Ann", "--yes")
    with stage.of("run") as shelf:
        run, correct = side_by_side(stage, second_victim, shelf, WHOLE, correction)
        for one in (run, correct):
            assert one.code == 0 or "is being worked on by" in one.output, one.output
        env = stage.env(shelf)
        for command in (WHOLE, correction):
            ended = stage.victim.run(command, env)
            assert ended.code == 0, ended.output
        rows = shelf.rows(
            "SELECT method, wikidata_qid FROM library_identity WHERE library_id = ANY (:ids)", ids=changed
        )
        assert rows == [{"method": "manual", "wikidata_qid": "Q42"}] * len(changed)
