"""Alerts as data: what is red now, what has changed since, and the message that says so.

Not here: how Dagster is read (sensors.py). Nothing here knows Dagster.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

SHOWN = 5
TIMEOUT_SECONDS = 10


@dataclass(frozen=True)
class Alarms:
    """What is red: failing checks and runs, each with the text that describes it. `runs_until` is Unix time.

    A run's subject is its partition, or its job if it has no partition. `partitions` has the partitions in which a
    check is red, for each check that reads only the partitions of its run.
    """

    checks: Mapping[str, str] = field(default_factory=dict)
    runs: Mapping[str, str] = field(default_factory=dict)
    runs_until: float = 0.0
    partitions: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def to_cursor(self) -> str:
        """The text that a sensor keeps until its next tick."""
        return json.dumps(vars(self), sort_keys=True)

    @staticmethod
    def from_cursor(cursor: str) -> "Alarms":
        """What `to_cursor` wrote."""
        return Alarms(**json.loads(cursor))


def changes(before: Alarms, after: Alarms) -> list[str]:
    """One sentence for each change. A subject that stays as it was is not mentioned.

    Runs are one subject: they turn red with the first run that fails, and green when each failed partition has run.
    """
    found = [f"🔴 {text}" for name, text in after.checks.items() if name not in before.checks]
    found += [f"🟢 the check {name} passes again" for name in before.checks if name not in after.checks]
    if after.runs and not before.runs:
        texts = list(after.runs.values())
        more = f"; {len(texts) - SHOWN} more" if len(texts) > SHOWN else ""
        found.append(f"🔴 runs fail: {'; '.join(texts[:SHOWN])}{more}")
    if before.runs and not after.runs:
        found.append("🟢 the runs that had failed have succeeded since")
    return found


def send(url: str, sentences: list[str]) -> None:
    """Post one message that Slack and its like show, with one line a sentence.

    Raises:
        httpx.HTTPError: the receiver cannot be reached, or did not accept the message.
    """
    import httpx

    body = {"text": "\n".join(f"identity_assets: {sentence}" for sentence in sentences)}
    httpx.post(url, json=body, timeout=TIMEOUT_SECONDS).raise_for_status()
