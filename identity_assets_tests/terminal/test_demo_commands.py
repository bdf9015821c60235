"""The commands `demo` and `ui` in processes of their own: what the demo shows, and that it leaves nothing behind."""

import csv
import json
import re
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path
from signal import SIGINT, SIGTERM, Signals

import psutil
import pytest

from identity_assets.terminal.demo_commands import DEMO_MODULES
from identity_assets_tests.terminal.calling import call, call_here, clean_env, command, one_line

PROJECT = Path(__file__).parents[2]
REAL_CATALOGUE = PROJECT.parent / "shared" / "data" / "freemusi-cc" / "releases.csv"


@pytest.fixture(scope="module")
def demo_home() -> Iterator[Path]:
    """A home for demo databases outside pytest's directory, which a second pytest closes to other users."""
    with tempfile.TemporaryDirectory(prefix="identity-assets-test-") as folder:
        yield Path(folder) / "home"


@pytest.fixture
def catalogue_csv(tmp_path: Path) -> tuple[Path, int, int]:
    """A CSV with the columns `artist` and `album`, its releases, and how many are by various artists.

    It is a real catalogue where there is one beside the project.
    """
    if REAL_CATALOGUE.exists():
        return REAL_CATALOGUE, 2289, 386
    file = tmp_path / "releases.csv"
    with file.open("w", encoding="utf-8", newline="") as stream:
        lines = csv.writer(stream)
        lines.writerow(["artist", "album"])
        lines.writerows(
            ["Various Artists" if n % 10 == 0 else f"Artist {n}", f"Album {n}"] for n in range(120)
        )
    return file, 120, 12


def test_the_demo_prints_one_object_with_three_runs_and_the_last_run_asks_nothing(demo_home: Path) -> None:
    ended = call("demo", "--rows", "400", "--home", str(demo_home), "--json")
    assert ended.returncode == 0, ended.stderr
    report = json.loads(ended.stdout)
    assert list(report) == ["library_rows", "runs", "seconds"]
    canonical, full, again = report["runs"]
    assert report["library_rows"] == 400 == canonical["scanned"] + full["scanned"]
    assert canonical["skipped"] == {}
    assert full["skipped"] == {"compilation": 39}
    assert again["scanned"] == again["lml_total_calls"] == 0
    [line] = [line for line in ended.stderr.splitlines() if line.startswith("truly_unresolved_rows: ")]
    figures = re.fullmatch(r".*LML alone (\d+), with S1 (\d+), with S1 and S3 (\d+)", line)
    assert figures is not None
    alone, with_s1, with_s3 = map(int, figures.groups())
    assert alone > with_s1 > with_s3


def test_the_demo_starts_afresh_on_a_csv_of_releases_and_prints_tables(
    demo_home: Path, catalogue_csv: tuple[Path, int, int]
) -> None:
    file, rows, various = catalogue_csv
    columns = ("--artist-column", "artist", "--title-column", "album")
    env = clean_env(LIBRARY_PARTITIONS="2")
    ended = call("demo", "--catalog", str(file), *columns, "--home", str(demo_home), env=env)
    assert ended.returncode == 0, ended.stderr
    assert "canonical: 0 scanned = 0 resolved" in ended.stdout
    accounts = re.search(
        r"^full: ([\d,]+) scanned = ([\d,]+) resolved \+ 0 resolved_compilation \+ ([\d,]+) unresolved \+ "
        r"([\d,]+) skipped \(compilation",
        ended.stdout,
        re.MULTILINE,
    )
    assert accounts is not None, ended.stdout
    scanned, resolved, unresolved, skipped = (int(number.replace(",", "")) for number in accounts.groups())
    assert (scanned, resolved + unresolved, skipped) == (rows, rows - various, various)
    assert "again: 0 scanned" in ended.stdout
    assert re.search(rf"library rows +│ +{rows:,} ", ended.stdout)
    assert "of these, truly unresolved" in ended.stdout
    assert re.search(r"^truly_unresolved_rows: LML alone \d", ended.stdout, re.MULTILINE)
    assert f"identity-assets ui --home {demo_home}" in ended.stdout.splitlines()[-1]


@pytest.mark.parametrize("interrupt", [SIGINT, SIGTERM])
def test_an_interrupted_demo_stops_everything_that_it_started(demo_home: Path, interrupt: Signals) -> None:
    process = subprocess.Popen(
        command("demo", "--rows", "5000", "--home", str(demo_home)),
        env=clean_env(BATCH_SIZE="2", LML_MAX_IN_FLIGHT="1"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    for line in process.stderr:
        if "library rows loaded" in line:
            break
    started = psutil.Process(process.pid).children(recursive=True)
    time.sleep(1.5)
    process.send_signal(interrupt)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "again:" not in out
    _, alive = psutil.wait_procs(started, timeout=10)
    assert alive == []
    assert not (demo_home / "postgres" / "pgdata" / "postmaster.pid").exists()


@pytest.mark.parametrize("arguments", [("demo",), ("ui",)])
def test_without_the_extra_demo_the_command_says_what_to_install(
    arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    # None makes the import system report that there is no such module.
    monkeypatch.setitem(sys.modules, "psutil", None)
    ended = call_here(*arguments)
    assert ended.returncode == 1
    assert "needs psutil" in one_line(ended)
    assert "pip install 'identity-assets[demo]'" in ended.stderr


def test_the_extra_demo_installs_the_modules_that_the_demo_needs() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    packages = {re.split("[>=<]", one)[0] for one in project["optional-dependencies"]["demo"]}
    assert packages == {name.replace("_", "-") for name in DEMO_MODULES}
