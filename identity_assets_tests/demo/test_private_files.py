"""The demo's files are its owner's alone, whatever the umask of the shell."""

import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from identity_assets.demo.catalogue import Catalogue
from identity_assets.demo.station import environment_file, station
from identity_assets.settings import Settings


@pytest.fixture(params=[0o000, 0o022, 0o077], ids=oct)
def _umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.promise("secrets")
@pytest.mark.usefixtures("_umask")
def test_only_the_owner_reads_the_files_of_the_demo() -> None:
    with tempfile.TemporaryDirectory(prefix="identity-assets-test-") as folder:
        home = Path(folder, "home")
        with (
            station(Settings(), home, lambda: Catalogue((), (), frozenset())) as here,
            environment_file(here, home) as env,
        ):
            assert "DATABASE_URL" in env.read_text(encoding="utf-8")
            # As root, PostgreSQL's own user passes through this folder; nobody but its owner writes there.
            for one in (home, home / "postgres"):
                assert not mode(one) & 0o022
                assert os.geteuid() == 0 or mode(one) == 0o700
            assert mode(here.dagster_home) == mode(home / "postgres" / "pgdata") == 0o700
            files = [one for one in home.rglob("*") if one.is_file() and "pgdata" not in one.parts]
            assert {"env", "dagster.yaml", "lml_knowledge.json"} <= {one.name for one in files}
            open_to_others = {
                one.relative_to(home)
                for one in files
                if mode(one) & 0o077 and here.dagster_home not in one.parents
            }
            assert open_to_others <= {Path("postgres", "owner.lock")}
            assert {mode(here.dagster_home / "dagster.yaml"), mode(env)} == {0o600}
