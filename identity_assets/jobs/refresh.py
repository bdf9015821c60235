"""The job `refresh_library_identity`: one pass of the graph, from selecting rows to checking the result."""

import dagster as dg

from identity_assets.checks.accounts import accounts_balance
from identity_assets.checks.plausibility import KEY as ANSWERS_PLAUSIBLE
from identity_assets.checks.set_aside import rows_set_aside

# The checks that read only the partitions of their run. The other checks judge the whole library, so of several runs
# that are launched together only the last one evaluates it.
RUN_CHECKS = (ANSWERS_PLAUSIBLE, accounts_balance.key, rows_set_aside.key)

refresh_library_identity = dg.define_asset_job(
    "refresh_library_identity",
    # The evidence of legs that are off is selected too. Otherwise the UI warns that the tables depend on assets that
    # were never materialised.
    selection=dg.AssetSelection.groups("identity"),
    description="Select the library rows that are due, ask LML about them, write the answers, and check the result.",
)
