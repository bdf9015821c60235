"""deploy/compose.yaml and deploy/dagster.yaml: what can be said of them without starting anything."""

from pathlib import Path

import pytest
import yaml
from sqlalchemy import make_url, text

from identity_assets.backend.database import Database
from identity_assets.demo.containers import fill
from identity_assets.demo.postgres import EmbeddedPostgres
from identity_assets.run_queue import PoolLimitedRunCoordinator
from identity_assets.settings import Settings, load_settings
from identity_assets.terminal.cli import cli
from identity_assets_tests.deploy.compose import Service, services
from identity_assets_tests.deploy.instances import DAGSTER_YAML, deployed_instance
from identity_assets_tests.deploy.known_settings import NAMES

OURS = [service for service in services().values() if service.is_ours]
BY_ENTRY_POINT = [service for service in OURS if "entrypoint" not in service.spec]
# Variables of Dagster and of the file itself; all others must be settings of ours.
NOT_SETTINGS = (
    {"DAGSTER_BACKFILL_RETRY_DEFINITION_CHANGED_ERROR"}
    | {"DAGSTER_HOME", *(f"DAGSTER_POSTGRES_{part}" for part in ("HOST", "PORT"))}
    | {f"DAGSTER_POSTGRES_{part}" for part in ("DB", "USER", "PASSWORD")}
)


def test_the_services_are_those_of_a_deployment_and_of_its_demo() -> None:
    demo = {name for name, one in services().items() if one.spec.get("profiles") == ["demo"]}
    assert demo == {"backend-postgres", "demo-fill", "demo-lml"}
    assert services().keys() - demo == {"dagster-postgres", "migrate", "code-server", "webserver", "daemon"}


@pytest.mark.parametrize("service", OURS, ids=lambda one: one.name)
def test_our_containers_cannot_write_their_file_system_and_have_no_privileges(service: Service) -> None:
    assert service.spec["read_only"] is True
    assert service.spec["tmpfs"] == ["/tmp"]
    assert service.spec["cap_drop"] == ["ALL"]


@pytest.mark.parametrize("service", BY_ENTRY_POINT, ids=lambda one: one.name)
def test_every_command_is_one_of_the_entry_point(service: Service) -> None:
    assert service.command[0] in cli.commands


@pytest.mark.parametrize("service", OURS, ids=lambda one: one.name)
def test_every_variable_is_one_that_somebody_reads_and_its_default_is_valid(service: Service) -> None:
    env = (
        service.environment({"DAGSTER_POSTGRES_PASSWORD": "secret"}) if "environment" in service.spec else {}
    )
    assert env.keys() <= NAMES | NOT_SETTINGS
    load_settings(env)


def test_only_the_webserver_is_published_and_only_on_this_machine() -> None:
    published = {name: one.spec["ports"] for name, one in services().items() if "ports" in one.spec}
    assert published == {"webserver": ["127.0.0.1:3000:3000"]}


def test_what_a_service_waits_for_exists_and_tells_when_it_is_ready() -> None:
    for service in services().values():
        for name, wish in service.spec.get("depends_on", {}).items():
            if wish["condition"] == "service_healthy":
                assert "test" in services()[name].spec["healthcheck"]


def test_the_instance_is_accepted_by_dagster_and_names_its_driver(
    tmp_path: Path, postgres: EmbeddedPostgres
) -> None:
    config = yaml.safe_load(DAGSTER_YAML.read_text(encoding="utf-8"))
    assert config["storage"]["postgres"]["postgres_db"]["scheme"] == "postgresql+psycopg2"
    with deployed_instance(tmp_path, postgres, "dagster_accepted") as instance:
        assert isinstance(instance.run_coordinator, PoolLimitedRunCoordinator)
        concurrency = instance.get_concurrency_config()
        assert concurrency.pool_config.default_pool_limit == 2
        assert str(concurrency.pool_config.pool_granularity) == "PoolGranularity.RUN"
        assert instance.run_retries_enabled
        assert not instance.run_retries_retry_on_asset_or_op_failure
        assert not instance.telemetry_enabled
        assert instance.run_monitoring_max_runtime_seconds == 4 * 3600
        assert instance.run_monitoring_settings["free_slots_after_run_end_seconds"] == 60


def test_filling_the_demo_leaves_a_database_that_has_a_backend_alone(postgres: EmbeddedPostgres) -> None:
    postgres.create_database("compose_demo", fresh=True)
    here = Settings(database_url=make_url(postgres.url("compose_demo")))
    assert fill(here, rows=20)
    assert not fill(here, rows=20)
    with Database(here, "test") as database, database.transaction() as connection:
        assert connection.execute(text("SELECT count(*) FROM library")).scalar_one() == 20
