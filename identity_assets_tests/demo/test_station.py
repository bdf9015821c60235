"""The demo's station: what another process finds there, and what is kept from one start to the next."""

import tempfile
from pathlib import Path

import dagster as dg
import yaml

from identity_assets.demo.catalogue import Catalogue, seeded_catalogue
from identity_assets.demo.station import station
from identity_assets.settings import Settings

DEPLOY = Path(__file__).parents[2] / "deploy" / "dagster.yaml"


def never() -> Catalogue:
    raise AssertionError("the catalogue was made anew")


def test_a_station_bounds_the_runs_that_ask_and_is_found_again_as_it_was_left() -> None:
    with tempfile.TemporaryDirectory(prefix="identity-assets-test-") as folder:
        home = Path(folder)
        with station(Settings(), home, lambda: seeded_catalogue(120)) as first:
            assert first.library_rows == 120
            with dg.DagsterInstance.from_config(str(first.dagster_home)) as instance:
                limits = {pool.name: pool.limit for pool in instance.event_log_storage.get_pool_limits()}
            assert limits == {"lml": 2}
            written = yaml.safe_load((first.dagster_home / "dagster.yaml").read_text(encoding="utf-8"))
        assert written["concurrency"] == yaml.safe_load(DEPLOY.read_text(encoding="utf-8"))["concurrency"]
        with station(Settings(), home, never, fresh=False) as again:
            assert again.library_rows == 120
