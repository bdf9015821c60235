"""The earlier figures of the gate, as the evaluations of its check that Dagster keeps.

The gate as it is now is read in backend/reports/gate.py; the check itself is in checks/gate.py.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

import dagster as dg

from identity_assets.telemetry.dagster_internals import COMPLETED_CHECK_STATUSES

GATE_CHECK = dg.AssetCheckKey(dg.AssetKey("library_identity"), "truly_unresolved_rows")


@dataclass(frozen=True)
class GateMoment:
    """The gate's figure, in library rows, at one evaluation of the check."""

    evaluated_at: datetime
    truly_unresolved_rows: int


def gate_trend(instance: dg.DagsterInstance, evaluations: int) -> list[GateMoment]:
    """The last evaluations of the gate that were completed, the oldest first; at most this number of them."""
    records = instance.event_log_storage.get_asset_check_execution_history(
        GATE_CHECK, limit=evaluations, status=COMPLETED_CHECK_STATUSES
    )
    moments = []
    for record in reversed(records):
        figure = record.evaluation.metadata.get(GATE_CHECK.name) if record.evaluation else None
        if isinstance(figure, dg.IntMetadataValue) and figure.value is not None:
            evaluated_at = datetime.fromtimestamp(record.create_timestamp, UTC)
            moments.append(GateMoment(evaluated_at, figure.value))
    return moments
