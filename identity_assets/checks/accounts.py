"""The check `accounts_balance`: each candidate has exactly one outcome, and the tables agree with it.

The arithmetic of the outcomes is in backend/ledger/accounts.py.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import dagster as dg

from identity_assets.checks.evaluation import PARTITIONS, Check, CheckRun, Evaluation
from identity_assets.checks.findings import Words, evaluation_of, table
from identity_assets.figures import count_or_text
from identity_assets.partition_keys import buckets_of, keys_in_words
from identity_assets.partitions import library_partitions

if TYPE_CHECKING:
    from identity_assets.backend.ledger.accounts import Accounts

WORDS = Words(
    passed="Every candidate has exactly one outcome, and the tables agree with it.",
    failed="Candidates without an outcome, or with an outcome that the tables contradict",
    reason=(
        "Every library row that a pass selects must end in exactly one outcome, so that no row is lost unnoticed: "
        "`scanned == resolved + resolved_compilation + unresolved + skipped`. The outcome must also be true: a "
        "resolved row has a main row, an unresolved row is in `library_unresolved`, and nothing was written for a "
        "row that failed."
    ),
    what_to_do=(
        "- **pending**: the run ended before it reached these rows. Materialise `lml_verdicts` and the identity "
        "tables for their partitions: LML is not asked again for the answers that it has given.\n"
        "- **anything else**: something other than this project changed these rows after they were written, or the "
        "writer has a fault. Read `identity-assets explain LIBRARY_ID` for one of them. When the window of the row "
        "ends, LML is asked about it and the row is written again."
    ),
    about="candidate_libraries",
)


def _evaluate(run: CheckRun) -> Evaluation:
    from identity_assets.backend.ledger.accounts import Accounts, read_accounts
    from identity_assets.backend.reports.integrity import read_unbalanced

    keys = partitions_of(run.context)
    buckets = buckets_of(keys)
    finding = read_unbalanced(run.database, buckets)
    accounts = sum(read_accounts(run.database, buckets).values(), Accounts())
    return evaluation_of(
        finding,
        WORDS,
        metadata={
            PARTITIONS: dg.MetadataValue.text(keys_in_words(keys)),
            "scanned": count_or_text(accounts.scanned),
            "accounts": _accounts_table(accounts),
        },
    )


def partitions_of(context: dg.AssetCheckExecutionContext) -> Sequence[str]:
    """The partitions of the run, or all partitions if the checks were launched alone."""
    if context.has_partition_key or context.has_partition_key_range:
        return library_partitions.get_partition_keys_in_range(context.partition_key_range)
    return library_partitions.get_partition_keys()


def _accounts_table(accounts: "Accounts") -> dg.TableMetadataValue:
    rows_by_outcome = {
        "resolved": accounts.resolved,
        "resolved_compilation": accounts.resolved_compilation,
        "unresolved": accounts.unresolved,
        **{f"skipped: {reason}": rows for reason, rows in accounts.skipped.items()},
    }
    return table(
        ("outcome", "library_rows"),
        [{"outcome": outcome, "library_rows": rows} for outcome, rows in rows_by_outcome.items()],
    )


accounts_balance = Check(
    "accounts_balance",
    "library_identity",
    "Do the accounts balance? Every selected library row must have exactly one outcome (resolved, unresolved, "
    "skipped for a reason, ...), and the tables must agree with that outcome. In a run of some partitions the check "
    "reads only these partitions; otherwise it reads all of them.",
    _evaluate,
)
