"""How the cost grows with the library: `python -m benchmarks.scale`.

It runs the whole job at `--rows` times 1, 3 and 10, and fits `cost = a * rows ** slope` to each figure: a
slope of 1 grows as the rows do. For each SQL statement it reports executions, seconds and slope. With
`--plans` it reports the statements that run more than twice a partition and read a large table by a
sequential scan, at the largest size.
"""

import argparse
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from math import log
from typing import Any

import psycopg2
from rich.console import Console
from rich.table import Table

from benchmarks._harness import Report, arguments, finish, with_programs
from benchmarks._server import BACKEND, Server, server
from benchmarks._statements import Names, large_scans
from benchmarks._whole_run import Conditions, WholeRuns
from identity_assets.demo.catalogue import seeded_catalogue

FACTORS = (1, 3, 10)
LARGE_TABLE_SHARE = 0.1
"""A table with more rows than this share of the library is large."""


@dataclass(frozen=True)
class Growth:
    """One statement at each size: its executions and its seconds, and the slope of the seconds.

    `slope` is None for a statement that takes less than a hundredth of a second at the largest size, or that does not
    run at each size. `large_scans` are the large tables that its plan reads as a whole at the largest size.
    """

    name: str
    executions: tuple[int, ...]
    seconds: tuple[float, ...]
    slope: float | None
    large_scans: tuple[str, ...] = ()


def slope_of(sizes: Sequence[float], costs: Sequence[float]) -> float | None:
    """The exponent of the best-fitting power law, by least squares of the logs. None for fewer than two points."""
    points = [(log(size), log(cost)) for size, cost in zip(sizes, costs, strict=True) if cost > 0]
    if len(points) < 2:
        return None
    mean_x = sum(x for x, _ in points) / len(points)
    mean_y = sum(y for _, y in points) / len(points)
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    return round(sum((x - mean_x) * (y - mean_y) for x, y in points) / spread, 2) if spread else None


@dataclass(frozen=True)
class Size:
    """One size: the measures of each program, the statements of ours, and the tables that are large."""

    rows: int
    measures: Mapping[str, Mapping[str, float]]
    statements: Sequence[Mapping[str, Any]]
    large_tables: frozenset[str]


def _at_size(
    postgres: Server, rows: int, programs: Iterable[str], conditions: Conditions, *, with_plans: bool
) -> Size:
    catalogue = seeded_catalogue(rows)
    with conditions.lml(catalogue) as lml:
        runs = WholeRuns(postgres, catalogue, lml, conditions)
        measures = {program: runs.measure(program) for program in programs if program != "ours"}
        measures["ours"], statements = runs.ours(with_plans=with_plans)
        return Size(rows, measures, statements, _large_tables(postgres, rows * LARGE_TABLE_SHARE))


def _large_tables(postgres: Server, rows: float) -> frozenset[str]:
    with closing(psycopg2.connect(postgres.dsn(BACKEND))) as connection, connection.cursor() as cursor:
        cursor.execute("ANALYZE")
        cursor.execute("SELECT relname FROM pg_class WHERE relkind = 'r' AND reltuples > %s", (rows,))
        return frozenset(name for (name,) in cursor.fetchall())


def growth_of(sizes: Sequence[Size], often: int) -> list[Growth]:
    """Each statement of the package at each size, the slowest at the largest size first.

    Scans of large tables are reported for statements with more than `often` executions at the largest size.
    """
    names = Names()
    executions = [Counter[str]() for _ in sizes]
    seconds = [Counter[str]() for _ in sizes]
    scans = defaultdict[str, set[str]](set)
    for place, size in enumerate(sizes):
        for one in size.statements:
            if one["database"] == BACKEND:
                name = names.of(one["statement"])
                executions[place][name] += one["executions"]
                seconds[place][name] += one["seconds"]
                if one["plan"] and size is sizes[-1]:
                    scans[name] |= set(large_scans(one["plan"], set(size.large_tables)))
    found = []
    for name in sorted(seconds[-1], key=lambda name: -seconds[-1][name]):
        costs = tuple(round(float(one[name]), 4) for one in seconds)
        measurable = costs[-1] >= 0.01 and all(one[name] for one in executions)
        found.append(
            Growth(
                name,
                tuple(one[name] for one in executions),
                costs,
                slope_of([size.rows for size in sizes], costs) if measurable else None,
                tuple(sorted(scans[name])) if executions[-1][name] > often else (),
            )
        )
    return found


