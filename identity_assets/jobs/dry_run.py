"""The job `dry_run`: it predicts the outcome of a run, as metadata of its own run. It materialises nothing."""

from functools import partial
from typing import TYPE_CHECKING

import dagster as dg
from pydantic import Field

from identity_assets.checks.findings import table
from identity_assets.launch_choices import SCOPE_FIELD, AskAgainConfig, ScopeChoice
from identity_assets.partition_keys import UnknownPartitionError, buckets_of, known_keys
from identity_assets.progress import ProgressReporter
from identity_assets.resources import Backend, Lml
from identity_assets.settings import settings
from identity_assets.telemetry.failures import report_to_sentry

if TYPE_CHECKING:
    from identity_assets.backend.preview.changes import Change

SAMPLE_ROWS = 20
COLUMNS = ("library_id", "artist_name", "album_title", "change", "columns")


class DryRunConfig(AskAgainConfig):
    """What a person may choose when launching the job."""

    scope: ScopeChoice = SCOPE_FIELD
    partitions: list[str] = Field(
        default=[], description="Keys in quotes, such as '03'. Empty: all partitions."
    )


@dg.op(pool="lml", description="Asks LML about the due library rows and writes nothing.")
def predict(
    context: dg.OpExecutionContext,
    config: DryRunConfig,
    backend: dg.ResourceParam[Backend],
    lml: dg.ResourceParam[Lml],
    progress: dg.ResourceParam[ProgressReporter],
) -> None:
    """Report the figures of `identity-assets dry-run` as metadata, with the first changes as a sample."""
    from identity_assets.backend.preview import dry_run as preview
    from identity_assets.backend.preview.changes import SHOWN
    from identity_assets.backend.revision import require_migrated

    try:
        buckets = buckets_of(known_keys(config.partitions))
    except UnknownPartitionError as error:
        raise dg.Failure(str(error)) from error
    ask_again = config.chosen_answers()
    scope = config.scope.of(backend.settings)
    sample: list[Change] = []

    def keep_in_sample(change: "Change") -> None:
        if len(sample) < SAMPLE_ROWS and change.kind in SHOWN:
            sample.append(change)

    with backend.database_to_read(context.run.run_id) as database, lml.client(context.run.run_id) as client:
        require_migrated(database)
        stage = partial(progress.stage, context.log.info, "asking LML")
        prediction = preview.dry_run(
            database,
            client,
            buckets,
            backend.settings,
            scope,
            stage=stage,
            on_change=keep_in_sample,
            ask_again=ask_again,
        )
    figures = prediction.as_dict()
    context.log.info(
        f"nothing was written; {figures['scanned']} library rows are due (scope {scope}). A run would resolve "
        f"{figures['would_resolve']}, leave {figures['would_unresolved']} unresolved and skip "
        f"{sum(figures['would_skip'].values())}. LML was called {figures['lml_total_calls']} times"
    )
    for remark in prediction.remarks:
        context.log.warning(remark)
    metadata = {
        **figures,
        **{f"would_be_{kind}": rows for kind, rows in prediction.changes.items()},
        "first_changes": table(COLUMNS, map(_sample_row, sample)),
    }
    if prediction.failure is not None:
        raise dg.Failure(prediction.failure, metadata=metadata) from prediction.cause
    context.add_output_metadata(metadata)


def _sample_row(change: "Change") -> dict[str, str | int]:
    columns = "; ".join(f"{name}: {before} → {after}" for name, (before, after) in change.columns.items())
    return {
        "library_id": change.library_id,
        "artist_name": change.artist_name or "",
        "album_title": change.album_title or "",
        "change": str(change.kind),
        "columns": columns,
    }


@dg.job(
    hooks={report_to_sentry} if settings().sentry_dsn is not None else None,
    description=(
        "Ask LML everything that a run would ask, and show what the run would change. Nothing is written and nothing "
        "is materialised. The figures are in the metadata of the run."
    ),
)
def dry_run() -> None:
    """One op. A dry run writes no table, so it is not an asset."""
    predict()
