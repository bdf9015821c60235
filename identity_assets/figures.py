"""How an asset shows its figures: the state of a partition always, what a run did only if it did something.

Dagster plots every number. A figure that is zero is therefore left out or written as text, so that a run with nothing
to do does not draw a line along the bottom of each plot.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import dagster as dg

if TYPE_CHECKING:
    from identity_assets.backend.reports.partition_states import PartitionState

RUN_TOTALS = "run_totals"


def what_was_done(counts: Mapping[str, int | float]) -> dict[str, int | float]:
    """The counts that are not zero."""
    return {name: count for name, count in counts.items() if count}


def count_or_text(count: int) -> dg.MetadataValue:
    """A number that Dagster plots; zero as text, which it does not plot."""
    return dg.MetadataValue.int(count) if count else dg.MetadataValue.text("0")


def state_of(state: "PartitionState") -> dict[str, dg.MetadataValue]:
    """The figures of one partition as it is now."""
    figures: dict[str, dg.MetadataValue] = {
        "library_rows": dg.MetadataValue.text(f"{state.library_rows:,}"),
        "resolved_share": dg.MetadataValue.float(round(state.resolved_share, 4)),
        "unresolved_rows": count_or_text(state.unresolved),
        "due_rows": count_or_text(state.due),
        "stale_rows": count_or_text(state.stale),
    }
    if state.oldest_answer_at is not None:
        figures["oldest_answer"] = dg.MetadataValue.timestamp(state.oldest_answer_at)
    return figures


def totals_table(totals: Mapping[str, int | float]) -> dg.TableMetadataValue:
    """The totals of a run as a table, without those that are zero. A page may cut the last column off: the names."""
    columns = [dg.TableColumn("total", "float"), dg.TableColumn("figure", "string")]
    return dg.MetadataValue.table(
        records=[
            dg.TableRecord(data={"total": total, "figure": name})
            for name, total in what_was_done(totals).items()
        ],
        schema=dg.TableSchema(columns=columns),
    )


def totals_of_step(event: dg.DagsterEvent) -> dict[str, int | float]:
    """The totals that a step reports once, also if it fails, by figure; empty if the event has none."""
    if event.is_step_materialization:
        return totals_in(event.step_materialization_data.materialization.metadata)
    if event.is_step_failure and event.step_failure_data.user_failure_data is not None:
        return totals_in(event.step_failure_data.user_failure_data.metadata)
    return {}


def totals_in(metadata: Mapping[str, object]) -> dict[str, int | float]:
    """The totals in the metadata of an event, by figure; empty if the event has none."""
    table = metadata.get(RUN_TOTALS)
    if not isinstance(table, dg.TableMetadataValue):
        return {}
    totals: dict[str, int | float] = {}
    for record in table.records:
        total = record.data["total"]
        assert isinstance(total, int | float)
        totals[str(record.data["figure"])] = total
    return totals
