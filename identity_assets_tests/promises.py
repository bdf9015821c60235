"""The promises of this project and the tests that hold them: `python -m identity_assets_tests.promises`.

A test says which promise it holds by the marker `promise`, with a name of PROMISES. This module collects the marked
tests, counts the cases that each tries, and prints docs/promises.md. It runs no test.
"""

import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
PAGE = TESTS.parent / "docs" / "promises.md"

PROMISES = {
    "atomic": "The main row and the source rows of one library row are written together or not at all.",
    "verbatim": "LML's method and confidence are written as they came.",
    "unusable entries": "A provenance entry without a confidence or an id is skipped and counted, and the rest is "
    "written.",
    "manual": "No run changes what a person has decided, and no run changes a credit that a librarian linked.",
    "idempotent": "Running again with nothing due asks LML nothing and changes nothing.",
    "asked once": "LML is not asked twice about a library row within its window.",
    "due": "The rows that are due are those of the rule, also where the clocks change.",
    "stored first": "An answer is stored before it is used: a failed or killed run loses no answer, and none is "
    "asked for again.",
    "killed": "A run that is killed at any moment leaves nothing half-written, and the next run ends as if nothing "
    "had happened.",
    "one outcome": "Each selected library row ends with exactly one outcome, and the accounts balance.",
    "bad answers": "An answer that breaks the contract is set aside alone, and all others are written.",
    "lml down": "If LML is down, the step fails in one sentence, and what was answered is kept.",
    "implausible": "Answers that cannot be true are held back until a person accepts or drops them.",
    "broken cache": "A discogs-cache that has lost much of its content removes no evidence.",
    "people meanwhile": "A library row that is renamed or deleted while a run works gets no wrong identity.",
    "refused row": "A row that the database refuses is set aside alone, with the reason.",
    "unwind": "What a run wrote can be taken back byte for byte within UNWIND_DAYS.",
    "dry run": "A dry run predicts the next run and writes nothing.",
    "gate": "The gate's figure is that of its definition, and each row that it counts has one reason.",
    "one at a time": "Two runs never work on one partition at the same time.",
    "lml budget": "LML never has more calls in flight than the pool's limit times LML_MAX_IN_FLIGHT.",
    "secrets": "No key and no password is in a log, an error, a stored answer or Dagster's storage.",
    "backend's tables": "No table of this project has a foreign key to a table of Backend, and `migrate --down` "
    "leaves Backend's tables as they were.",
    "triggers": "No statement is sent to `library`, and none to `compilation_track_artist` that changes no credit.",
    "growth": "Tables stop growing when the windows of their settings have passed.",
    "layers": "The core never imports Dagster, and imports point down only.",
}

HEAD = """# Promises

What this project promises, the tests that hold it, and how many cases each test tries. A case is one set of
parameters, one example of a property test, or one night or mutated answer where a test goes through many. This page
is made from the tests by `python -m identity_assets_tests.promises > docs/promises.md`, and a test holds it current.
"""


@dataclass(frozen=True)
class Held:
    """One test that holds a promise: its file from the root of the project, its function, and the cases it tries."""

    promise: str
    file: str
    function: str
    cases: int


class _Collector:
    """Gathers the marked tests of a collection. An item that Hypothesis drives counts with all of its examples."""

    def __init__(self) -> None:
        self.held: list[Held] = []

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Read the markers of all collected tests."""
        for item in session.items:
            for marker in item.iter_markers("promise"):
                assert isinstance(item, pytest.Function)
                file = item.path.relative_to(TESTS.parent).as_posix()
                (name,) = marker.args
                self.held.append(Held(name, file, item.originalname, cases_of(item.obj, marker.kwargs)))


def cases_of(function: object, said: Mapping[str, int]) -> int:
    """The cases that one collected test tries: its examples, or the `cases` that its marker says; otherwise one."""
    examples = getattr(function, "_hypothesis_internal_use_settings", None)
    return said.get("cases") or (int(examples.max_examples) if examples is not None else 1)


def marked_files() -> list[str]:
    """The test files that hold a promise. Only they are collected, which takes seconds less."""
    return sorted(
        str(file) for file in TESTS.rglob("test_*.py") if "mark.promise(" in file.read_text(encoding="utf-8")
    )


def collect(files: Sequence[str]) -> list[Held]:
    """The marked tests of these files, each with all of its cases.

    Raises:
        SystemExit: a file could not be collected.
    """
    collector = _Collector()
    options = ["--collect-only", "-q", "--no-header", "-p", "no:cacheprovider", "-p", "no:xdist", "-m", ""]
    with redirect_stdout(sys.stderr):
        ended = pytest.main([*options, *files], plugins=[collector])
    if ended != pytest.ExitCode.OK:
        raise SystemExit(f"the tests could not be collected: {ended!r}")
    return added_up(collector.held)


def added_up(held: Iterable[Held]) -> list[Held]:
    """One entry a test and promise, with the cases of all its sets of parameters, in the order of PROMISES."""
    cases: dict[tuple[str, str, str], int] = {}
    for one in held:
        key = (one.promise, one.file, one.function)
        cases[key] = cases.get(key, 0) + one.cases
    order = list(PROMISES)
    listed = [Held(*key, number) for key, number in cases.items()]
    return sorted(listed, key=lambda one: (order.index(one.promise), one.file, one.function))


def page(held: Sequence[Held]) -> str:
    """The page in Markdown."""
    parts = [HEAD]
    for name, promise in PROMISES.items():
        tests = [one for one in held if one.promise == name]
        total = sum(one.cases for one in tests)
        parts.append(f"## {promise}\n\n{total:,} {'case' if total == 1 else 'cases'}.\n")
        parts.append("| test | in | cases |\n| --- | --- | ---: |")
        parts += [
            f"| {_sentence(one.function)} | [{Path(one.file).name}](../{one.file}) | {one.cases:,} |"
            for one in tests
        ]
        parts.append("")
    return "\n".join(parts)


def _sentence(function: str) -> str:
    return function.removeprefix("test_").replace("_", " ")


def main() -> None:
    """Print the page."""
    print(page(collect(marked_files())), end="")


if __name__ == "__main__":
    main()
