"""The check `accounts_balance`: each candidate came to exactly one outcome, and the tables bear it out.

The arithmetic of the outcomes belongs in backend/accounts.py.
"""

from collections.abc import Sequence

import dagster as dg

from identity_assets.backend.ledger.accounts import Accounts, read_accounts
from identity_assets.backend.reports.integrity import read_unbalanced
from identity_assets.checks.findings import Words, result_of, table
from identity_assets.partition_keys import buckets_of
from identity_assets.partitions import library_partitions
from identity_assets.resources import Backend

WORDS = Words(
    passed="Every candidate came to exactly one outcome, and the tables bear it out.",
    failed="Candidates without an outcome, or with one that the tables deny",
    reason=(
        "Every library row that a pass selects must end in exactly one outcome, so that none is lost unseen: "
        "`scanned == resolved + resolved_compilation + unresolved + skipped`. And the outcome must be true: a "
        "resolved row has its main row, an unresolved one stands in `library_unresolved`, and where the outcome is "
        "an error nothing was written."
    ),
    what_to_do=(
        "- **pending**: the run ended before it came to these rows. Materialise `lml_verdicts` and the identity "
        "tables for their partitions: what LML has answered is not asked again.\n"
        "- **anything else**: something other than this project changed these rows after they were written, or the "
        "writer has a fault. Read `identity-assets explain LIBRARY_ID` for one of them; once its window ends, "
        "the row is asked about and written anew."
    ),
    about="candidate_libraries",
)


@dg.asset_check(
    asset="library_identity",
    description=(
        "Do the accounts balance? Every library row that was selected must have come to exactly one outcome "
        "(resolved, unresolved, skipped for a reason, ...), and that outcome must agree with what stands in the "
        "tables. Within a run of some partitions, only these are looked at; else all of them."
    ),
)
def accounts_balance(
    context: dg.AssetCheckExecutionContext, backend: dg.ResourceParam[Backend]
) -> dg.AssetCheckResult:
    """Read the candidates that do not balance, and the accounts that they are part of."""
    keys = _keys_in_question(context)
    buckets = buckets_of(keys)
    with backend.database(context.run.run_id) as database:
        finding = read_unbalanced(database, buckets)
        accounts = sum(read_accounts(database, buckets).values(), Accounts())
    return result_of(
        finding,
        WORDS,
        metadata={
            "partitions": dg.MetadataValue.text(f"{keys[0]} to {keys[-1]}" if len(keys) > 1 else keys[0]),
            "scanned": dg.MetadataValue.int(accounts.scanned),
            "accounts": _accounts_table(accounts),
        },
    )


def _keys_in_question(context: dg.AssetCheckExecutionContext) -> Sequence[str]:
    """The partitions of the run that the check is part of; all of them where it was launched by itself."""
    if context.has_partition_key or context.has_partition_key_range:
        return library_partitions.get_partition_keys_in_range(context.partition_key_range)
    return library_partitions.get_partition_keys()


def _accounts_table(accounts: Accounts) -> dg.TableMetadataValue:
    counted = {
        "resolved": accounts.resolved,
        "resolved_compilation": accounts.resolved_compilation,
        "unresolved": accounts.unresolved,
        **{f"skipped: {reason}": rows for reason, rows in accounts.skipped.items()},
    }
    return table(
        ("outcome", "library_rows"),
        [{"outcome": outcome, "library_rows": rows} for outcome, rows in counted.items()],
    )


accounts_checks = [accounts_balance]
