"""Alerts: what is posted to a real HTTP server when checks and runs change, and what is not."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from unittest import mock

import dagster as dg
import httpx
import pytest

from identity_assets import sensors
from identity_assets.alerting import SHOWN, Alarms, changes
from identity_assets.checks.evaluation import PARTITIONS
from identity_assets.definitions import build_defs
from identity_assets.gate_trend import GATE_CHECK as GATE
from identity_assets.partition_keys import all_keys
from identity_assets.sensors import EVALUATIONS_A_PARTITION, alert_on_change
from identity_assets.settings import Settings
from identity_assets_tests.deploy.webhook import Webhook, webhook

pytestmark = pytest.mark.long

STALE = dg.AssetCheckKey(dg.AssetKey("library_identity"), "stale_rows")
SET_ASIDE = dg.AssetCheckKey(dg.AssetKey("library_identity"), "rows_set_aside")


@pytest.fixture
def hook() -> Iterator[Webhook]:
    """A webhook that accepts every message."""
    with webhook() as made:
        yield made


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    """An instance with storage on disk, which a sensor needs."""
    with dg.instance_for_test() as made:
        yield made


class Ticks:
    """Ticks of the sensor, each with the cursor that the last one left."""

    def __init__(self, instance: dg.DagsterInstance, settings: Settings) -> None:
        self.instance = instance
        self.settings = settings
        self.cursor: str | None = None

    def tick(self) -> Any:
        context = dg.build_sensor_context(
            self.instance, cursor=self.cursor, repository_def=build_defs().get_repository_def()
        )
        with mock.patch.object(sensors, "settings", return_value=self.settings):
            result = alert_on_change(context)
        if isinstance(result, dg.SensorResult):
            self.cursor = result.cursor
        return result


@pytest.fixture
def ticks(instance: dg.DagsterInstance, hook: Webhook) -> Ticks:
    """The sensor after its first tick, which finds nothing."""
    made = Ticks(instance, Settings(alert_webhook_url=hook.url, dagster_ui_url="http://ui"))
    made.tick()
    return made


def evaluate(
    instance: dg.DagsterInstance,
    key: dg.AssetCheckKey,
    *,
    passed: bool,
    severity: str = "ERROR",
    partitions: str | None = None,
) -> None:
    """Store an evaluation of a check, which names the partitions that it has read."""
    evaluation = dg.AssetCheckEvaluation(
        key.asset_key,
        key.name,
        passed,
        {} if partitions is None else {PARTITIONS: dg.MetadataValue.text(partitions)},
        None,
        dg.AssetCheckSeverity(severity),
        f"{key.name} says so\n\nmore",
    )
    instance.report_runless_asset_event(evaluation)


def end(
    instance: dg.DagsterInstance,
    status: dg.DagsterRunStatus,
    job: str = "refresh_library_identity",
    **tags: str,
) -> str:
    """A run that has ended with this status; its id."""
    named = {f"dagster/{name}": value for name, value in tags.items()}
    run = instance.create_run_for_job(build_defs().resolve_job_def(job), tags=named)
    event = "PIPELINE_FAILURE" if status is dg.DagsterRunStatus.FAILURE else "PIPELINE_SUCCESS"
    instance.report_dagster_event(dg.DagsterEvent(event, run.job_name), run.run_id)
    return run.run_id


FAILURE, SUCCESS = dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.SUCCESS


def test_the_gate_is_reported_once_when_it_fails_and_once_when_it_passes_again(
    ticks: Ticks, hook: Webhook
) -> None:
    for _ in range(3):
        evaluate(ticks.instance, GATE, passed=False, severity="WARN")
        ticks.tick()
    assert hook.texts == [
        "identity_assets: 🔴 the check <http://ui/assets/library_identity?view=checks|truly_unresolved_rows> fails: "
        "truly_unresolved_rows says so"
    ]
    for _ in range(3):
        evaluate(ticks.instance, GATE, passed=True, severity="WARN")
        ticks.tick()
    assert hook.texts[1:] == ["identity_assets: 🟢 the check truly_unresolved_rows passes again"]


def test_a_check_that_only_warns_is_no_alert(ticks: Ticks, hook: Webhook) -> None:
    evaluate(ticks.instance, STALE, passed=False, severity="WARN")
    ticks.tick()
    assert hook.texts == []
    evaluate(ticks.instance, STALE, passed=False, severity="ERROR")
    ticks.tick()
    assert len(hook.texts) == 1


def test_a_check_of_runs_is_red_until_it_passes_in_each_partition_in_which_it_failed(
    ticks: Ticks, hook: Webhook
) -> None:
    def run(partitions: str, *, passed: bool) -> list[str]:
        evaluate(ticks.instance, SET_ASIDE, passed=passed, partitions=partitions)
        ticks.tick()
        return hook.texts

    assert len(run("03", passed=False)) == 1
    assert len(run("04", passed=True)) == 1
    # More evaluations of other partitions than a tick reads.
    for _ in range(EVALUATIONS_A_PARTITION * len(all_keys())):
        evaluate(ticks.instance, SET_ASIDE, passed=True, partitions="05")
    assert len(run("05 to 06", passed=False)) == 1
    assert len(run("00 to 04", passed=True)) == 1
    assert run("06", passed=True) == hook.texts[:1]
    assert run("05", passed=True)[1:] == ["identity_assets: 🟢 the check rows_set_aside passes again"]
    assert run("00 to 15", passed=True)[2:] == []


def test_checks_and_runs_that_change_together_are_one_message(ticks: Ticks, hook: Webhook) -> None:
    evaluate(ticks.instance, STALE, passed=False)
    evaluate(ticks.instance, GATE, passed=False)
    end(ticks.instance, FAILURE, partition="03")
    ticks.tick()
    [text] = hook.texts
    assert len(text.splitlines()) == 3


def test_a_night_of_failing_runs_is_one_message_and_its_end_another(ticks: Ticks, hook: Webhook) -> None:
    first = end(ticks.instance, FAILURE, partition="03")
    end(ticks.instance, FAILURE, asset_partition_range_start="05", asset_partition_range_end="06")
    ticks.tick()
    end(ticks.instance, FAILURE, partition="07")
    end(ticks.instance, SUCCESS, partition="08")
    ticks.tick()
    [text] = hook.texts
    assert text.startswith(
        f"identity_assets: 🔴 runs fail: 03 in <http://ui/runs/{first}|{first[:8]}>; 05 in"
    )

    end(ticks.instance, SUCCESS, partition="03")
    ticks.tick()
    assert len(hook.texts) == 1
    end(ticks.instance, SUCCESS, asset_partition_range_start="00", asset_partition_range_end="15")
    ticks.tick()
    assert hook.texts[1:] == ["identity_assets: 🟢 the runs that had failed have succeeded since"]


def test_a_run_without_a_partition_is_known_by_its_job(ticks: Ticks, hook: Webhook) -> None:
    end(ticks.instance, FAILURE, job="gate_report")
    end(ticks.instance, SUCCESS, partition="03")
    ticks.tick()
    assert "🔴 runs fail: gate_report in" in hook.texts[0]


def test_what_failed_before_the_first_tick_is_not_reported(
    instance: dg.DagsterInstance, hook: Webhook
) -> None:
    end(instance, FAILURE, partition="03")
    ticks = Ticks(instance, Settings(alert_webhook_url=hook.url))
    ticks.tick()
    ticks.tick()
    assert hook.texts == []


def test_a_message_that_is_not_accepted_is_sent_again_by_the_next_tick(ticks: Ticks, hook: Webhook) -> None:
    evaluate(ticks.instance, STALE, passed=False)
    hook.status = 500
    with pytest.raises(httpx.HTTPStatusError):
        ticks.tick()
    hook.status = 200
    ticks.tick()
    ticks.tick()
    assert len(hook.texts) == 1


def test_without_an_address_nothing_is_sent_and_the_sensor_says_why(ticks: Ticks, hook: Webhook) -> None:
    ticks.settings = replace(ticks.settings, alert_webhook_url=None)
    evaluate(ticks.instance, STALE, passed=False)
    assert ticks.tick().skip_message == "ALERT_WEBHOOK_URL is not set: no alert can be sent"
    assert hook.texts == []
    assert alert_on_change.default_status is dg.DefaultSensorStatus.STOPPED


def test_only_some_of_many_failures_are_named() -> None:
    many = {f"{number:02d}": f"{number:02d} in x" for number in range(16)}
    [sentence] = changes(Alarms(), Alarms(runs=many))
    assert sentence.endswith(f"04 in x; {16 - SHOWN} more")


def test_a_cursor_is_read_as_it_was_written() -> None:
    alarms = Alarms({"gate": "red"}, {"03": "red"}, 12.5)
    assert Alarms.from_cursor(alarms.to_cursor()) == alarms
