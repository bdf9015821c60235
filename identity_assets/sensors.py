"""The sensor `alert_on_change`: it tells ALERT_WEBHOOK_URL when checks and runs turn red or green again.

What a message says is in alerting.py.
"""

import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

import dagster as dg

from identity_assets.alerting import Alarms, changes, send
from identity_assets.checks.evaluation import PARTITIONS
from identity_assets.gate_trend import GATE_CHECK as GATE
from identity_assets.jobs.refresh import RUN_CHECKS
from identity_assets.partition_keys import all_keys, keys_of_words, partitions_of_run
from identity_assets.settings import settings
from identity_assets.telemetry.dagster_internals import COMPLETED_CHECK_STATUSES

INTERVAL_SECONDS = 60
RUNS_A_TICK = 500
# More than the runs of one partition that can end between two ticks.
EVALUATIONS_A_PARTITION = 2
ENDED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE]


def read_alarms(
    instance: dg.DagsterInstance, checks: Iterable[dg.AssetCheckKey], before: Alarms, ui: str | None
) -> Alarms:
    """What is red now. Of the runs, only those that have ended since `before` are read.

    A check is red if it failed with an ERROR. The gate is red whenever it fails. A check that reads only the
    partitions of its run is red until it has passed in each partition in which it failed.
    """
    until = time.time()
    runs = dict(before.runs)
    records = instance.get_run_records(
        dg.RunsFilter(statuses=ENDED, updated_after=datetime.fromtimestamp(before.runs_until, UTC)),
        limit=RUNS_A_TICK,
        order_by="update_timestamp",
        ascending=True,
    )
    if len(records) == RUNS_A_TICK:
        until = records[-1].update_timestamp.timestamp()
    for run in (record.dagster_run for record in records):
        subjects = partitions_of_run(run.tags) or [run.job_name]
        for subject in subjects:
            runs.pop(subject, None)
            if run.status is dg.DagsterRunStatus.FAILURE:
                runs[subject] = f"{subject} in {_link(ui, f'runs/{run.run_id}', run.run_id[:8])}"
    red: dict[str, str] = {}
    partitions: dict[str, dict[str, str]] = {}
    for key in checks:
        if key in RUN_CHECKS:
            partitions[key.name] = _red_partitions(instance, key, before.partitions.get(key.name, {}), ui)
            texts = list(partitions[key.name].values())
        else:
            texts = [text for evaluation in _last(instance, key, 1) if (text := _red(evaluation, key, ui))]
        if texts:
            red[key.name] = texts[0]
    return Alarms(red, runs, until, partitions)


def _last(
    instance: dg.DagsterInstance, key: dg.AssetCheckKey, evaluations: int
) -> list[dg.AssetCheckEvaluation]:
    """The last evaluations of a check, the oldest first; at most this number of them."""
    records = instance.event_log_storage.get_asset_check_execution_history(
        key, limit=evaluations, status=COMPLETED_CHECK_STATUSES
    )
    # Dagster orders them by the start of their runs. Runs side by side may end in another order.
    done = sorted(
        (record.event.timestamp, record.id, record) for record in records if record.event is not None
    )
    return [record.evaluation for *_, record in done if record.evaluation is not None]


def _red_partitions(
    instance: dg.DagsterInstance, key: dg.AssetCheckKey, before: Mapping[str, str], ui: str | None
) -> dict[str, str]:
    """The partitions in which a check of runs is red, with what to say about it.

    In each partition the last evaluation counts. `before` is what the last tick found.
    """
    keys = all_keys()
    red = {partition: text for partition, text in before.items() if partition in keys}
    for evaluation in _last(instance, key, EVALUATIONS_A_PARTITION * len(keys)):
        text = _red(evaluation, key, ui)
        read = evaluation.metadata.get(PARTITIONS)
        for partition in keys_of_words(str(read.value)) if read is not None else keys:
            red.pop(partition, None)
            if text is not None:
                red[partition] = text
    return red


def _red(evaluation: dg.AssetCheckEvaluation, key: dg.AssetCheckKey, ui: str | None) -> str | None:
    """What to say about an evaluation that is red; None for one that is green."""
    if evaluation.passed:
        return None
    if evaluation.severity is not dg.AssetCheckSeverity.ERROR and key != GATE:
        return None
    first_line = (evaluation.description or "").split("\n")[0]
    page = f"assets/{key.asset_key.to_user_string()}?view=checks"
    return f"the check {_link(ui, page, key.name)} fails: {first_line}"


def _link(ui: str | None, page: str, text: str) -> str:
    return f"<{ui.rstrip('/')}/{page}|{text}>" if ui else text


@dg.sensor(
    name="alert_on_change",
    minimum_interval_seconds=INTERVAL_SECONDS,
    default_status=(
        dg.DefaultSensorStatus.RUNNING if settings().alert_webhook_url else dg.DefaultSensorStatus.STOPPED
    ),
    description=(
        "Posts one message to ALERT_WEBHOOK_URL when the gate or another check turns red or green again, and when "
        "runs begin to fail or have stopped failing. What stays as it was is not repeated. A check that reads only "
        "the partitions of its run is green again when it has passed in each partition in which it failed."
    ),
)
def alert_on_change(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
    """One tick. If the message cannot be delivered the tick fails, and the next one sends it again."""
    here = settings()
    if here.alert_webhook_url is None:
        return dg.SkipReason("ALERT_WEBHOOK_URL is not set: no alert can be sent")
    before = Alarms.from_cursor(context.cursor) if context.cursor else Alarms(runs_until=time.time())
    keys = sorted(_checks_of(context), key=lambda key: key.name)
    after = read_alarms(context.instance, keys, before, here.dagster_ui_url)
    found = changes(before, after)
    if found:
        send(here.alert_webhook_url, found)
    said = f"{len(found)} changes reported" if found else "nothing has changed"
    return dg.SensorResult(cursor=after.to_cursor(), skip_reason=said)


def _checks_of(context: dg.SensorEvaluationContext) -> Iterable[dg.AssetCheckKey]:
    repository = context.repository_def
    return repository.asset_graph.asset_check_keys if repository else ()
