"""The check `truly_unresolved_rows`: the gate report, in the UI.

backend/reports/gate.py reads the figures and gives the advice. The check adds the change since its last evaluation.
"""

from typing import TYPE_CHECKING

import dagster as dg

from identity_assets.checks.evaluation import Check, CheckRun, Evaluation
from identity_assets.checks.findings import table
from identity_assets.telemetry.dagster_internals import COMPLETED_CHECK_STATUSES

if TYPE_CHECKING:
    from identity_assets.backend.reports.gate import GateReport

KEY = dg.AssetCheckKey(dg.AssetKey("library_identity"), "truly_unresolved_rows")
FIGURES = (
    "total_library_rows",
    "unresolved_rows",
    "fallback_resolved_rows",
    "truly_unresolved_rows",
    "compilations_with_known_tracks",
    "truly_unresolved_rows_without_them",
)


def _evaluate(run: CheckRun) -> Evaluation:
    """Read the gate over the whole library, whichever partitions the run works on."""
    from identity_assets.backend.reports.gate import advice, read_gate

    report = read_gate(run.database, run.settings.gate_threshold)
    last = _last_evaluated(run.context.instance)
    change = None if last is None else report.truly_unresolved_rows - last
    enforced = run.settings.gate_enforced
    return Evaluation(
        passed=report.gate_status == "PASS",
        severity=dg.AssetCheckSeverity.ERROR if enforced else dg.AssetCheckSeverity.WARN,
        description=f"{report.summary}{_change_in_words(change)}\n\n{advice(report)}",
        metadata={
            **{figure: dg.MetadataValue.int(getattr(report, figure)) for figure in FIGURES},
            "decided_none_rows": dg.MetadataValue.int(report.decided_none_rows),
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
    """The truly unresolved rows of the last evaluation that was completed; None if there is none."""
    records = instance.event_log_storage.get_asset_check_execution_history(
        KEY, limit=1, status=COMPLETED_CHECK_STATUSES
    )
    evaluation = records[0].evaluation if records else None
    figure = evaluation.metadata.get(KEY.name) if evaluation else None
    return figure.value if isinstance(figure, dg.IntMetadataValue) else None


def _change_in_words(change: int | None) -> str:
    if change is None:
        return ""
    if change == 0:
        return " (as many as at the last evaluation)"
    return f" ({abs(change):,} {'more' if change > 0 else 'fewer'} than at the last evaluation)"


def _residual_table(report: "GateReport") -> dg.TableMetadataValue:
    from identity_assets.backend.reports.gate import REASONS

    return table(
        ("reason", "library_rows", "these_are"),
        [
            {"reason": reason, "library_rows": rows, "these_are": REASONS[reason].label}
            for reason, rows in report.reasons
        ],
    )


def _artist_table(report: "GateReport") -> dg.TableMetadataValue:
    return table(
        ("artist_id", "artist_name", "truly_unresolved_rows"), [vars(artist) for artist in report.top_artists]
    )


truly_unresolved_rows = Check(
    KEY.name,
    KEY.asset_key.to_user_string(),
    "The gate: is the backfill complete? A library row is unresolved if it has no main row of confidence 0.70 or "
    "more. It is truly unresolved if no other release of its artist has such a row either (inherited rows do not "
    "count). The check passes if fewer than GATE_THRESHOLD rows are truly unresolved. Otherwise it warns, or fails "
    "with an error if GATE_ENFORCED=true. It only reads, and never holds anything back.",
    _evaluate,
)
