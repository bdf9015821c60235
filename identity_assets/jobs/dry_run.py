"""The job `dry_run`: what a run would come to, as metadata of this job's run. It materialises nothing."""

from functools import partial

import dagster as dg
from pydantic import Field

from identity_assets.backend.migrate import require_migrated
from identity_assets.backend.preview import dry_run as preview
from identity_assets.backend.preview.changes import Change, ChangeKind
from identity_assets.checks.findings import table
from identity_assets.partition_keys import UnknownPartitionError, buckets_of, known_keys
from identity_assets.progress import ProgressReporter
from identity_assets.resources import Backend, Lml
from identity_assets.settings import Scope, settings
from identity_assets.telemetry.run_trace import tell_sentry

SHOWN = 20
COLUMNS = ("library_id", "artist_name", "album_title", "change", "columns")


class DryRunConfig(dg.Config):
    """What a person may choose when launching it."""

    scope: Scope | None = Field(
        default=None,
        description="canonical: rows with a canonical_entity_id; full: all. Unset: what INCLUDE_NULL_CANONICAL says.",
    )
    partitions: list[str] = Field(default=[], description="Keys such as 03. None: all partitions.")


@dg.op(pool="lml", description="Asks LML about the due library rows, and writes nothing anywhere.")
def foresee(
    context: dg.OpExecutionContext,
    config: DryRunConfig,
    backend: dg.ResourceParam[Backend],
    lml: dg.ResourceParam[Lml],
    progress: dg.ResourceParam[ProgressReporter],
) -> None:
    """See `backend.dry_run`; the figures are those of `identity-assets dry-run`."""
    try:
        buckets = buckets_of(known_keys(config.partitions))
    except UnknownPartitionError as error:
        raise dg.Failure(str(error)) from error
    scope = config.scope or backend.settings.scope
    sample: list[Change] = []

    def keep(change: Change) -> None:
        if len(sample) < SHOWN and change.kind is not ChangeKind.confirmed:
            sample.append(change)

    with backend.database_to_read(context.run.run_id) as database, lml.client() as client:
        require_migrated(database)
        stage = partial(progress.stage, context.log.info, "asking LML")
        foreseen = preview.dry_run(
            database, client, buckets, backend.settings, scope, stage=stage, on_change=keep
        )
    shown = foreseen.as_dict()
    context.log.info(
        f"nothing was written; of {shown['scanned']} library rows that are due (scope {scope}) a run would resolve "
        f"{shown['would_resolve']}, leave {shown['would_unresolved']} unresolved and skip "
        f"{sum(shown['would_skip'].values())}, after {shown['lml_total_calls']} calls to LML"
    )
    metadata = {
        **shown,
        **{f"would_be_{kind}": rows for kind, rows in foreseen.changes.items()},
        "first_changes": table(COLUMNS, map(_row, sample)),
    }
    if foreseen.failure is not None:
        raise dg.Failure(foreseen.failure, metadata=metadata) from foreseen.cause
    context.add_output_metadata(metadata)


def _row(change: Change) -> dict[str, str | int]:
    columns = "; ".join(f"{name}: {before} → {after}" for name, (before, after) in change.columns.items())
    return {
        "library_id": change.library_id,
        "artist_name": change.artist_name or "",
        "album_title": change.album_title,
        "change": str(change.kind),
        "columns": columns,
    }


@dg.job(
    hooks={tell_sentry} if settings().sentry_dsn is not None else None,
    description=(
        "Ask LML what a run would ask, and show what the run would come to. Nothing is written and nothing is "
        "materialised; the figures stand in the run's metadata."
    ),
)
def dry_run() -> None:
    """One op: a dry run writes to no asset, so it is not an asset."""
    foresee()
