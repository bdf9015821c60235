"""Each benchmark runs on a small library, and its report has the keys that benchmarks/README.md documents."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from sqlalchemy import text

import identity_assets
from benchmarks import gate, legs, limiter, pods, report, run, scale, tracks, write
from benchmarks._harness import Report, arguments, finish, with_programs
from benchmarks._server import BACKEND, Server
from benchmarks._statements import Names, StatementLog, large_scans
from benchmarks._whole_run import Conditions
from identity_assets.demo.postgres import EmbeddedPostgres
from identity_assets_tests.support import Shelf

pytestmark = pytest.mark.long

README = report.README.read_text(encoding="utf-8")
COSTS = {"seconds", "cpu_seconds", "postgres_cpu_seconds", "statements"}
PROCESS = {*COSTS, "resident_mib", "transactions", "lml_calls"}
PACKAGE = Path(identity_assets.__file__).parent
ALL = ("ours", "plain", "floor")


@pytest.fixture(scope="module")
def server(postgres: EmbeddedPostgres) -> Iterator[Server]:
    made = Server(postgres)
    yield made
    for name in ("backend", "stored", "filled", "discogs_cache", "dagster"):
        made.run("DROP DATABASE IF EXISTS {} WITH (FORCE)", f"benchmark_{name}")


def as_documented(made: Report, file: Path) -> Mapping[str, Any]:
    """The report's JSON; each of its keys stands in the README."""
    finish(made, file)
    read: Mapping[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    measures = {name for medians in read["median"].values() for name in medians}
    for key in {*read, *(name for name in measures if not name.startswith(("s1_", "s3_")))}:
        assert f"`{key}`" in README, f"README.md does not explain {key}"
    assert read["machine"].keys() == {"cores", "python", "load_average"}
    return read


def test_the_tracks_are_written_alike_by_each_program(server: Server, tmp_path: Path) -> None:
    read = as_documented(tracks.measure(server, 40, 1, ALL), tmp_path / "tracks.json")
    assert read["credits"] == 175
    assert read["median"]["ours"].keys() == {*COSTS, "transactions", "again_seconds"}
    assert read["median"]["plain"]["statements"] > 2 * 175 > read["median"]["ours"]["statements"]


def test_a_whole_run_of_each_program_writes_the_same_rows(server: Server, tmp_path: Path) -> None:
    conditions = Conditions(partitions=2, dagster_storage="same")
    read = as_documented(run.measure(server, 60, 1, ALL, conditions), tmp_path / "run.json")
    assert read["median"].keys() == {"ours", "plain", "floor"}
    assert read["median"]["ours"].keys() == PROCESS | {"dagster_statements"}
    assert read["median"]["plain"].keys() == read["median"]["floor"].keys() == PROCESS
    assert read["median"]["plain"]["statements"] > 60
    assert read["median"]["plain"]["transactions"] >= 60 > read["median"]["floor"]["transactions"]
    assert read["median"]["ours"]["dagster_statements"] > 0
    assert read["ratios"].keys() == {"plain / ours", "ours / floor"}


def test_the_write_of_each_program_starts_from_the_same_answers(server: Server, tmp_path: Path) -> None:
    read = as_documented(write.measure(server, 60, 1, ALL), tmp_path / "write.json")
    assert [len(runs) for runs in read["runs"].values()] == [1, 1, 1]
    assert read["median"]["ours"].keys() == COSTS | {"transactions"}


def test_the_gate_gives_the_figures_of_its_definition(server: Server, tmp_path: Path) -> None:
    read = as_documented(gate.measure(server, 300, 1), tmp_path / "gate.json")
    assert read["figures"]["total_library_rows"] == 300
    assert read["median"].keys() == {"ours", "plain", "floor"}


def test_the_legs_gather_and_write_and_then_find_nothing_new(server: Server, tmp_path: Path) -> None:
    read = as_documented(legs.measure(server, 300, 1), tmp_path / "legs.json")
    assert {"s1_seconds", "s3_seconds", "s3_again_seconds"} <= read["median"]["floor"].keys()
    assert {"s1_writing_seconds", "s3_again_gathering_seconds"} <= read["median"]["ours"].keys()


@pytest.mark.parametrize("capacity", limiter.CAPACITIES)
def test_the_limiter_is_compared_with_fixed_numbers_of_calls(capacity: str) -> None:
    found = limiter.compare(capacity, calls=8, inputs=2, seconds_per_call=0.01, numbers=(1, 2))
    assert found.fixed.keys() == {1, 2}
    assert found.limiter.unanswered == 0
    limiter.table_of([found], (1, 2))


@pytest.mark.promise("lml budget")
def test_pods_share_lml_within_its_budget_and_ask_about_no_row_twice(tmp_path: Path) -> None:
    """In a process of its own, because the number of partitions is read at import."""
    file = tmp_path / "pods.json"
    options = [
        "--rows",
        "40",
        "--partitions",
        "4",
        "--runs-at-once",
        "2",
        "--in-flight",
        "1",
        "--capacity",
        "2",
    ]
    command = [sys.executable, "-m", "benchmarks.pods", *options, "--batch-size", "5", "--json", str(file)]
    ended = subprocess.run(command, cwd=PACKAGE.parent, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr[-2000:]
    read = json.loads(file.read_text(encoding="utf-8"))
    levels = read["median"]
    assert levels.keys() == {"1 at a time", "2 at a time"}
    for key in {*read, *levels["2 at a time"]}:
        assert f"`{key}`" in README, f"README.md does not explain {key}"
    assert [one["runs_made"] for one in levels.values()] == [2, 4]
    assert levels["2 at a time"]["inputs"] == 40
    assert [one["asked_twice"] for one in levels.values()] == [0, 0]
    assert levels["1 at a time"]["most_calls_at_once"] == 1
    assert levels["2 at a time"]["most_calls_at_once"] <= levels["2 at a time"]["allowed_calls_at_once"] == 2


@pytest.mark.promise("lml budget")
@pytest.mark.parametrize(
    ("changes", "broken"),
    [
        ({}, None),
        ({"most_at_once": 5}, "LML had 5 calls in flight, and 4 are allowed"),
        ({"by_library_id": {"7": 2, "8": 1}}, "LML was asked twice about 1 library rows, such as 7"),
        ({"scanned": 2}, "of 3 library rows 2 were selected and 3 were settled"),
        ({"skipped": {"lml_error": 2}}, "of 3 library rows 3 were selected and 4 were settled"),
    ],
)
def test_the_pods_benchmark_stops_where_a_cluster_would_break_its_promises(
    changes: Mapping[str, Any], broken: str | None
) -> None:
    report = {
        "scanned": 3,
        "resolved": 1,
        "resolved_compilation": 0,
        "unresolved": 1,
        "skipped": {"lml_error": 1},
    }
    calls = {"most_at_once": 4, "by_library_id": {"7": 1, "8": 1}}
    changed = [{**one, **{key: changes[key] for key in one if key in changes}} for one in (report, calls)]
    assert pods.what_is_broken(3, 4, changed[:1], changed[1]) == broken


def test_the_levels_of_the_pods_benchmark_double_up_to_the_most() -> None:
    assert pods.levels_of(8, 64) == [(1, 2), (2, 4), (4, 8), (8, 64)]
    assert pods.levels_of(6, 5) == [(1, 2), (2, 4), (4, 5), (6, 5)]


def test_the_scale_names_each_statement_and_fits_its_growth(server: Server, tmp_path: Path) -> None:
    made = scale.measure(
        server,
        50,
        ("ours",),
        Conditions(partitions=1),
        plain_up_to=0,
        with_plans=True,
        factors=(1,),
    )
    read = as_documented(made, tmp_path / "scale.json")
    assert [size["rows"] for size in read["sizes"]] == [50]
    assert read["slopes"].keys() == COSTS | {"resident_mib"}
    files = {file.stem for file in PACKAGE.rglob("*.sql")}
    known = [one for one in read["statements"] if one["name"] in files]
    assert len(known) > 10
    assert read["statements"][0].keys() == {"name", "executions", "seconds", "slope", "large_scans"}
    scale.print_growth(Console(quiet=True), made)


def test_the_growth_of_a_statement_is_fitted_over_the_sizes_and_its_scans_are_those_of_the_largest() -> None:
    plan = {"Node Type": "Seq Scan", "Relation Name": "library"}
    often, once = "SELECT id FROM library", "SELECT count(*) FROM library"

    def size(factor: int) -> scale.Size:
        statements = [
            {
                "database": BACKEND,
                "statement": often,
                "executions": factor,
                "seconds": factor**2,
                "plan": plan,
            },
            {"database": BACKEND, "statement": once, "executions": 1, "seconds": 0.001, "plan": plan},
            {
                "database": "benchmark_dagster",
                "statement": often,
                "executions": 9,
                "seconds": 9,
                "plan": None,
            },
        ]
        return scale.Size(100 * factor, {}, statements, frozenset({"library"}))

    assert scale.growth_of([size(1), size(3), size(10)], often=5) == [
        scale.Growth(often, (1, 3, 10), (1, 9, 100), 2.0, ("library",)),
        scale.Growth(once, (1, 1, 1), (0.001, 0.001, 0.001), None, ()),
    ]


@pytest.mark.parametrize(
    ("costs", "slope"), [((2, 6, 20), 1.0), ((1, 9, 100), 2.0), ((5, 5, 5), 0.0), ((0, 0, 5), None)]
)
def test_a_slope_is_the_exponent_of_the_growth(costs: tuple[float, ...], slope: float | None) -> None:
    assert scale.slope_of((1, 3, 10), costs) == slope


def test_a_scan_of_a_large_table_is_reported_unless_it_is_allowed() -> None:
    plan = {
        "Node Type": "Nested Loop",
        "Plans": [
            {"Node Type": "Seq Scan", "Relation Name": "library"},
            {"Node Type": "Seq Scan", "Relation Name": "stage"},
            {"Node Type": "Index Scan", "Relation Name": "lml_verdict"},
        ],
    }
    assert large_scans(plan, {"library", "lml_verdict"}) == ["library"]
    statements = [{"name": "next", "large_scans": ["library"]}, {"name": "other", "large_scans": []}]
    made = Report("scale", 1, {}, {}, {"statements": statements})
    assert scale.scans_not_allowed(made, []) == ["next: library"]
    assert scale.scans_not_allowed(made, ["next"]) == []


def test_statements_are_counted_named_and_explained(shelf: Shelf) -> None:
    log = StatementLog(with_plans=True)
    with log.recording():
        for _ in range(3):
            shelf.rows("SELECT id FROM library WHERE id > :id -- a comment", id=1)
        shelf.select()
    shelf.rows("SELECT 2")
    (counted,) = (one for one in log.statements if one.statement.startswith("SELECT id"))
    assert counted.executions == 3
    assert counted.seconds > 0
    assert "Node Type" in counted.plan
    named = {Names().of(one.statement) for one in log.statements}
    assert {"select_candidates", "SELECT id FROM library WHERE id > :id"} <= named


def test_recording_leaves_no_listener_behind(shelf: Shelf) -> None:
    log = StatementLog()
    with log.recording():
        pass
    with shelf.database.transaction() as connection:
        connection.execute(text("SELECT 1"))
    assert log.statements == []


def test_ratios_are_medians_of_quotients_within_a_repetition() -> None:
    ours, plain = [1.0, 10.0, 2.0], [5.0, 20.0, 8.0]
    made = Report(
        "run", 1, {}, {"ours": [{"seconds": s} for s in ours], "plain": [{"seconds": s} for s in plain]}
    )
    assert made.ratios == {"plain / ours": 4.0}
    assert made.medians == {"ours": {"seconds": 2.0}, "plain": {"seconds": 8.0}}


def test_figures_replace_the_block_of_the_page_and_nothing_else(tmp_path: Path) -> None:
    made = Report("gate", 10, {}, {"ours": [{"seconds": 1.5}], "floor": [{"seconds": 0.5}]})
    read = as_documented(made, tmp_path / "gate.json")
    once = report.replace_figures(README, [read])
    assert "| seconds | 1.5 | 0.5 |" in once
    assert "| ours / floor | 3.00 | |" in once
    assert report.replace_figures(once, [read]) == once
    assert once.startswith(README.partition(report.BEGIN)[0])
    with pytest.raises(ValueError, match="both markers"):
        report.replace_figures("no markers", [])


def test_an_unknown_program_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    parser = with_programs(arguments("x", rows=1, repeat=1))
    assert parser.parse_args(["--programs", "ours,floor"]).programs == ("ours", "floor")
    with pytest.raises(SystemExit):
        parser.parse_args(["--programs", "theirs"])
    assert "use a comma-separated part of ours,plain,floor" in capsys.readouterr().err
