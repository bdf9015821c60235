"""How long the write takes, from stored answers to all tables: `python -m benchmarks.write`.

Every program starts from a copy of the same database, in which LML's answers are stored and nothing is written.
`ours` is the writer. `floor` is floor_write.sql: the same main, source and sidecar rows in three statements.
`plain` writes one transaction a library row (`_plain.write_all`).
"""

from collections.abc import Callable
from contextlib import closing

from benchmarks import _ours, _plain
from benchmarks._floor import FLOOR_STATEMENTS, FLOOR_WRITE
from benchmarks._harness import Report, arguments, finish, with_programs
from benchmarks._server import BACKEND, STORED, Server, measured_block, server
from benchmarks._statements import recorded
from benchmarks._whole_run import fixture_lml, written_rows
from identity_assets.demo.catalogue import seeded_catalogue


def _write_ours(postgres: Server) -> int:
    return recorded(lambda: _ours.write(postgres.settings(BACKEND)))


def _write_plain(postgres: Server) -> int:
    with closing(_plain.connect(postgres.dsn(BACKEND))) as connection:
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT verdict FROM ({_ours.STORED_ANSWERS}) AS stored ORDER BY library_id")
            results = [verdict for (verdict,) in cursor.fetchall()]
        return 1 + _plain.write_all(connection, results)


def _write_floor(postgres: Server) -> int:
    with closing(_plain.connect(postgres.dsn(BACKEND))) as connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE TEMP VIEW answer AS {_ours.STORED_ANSWERS}")
        cursor.execute(FLOOR_WRITE)
        connection.commit()
    return 1 + FLOOR_STATEMENTS


_PROGRAMS: dict[str, Callable[[Server], int]] = {
    "ours": _write_ours,
    "plain": _write_plain,
    "floor": _write_floor,
}


def measure(
    postgres: Server, rows: int, repeat: int, programs: tuple[str, ...], *, tracks: bool = False
) -> Report:
    """Run the benchmark."""
    catalogue = seeded_catalogue(rows)
    runs: dict[str, list[dict[str, float]]] = {program: [] for program in programs}
    postgres.fresh_library(catalogue, STORED)
    with fixture_lml(catalogue, tracks=tracks) as lml:
        _ours.store_answers(postgres.settings(STORED, library_metadata_url=lml.url))
    expected = None
    for _ in range(repeat):
        for program in programs:
            postgres.copy(STORED, BACKEND)
            with measured_block(postgres) as measures:
                statements = _PROGRAMS[program](postgres)
            transactions = postgres.transactions(BACKEND)
            written = written_rows(postgres, BACKEND)
            if expected not in (None, written):
                raise SystemExit(f"{program} wrote other rows than the program before: {written}, {expected}")
            expected = written
            runs[program].append({**measures, "statements": statements, "transactions": transactions})
    return Report("write", rows, {"tracks": tracks}, runs)


def main() -> None:
    """Measure, print the table and write the JSON."""
    parser = with_programs(arguments(__doc__, rows=64_676, repeat=3))
    parser.add_argument("--tracks", action="store_true", help="LML lists tracks too; only ours writes them")
    asked = parser.parse_args()
    with server(asked.bindir, with_fsync=not asked.no_fsync) as postgres:
        report = measure(postgres, asked.rows, asked.repeat, asked.programs, tracks=asked.tracks)
    finish(report, asked.json)


if __name__ == "__main__":
    main()
