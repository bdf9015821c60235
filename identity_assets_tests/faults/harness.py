"""Kills a command at a chosen point, runs it again undisturbed, and compares all tables with an undisturbed run."""

import json
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from identity_assets_tests.scripted_lml import ScriptedLml
from identity_assets_tests.support import Shelf
from identity_assets_tests.terminal.calling import clean_env

ROOT = Path(__file__).parents[2]
KILLED = -9
BATCH_SIZE, VA_BATCH_SIZE, IN_FLIGHT = 4, 2, 2
PARTITIONS = {"LIBRARY_PARTITIONS": "4"}
"""Dagster stores an event for each asset and partition, which is most of the time of a small run."""
SMALL_STEPS = {
    **PARTITIONS,
    "BATCH_SIZE": str(BATCH_SIZE),
    "VA_BATCH_SIZE": str(VA_BATCH_SIZE),
    "LML_MAX_IN_FLIGHT": str(IN_FLIGHT),
    "WRITER_CHUNK_ROWS": "7",
    "WRITER_CONNECTIONS": "2",
    "LML_RETRY_WAIT_SECONDS": "0.001",
}
"""Many calls, chunks and commits for few rows."""

Tables = dict[str, Any]


@dataclass(frozen=True)
class Ended:
    """How a command ended: its exit code or minus its signal, its output, and what it had counted at its end."""

    code: int
    seconds: float
    output: str
    counts: Mapping[str, int] = field(default_factory=dict)


