"""deploy/kubernetes and deploy/helm-values.yaml: the schemas of Kubernetes, and the launcher of dagster-k8s."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from unittest import mock

import dagster as dg
import kubernetes  # type: ignore[import-untyped]  # the package has no types
import kubernetes_validate  # type: ignore[import-untyped]  # the package has no types
import pytest
import yaml
from dagster._config import process_config
from dagster._core.code_pointer import ModuleCodePointer
from dagster._core.launcher import LaunchRunContext
from dagster._core.origin import JobPythonOrigin, RepositoryPythonOrigin
from dagster_k8s import K8sRunLauncher

from identity_assets.definitions import build_defs
from identity_assets.run_queue import PoolLimitedRunCoordinator
from identity_assets.settings import Settings, load_settings, settings
from identity_assets.terminal.cli import cli
from identity_assets_tests.deploy.dockerfile import PROJECT, read_stages
from identity_assets_tests.deploy.instances import DAGSTER_YAML
from identity_assets_tests.deploy.known_settings import NAMES

KUBERNETES = PROJECT / "deploy" / "kubernetes"
MANIFESTS = sorted(KUBERNETES.glob("*.yaml"))
VERSIONS = ("1.30.0", "1.37.0")
HELM: Mapping[str, Any] = yaml.safe_load(
    (PROJECT / "deploy" / "helm-values.yaml").read_text(encoding="utf-8")
)
INSTANCE: Mapping[str, Any] = yaml.safe_load(DAGSTER_YAML.read_text(encoding="utf-8"))
# The method has no types.
LAUNCHER_CONFIG = K8sRunLauncher.config_type()  # type: ignore[no-untyped-call]
IMAGE_USER = int(read_stages()[-1].one("USER").text.split(":")[0])


def manifest(path: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return loaded


def pod_spec(path: Path) -> dict[str, Any]:
    """The pod that a Job or a CronJob makes."""
    spec = manifest(path)["spec"]
    found: dict[str, Any] = spec.get("jobTemplate", {"spec": spec})["spec"]["template"]["spec"]
    return found


PODS = [path for path in MANIFESTS if manifest(path)["kind"] != "ConfigMap"]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.stem)
def test_every_object_is_valid_by_the_schema_of_kubernetes(path: Path, version: str) -> None:
    kubernetes_validate.validate(manifest(path), version, strict=True)


@pytest.mark.parametrize("path", PODS, ids=lambda path: path.stem)
def test_every_pod_is_unprivileged_and_limited_and_may_write_only_tmp(path: Path) -> None:
    spec = pod_spec(path)
    assert spec["securityContext"]["runAsUser"] == IMAGE_USER
    assert spec["securityContext"]["runAsNonRoot"]
    [container] = spec["containers"]
    assert container["securityContext"] == HELM["dagsterDaemon"]["securityContext"]
    assert container["securityContext"]["readOnlyRootFilesystem"]
    assert "memory" in container["resources"]["limits"]
    assert [mount["mountPath"] for mount in container["volumeMounts"]] == ["/tmp"]


@pytest.mark.parametrize("path", PODS, ids=lambda path: path.stem)
def test_every_pod_runs_a_command_of_ours_with_options_that_it_knows(path: Path) -> None:
    [container] = pod_spec(path)["containers"]
    name, *arguments = container["args"]
    command = cli.commands[name]
    with command.make_context(name, list(arguments)):
        pass
    assert "command" not in container


def test_the_config_map_holds_valid_settings_and_no_secret() -> None:
    data = manifest(KUBERNETES / "settings.yaml")["data"]
    assert data.keys() <= NAMES
    load_settings(data)
    secret = {
        one.metadata["env"]
        for one in Settings.__dataclass_fields__.values()
        if one.metadata["variable"].secret
    }
    assert data.keys() & secret <= {"LIBRARY_METADATA_URL"}


def test_the_nightly_job_runs_when_the_schedule_does_and_never_twice_at_once() -> None:
    spec = manifest(KUBERNETES / "nightly-cronjob.yaml")["spec"]
    assert spec["schedule"] == settings().refresh_cron
    assert (spec["timeZone"], spec["concurrencyPolicy"]) == ("America/New_York", "Forbid")


def test_the_instance_of_the_chart_is_that_of_compose() -> None:
    assert HELM["additionalInstanceConfig"] == {
        name: INSTANCE[name] for name in HELM["additionalInstanceConfig"]
    }
    database = INSTANCE["storage"]["postgres"]["postgres_db"]
    assert HELM["postgresql"]["postgresqlScheme"] == database["scheme"]
    assert HELM["postgresql"]["postgresqlParams"] == database["params"]
    assert HELM["telemetry"] == INSTANCE["telemetry"]
    for kind in ("schedule", "sensor"):
        assert HELM["retention"][kind]["purgeAfterDays"] == INSTANCE["retention"][kind]["purge_after_days"]
    coordinator = HELM["dagsterDaemon"]["runCoordinator"]["config"]["customRunCoordinator"]
    assert (coordinator["module"], coordinator["class"]) == (
        PoolLimitedRunCoordinator.__module__,
        PoolLimitedRunCoordinator.__name__,
    )
    assert coordinator["config"] == INSTANCE["run_coordinator"]["config"]
    assert process_config(PoolLimitedRunCoordinator.config_type(), coordinator["config"]).success


def test_a_run_pod_outlives_the_timeout_of_its_run_by_a_little() -> None:
    limit = HELM["additionalInstanceConfig"]["run_monitoring"]["max_runtime_seconds"]
    deadline = HELM["runLauncher"]["config"]["k8sRunLauncher"]["runK8sConfig"]["jobSpecConfig"]
    assert limit < deadline["activeDeadlineSeconds"] <= limit + 600


def test_no_secret_stands_in_the_values_and_every_reference_is_documented() -> None:
    text = (PROJECT / "deploy" / "helm-values.yaml").read_text(encoding="utf-8")
    assert "postgresqlPassword:" not in text
    [deployment] = HELM["dagster-user-deployments"]["deployments"]
    assert deployment["envSecrets"] == deployment["envConfigMaps"] == [{"name": "identity-assets"}]
    assert (
        deployment["envConfigMaps"][0]["name"] == manifest(KUBERNETES / "settings.yaml")["metadata"]["name"]
    )


@pytest.mark.parametrize("part", ["dagsterWebserver", "dagsterDaemon"])
def test_every_process_of_the_chart_runs_our_image(part: str) -> None:
    """The webserver and the daemon load the run coordinator of this package."""
    [deployment] = HELM["dagster-user-deployments"]["deployments"]
    assert HELM[part]["image"] == deployment["image"]
    [container] = pod_spec(PODS[0])["containers"]
    assert container["image"] == f"{deployment['image']['repository']}:{deployment['image']['tag']}"


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])([A-Z])", lambda found: f"_{found[1].lower()}", name)


def launcher_config() -> dict[str, Any]:
    """The launcher's section of dagster.yaml as the chart renders it, with the names that the chart adds."""
    values = HELM["runLauncher"]["config"]["k8sRunLauncher"]
    config = {_snake(name): value for name, value in values.items() if value != []}
    config["run_k8s_config"] = {_snake(name): value for name, value in values["runK8sConfig"].items()}
    config["security_context"] = values["securityContext"]
    return {
        **config,
        "service_account_name": "dagster",
        "instance_config_map": "dagster-instance",
        "postgres_password_secret": HELM["global"]["postgresqlSecretName"],
        "dagster_home": HELM["global"]["dagsterHome"],
        "job_namespace": "identity-assets",
    }


