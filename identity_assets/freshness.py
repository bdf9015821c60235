"""The freshness policies of the tables. They use the same windows as the SQL that selects due rows.

Dagster judges an asset by its latest materialisation of any partition. The check `stale_rows` reads the age of the
rows, partition by partition.
"""

from datetime import timedelta

import dagster as dg

from identity_assets.settings import settings


def fresh_for(days: int) -> dg.FreshnessPolicy:
    """An asset is fresh for `days` days. Dagster warns one day earlier, unless the window is a single day."""
    fail_window = timedelta(days=days)
    return dg.FreshnessPolicy.time_window(
        fail_window=fail_window, warn_window=fail_window - timedelta(days=1) if days > 1 else None
    )


resolved_window = fresh_for(settings().stale_threshold_days)
unresolved_window = fresh_for(settings().unresolved_retry_days)
# A new pass is due as soon as the shorter window ends.
pass_window = fresh_for(min(settings().stale_threshold_days, settings().unresolved_retry_days))
