"""Recording SQL statements: how often each one runs, its seconds, and its last plan.

It listens to every SQLAlchemy engine of the process, so it sees the statements of the package and those of
Dagster's storage if that is a PostgreSQL. It does not see COMMIT, nor what goes through a raw psycopg2 cursor.
"""

import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, event

import identity_assets

_COMMENT = re.compile(r"--[^\n]*")
_PARAMETER = re.compile(r"%\((\w+)\)s")
_EXPLAINABLE = re.compile(r"(SELECT|WITH|INSERT|UPDATE|DELETE|CREATE TEMPORARY TABLE)\b", re.IGNORECASE)
_PACKAGE = Path(identity_assets.__file__).parent


@dataclass
class Recorded:
    """One statement: the database it ran in, its text, its executions, the seconds of all of them, its last plan."""

    database: str
    statement: str
    executions: int = 0
    seconds: float = 0.0
    plan: Any = None


class StatementLog:
    """The statements of this process while `recording`. Thread-safe.

    With `with_plans` a statement is explained before its 1st, 2nd, 4th, 8th ... execution, in the same transaction
    and with the same parameters, so that temporary tables exist. The last plan is kept.
    """

    def __init__(self, *, with_plans: bool = False) -> None:
        self._with_plans = with_plans
        self._lock = threading.Lock()
        self._found: dict[tuple[str, str], Recorded] = {}

    @property
    def statements(self) -> list[Recorded]:
        """What was recorded, the slowest statement first."""
        with self._lock:
            return sorted(self._found.values(), key=lambda one: -one.seconds)

    def executions(self) -> int:
        """How many statements were executed."""
        return sum(one.executions for one in self.statements)

    def save(self, file: Path) -> None:
        """Write what was recorded as a JSON array."""
        file.write_text(json.dumps([asdict(one) for one in self.statements]), encoding="utf-8")

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Record inside the block."""
        event.listen(Engine, "before_cursor_execute", self._before)
        event.listen(Engine, "after_cursor_execute", self._after)
        try:
            yield
        finally:
            event.remove(Engine, "before_cursor_execute", self._before)
            event.remove(Engine, "after_cursor_execute", self._after)

    def _before(
        self,
        connection: Connection,
        _cursor: object,
        statement: str,
        parameters: Any,
        context: Any,
        _many: bool,
    ) -> None:
        context.benchmark_began = None
        if connection.dialect.name != "postgresql":
            return
        with self._lock:
            key = (connection.engine.url.database or "", statement)
            recorded = self._found.setdefault(key, Recorded(*key))
            recorded.executions += 1
            number = recorded.executions
        if self._with_plans and number & (number - 1) == 0 and is_explainable(statement):
            recorded.plan = _explain(connection, statement, parameters)
        context.benchmark_began = time.perf_counter()

    def _after(
        self,
        connection: Connection,
        _cursor: object,
        statement: str,
        _params: object,
        context: Any,
        _many: bool,
    ) -> None:
        if context.benchmark_began is None:
            return
        seconds = time.perf_counter() - context.benchmark_began
        with self._lock:
            self._found[connection.engine.url.database or "", statement].seconds += seconds


def recorded(work: Callable[[], object]) -> int:
    """Do the work; how many statements it executed."""
    log = StatementLog()
    with log.recording():
        work()
    return log.executions()


def is_explainable(statement: str) -> bool:
    """Whether EXPLAIN takes this statement."""
    code = _COMMENT.sub("", statement).strip()
    return ";" not in code and bool(_EXPLAINABLE.match(code))


def _explain(connection: Connection, statement: str, parameters: Any) -> Any:
    """The plan, as PostgreSQL's JSON. EXPLAIN without ANALYZE does not execute the statement."""
    dbapi_connection = connection.connection.dbapi_connection
    assert dbapi_connection is not None
    with closing(dbapi_connection.cursor()) as cursor:
        cursor.execute("EXPLAIN (FORMAT JSON) " + statement, parameters)
        (row,) = cursor.fetchall()
        return row[0][0]["Plan"]


class Names:
    """The names of statements: the `.sql` file that a statement stands in, or the beginning of its text.

    The files are read from the package each time, so that a renamed or new file needs no change here.
    """

    def __init__(self) -> None:
        self._by_code: dict[str, str] = {}
        self._by_comment: dict[str, str] = {}
        for file in sorted(_PACKAGE.rglob("*.sql")):
            source = file.read_text(encoding="utf-8")
            self._by_code[_code_of(source)] = file.stem
            if source.startswith("--"):
                self._by_comment[source.split("\n", 1)[0]] = file.stem

    def of(self, statement: str) -> str:
        """The name of one recorded statement."""
        code = _code_of(statement)
        first_line = statement.strip().split("\n", 1)[0]
        return self._by_code.get(code) or self._by_comment.get(first_line) or code[:60]


def _code_of(statement: str) -> str:
    """The statement without comments and line breaks, its parameters written `:name` as in the files."""
    code = " ".join(_COMMENT.sub("", statement).split())
    return _PARAMETER.sub(r":\1", code).replace("%%", "%")


def large_scans(plan: Any, large: set[str]) -> list[str]:
    """The large tables that a plan reads as a whole by a sequential scan."""
    found = [plan["Relation Name"]] if plan["Node Type"] == "Seq Scan" else []
    for part in plan.get("Plans", ()):
        found += large_scans(part, large)
    return sorted({table for table in found if table in large})
