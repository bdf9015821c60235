"""Dagster instances made from deploy/dagster.yaml, with storage in the embedded PostgreSQL of the tests."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import dagster as dg
import yaml
from sqlalchemy import URL, make_url

from identity_assets.demo.postgres import EmbeddedPostgres
from identity_assets_tests.deploy.dockerfile import PROJECT

DAGSTER_YAML = PROJECT / "deploy" / "dagster.yaml"


def storage_env(url: URL) -> dict[str, str]:
    """The variables of dagster.yaml for a server on a unix socket: the directory stands where a host would."""
    host = url.host or str(url.query.get("host", ""))
    return {
        "DAGSTER_POSTGRES_HOST": "" if host.startswith("/") else host,
        "DAGSTER_POSTGRES_PORT": str(url.port or 5432),
        "DAGSTER_POSTGRES_DB": url.database or "",
        "DAGSTER_POSTGRES_USER": url.username or "",
        "DAGSTER_POSTGRES_PASSWORD": url.password or "none",
    }


def write_home(home: Path, url: URL, changes: Mapping[str, Mapping[str, object]] | None = None) -> None:
    """Write the deployed dagster.yaml into this home, with the socket of the tests and these changes by section."""
    config = yaml.safe_load(DAGSTER_YAML.read_text(encoding="utf-8"))
    host = url.host or url.query.get("host")
    if host and str(host).startswith("/"):
        config["storage"]["postgres"]["postgres_db"]["params"]["host"] = str(host)
    config["local_artifact_storage"]["config"]["base_dir"] = str(home / "artifacts")
    for section, values in (changes or {}).items():
        config[section].update(values)
    (home / "dagster.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")


@contextmanager
def deployed_instance(home: Path, postgres: EmbeddedPostgres, database: str) -> Iterator[dg.DagsterInstance]:
    """The deployed instance on a new database of this server."""
    postgres.create_database(database, fresh=True)
    url = make_url(postgres.url(database))
    write_home(home, url)
    with (
        mock.patch.dict(os.environ, storage_env(url)),
        dg.DagsterInstance.from_config(str(home)) as instance,
    ):
        yield instance
