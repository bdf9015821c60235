"""A warm process that runs commands in forked children, and a trap in the child that kills it at a chosen point.

Start it with `python -m identity_assets_tests.faults.victim`. It reads an order from each line of stdin, and answers
with a line on stdout. It starts no thread and opens no connection, so a fork of it is a clean process that has
imported all.
"""

import gc
import json
import os
import signal
import sys
import threading
import time
import traceback
from collections import Counter
from pathlib import Path
from typing import Any

from dagster import DagsterInstance
from sqlalchemy import Engine, event
from sqlalchemy.dialects.postgresql.psycopg2 import PGDialect_psycopg2

import identity_assets.backend.migrate
import identity_assets.backend.undo.by_run
import identity_assets.backend.undo.by_writer
import identity_assets.backend.writing.corrections
import identity_assets.backend.writing.replay
import identity_assets.checks.plausibility
import identity_assets.gathering  # noqa: F401  # imported for its children, as are those above
from identity_assets.backend.database import Database
from identity_assets.definitions import build_defs
from identity_assets.lml.client import LmlClient
from identity_assets.settings import settings
from identity_assets.terminal import run_pass
from identity_assets.terminal.cli import run_command

DURING_SECONDS = 0.001
"""How long after its beginning a statement or a call is struck in its middle."""
CONNECTION_LOST = "connection lost"


class Trap:
    """Counts what happens in this process; kills it at the n-th of one kind.

    The kinds: `statement`, `executed`, `commit`, `committed`, `call`, `answer`; and `in statement`, `in commit` and
    `in call` for the middle of one. `fails` is CONNECTION_LOST or an SQLSTATE: then nothing is killed, and the n-th
    statement ends in the server with this error.
    """

    def __init__(self, kind: str | None, number: int, fails: str | None) -> None:
        self._during = kind is not None and kind.startswith("in ")
        self._kind = kind.removeprefix("in ") if kind is not None else None
        self._number = number
        self._fails = fails
        self._lock = threading.Lock()
        self.counts: Counter[str] = Counter()

    def happens(self, kind: str) -> None:
        """Count one event; a process that is killed here does not return."""
        with self._lock:
            self.counts[kind] += 1
            struck = kind == self._kind and self.counts[kind] == self._number
            if struck and not self._during and self._fails is None:
                os.kill(os.getpid(), signal.SIGKILL)
        if struck and self._during:
            threading.Thread(target=_kill_soon, daemon=True).start()

    def _before_statement(
        self, connection: Any, _cursor: Any, statement: str, parameters: Any, *_rest: Any
    ) -> tuple[str, Any]:
        """Count the statement; the one that is to fail is replaced by another, which fails in its place."""
        if connection.dialect.name != "postgresql":
            return statement, parameters
        self.happens("statement")
        if self._fails is None or self.counts["statement"] != self._number:
            return statement, parameters
        if self._fails == CONNECTION_LOST:
            return "SELECT pg_terminate_backend(pg_backend_pid())", {}
        return f"DO $$ BEGIN RAISE 'made by a test' USING ERRCODE = '{self._fails}'; END $$", {}

    def set(self) -> None:
        """Listen to the statements and commits in PostgreSQL, and to the calls to LML, of this process."""

        def on_postgres(kind: str) -> Any:
            def happens(connection: Any, *_rest: Any) -> None:
                if connection.dialect.name == "postgresql":
                    self.happens(kind)

            return happens

        event.listen(Engine, "before_cursor_execute", self._before_statement, retval=True)
        event.listen(Engine, "after_cursor_execute", on_postgres("executed"))
        do_commit: Any = PGDialect_psycopg2.do_commit
        exchange: Any = LmlClient._exchange

        def commit_and_count(dialect: Any, dbapi_connection: Any) -> None:
            self.happens("commit")
            do_commit(dialect, dbapi_connection)
            self.happens("committed")

        def exchange_and_count(client: Any, question: Any) -> Any:
            self.happens("call")
            answer = exchange(client, question)
            self.happens("answer")
            return answer

        PGDialect_psycopg2.do_commit = commit_and_count  # type: ignore[method-assign]
        LmlClient._exchange = exchange_and_count  # type: ignore[method-assign, assignment]


def _kill_soon() -> None:
    time.sleep(DURING_SECONDS)
    os.kill(os.getpid(), signal.SIGKILL)


def run_order(order: dict[str, Any]) -> None:
    """The child: run the command of the order. Its output and its counts are files of the order's folder."""
    folder = Path(order["folder"])
    with (folder / "output").open("w", encoding="utf-8", buffering=1) as output:
        sys.stdin = Path(os.devnull).open(encoding="utf-8")  # noqa: SIM115  # open until this process ends
        sys.stdout = sys.stderr = output
        os.environ.clear()
        os.environ.update(order["env"])
        settings.cache_clear()
        if order["blind"]:
            Database.require_rights = lambda self: None  # type: ignore[method-assign]  # noqa: ARG005
        trap = Trap(order["kind"], order["number"], order["fails"])
        trap.set()
        code = 0
        try:
            run_command(order["arguments"])
        except SystemExit as ended:
            code = int(ended.code or 0)
        except BaseException:
            traceback.print_exc()
            code = 70
        # It may be killed while it writes.
        unfinished = folder / "unfinished"
        unfinished.write_text(json.dumps(trap.counts), encoding="utf-8")
        unfinished.replace(folder / "counts")
    os._exit(code)


def end_of(child: int, seconds: float | None) -> int:
    """Wait until the child ends, or kill it after so many seconds; its exit code, or minus the signal."""
    if seconds is not None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            pid, status = os.waitpid(child, os.WNOHANG)
            if pid:
                return os.waitstatus_to_exitcode(status)
            time.sleep(0.001)
        os.kill(child, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def main() -> None:
    """Answer orders until stdin ends."""
    build_defs().resolve_job_def(run_pass.JOB)
    with DagsterInstance.ephemeral():
        pass
    gc.freeze()
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    for line in sys.stdin:
        order = json.loads(line)
        started = time.monotonic()
        child = os.fork()
        if child == 0:
            run_order(order)
        code = end_of(child, order["seconds"])
        print(json.dumps({"code": code, "seconds": time.monotonic() - started}), file=answers, flush=True)


if __name__ == "__main__":
    main()
