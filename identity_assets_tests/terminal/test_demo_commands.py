"""The commands `demo` and `ui` in processes of their own: what the demo shows, and that it leaves nothing behind."""

import json
import re
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from signal import SIGINT, SIGTERM, Signals

import dagster as dg
import psutil
import pytest

from identity_assets.demo.catalogue import Catalogue
from identity_assets.demo.station import station
from identity_assets.partition_keys import all_keys
from identity_assets.progress import LogProgress
from identity_assets.settings import Scope, Settings
from identity_assets.terminal.demo_commands import DEMO_MODULES
from identity_assets.terminal.run_pass import run_pass
from identity_assets_tests.terminal.calling import call, call_here, clean_env, command, one_line

pytestmark = pytest.mark.long

PROJECT = Path(__file__).parents[2]
REAL_CATALOGUE = PROJECT.parent / "shared" / "data" / "freemusi-cc"


@pytest.fixture(scope="module")
def demo_home() -> Iterator[Path]:
    """A home for demo databases outside pytest's directory, which a second pytest closes to other users."""
    with tempfile.TemporaryDirectory(prefix="identity-assets-test-") as folder:
        yield Path(folder) / "home"


@dataclass(frozen=True)
class OwnCatalogue:
    """A CSV of releases, one of their tracks, and how many releases, compilations and credits they hold."""

    releases: Path
    tracks: Path
    rows: int
    compilations: int
    credits: int


@pytest.fixture
def own_catalogue(tmp_path: Path) -> OwnCatalogue:
    """A real catalogue where there is one beside the project."""
    if REAL_CATALOGUE.exists():
        return OwnCatalogue(REAL_CATALOGUE / "releases.csv", REAL_CATALOGUE / "tracks.csv", 2289, 386, 6839)
    releases, tracks = tmp_path / "releases.csv", tmp_path / "tracks.csv"
    rows = [("Various Artists" if n % 10 == 0 else f"Artist {n}", f"Album {n}", n) for n in range(120)]
    releases.write_text("artist;album;id\n" + "".join(f"{a};{t};{n}\n" for a, t, n in rows), encoding="utf-8")
    credits = [(n, f"Track {n}", f"Artist {n + 1}") for n in range(0, 120, 10)]
    tracks.write_text(
        "id,title,trackartist\n" + "".join(f"{n},{t},{a}\n" for n, t, a in credits), encoding="utf-8"
    )
    return OwnCatalogue(releases, tracks, 120, 12, 12)


def number(found: str) -> int:
    return int(found.replace(",", ""))


@pytest.fixture(scope="module")
def small_demo(demo_home: Path) -> subprocess.CompletedProcess[str]:
    """A demo of 400 library rows that has ended, with --json. Its databases are under `demo_home`."""
    ended = call("demo", "--rows", "400", "--home", str(demo_home), "--json")
    assert ended.returncode == 0, ended.stderr
    return ended


def test_the_demo_prints_one_object_with_three_runs_and_the_last_run_asks_nothing(
    small_demo: subprocess.CompletedProcess[str],
) -> None:
    report = json.loads(small_demo.stdout)
    assert list(report) == ["library_rows", "runs", "seconds"]
    canonical, full, again = report["runs"]
    assert report["library_rows"] == 400 == canonical["scanned"] + full["scanned"]
    assert canonical["skipped"] == {}
    assert full["skipped"].get("compilation", 0) + full["resolved_compilation"] == 39
    assert full["skipped"]["lml_invalid_verdict"] == 8
    assert again["scanned"] == again["lml_total_calls"] == 0
    [line] = [line for line in small_demo.stderr.splitlines() if line.startswith("truly_unresolved_rows: ")]
    figures = re.fullmatch(r".*LML alone (\d+), with S1 (\d+), with S1 and S3 (\d+)", line)
    assert figures is not None
    alone, with_s1, with_s3 = map(int, figures.groups())
    assert alone > with_s1 > with_s3


