"""One whole run of a library by each program. `run` and `scale` use it."""

import json
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psycopg2

from benchmarks import _ours
from benchmarks._server import BACKEND, DAGSTER, Server, measured_process
from identity_assets.demo.catalogue import Catalogue
from identity_assets.demo.fixture_lml import ENDPOINT, FixtureLmlProcess, TrackSettings
from identity_assets.demo.station import bound_runs_that_ask, write_dagster_home

WRITTEN_ROWS = Path(__file__).with_name("written_rows.sql").read_text(encoding="utf-8")
FLOOR_BATCH_SIZE = 500


@dataclass(frozen=True)
class Conditions:
    """What a whole run meets: LML's speed, its calls in flight, the partitions, and where Dagster keeps its events.

    `dagster_storage` is `none` (an instance that lasts for the run) or `same` (a database of the same server).
    `tracks`: LML lists the tracks of compilations. Only `ours` writes them, so it then does more than the others.
    """

    seconds_per_input: float = 0.0
    in_flight: int = 8
    partitions: int = 16
    dagster_storage: str = "none"
    tracks: bool = False

    def lml(self, catalogue: Catalogue) -> FixtureLmlProcess:
        """The fixture LML that these runs ask."""
        return fixture_lml(catalogue, self.seconds_per_input, tracks=self.tracks)


def fixture_lml(catalogue: Catalogue, seconds_per_input: float = 0.0, *, tracks: bool) -> FixtureLmlProcess:
    """A fixture LML that knows the catalogue; without `tracks` its matcher has visited no compilation yet."""
    return FixtureLmlProcess(
        sorted(catalogue.known_artists),
        seconds_per_input=seconds_per_input,
        tracks=TrackSettings(state=None if tracks else "not_visited"),
    )


class WholeRuns:
    """Runs each program on a fresh copy of one library, and holds that all of them write the same rows."""

    def __init__(
        self, postgres: Server, catalogue: Catalogue, lml: FixtureLmlProcess, conditions: Conditions
    ) -> None:
        self._postgres = postgres
        self._catalogue = catalogue
        self._lml = lml
        self._conditions = conditions
        self._written: tuple[object, ...] | None = None

    def measure(self, program: str) -> dict[str, float]:
        """One run of `ours`, `plain` or `floor`."""
        if program == "ours":
            return self.ours()[0]
        self._prepare()
        command = [
            sys.executable,
            "-m",
            f"benchmarks._{program}",
            self._postgres.dsn(BACKEND),
            self._lml.url + ENDPOINT,
        ]
        if program == "floor":
            command += [str(self._conditions.in_flight), str(FLOOR_BATCH_SIZE)]
        measures, printed = measured_process(command, {}, self._postgres)
        return self._completed(program, measures, json.loads(printed)["statements"])

    def ours(self, *, with_plans: bool = False) -> tuple[dict[str, float], list[dict[str, Any]]]:
        """One run of this project, and the statements that it sent (`_statements.Recorded`)."""
        self._prepare()
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "statements.json"
            command = _ours.run_command(file, with_plans=with_plans)
            measures, printed = measured_process(command, self._environment(Path(folder)), self._postgres)
            statements: list[dict[str, Any]] = json.loads(file.read_text(encoding="utf-8"))
        report = json.loads(printed)
        settled = report["resolved"] + report["resolved_compilation"] + report["unresolved"]
        settled += sum(report["skipped"].values())
        if not report["scanned"] == settled == len(self._catalogue.rows):
            raise SystemExit(f"the run did not settle all {len(self._catalogue.rows)} rows: {report}")
        sent = Counter[str]()
        for one in statements:
            sent[one["database"]] += one["executions"]
        completed = self._completed("ours", measures, sent[BACKEND])
        return {**completed, "dagster_statements": sent[DAGSTER]}, statements

    def _prepare(self) -> None:
        self._postgres.fresh_library(self._catalogue)
        httpx.post(f"{self._lml.url}/_fixture/reset", trust_env=False).raise_for_status()

    def _environment(self, folder: Path) -> dict[str, str]:
        conditions = self._conditions
        environment = {
            "DATABASE_URL": self._postgres.postgres.url(BACKEND),
            "LIBRARY_METADATA_URL": self._lml.url,
            "LML_MAX_IN_FLIGHT": str(conditions.in_flight),
            "LIBRARY_PARTITIONS": str(conditions.partitions),
            "DAGSTER_HOME": "",
        }
        if conditions.dagster_storage == "same":
            self._postgres.postgres.create_database(DAGSTER, fresh=True)
            home = write_dagster_home(folder / "dagster", self._postgres.postgres.url(DAGSTER))
            bound_runs_that_ask(home)
            environment["DAGSTER_HOME"] = str(home)
        return environment

    def _completed(self, program: str, measures: dict[str, float], statements: int) -> dict[str, float]:
        """The measures, with the counts. Raises SystemExit if another program wrote other rows."""
        transactions = self._postgres.transactions(BACKEND)
        written = written_rows(self._postgres, BACKEND)
        if self._written not in (None, written):
            raise SystemExit(
                f"{program} wrote other rows than the program before: {written}, {self._written}"
            )
        self._written = written
        calls = httpx.get(f"{self._lml.url}/_fixture/calls", trust_env=False, timeout=60).json()
        counts = {"statements": statements, "transactions": transactions, "lml_calls": calls["number"]}
        return {**measures, **counts}


def written_rows(postgres: Server, database: str) -> tuple[object, ...]:
    """What stands in the identity tables, in a form that can be compared (written_rows.sql)."""
    with closing(psycopg2.connect(postgres.dsn(database))) as connection, connection.cursor() as cursor:
        cursor.execute("SET search_path = wxyc_schema")
        cursor.execute(WRITTEN_ROWS)
        return tuple(cursor.fetchone() or ())


def repeated(runs: WholeRuns, programs: Sequence[str], repeat: int) -> dict[str, list[dict[str, float]]]:
    """Each program once in each repetition, so that a busy time of the machine hits all of them."""
    found: dict[str, list[dict[str, float]]] = {program: [] for program in programs}
    for _ in range(repeat):
        for program in programs:
            found[program].append(runs.measure(program))
    return found
