"""What the fixture has been asked, for the tests that count it."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager


class Calls:
    """The `number` of calls, the `sizes` of their batches, and how often each library_id was asked.

    `most_at_once` is the largest number of calls that were open at the same time.
    """

    def __init__(self) -> None:
        self.number = 0
        self.sizes: list[int] = []
        self.by_library_id: Counter[int] = Counter()
        self.most_at_once = 0
        self._open = 0

    @property
    def inputs(self) -> int:
        """The number of inputs in all calls; an input that was asked twice counts twice."""
        return sum(self.sizes)

    def reset(self) -> None:
        """Start counting again from zero."""
        self.number = self.most_at_once = 0
        self.sizes.clear()
        self.by_library_id.clear()

    @contextmanager
    def open(self) -> Iterator[None]:
        """Count one call while it is answered."""
        self.number += 1
        self._open += 1
        self.most_at_once = max(self.most_at_once, self._open)
        try:
            yield
        finally:
            self._open -= 1
