"""Log lines on stderr: one JSON object each, or one readable line each on a terminal.

This module defines what a line says about the run that it belongs to. dagster_logs.py writes Dagster's own records in
the same form. The sentences that a command answers with are in terminal/.
"""

import json
import logging
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from identity_assets.clean_text import clean_lines
from identity_assets.settings import LogFormat

OWN_LOGGER = logging.getLogger("identity_assets")


@dataclass(frozen=True)
class LogContext:
    """The part of a run that a line is about. Unknown names are empty; several assets are comma-separated."""

    run_id: str = ""
    asset: str = ""
    partition: str = ""
    step: str = ""


_current: ContextVar[LogContext] = ContextVar("log_context", default=LogContext())  # noqa: B039  # frozen


@contextmanager
def log_context(context: LogContext) -> Iterator[None]:
    """Lines that are logged inside carry `context`, also in threads that run in a copy of the context variables."""
    token = _current.set(context)
    try:
        yield
    finally:
        _current.reset(token)


def partition_of(tags: Mapping[str, str]) -> str:
    """The partitions in the tags of a Dagster run: `03`, or `00..15`; empty if the run is not partitioned."""
    first = tags.get("dagster/asset_partition_range_start") or tags.get("dagster/partition", "")
    last = tags.get("dagster/asset_partition_range_end", first)
    return first if first == last else f"{first}..{last}"


class LineFormatter(logging.Formatter):
    """Formats a record as one line, in either form."""

    def __init__(self, form: LogFormat) -> None:
        super().__init__()
        self._form = form

    def format(self, record: logging.LogRecord) -> str:
        """The line. In the plain form, the text of an exception follows on lines of its own."""
        return (_json_line if self._form is LogFormat.json else _plain_lines)(self.fields(record))

    def fields(self, record: logging.LogRecord) -> dict[str, str]:
        """What the line says, by name. `exception` is there only if the record has one."""
        fields = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            **asdict(self.context_of(record)),
            "message": self.message_of(record),
        }
        exception = self.exception_of(record)
        return fields | {"exception": exception} if exception else fields

    def context_of(self, record: logging.LogRecord) -> LogContext:  # noqa: ARG002  # Dagster's records carry their own
        """The part of a run that the record is about."""
        return _current.get()

    def message_of(self, record: logging.LogRecord) -> str:
        """The message of the record."""
        return record.getMessage()

    def exception_of(self, record: logging.LogRecord) -> str:
        """The text of the exception with its frames; empty if there is none."""
        return self.formatException(record.exc_info) if record.exc_info else ""


def _json_line(fields: Mapping[str, str]) -> str:
    return json.dumps(fields, default=str)


def _plain_lines(fields: Mapping[str, str]) -> str:
    where = " ".join(filter(None, (fields["run_id"][:8], fields["step"], fields["partition"])))
    moment = fields["time"][11:19]
    line = f"{moment} {fields['level'].upper():<8} {where + ': ' if where else ''}{fields['message']}"
    return clean_lines("\n".join(filter(None, (line, fields.get("exception")))))


class StderrHandler(logging.Handler):
    """Writes to the current `sys.stderr`, which Dagster and tests replace."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line."""
        try:
            sys.stderr.write(f"{self.format(record)}\n")
            sys.stderr.flush()
        except Exception:
            self.handleError(record)


def form_for(chosen: LogFormat | None) -> LogFormat:
    """The form that LOG_FORMAT names. If it is unset: plain on a terminal, JSON elsewhere."""
    return chosen or (LogFormat.plain if sys.stderr.isatty() else LogFormat.json)


def start_logs(form: LogFormat) -> None:
    """Write the log lines of this package in the given form, from INFO up. A second call changes the form."""
    for handler in [one for one in OWN_LOGGER.handlers if isinstance(one, StderrHandler)]:
        OWN_LOGGER.removeHandler(handler)
    handler = StderrHandler()
    handler.setFormatter(LineFormatter(form))
    OWN_LOGGER.addHandler(handler)
    OWN_LOGGER.setLevel(logging.INFO)
