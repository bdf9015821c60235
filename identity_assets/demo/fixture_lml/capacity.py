"""How long a call takes, and how many calls the fixture works on at once. Not here: what it answers."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Literal

Beyond = Literal["wait", "degrade", "refuse"]


@dataclass(frozen=True)
class Capacity:
    """The fixture works on `calls` at once (None: on any number). `beyond` says what more calls do.

    - `wait`: a further call waits until one of the others ends. Throughput stays at its highest.
    - `degrade`: all calls go on, and each takes (open calls / `calls`)² times as long. Throughput falls.
    - `refuse`: a further call is answered 429 at once, with `retry_after` as its Retry-After.
    """

    calls: int | None = None
    beyond: Beyond = "wait"
    retry_after: str | None = None


class CapacityExceeded(Exception):
    """A call beyond a capacity that refuses."""


class Workplace:
    """The calls being worked on. One event loop uses it."""

    def __init__(self, capacity: Capacity, seconds_per_input: float) -> None:
        self.capacity = capacity
        self._seconds_per_input = seconds_per_input
        self._open = 0
        self._places = asyncio.Semaphore(capacity.calls) if capacity.calls else None

    @asynccontextmanager
    async def work_on(self, inputs: int, extra_seconds: float = 0.0) -> AsyncIterator[None]:
        """Take the time that so many inputs need. The place is held until the block ends.

        Raises CapacityExceeded.
        """
        calls = self.capacity.calls
        if calls and self.capacity.beyond == "refuse" and self._open >= calls:
            raise CapacityExceeded
        self._open += 1
        try:
            if self._places is not None and self.capacity.beyond == "wait":
                async with self._places:
                    await self._take_time(inputs, extra_seconds)
                    yield
            else:
                await self._take_time(inputs, extra_seconds)
                yield
        finally:
            self._open -= 1

    async def _take_time(self, inputs: int, extra_seconds: float) -> None:
        seconds = self._seconds_per_input * inputs
        if self.capacity.calls and self.capacity.beyond == "degrade":
            seconds *= max(1.0, self._open / self.capacity.calls) ** 2
        if seconds + extra_seconds:
            await asyncio.sleep(seconds + extra_seconds)
