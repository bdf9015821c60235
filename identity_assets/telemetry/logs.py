"""Log lines on stderr: one JSON object each, or one readable line each where a terminal is watched.

What a line says of the run that it is about stands here. How Dagster's own records come to be written in this form
belongs in dagster_logs.py; what a command answers in sentences, in cli.py.
"""

import json
import logging
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from identity_assets.settings import LogFormat

OWN_LOGGER = logging.getLogger("identity_assets")


@dataclass(frozen=True)
class Place:
    """The part of a run that a line is about; empty where there is none. Several assets are comma-separated."""

    run_id: str = ""
    asset: str = ""
    partition: str = ""
    step: str = ""


_place: ContextVar[Place] = ContextVar("place", default=Place())  # noqa: B039  # frozen


@contextmanager
def lines_about(place: Place) -> Iterator[None]:
    """Within it, and in threads that are given a copy of the context, lines are about this step."""
    token = _place.set(place)
    try:
        yield
    finally:
        _place.reset(token)


def partition_of(tags: Mapping[str, str]) -> str:
    """The partitions that a Dagster run's tags name: `03`, or `00..15`; empty where it has none."""
    first = tags.get("dagster/asset_partition_range_start") or tags.get("dagster/partition", "")
    last = tags.get("dagster/asset_partition_range_end", first)
    return first if first == last else f"{first}..{last}"


class LineFormatter(logging.Formatter):
    """One line of either form."""

    def __init__(self, form: LogFormat) -> None:
        super().__init__()
        self._form = form

    def format(self, record: logging.LogRecord) -> str:
        """The record as the line that is written; in plain, an exception's text follows on lines of its own."""
        return (_json_line if self._form is LogFormat.json else _plain_lines)(self.fields(record))

    def fields(self, record: logging.LogRecord) -> dict[str, Any]:
        """What the line says, by name; `exception` only where there is one."""
        said = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            **asdict(self.place_of(record)),
            "message": self.message_of(record),
        }
        text = self.exception_of(record)
        return said | {"exception": text} if text else said

    def place_of(self, record: logging.LogRecord) -> Place:  # noqa: ARG002  # Dagster's records know their own
        """Which part of which run the record is about."""
        return _place.get()

    def message_of(self, record: logging.LogRecord) -> str:
        """What was said."""
        return record.getMessage()

    def exception_of(self, record: logging.LogRecord) -> str:
        """The exception's text with its frames; empty where there is none."""
        return self.formatException(record.exc_info) if record.exc_info else ""


def _json_line(said: Mapping[str, Any]) -> str:
    return json.dumps(said, default=str)


def _plain_lines(said: Mapping[str, Any]) -> str:
    where = " ".join(filter(None, (said["run_id"][:8], said["step"], said["partition"])))
    moment = said["time"][11:19]
    line = f"{moment} {said['level'].upper():<8} {where + ': ' if where else ''}{said['message']}"
    return "\n".join(filter(None, (line, said.get("exception"))))


class StderrHandler(logging.Handler):
    """Writes to what stderr is at that moment; Dagster and tests exchange it."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line."""
        try:
            sys.stderr.write(f"{self.format(record)}\n")
            sys.stderr.flush()
        except Exception:
            self.handleError(record)


def form_for(chosen: LogFormat | None) -> LogFormat:
    """The form that LOG_FORMAT names; where it is unset, plain on a terminal and JSON elsewhere."""
    return chosen or (LogFormat.plain if sys.stderr.isatty() else LogFormat.json)


def start_logs(form: LogFormat) -> None:
    """Write what this package logs, from INFO up, in the given form. Calling it again changes the form."""
    for handler in [one for one in OWN_LOGGER.handlers if isinstance(one, StderrHandler)]:
        OWN_LOGGER.removeHandler(handler)
    handler = StderrHandler()
    handler.setFormatter(LineFormatter(form))
    OWN_LOGGER.addHandler(handler)
    OWN_LOGGER.setLevel(logging.INFO)