def test_the_launchers_configuration_is_valid_by_its_own_type() -> None:
    result = process_config(LAUNCHER_CONFIG, launcher_config())
    assert result.success, result.errors


@pytest.fixture
def kubeconfig(tmp_path: Path) -> str:
    """A cluster that nobody asks."""
    path = tmp_path / "kubeconfig"
    named = {"name": "none"}
    cluster = {**named, "cluster": {"server": "https://127.0.0.1:9"}}
    context = {**named, "context": {"cluster": "none", "user": "none"}}
    config = {"clusters": [cluster], "contexts": [context], "users": [{**named, "user": {}}]}
    path.write_text(yaml.safe_dump({**config, "current-context": "none"}), encoding="utf-8")
    return str(path)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    """An instance that another process, such as a pod, can be told of."""
    with dg.instance_for_test() as made:
        yield made


@pytest.fixture
def launched(instance: dg.DagsterInstance, kubeconfig: str) -> Any:
    """The Job that the launcher sends to Kubernetes for one run of the nightly job."""
    value = process_config(LAUNCHER_CONFIG, launcher_config()).value
    batch = mock.Mock(spec=kubernetes.client.BatchV1Api)
    launcher = K8sRunLauncher(
        **{**(value or {}), "load_incluster_config": False, "kubeconfig_file": kubeconfig},
        k8s_client_batch_api=batch,
    )
    launcher.register_instance(instance)
    repository = RepositoryPythonOrigin(
        executable_path="python",
        code_pointer=ModuleCodePointer("identity_assets.code_location", "defs"),
        container_image="identity-assets:0.1.0",
        entry_point=["dagster"],
        container_context=None,
    )
    run = instance.create_run_for_job(
        build_defs().resolve_job_def("refresh_library_identity"),
        job_code_origin=JobPythonOrigin("refresh_library_identity", repository),
    )
    launcher.launch_run(LaunchRunContext(run, workspace=None))
    body = batch.create_namespaced_job.call_args.kwargs["body"]
    return kubernetes.client.ApiClient().sanitize_for_serialization(body)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_run_becomes_one_valid_job_with_one_pod_that_runs_our_image(
    launched: dict[str, Any], version: str
) -> None:
    kubernetes_validate.validate({"apiVersion": "batch/v1", "kind": "Job", **launched}, version, strict=True)
    pod = launched["spec"]["template"]["spec"]
    [container] = pod["containers"]
    assert container["image"] == "identity-assets:0.1.0"
    assert container["args"][:3] == ["dagster", "api", "execute_run"]
    assert container["args"][0] in cli.commands
    assert container["securityContext"]["readOnlyRootFilesystem"]
    assert pod["securityContext"]["runAsUser"] == IMAGE_USER
    assert pod["terminationGracePeriodSeconds"] == 120
    assert launched["spec"].get("backoffLimit") == 0
    assert launched["spec"]["activeDeadlineSeconds"] == 14700