def test_the_demo_leaves_rows_due_and_the_next_run_settles_them_with_every_check_passed(
    small_demo: subprocess.CompletedProcess[str], demo_home: Path
) -> None:
    left = "left due, as if a week had passed: "
    [said] = [line for line in small_demo.stderr.splitlines() if line.startswith(left)]
    counts = re.fullmatch(
        r"left due, as if a week had passed: (\d+) library rows \((\d+) resolved a week ago, "
        r"(\d+) without an identity for a week, (\d+) whose artist's name a librarian corrected"
        r"(?:, (\d+) with an answer that broke the contract)?\)",
        said,
    )
    assert counts is not None, said
    due, *parts = (int(count or 0) for count in counts.groups())
    assert due == sum(parts)
    assert all(count > 0 for count in parts[:3])
    with (
        station(
            Settings(scope=Scope.full), demo_home, lambda: Catalogue((), (), frozenset()), fresh=False
        ) as here,
        dg.DagsterInstance.from_config(str(here.dagster_home)) as instance,
    ):
        report = run_pass(here.settings, instance, all_keys(), LogProgress(say=lambda _: None))
        assert report.failures == ()
        assert report.accounts.scanned == due
        (run_id,) = report.run_ids
        evaluated = instance.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION)
    checks = [event.asset_check_evaluation_data for entry in evaluated if (event := entry.dagster_event)]
    assert len(checks) > 5
    assert [check.check_name for check in checks if not check.passed] == []


def test_the_demo_starts_afresh_on_a_csv_of_releases_with_tracks_and_prints_tables(
    demo_home: Path, own_catalogue: OwnCatalogue
) -> None:
    env = clean_env(LIBRARY_PARTITIONS="2")
    files = ("--catalog", str(own_catalogue.releases), "--tracks", str(own_catalogue.tracks))
    ended = call("demo", *files, "--home", str(demo_home), env=env)
    assert ended.returncode == 0, ended.stderr
    said = ended.stderr.splitlines()
    started = said.index(f"starting PostgreSQL and the fixture LML under {demo_home}")
    assert said[0].startswith("releases.csv: UTF-8, ")
    assert said[1].startswith(f"{own_catalogue.rows:,} releases")
    assert said[2].startswith("  row 1: artist ")
    assert any(
        line.startswith(f"{own_catalogue.credits:,} credits on {own_catalogue.compilations} compilations")
        for line in said[:started]
    )
    assert "canonical: 0 scanned = 0 resolved" in ended.stdout
    accounts = re.search(
        r"^full: ([\d,]+) scanned = ([\d,]+) resolved \+ ([\d,]+) resolved_compilation \+ ([\d,]+) unresolved \+ "
        r"([\d,]+) skipped",
        ended.stdout,
        re.MULTILINE,
    )
    assert accounts is not None, ended.stdout
    scanned, *outcomes = map(number, accounts.groups())
    assert scanned == sum(outcomes) == own_catalogue.rows
    assert "again: 0 scanned" in ended.stdout
    for row, count in (
        ("library rows", own_catalogue.rows),
        ("full: compilation", own_catalogue.compilations),
        ("track credits", own_catalogue.credits),
    ):
        assert re.search(rf"│ {row} +│ +{count:,} │", ended.stdout), ended.stdout
    shown = dict(re.findall(r"^│ (.+?) +│ +([\d,]+) │$", ended.stdout, re.MULTILINE))
    by = [
        number(shown[f"track credits: linked {how}"])
        for how in ("by LML's answers", "by a librarian", "to nobody")
    ]
    assert by[0] > 0
    assert sum(by) == own_catalogue.credits
    assert sum(name.startswith("LML's tracks: ") for name in shown) == 5
    assert "of these, truly unresolved" in ended.stdout
    assert re.search(r"^truly_unresolved_rows: LML alone \d", ended.stdout, re.MULTILINE)
    assert f"identity-assets ui --home {demo_home}" in ended.stdout.splitlines()[-1]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--catalog", "nowhere.csv"), "nowhere.csv is not there: give the path of a CSV file"),
        (("--tracks", "tracks.csv"), "describe a CSV: give its path with --catalog"),
        (("--artist-column", "x"), "describe a CSV: give its path with --catalog"),
    ],
)
def test_a_catalogue_that_cannot_be_read_is_one_line_before_anything_starts(
    tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    ended = call_here("demo", *arguments, "--home", str(tmp_path / "home"))
    assert ended.returncode == 2
    assert said in one_line(ended)
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize("interrupt", [SIGINT, SIGTERM])
def test_an_interrupted_demo_stops_everything_that_it_started(demo_home: Path, interrupt: Signals) -> None:
    began = time.monotonic()
    process = subprocess.Popen(
        command("demo", "--rows", "5000", "--home", str(demo_home)),
        env=clean_env(BATCH_SIZE="2", LML_MAX_IN_FLIGHT="1"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    assert process.stderr.readline().startswith("starting PostgreSQL")
    assert time.monotonic() - began < 5, "something must move on the screen"
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
