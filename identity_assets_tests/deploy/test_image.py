"""The image: the steps of the Dockerfile in an empty directory, and the command that comes out of them."""

import json
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from identity_assets import __version__
from identity_assets.demo.fixture_lml import Fault, FixtureLmlThread
from identity_assets.settings import Settings
from identity_assets.terminal.cli import cli
from identity_assets_tests.deploy.dockerfile import Build, ignored, read_stages
from identity_assets_tests.support import Shelf

BUILD, FINAL = read_stages()
USER = 10001
LARGEST_IMAGE_MB = 350
# What `docker image inspect` gives for python:3.11-slim, rounded up. The rest is ours.
BASE_IMAGE_MB = 130
POWERLESS = ("setpriv", "--bounding-set=-all,+dac_read_search", "--") if os.geteuid() == 0 else ()


@dataclass(frozen=True)
class Image:
    """The directory that the final stage copies, and a place where nobody may write."""

    root: Path
    workdir: Path

    def start(self, *arguments: str, **variables: str) -> "subprocess.Popen[str]":
        """Start the entry point without a home and without the right to write here.

        Root may write everywhere, so it gives up its capabilities, as `cap_drop: [ALL]` does in compose.yaml. It
        keeps the one to look into directories, because the tests' PostgreSQL has its socket in a closed one.
        """
        [program] = FINAL.one("ENTRYPOINT").words()
        return subprocess.Popen(
            [*POWERLESS, str(self.root / "bin" / program), *arguments],
            cwd=self.workdir,
            env={"PATH": f"{self.root}/bin:/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1", **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
        """Run the entry point to its end."""
        process = self.start(*arguments, **variables)
        out, err = process.communicate(timeout=120)
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)


@pytest.fixture(scope="module")
def image() -> Iterator[Image]:
    """The result of the first stage, which the final one copies as it is."""
    with tempfile.TemporaryDirectory(prefix="identity-assets-image-") as folder:
        root = Path(folder)
        build = Build(root)
        try:
            build.run(BUILD)
        except subprocess.CalledProcessError as error:
            pytest.fail(f"{error.cmd[-1]}\n{error.stdout}\n{error.stderr}")
        workdir = root / "read-only"
        workdir.mkdir()
        subprocess.run(["chmod", "-R", "a-w", folder], check=True)
        yield Image(build.at("/opt/identity-assets"), workdir)
        subprocess.run(["chmod", "-R", "u+w", folder], check=True)


def station_env(settings: Settings) -> dict[str, str]:
    """What a container of this station gets. The socket of PostgreSQL is opened to everybody."""
    url = settings.require_database_url()
    Path(str(url.query["host"]), ".s.PGSQL.5432").chmod(0o777)
    return {
        "DATABASE_URL": url.render_as_string(hide_password=False),
        "LIBRARY_METADATA_URL": settings.require_library_metadata_url(),
    }


def test_arguments_of_docker_run_are_arguments_of_the_command() -> None:
    assert FINAL.one("ENTRYPOINT").words() == ["identity-assets"]
    default = FINAL.one("CMD").words()
    assert default == ["run", "--json"]
    with cli.make_context("identity-assets", default):
        pass


def test_the_image_has_a_health_check_labels_and_a_user_that_is_not_root() -> None:
    assert "CMD" in FINAL.one("HEALTHCHECK").text
    labels = [name.split("=")[0] for name in FINAL.one("LABEL").words()]
    assert {"org.opencontainers.image.title", "org.opencontainers.image.licenses"} <= set(labels)
    assert FINAL.one("USER").text == f"{USER}:{USER}"
    assert f"--uid {USER}" in FINAL.one("RUN").text
    assert FINAL.one("STOPSIGNAL").text == "SIGTERM"


def test_the_image_holds_only_what_the_dockerfile_names() -> None:
    held_back = (".git", ".venv", ".demo", ".env", "identity_assets_tests", "benchmarks", "deploy", "docs")
    assert all(map(ignored, held_back))


@pytest.mark.deployment
def test_the_image_stays_small_and_is_byte_compiled(image: Image) -> None:
    files = [path for path in image.root.rglob("*") if path.is_file() and not path.is_symlink()]
    megabytes = sum(-(-path.stat().st_size // 4096) * 4096 for path in files) / 1e6
    assert megabytes + BASE_IMAGE_MB < LARGEST_IMAGE_MB, f"{megabytes:.0f} MB"
    ours = [path for path in files if path.suffix == ".py" and path.parent.name == "identity_assets"]
    compiled = {path.name.split(".")[0] for path in files if path.suffix == ".pyc"}
    assert ours
    assert {path.stem for path in ours} <= compiled


@pytest.mark.deployment
def test_the_command_needs_no_home_and_writes_nothing_beside_itself(image: Image) -> None:
    ended = image.run("--version")
    assert (ended.returncode, ended.stdout) == (0, f"identity-assets, version {__version__}\n"), ended.stderr
    assert list(image.workdir.iterdir()) == []


@pytest.mark.deployment
def test_the_image_cannot_be_written_where_the_tests_run_it(image: Image) -> None:
    for place in (image.workdir, image.root):
        assert subprocess.run(
            [*POWERLESS, "touch", place / "file"], capture_output=True, check=False
        ).returncode


@pytest.mark.deployment
@pytest.mark.parametrize("program", ["dagster", "dagster-daemon", "dagster-webserver"])
def test_the_programs_of_dagster_start_by_the_entry_point(image: Image, program: str) -> None:
    ended = image.run(program, "--version")
    assert (ended.returncode, ended.stdout.split(",")[0]) == (0, program), ended.stderr


@pytest.mark.deployment
def test_the_default_command_migrates_nothing_and_runs_one_pass(
    image: Image, shelf: Shelf, station_settings: Settings
) -> None:
    ids = shelf.put_many([f"Known {number}" for number in range(20)])
    env = station_env(station_settings)
    migrated = image.run("migrate", **env)
    assert migrated.returncode == 0, migrated.stderr
    assert "functions and views were made again" in migrated.stderr
    ended = image.run(*FINAL.one("CMD").words(), **env)
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)["resolved"] == len(ids)
    assert len(shelf.tables()["main"]) == len(ids)


@pytest.mark.deployment
def test_sigterm_ends_a_run_with_130_and_leaves_no_row_half_written(
    image: Image, shelf: Shelf, station_settings: Settings, lml: FixtureLmlThread
) -> None:
    shelf.put_many([f"Known {number}" for number in range(64)])
    lml.faults.add(Fault("delay", seconds=0.5))
    process = image.start("run", "--json", **station_env(station_settings), BATCH_SIZE="1")
    deadline = time.monotonic() + 60
    while lml.calls.number < 4 and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert json.loads(out) == {"error": "interrupted", "exit_code": 130}
    sources = {row["library_id"] for row in shelf.rows("SELECT library_id FROM library_identity_source")}
    assert sources == {row["library_id"] for row in shelf.rows("SELECT library_id FROM library_identity")}

    lml.faults.clear()
    assert image.run("run", "--json", **station_env(station_settings)).returncode == 0
    assert len(shelf.tables()["main"]) == 64
