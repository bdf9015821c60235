"""How close the adaptive number of calls comes to the best fixed one: `python -m benchmarks.limiter`.

The fixture LML has a capacity: four calls at once and the others wait; degraded beyond three; 429 above four. For
each of these the same batches are asked over HTTP with every fixed number of calls in flight and with the limiter, in
one run of this program. `settled` is the limiter's median number in the last half of the calls. Take the figures on a
machine that does nothing else. Nothing is stored, so no PostgreSQL takes part.
"""

import argparse
import json
import logging
import statistics
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks._harness import machine
from identity_assets.demo.fixture_lml import FixtureLmlProcess
from identity_assets.demo.fixture_lml.capacity import Capacity
from identity_assets.lml.asking import ask
from identity_assets.lml.client import LmlClient
from identity_assets.lml.contract import Batch, LibraryInput
from identity_assets.lml.limiter import Limiter, Ticket

CAPACITIES = {
    "4, others wait": Capacity(4, "wait"),
    "degrades beyond 3": Capacity(3, "degrade"),
    "429 above 4": Capacity(4, "refuse"),
}
CEILING = 8


class Fixed(Limiter):
    """Always the same number of calls in flight."""

    def __init__(self, calls: int) -> None:
        super().__init__(calls)
        self._limit = calls

    def leave(
        self,
        ticket: Ticket,  # noqa: ARG002 - a fixed number does not learn
        *,
        answered: int = 0,  # noqa: ARG002 - a fixed number does not learn
        status: int | None = None,  # noqa: ARG002 - a fixed number does not learn
        slow: bool = False,  # noqa: ARG002 - a fixed number does not learn
    ) -> None:
        """Let the next call begin, however this one ended."""
        with self._changed:
            self._in_flight -= 1
            self._changed.notify_all()


@dataclass(frozen=True)
class Asked:
    """One way to ask all batches: how long it took, the number it settled on, and inputs without an answer."""

    seconds: float
    settled: int
    unanswered: int


@dataclass(frozen=True)
class Comparison:
    """One capacity: the seconds of each fixed number of calls, and what the limiter did.

    `fixed` holds only numbers with which every input was answered.
    """

    capacity: str
    fixed: dict[int, float]
    best: int
    limiter: Asked

    @property
    def ratio(self) -> float:
        """The limiter's time by that of the best fixed number."""
        return self.limiter.seconds / self.fixed[self.best]


def ask_all(url: str, limiter: Limiter, calls: int, inputs: int) -> Asked:
    """Ask `calls` batches of `inputs` inputs each."""
    batches = (
        Batch(
            "non_va",
            False,
            tuple(LibraryInput(call * inputs + n + 1, "Known", "Title") for n in range(inputs)),
        )
        for call in range(calls)
    )
    limits: list[int] = []
    unanswered = 0
    with LmlClient(url, max_in_flight=CEILING, wait_initial=0.05) as client:
        client.limiter = limiter
        started = time.monotonic()
        for asked in ask(batches, client, store=lambda _asked: None, max_in_flight=limiter.ceiling):
            limits.append(limiter.limit)
            unanswered += len(asked.failures)
        seconds = time.monotonic() - started
    return Asked(round(seconds, 3), round(statistics.median(limits[len(limits) // 2 :])), unanswered)


def compare(
    name: str, calls: int, inputs: int, seconds_per_call: float, numbers: Sequence[int]
) -> Comparison:
    """Ask with every fixed number of calls, and with the limiter."""
    with FixtureLmlProcess(
        ["Known"], seconds_per_input=seconds_per_call / inputs, capacity=CAPACITIES[name]
    ) as lml:
        fixed = {number: ask_all(lml.url, Fixed(number), calls, inputs) for number in numbers}
        adaptive = ask_all(lml.url, Limiter(CEILING), calls, inputs)
    complete = {number: one.seconds for number, one in fixed.items() if not one.unanswered}
    return Comparison(name, complete, min(complete, key=lambda number: complete[number]), adaptive)


def table_of(found: Sequence[Comparison], numbers: Sequence[int]) -> Table:
    """A capacity a column: the seconds of each fixed number, then the limiter beside the best of them."""
    table = Table(title="seconds by calls in flight")
    table.add_column("calls in flight")
    for one in found:
        table.add_column(one.capacity, justify="right")
    for number in numbers:
        cells = (f"{one.fixed[number]:.2f}" if number in one.fixed else "-" for one in found)
        table.add_row(str(number), *cells)
    table.add_row("limiter", *(f"{one.limiter.seconds:.2f}" for one in found))
    table.add_row("limiter / best", *(f"{one.ratio:.2f}" for one in found))
    table.add_row("best number", *(str(one.best) for one in found))
    table.add_row("settled", *(str(one.limiter.settled) for one in found))
    return table


def main() -> None:
    """Measure, print the table and write the JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--calls", type=int, default=200, help="batches (default: %(default)s)")
    parser.add_argument("--inputs", type=int, default=100, help="inputs of a batch (default: %(default)s)")
    parser.add_argument(
        "--seconds-per-call", type=float, default=0.2, help="LML's time (default: %(default)s)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures to this file")
    asked = parser.parse_args()
    # Calls that are refused are what is measured.
    logging.getLogger("identity_assets.lml").setLevel(logging.ERROR)
    numbers = range(1, CEILING + 1)
    found = [compare(name, asked.calls, asked.inputs, asked.seconds_per_call, numbers) for name in CAPACITIES]
    if asked.json is not None:
        figures = [{**asdict(one), "ratio": round(one.ratio, 3)} for one in found]
        report = {"benchmark": "limiter", "machine": machine(), "comparisons": figures}
        asked.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    Console().print(table_of(found, numbers))


if __name__ == "__main__":
    main()
