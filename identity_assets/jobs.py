"""The jobs: named selections of the graph that a schedule, a person or the command line launches."""

import dagster as dg

from identity_assets.dry_run_op import foresee
from identity_assets.observability import tell_sentry
from identity_assets.settings import settings

refresh_library_identity = dg.define_asset_job(
    "refresh_library_identity",
    selection=dg.AssetSelection.groups("identity"),
    description="Select the library rows that are due, ask LML about them, write what it says, and check the result.",
)

gate_report = dg.define_asset_job(
    "gate_report",
    selection=dg.AssetSelection.checks(
        dg.AssetCheckKey(dg.AssetKey("library_identity"), "truly_unresolved_rows"),
        dg.AssetCheckKey(dg.AssetKey("library_identity"), "stale_rows"),
    ),
    description="Read the gate and the staleness of the rows as they stand. Materialises nothing and asks nobody.",
)


@dg.job(
    hooks={tell_sentry} if settings().sentry_dsn is not None else None,
    description=(
        "Ask LML what a run would ask, and show what the run would come to. Nothing is written and nothing is "
        "materialised; the figures stand in the run's metadata."
    ),
)
def dry_run() -> None:
    """One op: a dry run writes to no asset, and so is none."""
    foresee()
