"""The peak of the resident memory of a process that another process measures."""

import threading
import time
from pathlib import Path


class PeakMemory(threading.Thread):
    """Watches the resident memory of a process from its start to its end.

    The kernel's own peak of a child (`ru_maxrss`) includes the process that started it.
    """

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._status = Path(f"/proc/{pid}/status")
        self.mib = 0.0
        self.start()

    def run(self) -> None:
        """Read the high-water mark every 20 ms; it only rises, so the last reading counts."""
        while True:
            try:
                lines = self._status.read_text(encoding="utf-8").splitlines()
            except OSError:
                return
            marks = [int(line.split()[1]) for line in lines if line.startswith("VmHWM")]
            if not marks:
                return
            # Before its exec the child shows the memory of its parent, so no earlier reading is kept.
            self.mib = marks[0] / 1024
            time.sleep(0.02)
