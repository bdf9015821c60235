"""How long one run of the whole library takes: `python -m benchmarks.run`.

`ours` is the process `identity-assets run --scope full --json`. `plain` is the plain baseline (`_plain`),
`floor` is the least work that writes the same rows (`_floor`). Each works on a fresh copy of the same library
in an embedded PostgreSQL, and asks the same fixture LML.
"""

from dataclasses import asdict

from benchmarks._harness import Report, arguments, finish, with_programs
from benchmarks._server import Server, server
from benchmarks._whole_run import Conditions, WholeRuns, repeated
from identity_assets.demo.catalogue import seeded_catalogue


def measure(
    postgres: Server, rows: int, repeat: int, programs: tuple[str, ...], conditions: Conditions
) -> Report:
    """Run the benchmark."""
    catalogue = seeded_catalogue(rows)
    with conditions.lml(catalogue) as lml:
        runs = repeated(WholeRuns(postgres, catalogue, lml, conditions), programs, repeat)
    lml_floor = rows * conditions.seconds_per_input / conditions.in_flight
    return Report("run", rows, asdict(conditions), runs, {"lml_floor_seconds": round(lml_floor, 2)})


def main() -> None:
    """Measure, print the table and write the JSON."""
    parser = with_programs(arguments(__doc__, rows=64_676, repeat=3))
    parser.add_argument("--seconds-per-input", type=float, default=0.0, help="LML's time for one input")
    parser.add_argument("--in-flight", type=int, default=8, help="calls in flight of ours and of the floor")
    parser.add_argument("--partitions", type=int, default=16)
    parser.add_argument(
        "--dagster-storage",
        choices=("none", "same"),
        default="none",
        help="same: Dagster keeps runs and events in the same PostgreSQL",
    )
    parser.add_argument("--tracks", action="store_true", help="LML lists tracks too; only ours writes them")
    asked = parser.parse_args()
    conditions = Conditions(
        asked.seconds_per_input, asked.in_flight, asked.partitions, asked.dagster_storage, asked.tracks
    )
    with server(asked.bindir, with_fsync=not asked.no_fsync) as postgres:
        report = measure(postgres, asked.rows, asked.repeat, asked.programs, conditions)
    finish(report, asked.json)


if __name__ == "__main__":
    main()
