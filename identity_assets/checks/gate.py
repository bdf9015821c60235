"""The check `truly_unresolved_rows`: the gate report, in the UI.

backend/reports/gate.py reads the figures and gives the advice. The check adds the change since its last
evaluation.
"""

from typing import TYPE_CHECKING

import dagster as dg

from identity_assets.checks.evaluation import Check, CheckRun, Evaluation
from identity_assets.checks.findings import table
from identity_assets.gate_trend import GATE_CHECK, gate_trend

if TYPE_CHECKING:
    from identity_assets.backend.reports.gate import GateReport

# Dagster plots every number, in the order of the names. The figure that counts comes first, and no other figure is
# plotted but the one beside it: the rest are constants or follow from these two.
PLOTTED = ("truly_unresolved_rows", "unresolved_rows")
AS_TEXT = (
    "fallback_resolved_rows",
    "total_library_rows",
    "threshold",
    "decided_none_rows",
    "compilations_with_known_tracks",
    "truly_unresolved_rows_without_them",
)


def _evaluate(run: CheckRun) -> Evaluation:
    """Read the gate over the whole library, whichever partitions the run works on."""
    from identity_assets.backend.reports.gate import advice, read_gate

    report = read_gate(run.database, run.settings.gate_threshold)
    last = gate_trend(run.context.instance, 1)
    change = report.truly_unresolved_rows - last[0].truly_unresolved_rows if last else None
    enforced = run.settings.gate_enforced
    return Evaluation(
        passed=report.gate_status == "PASS",
        severity=dg.AssetCheckSeverity.ERROR if enforced else dg.AssetCheckSeverity.WARN,
        description=f"{report.summary}{_change_in_words(change)}\n\n{advice(report)}",
        metadata={
            **{figure: dg.MetadataValue.int(getattr(report, figure)) for figure in PLOTTED},
            **{figure: dg.MetadataValue.text(f"{getattr(report, figure):,}") for figure in AS_TEXT},
            "gate_status": dg.MetadataValue.text(report.gate_status),
            **(
                {}
                if change is None
                else {"change_since_last": dg.MetadataValue.text(f"{change:+,}" if change else "0")}
            ),
            "residual_by_reason": _residual_table(report),
            "top_artists": _artist_table(report),
            "about": dg.MetadataValue.asset(dg.AssetKey("candidate_libraries")),
        },
    )


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
    GATE_CHECK.name,
    GATE_CHECK.asset_key.to_user_string(),
    "The gate: is the backfill complete? A library row is unresolved if it has no main row of confidence 0.70 or "
    "more. It is truly unresolved if no other release of its artist has such a row either (inherited rows do not "
    "count). The check passes if fewer than GATE_THRESHOLD rows are truly unresolved. Otherwise it warns, or fails "
    "with an error if GATE_ENFORCED=true. It only reads, and never holds anything back.",
    _evaluate,
)
