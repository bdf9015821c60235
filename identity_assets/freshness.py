"""When a table counts as fresh in the UI: by the same windows that the selection's SQL uses.

Dagster judges an asset by its latest materialisation, of whatever partition; how old the rows are, partition by
partition, is what the check `stale_rows` reads.
"""

from datetime import timedelta

import dagster as dg

from identity_assets.settings import settings


def fresh_for(days: int) -> dg.FreshnessPolicy:
    """Fresh for so many days; a warning from a day before, where there is one."""
    fails = timedelta(days=days)
    return dg.FreshnessPolicy.time_window(
        fail_window=fails, warn_window=fails - timedelta(days=1) if days > 1 else None
    )


resolved_window = fresh_for(settings().stale_threshold_days)
unresolved_window = fresh_for(settings().unresolved_retry_days)
# A pass is wanted as soon as either window ends.
pass_window = fresh_for(min(settings().stale_threshold_days, settings().unresolved_retry_days))
