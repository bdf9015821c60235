"""The check `truly_unresolved_rows`: the gate report, in the UI.

The figures and the advice are backend/gate.py's; here they are only shown, and set beside the last evaluation's.
"""

import dagster as dg

from identity_assets.backend.reports.gate import REASONS, GateReport, advice, read_gate
from identity_assets.checks.findings import table
from identity_assets.resources import Backend
from identity_assets.telemetry.dagster_internals import COMPLETED_CHECK_STATUSES

KEY = dg.AssetCheckKey(dg.AssetKey("library_identity"), "truly_unresolved_rows")
FIGURES = ("total_library_rows", "unresolved_rows", "fallback_resolved_rows", "truly_unresolved_rows")


@dg.asset_check(
    asset=KEY.asset_key,
    name=KEY.name,
    description=(
        "The gate: is the backfill complete? A library row is unresolved without a main row of confidence 0.70 or "
        "more, and truly unresolved when no other release of its artist has one either (inherited ones do not "
        "count). Passes when fewer than GATE_THRESHOLD rows are; until then it warns, and is an error with "
        "GATE_ENFORCED=true. It only reads: nothing is ever held back by it."
    ),
)
def truly_unresolved_rows(
    context: dg.AssetCheckExecutionContext, backend: dg.ResourceParam[Backend]
) -> dg.AssetCheckResult:
    """Read the gate over the whole library, whatever partitions the run is about; an outage is not a FAIL."""
    settings = backend.settings
    with backend.database(context.run.run_id) as database:
        report = read_gate(database, settings.gate_threshold)
    before = _last_evaluated(context.instance)
    change = None if before is None else report.truly_unresolved_rows - before
    severity = dg.AssetCheckSeverity.ERROR if settings.gate_enforced else dg.AssetCheckSeverity.WARN
    return dg.AssetCheckResult(
        passed=report.gate_status == "PASS",
        severity=severity,
        description=f"{report.summary}{_said_change(change)}\n\n{advice(report)}",
        metadata={
            **{figure: dg.MetadataValue.int(getattr(report, figure)) for figure in FIGURES},
            "gate_status": dg.MetadataValue.text(report.gate_status),
            "threshold": dg.MetadataValue.int(report.threshold),
            **({} if change is None else {"change_since_last": dg.MetadataValue.int(change)}),
            "advice": dg.MetadataValue.md(advice(report)),
            "residual_by_reason": _residual_table(report),
            "top_artists": _artist_table(report),
            "about": dg.MetadataValue.asset(dg.AssetKey("candidate_libraries")),
        },
    )


def _last_evaluated(instance: dg.DagsterInstance) -> int | None:
    """The truly unresolved rows of the last evaluation that came to a result; None where there is none yet."""
    records = instance.event_log_storage.get_asset_check_execution_history(
        KEY, limit=1, status=COMPLETED_CHECK_STATUSES
    )
    evaluation = records[0].evaluation if records else None
    figure = evaluation.metadata.get(KEY.name) if evaluation else None
    return figure.value if isinstance(figure, dg.IntMetadataValue) else None


def _said_change(change: int | None) -> str:
    if change is None:
        return ""
    if change == 0:
        return " (as many as at the last evaluation)"
    return f" ({abs(change):,} {'more' if change > 0 else 'fewer'} than at the last evaluation)"


def _residual_table(report: GateReport) -> dg.TableMetadataValue:
    return table(
        ("reason", "library_rows", "these_are"),
        [
            {"reason": reason, "library_rows": rows, "these_are": REASONS[reason].label}
            for reason, rows in report.reasons
        ],
    )


def _artist_table(report: GateReport) -> dg.TableMetadataValue:
    return table(
        ("artist_id", "artist_name", "truly_unresolved_rows"), [vars(artist) for artist in report.top_artists]
    )


gate_checks = [truly_unresolved_rows]
