"""The check `rows_set_aside`: did LML or the database fail for some of the rows of this pass?

The outcomes that count are in backend/reports/integrity.py.
"""

from dataclasses import replace

import dagster as dg

from identity_assets.checks.accounts import partitions_of
from identity_assets.checks.evaluation import PARTITIONS, Check, CheckRun, Evaluation
from identity_assets.checks.findings import Words, evaluation_of
from identity_assets.figures import count_or_text
from identity_assets.partition_keys import buckets_of, keys_in_words
from identity_assets.wording import counted_reasons

WORDS = Words(
    passed="No row of the pass was set aside because of a fault.",
    failed="Library rows that were set aside because of a fault",
    reason=(
        "One bad answer, or one row that the database refuses, does not stop a run: the row is set aside with its "
        "reason, and the rest is written. So a run can end well although it wrote little or nothing. Above "
        "`SET_ASIDE_SHARE_LIMIT` of the scanned rows this check is an ERROR, and `identity-assets run` ends with "
        "exit code 3."
    ),
    what_to_do=(
        "- **lml_error**, **lml_cardinality_mismatch**: LML failed on these rows or left them out. They stay due, "
        "and the next run asks again.\n"
        "- **lml_invalid_verdict**, **lml_untrusted_library_id**: the answer breaks the contract. Report the reasons "
        "to the people of LML. The rows are asked about again after `INVALID_RETRY_DAYS`.\n"
        "- **writer_error**, **leg_refused**: the database refused these rows. Remove the cause that the reason "
        "names. Then `identity-assets replay --rejected` writes the stored answers. The legs try again in each "
        "run.\n\n"
        "`identity-assets rows --outcome writer_error` lists all rows with this outcome."
    ),
    about="candidate_libraries",
)


def _evaluate(run: CheckRun) -> Evaluation:
    from identity_assets.backend.ledger.accounts import Accounts, read_accounts
    from identity_assets.backend.reports.integrity import SET_ASIDE, read_set_aside

    keys = partitions_of(run.context)
    buckets = buckets_of(keys)
    finding = read_set_aside(run.database, buckets)
    accounts = sum(read_accounts(run.database, buckets).values(), Accounts())
    counts = {outcome: accounts.skipped.get(outcome, 0) for outcome in SET_ASIDE}
    scanned, set_aside = accounts.scanned, sum(counts.values())
    counts["leg_refused"] = max(0, finding.count - set_aside)
    share = set_aside / scanned if scanned else 0.0
    is_error = share > run.settings.set_aside_share_limit
    said = f"{WORDS.failed} ({share:.1%} of {scanned:,} scanned; {counted_reasons(counts)})"
    return evaluation_of(
        finding,
        replace(WORDS, failed=said),
        severity=dg.AssetCheckSeverity.ERROR if is_error else dg.AssetCheckSeverity.WARN,
        metadata={
            PARTITIONS: dg.MetadataValue.text(keys_in_words(keys)),
            "scanned": count_or_text(scanned),
            "share": dg.MetadataValue.float(round(share, 4)),
            "error_above_share": dg.MetadataValue.text(f"{run.settings.set_aside_share_limit:g}"),
        },
    )


rows_set_aside = Check(
    "rows_set_aside",
    "library_identity",
    "Did LML or the database fail for some rows? Counts the library rows of the pass that were set aside: LML gave "
    "no answer or an answer that breaks the contract, or the database refused the row. Warns if there are any. Fails "
    "with an error if they are more than the share SET_ASIDE_SHARE_LIMIT of the scanned rows.",
    _evaluate,
)