def measure(
    postgres: Server,
    rows: int,
    programs: Sequence[str],
    conditions: Conditions,
    *,
    plain_up_to: int,
    with_plans: bool,
    factors: Sequence[int] = FACTORS,
) -> Report:
    """Run the benchmark. `runs` of the report holds the smallest size; `sizes` holds all of them."""
    sizes = []
    for factor in factors:
        chosen = [one for one in programs if one != "plain" or rows * factor <= plain_up_to]
        sizes.append(_at_size(postgres, rows * factor, chosen, conditions, with_plans=with_plans))
    names = ("seconds", "cpu_seconds", "postgres_cpu_seconds", "resident_mib", "statements")
    all_rows = [size.rows for size in sizes]
    slopes = {name: slope_of(all_rows, [size.measures["ours"][name] for size in sizes]) for name in names}
    statements = growth_of(sizes, 2 * conditions.partitions)
    return Report(
        "scale",
        rows,
        {**asdict(conditions), "factors": list(factors), "plans": with_plans},
        {"ours": [sizes[0].measures["ours"]]}
        | {program: [sizes[0].measures[program]] for program in programs if program in sizes[0].measures},
        {
            "sizes": [{"rows": size.rows, **size.measures} for size in sizes],
            "slopes": slopes,
            "statements": [asdict(one) for one in statements],
        },
    )


def scans_not_allowed(report: Report, allowed: Sequence[str]) -> list[str]:
    """The statements of the report that scan a large table and are not on the list, as `name: table, table`."""
    statements: Any = report.details["statements"]
    return [
        f"{one['name']}: {', '.join(one['large_scans'])}"
        for one in statements
        if one["large_scans"] and one["name"] not in allowed
    ]


def print_growth(console: Console, report: Report) -> None:
    """Print the figures at each size, and the statements that take the most time."""
    sizes: Any = report.details["sizes"]
    slopes: Any = report.details["slopes"]
    figures = Table(title="ours, by size")
    figures.add_column("")
    for size in sizes:
        figures.add_column(f"{size['rows']:,} rows", justify="right")
    figures.add_column("slope", justify="right")
    for name, slope in slopes.items():
        figures.add_row(name, *(f"{size['ours'][name]:,.1f}" for size in sizes), _shown(slope))
    console.print(figures)
    statements: Any = report.details["statements"]
    table = Table(title="statements of ours, seconds in all (executions)")
    table.add_column("")
    for size in sizes:
        table.add_column(f"{size['rows']:,} rows", justify="right")
    table.add_column("slope", justify="right")
    for one in statements[:30]:
        cells = (f"{s:.2f} ({n:,})" for s, n in zip(one["seconds"], one["executions"], strict=True))
        table.add_row(one["name"], *cells, _shown(one["slope"]))
    console.print(table)


def _shown(slope: float | None) -> str:
    return "-" if slope is None else f"{slope:.2f}"


def _parser() -> argparse.ArgumentParser:
    parser = with_programs(arguments(__doc__, rows=64_676, repeat=None))
    parser.add_argument(
        "--plain-up-to", type=int, default=64_676, help="no plain baseline beyond so many rows"
    )
    parser.add_argument(
        "--plans", action="store_true", help="report sequential scans; exit code 1 if there are any"
    )
    parser.add_argument(
        "--allow", default="", metavar="NAMES", help="statements that may scan, comma-separated"
    )
    return parser


def main() -> None:
    """Measure, print the tables and write the JSON."""
    asked = _parser().parse_args()
    with server(asked.bindir, with_fsync=not asked.no_fsync) as postgres:
        report = measure(
            postgres,
            asked.rows,
            asked.programs,
            Conditions(),
            plain_up_to=asked.plain_up_to,
            with_plans=asked.plans,
        )
    finish(report, asked.json)
    print_growth(Console(), report)
    if asked.plans and (scans := scans_not_allowed(report, asked.allow.split(","))):
        raise SystemExit("sequential scans of large tables:\n" + "\n".join(scans))


if __name__ == "__main__":
    main()
