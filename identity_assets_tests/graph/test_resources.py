"""The resources in Dagster: filled by environment variables, with no value of them in Dagster's storage."""

import os
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from identity_assets.code_links import CODE_REFERENCES, with_code_links
from identity_assets.definitions import build_defs
from identity_assets.demo.postgres import EmbeddedPostgres
from identity_assets.demo.station import write_dagster_home
from identity_assets.environment_resources import (
    BackendResource,
    DiscogsResource,
    LmlResource,
    environment_resources,
    settings_of,
)
from identity_assets.resources import Backend
from identity_assets.settings import Settings, SettingsError, load_settings

RESOURCES = (BackendResource, LmlResource, DiscogsResource)


def test_backend_lml_and_discogs_are_configurable_resources() -> None:
    made = environment_resources()
    assert [isinstance(made[name], dg.ConfigurableResource) for name in ("backend", "lml", "discogs")] == [
        True
    ] * 3


@pytest.mark.parametrize("resource", RESOURCES)
def test_every_field_names_its_variable_and_what_it_takes(
    resource: type[dg.ConfigurableResource[Any]],
) -> None:
    for name, field in resource.model_fields.items():
        variable, rest = (field.description or "").split(": ", 1)
        assert variable.isupper(), name
        assert " It takes " in rest


def test_a_field_of_a_variable_that_is_set_holds_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://anna:hunter2@db/backend")
    monkeypatch.delenv("GATE_THRESHOLD", raising=False)
    backend = environment_resources()["backend"]
    assert isinstance(backend, BackendResource)
    assert backend.database_url == dg.EnvVar("DATABASE_URL")
    assert backend.gate_threshold is None


def test_without_a_field_the_settings_are_those_of_the_environment() -> None:
    assert settings_of(BackendResource()) == load_settings(os.environ)


def test_a_field_takes_the_place_of_its_variable_and_a_bad_one_is_one_line() -> None:
    assert settings_of(BackendResource(gate_threshold="7")).gate_threshold == 7
    with pytest.raises(
        SettingsError, match=r"^BATCH_SIZE='many' is not valid: it takes a whole number from 1 to 1000$"
    ):
        settings_of(LmlResource(batch_size="many"))


@pytest.mark.promise("secrets")
def test_a_step_gets_the_backend_of_the_environment_and_no_secret_reaches_dagsters_storage(
    postgres: EmbeddedPostgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Settings] = []

    @dg.asset
    def uses(backend: dg.ResourceParam[Backend]) -> None:
        seen.append(backend.settings)

    monkeypatch.setenv("DATABASE_URL", "postgresql://anna:hunter2@db/backend")
    monkeypatch.setenv("LML_API_KEY", "hunter3")
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    postgres.create_database("dagster_storage", fresh=True)
    write_dagster_home(tmp_path, postgres.url("dagster_storage"))
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        ended = dg.materialize([uses], instance=instance, resources=environment_resources())
        snapshot_id = ended.dagster_run.job_snapshot_id
        assert snapshot_id is not None
        stored = repr(
            (instance.get_job_snapshot(snapshot_id), instance.all_logs(ended.run_id), ended.dagster_run)
        )
    assert seen[0].require_database_url().password == "hunter2"
    assert "DATABASE_URL" in stored
    assert "hunter2" not in stored
    assert "hunter3" not in stored


def test_code_links_go_to_the_repository_if_its_address_is_given() -> None:
    asset = build_defs().resolve_assets_def("candidate_libraries")
    plain = asset.map_asset_specs(lambda spec: spec.replace_attributes(metadata={}))
    [linked] = with_code_links([plain], "https://git.example/station/blob/main/")
    found = linked.metadata_by_key[dg.AssetKey("candidate_libraries")][CODE_REFERENCES]
    [reference] = found.code_references
    assert isinstance(reference, dg.UrlCodeReference)
    start = "https://git.example/station/blob/main/identity_assets/assets/candidate_libraries.py#L"
    assert reference.url.startswith(start)
    [local] = with_code_links([plain], None)
    [reference] = local.metadata_by_key[dg.AssetKey("candidate_libraries")][CODE_REFERENCES].code_references
    assert isinstance(reference, dg.LocalFileCodeReference)
