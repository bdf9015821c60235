"""A deployment as compose starts it: a schedule and a backfill go on while its servers are started again."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import make_url

from identity_assets.definitions import build_defs
from identity_assets.demo.fixture_lml import Fault, FixtureLmlThread
from identity_assets.demo.postgres import EmbeddedPostgres
from identity_assets.settings import Settings
from identity_assets_tests.deploy.instances import storage_env, write_home
from identity_assets_tests.deploy.processes import Deployment, deployment
from identity_assets_tests.support import Shelf

BACKFILL = ("00", "02")
SCHEDULED = ("05", "07")
ROWS = len(BACKFILL + SCHEDULED)
LOCATION = {"repositoryLocationName": "identity_assets", "repositoryName": "__repository__"}

LOADED = (
    """{ workspaceOrError { ... on Workspace { locationEntries { locationOrLoadError { __typename } } } } }"""
)
START_SCHEDULE = """mutation ($selector: ScheduleSelector!) {
  startSchedule(scheduleSelector: $selector) { __typename ... on PythonError { message } } }"""
LAUNCH_BACKFILL = """mutation ($params: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $params) {
    __typename ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message } } }"""
BACKFILL_STATUS = """query ($id: String!) {
  partitionBackfillOrError(backfillId: $id) { ... on PartitionBackfill { status } } }"""
RUNS = """{ runsOrError { ... on Runs { results {
  runId status startTime endTime tags { key value } assetSelection { path } } } } }"""


def put_one_row_into(shelf: Shelf, partitions: tuple[str, ...]) -> None:
    """Leave one library row in each of these partitions, and none in any other."""
    for number in range(16):
        library_id = shelf.put(f"Known {number}")
        if f"{library_id % 16:02d}" not in partitions:
            shelf.run("DELETE FROM library WHERE id = :id", id=library_id)


def runs(servers: Deployment) -> list[dict[str, Any]]:
    """All runs, each with its tags as a dict."""
    found = servers.ask(RUNS)["runsOrError"]["results"]
    return [{**run, "tags": {tag["key"]: tag["value"] for tag in run["tags"]}} for run in found]


def most_at_once(found: list[dict[str, Any]]) -> int:
    """The largest number of these runs that worked at the same moment."""
    moments = [(run["startTime"], 1) for run in found] + [(run["endTime"], -1) for run in found]
    running, most = 0, 0
    for _, change in sorted(moments):
        running += change
        most = max(most, running)
    return most


def asks_lml(run: dict[str, Any]) -> bool:
    """Whether a run has the step that asks LML. A backfill materialises `station_report` in a run of its own."""
    return run["assetSelection"] is None or {"path": ["lml_verdicts"]} in run["assetSelection"]


def launch_backfill(servers: Deployment) -> str:
    assets = build_defs().resolve_asset_graph().materializable_asset_keys
    selection = [{"path": list(key.path)} for key in assets]
    params = {"partitionNames": BACKFILL, "assetSelection": selection, "tags": []}
    launched = servers.ask(LAUNCH_BACKFILL, params=params)["launchPartitionBackfill"]
    assert launched["__typename"] == "LaunchBackfillSuccess", launched
    return str(launched["backfillId"])


@pytest.mark.deployment
def test_a_schedule_and_a_backfill_end_although_daemon_and_code_server_are_started_again(
    tmp_path: Path,
    postgres: EmbeddedPostgres,
    shelf: Shelf,
    station_settings: Settings,
    lml: FixtureLmlThread,
) -> None:
    put_one_row_into(shelf, BACKFILL + SCHEDULED)
    lml.faults.add(Fault("delay", seconds=3))
    postgres.create_database("dagster_deployment", fresh=True)
    url = make_url(postgres.url("dagster_deployment"))
    patient = {"max_user_code_failure_retries": 20, "user_code_failure_retry_delay": 2}
    write_home(
        tmp_path,
        url,
        {"run_monitoring": {"poll_interval_seconds": 2}, "run_coordinator": {"config": patient}},
    )
    variables = {
        **storage_env(url),
        "DATABASE_URL": station_settings.require_database_url().render_as_string(hide_password=False),
        "LIBRARY_METADATA_URL": station_settings.require_library_metadata_url(),
        "REFRESH_CRON": "* * * * *",
    }
    with deployment(tmp_path, variables) as servers:
        servers.wait_until(lambda: is_loaded(servers), "the code location is loaded")
        backfill = launch_backfill(servers)
        schedule = {**LOCATION, "scheduleName": "nightly_refresh"}
        started = servers.ask(START_SCHEDULE, selector=schedule)["startSchedule"]
        assert started["__typename"] == "ScheduleStateResult", started

        servers.wait_until(lambda: has_status(servers, "STARTED"), "a run works")
        servers.upgrade()
        servers.wait_until(lambda: len(shelf.tables()["main"]) == ROWS, "every row has an identity")
        servers.wait_until(lambda: all_ended(servers), "every run has ended")
        servers.wait_until(lambda: state_of(servers, backfill) != "REQUESTED", "the backfill has ended")
        state = state_of(servers, backfill)
        found = runs(servers)

    assert state == "COMPLETED_SUCCESS"
    assert {run["status"] for run in found} == {"SUCCESS"}
    assert {run["tags"].get("dagster/backfill") for run in found} == {backfill, None}
    assert {run["tags"].get("dagster/schedule_name") for run in found} == {"nightly_refresh", None}
    asking = [run for run in found if asks_lml(run)]
    assert len(asking) >= ROWS
    assert most_at_once(asking) <= 2
    asked = shelf.rows("SELECT count(*) AS asked FROM lml_verdict")[0]["asked"]
    assert asked == lml.calls.number == ROWS


def state_of(servers: Deployment, backfill: str) -> str:
    return str(servers.ask(BACKFILL_STATUS, id=backfill)["partitionBackfillOrError"]["status"])


def is_loaded(servers: Deployment) -> bool:
    entries = servers.ask(LOADED)["workspaceOrError"]["locationEntries"]
    return all(
        (entry["locationOrLoadError"] or {}).get("__typename") == "RepositoryLocation" for entry in entries
    )


def has_status(servers: Deployment, status: str) -> bool:
    return any(run["status"] == status for run in runs(servers))


def all_ended(servers: Deployment) -> bool:
    return all(run["endTime"] is not None for run in runs(servers))