class Victim:
    """The warm process of victim.py. A context manager."""

    def __enter__(self) -> "Victim":
        env = {name: value for name, value in clean_env().items() if not name.startswith("COV")}
        self._process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "identity_assets_tests.faults.victim"],
            cwd=ROOT,
            env={**env, **PARTITIONS, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(self, *_exc: object) -> None:
        self._process.communicate(timeout=30)

    def run(
        self,
        arguments: Sequence[str],
        env: Mapping[str, str],
        *,
        kind: str | None = None,
        number: int = 0,
        seconds: float | None = None,
        fails: str | None = None,
        blind: bool = False,
    ) -> Ended:
        """Run a command; it is killed at the event `number` of `kind`, or after `seconds`, or not at all.

        With `fails`, the statement `number` fails with this error instead (victim.Trap). With `blind`, it does not
        look whether it has its rights before it begins.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with tempfile.TemporaryDirectory(prefix="identity-assets-victim-") as folder:
            order: dict[str, Any] = {"arguments": list(arguments), "env": dict(env), "folder": folder}
            order |= {"kind": kind, "number": number, "seconds": seconds, "fails": fails, "blind": blind}
            print(json.dumps(order), file=self._process.stdin, flush=True)
            answer = json.loads(self._process.stdout.readline())
            output, counts = Path(folder) / "output", Path(folder) / "counts"
            return Ended(
                **answer,
                # A child that is killed at once has written nothing.
                output=output.read_text(encoding="utf-8") if output.exists() else "",
                counts=json.loads(counts.read_text(encoding="utf-8")) if counts.exists() else {},
            )


@dataclass(frozen=True)
class Deed:
    """A command on a prepared database, and its exit code when nobody kills it.

    `nothing_left`: what it says, with exit code 1, where a killed one has done all before it.
    """

    arguments: Sequence[str]
    env: Mapping[str, str]
    code: int = 0
    nothing_left: str | None = None

    @property
    def asks(self) -> bool:
        """Whether it asks LML, in a new pass."""
        return self.arguments[0] == "run"

    def is_done(self, ended: "Ended") -> bool:
        """Whether a command that nobody killed has ended as it should."""
        said = self.nothing_left is not None and self.nothing_left in ended.output
        return ended.code == self.code or (ended.code == 1 and said)


@dataclass(frozen=True)
class Point:
    """Where to kill: at this share of the events of a kind, or of the seconds, that the undisturbed command has.

    With `fails`, the statement there fails with this error instead.
    """

    kind: str
    share: float
    fails: str | None = None

    def __str__(self) -> str:
        return f"{self.fails or self.kind} {self.share:.3f}"


class Beginning:
    """The moment before a command, and the runs that are known by then."""

    def __init__(self, shelf: Shelf) -> None:
        [now] = shelf.rows("SELECT to_jsonb(clock_timestamp()) #>> '{}' AS now")
        self.moment = str(now["now"])
        self.runs = {row["run_id"] for query in _RUNS if _has_tables(shelf) for row in shelf.rows(query)}


@dataclass
class Undisturbed:
    """What the command comes to when nobody kills it, and how often each event happens in it."""

    tables: Tables
    ended: Ended
    asked: Counter[int]


def run_undisturbed(victim: Victim, deed: Deed, shelf: Shelf, lml: ScriptedLml) -> Undisturbed:
    """Run the command once, without a trap."""
    began = Beginning(shelf)
    lml.asked.clear()
    ended = victim.run(deed.arguments, deed.env)
    assert ended.code == deed.code, ended.output
    tables = read_tables(shelf, began, {} if deed.asks else None)
    return Undisturbed(tables, ended, Counter(lml.asked))


@dataclass
class Struck:
    """What a killed command left, and what it had asked; then what the next one made of it and asked."""

    tables: Tables
    first: Ended
    again: Ended
    in_flight: set[int]
    asked_again: Counter[int]
    stored: set[int]


def strike(
    victim: Victim, deed: Deed, point: Point, undisturbed: Undisturbed, shelf: Shelf, lml: ScriptedLml
) -> Struck:
    """Kill the command at this point, and run it again."""
    began = Beginning(shelf)
    lml.asked.clear()
    if point.kind == "moment":
        first = victim.run(deed.arguments, deed.env, seconds=point.share * undisturbed.ended.seconds)
    else:
        happens = undisturbed.ended.counts[point.kind.removeprefix("in ").strip()]
        number = 1 + int(point.share * happens)
        first = victim.run(deed.arguments, deed.env, kind=point.kind, number=number, fails=point.fails)
    _await_quiet(shelf, lml)
    asked = set(lml.asked)
    stored = _stored_since(shelf, began) if deed.asks else set()
    outcomes = _outcomes_since(shelf, began) if deed.asks else None
    lml.asked.clear()
    again = victim.run(deed.arguments, deed.env)
    return Struck(
        tables=read_tables(shelf, began, outcomes),
        first=first,
        again=again,
        in_flight=asked - stored,
        asked_again=Counter(lml.asked),
        stored=stored,
    )


def _await_quiet(shelf: Shelf, lml: ScriptedLml) -> None:
    """Wait until PostgreSQL and LML have noticed that the killed process is gone."""
    others = (
        "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() "
        "AND backend_type = 'client backend' AND application_name <> 'identity_assets test'"
    )
    until = time.monotonic() + 20
    while shelf.rows(others) or lml.open_calls:
        assert time.monotonic() < until
        time.sleep(0.002)


_RUNS = [
    f"SELECT DISTINCT run_id FROM {table}"
    for table in (
        "journal_chunk",
        "lml_verdict",
        "library_unresolved",
        "leg_evidence",
        "correction",
        "candidate_library",
    )
]


def _has_tables(shelf: Shelf) -> bool:
    """Whether our tables are there: the command under test may be `migrate`."""
    return shelf.rows("SELECT to_regclass('journal_chunk') IS NOT NULL AS found")[0]["found"] is True


def _stored_since(shelf: Shelf, began: Beginning) -> set[int]:
    """The library rows with an answer that needs no further one."""
    rows = shelf.rows(
        "SELECT library_id FROM lml_verdict WHERE asked_at >= CAST(:began AS timestamptz) AND NOT lacks_tracks",
        began=began.moment,
    )
    return {row["library_id"] for row in rows}


def _outcomes_since(shelf: Shelf, began: Beginning) -> dict[int, str]:
    rows = shelf.rows(
        "SELECT library_id, outcome FROM candidate_library "
        "WHERE outcome IS NOT NULL AND selected_at >= CAST(:began AS timestamptz)",
        began=began.moment,
    )
    return {row["library_id"]: row["outcome"] for row in rows}


SURROGATES = {"history_id", "chunk_id", "change_id", "row_hash", "row_hashes"}
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?\+00:00")
WHOLE = (
    *("library_identity", "library_identity_source", "library_identity_history", "library_unresolved"),
    *("library_track_identity_source", "compilation_track_artist", "changed_row"),
    *("catalog_watermark", "track_credit_watermark", "artists", "library"),
    *("lml_verdict", "lml_verdict_state", "lml_verdict_history"),
    *("leg_evidence", "leg_gathered", "leg_filled", "correction", "alembic_version"),
)
JOURNAL = """
    SELECT jsonb_build_object(
        'run_id', chunk.run_id, 'table', chunk.table_name, 'library_id', one.library_id, 'key', one.key,
        'before', one.before, 'time_before', one.time_before, 'stands', one.row_hash IS NOT NULL, 'image', image.image
    ) AS row
    FROM journal_chunk AS chunk
    CROSS JOIN LATERAL unnest(library_ids, keys, befores, times_before, row_hashes)
        AS one (library_id, key, before, time_before, row_hash)
    LEFT JOIN journal_image AS image
        ON (image.chunk_id, image.library_id, image.key) = (chunk.chunk_id, one.library_id, one.key)
"""


def read_tables(shelf: Shelf, began: Beginning, outcomes: Mapping[int, str] | None) -> Tables:
    """All tables, without what differs from run to run: new times and new run ids are `new`, and surrogate keys go.

    The journal is read a table row at a time, because a killed run divides its chunks otherwise. `outcomes` are those
    of a killed pass: the ledger is then the latest outcome of each library row since the beginning.
    """
    names = {
        row["tablename"]
        for row in shelf.rows(
            "SELECT tablename FROM pg_tables WHERE schemaname IN ('wxyc_schema', 'identity_assets')"
        )
    }
    assert names <= {*WHOLE, "candidate_library", "journal_chunk", "journal_image"}
    whole = (*WHOLE, "candidate_library") if outcomes is None else WHOLE
    queries = {name: f"SELECT to_jsonb(one) AS row FROM {name} AS one" for name in whole if name in names}
    if "journal_chunk" in names:
        queries["journal"] = JOURNAL
    tables: Tables = {
        name: sorted(json.dumps(_settled(row["row"], began), sort_keys=True) for row in shelf.rows(query))
        for name, query in queries.items()
    }
    if outcomes is not None:
        tables["outcomes"] = dict(sorted({**outcomes, **_outcomes_since(shelf, began)}.items()))
    return tables


def differences(found: Tables, wanted: Tables) -> list[str]:
    """The rows that only one of the two has, each on a line; empty where both are the same."""
    lines = []
    for table in sorted(found.keys() | wanted.keys()):
        one, two = (Counter(map(str, _lines(tables.get(table, [])))) for tables in (found, wanted))
        lines += [f"{table}: found {row}" for row in one - two]
        lines += [f"{table}: wanted {row}" for row in two - one]
    return lines


def _lines(rows: Any) -> list[Any]:
    return list(rows.items()) if isinstance(rows, dict) else rows


def _settled(value: Any, began: Beginning, name: str = "") -> Any:
    if isinstance(value, dict):
        return {key: _settled(held, began, key) for key, held in value.items() if key not in SURROGATES}
    if isinstance(value, list):
        return [_settled(one, began) for one in value]
    if name in {"run_id", "held_run_id"} and value is not None:
        return value if value in began.runs else "new"
    if isinstance(value, str) and TIME.fullmatch(value) and _digits(value) >= _digits(began.moment):
        return "new"
    return value


def _digits(moment: str) -> str:
    """A moment as it is compared: with all six digits of its second."""
    whole, _, rest = moment.removesuffix("+00:00").partition(".")
    return f"{whole}.{rest:0<6}"
