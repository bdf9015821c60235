"""The blocking check `answers_plausible`: answers that cannot be true are held back before they are written.

It is a step of its own between asking and writing, and the one check that writes. The rule is in
backend/ledger/plausible.py.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import dagster as dg

from identity_assets.checks.accounts import partitions_of
from identity_assets.checks.evaluation import PARTITIONS
from identity_assets.partition_keys import Buckets, buckets_of, keys_in_words
from identity_assets.resources import Backend
from identity_assets.telemetry.run_trace import RunTrace

if TYPE_CHECKING:
    from identity_assets.backend.ledger.plausible import Plausibility

KEY = dg.AssetCheckKey(dg.AssetKey("lml_verdicts"), "answers_plausible")
REASON = (
    "A metadata service in distress answers `unresolved` for everything, with status 200. If such answers were "
    "written, LML would not be asked about the rows again for a whole window."
)
WHAT_TO_DO = (
    "Ask the people of LML whether one of its sources is down. Then `identity-assets held --drop`: LML is asked "
    "again. If the answers are right, `identity-assets held --accept`: the next run writes them without asking. The "
    "job `held_answers` does the same in the UI. Until then these rows are not asked about and keep what they have."
)


@dg.multi_asset_check(
    name=KEY.name,
    specs=[
        dg.AssetCheckSpec(
            KEY.name,
            asset=KEY.asset_key,
            blocking=True,
            description=(
                "Can LML's answers be true? Before anything is written, the check counts the identities that come "
                "back unresolved, and the rows asked about for the first time that are resolved. Outside the limits "
                "WITHDRAWN_SHARE_LIMIT and RESOLVED_SHARE_FLOOR, the answers of this pass are held back and the run "
                "fails."
            ),
        )
    ],
    description="Judges all stored answers together before they are written. Holds them back if they cannot be true.",
)
def answers_plausible(
    context: dg.AssetCheckExecutionContext,
    backend: dg.ResourceParam[Backend],
    trace: dg.ResourceParam[RunTrace],
) -> Iterator[dg.AssetCheckResult]:
    """Evaluate the check on the partitions of the run, and fail the run in one sentence."""
    from identity_assets.backend.ledger.plausible import read_plausibility

    keys = partitions_of(context)
    buckets = buckets_of(keys)
    with backend.database(context.run.run_id) as database:
        found = read_plausibility(database, buckets, backend.settings)
    yield _result(found, keys)
    if not found.is_plausible:
        _hold_back(context, backend, trace, buckets)


def _result(found: "Plausibility", partition_keys: Sequence[str]) -> dg.AssetCheckResult:
    judged = f"Of {found.waiting:,} answers, {found.figures}" if found.is_plausible else found.sentence
    todo = "Nothing." if found.is_plausible else WHAT_TO_DO
    return dg.AssetCheckResult(
        asset_key=KEY.asset_key,
        check_name=KEY.name,
        passed=found.is_plausible,
        severity=dg.AssetCheckSeverity.ERROR,
        description=f"{judged}.\n\n**What to do.** {todo}\n\n**Why it is checked.** {REASON}",
        metadata={
            **found.as_dict(),
            PARTITIONS: dg.MetadataValue.text(keys_in_words(partition_keys)),
            "about": dg.MetadataValue.asset(dg.AssetKey("lml_verdicts")),
        },
    )


def _hold_back(
    context: dg.AssetCheckExecutionContext, backend: Backend, trace: RunTrace, buckets: Buckets
) -> None:
    """Hold the answers back, and raise the error that says so."""
    from identity_assets.backend.ledger.accounts import Accounts, read_accounts
    from identity_assets.backend.ledger.plausible import require_plausible

    run_id = context.run.run_id
    with backend.database_to_write(run_id) as database, database.partitions_locked(buckets):
        try:
            require_plausible(database, buckets, backend.settings, run_id)
        finally:
            trace.record(sum(read_accounts(database, buckets, run_id).values(), Accounts()), {})
