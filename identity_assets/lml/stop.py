"""How asking is ended from outside."""

from __future__ import annotations

import threading


class Stop:
    """Ends asking, in one of two ways."""

    def __init__(self) -> None:
        self.after_calls = threading.Event()
        self.at_once = threading.Event()

    def finish(self) -> None:
        """Let calls on the wire end by themselves; begin none, and end all waits."""
        self.after_calls.set()

    def hang_up(self) -> None:
        """Close the connections of calls on the wire too."""
        self.after_calls.set()
        self.at_once.set()
