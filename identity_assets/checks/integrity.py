"""The checks of what stands in the tables: bands, sources, questions asked twice, identities withdrawn.

Each is a shell over one function of backend/integrity.py. Staleness, accounts and the gate have their own modules.
"""

import dagster as dg

from identity_assets.backend.reports.integrity import (
    read_asked_twice,
    read_out_of_band,
    read_withdrawn,
    read_without_sources,
)
from identity_assets.checks.findings import Words, result_of
from identity_assets.resources import Backend

BANDS = Words(
    passed="Every main and source row has a confidence inside its method's band.",
    failed="Main and source rows with a confidence outside their method's band",
    reason=(
        "A method says how an identity was found, and how sure one can be of it: `exact_match` is 1.00, "
        "`name_variation` 0.90 to 0.99, and so on. What is found outside its band is mislabelled or made up, and "
        "whatever goes by confidence, the gate among it, goes wrong with it. LML's verdicts are tested before they "
        "are written; here everybody's rows are, those of people and of other writers too."
    ),
    what_to_do=(
        "`notes` says who wrote the row. `consumer:lml-bulk`, `backfill:S1` or `backfill:S3`: it was changed after "
        "it was written; `identity-assets explain LIBRARY_ID` shows what LML said, and the row is written anew when "
        "its window ends. Anything else: take it to whoever wrote it, a person where the method is `manual`."
    ),
    about="library_identity_source",
)

SOURCES = Words(
    passed="Every main row written from LML's verdicts has its source rows, and agrees with them.",
    failed="Main rows without a source row, or with an id that their source row denies",
    reason=(
        "A main row says who made a release; its source rows are the evidence. They are written together, so a main "
        "row without one cannot be justified, and a Wikidata, Spotify or Apple Music id that differs between the two "
        "means that one of them was changed by itself. Rows that a person set are not judged."
    ),
    what_to_do=(
        "Compare with what LML said: `identity-assets explain LIBRARY_ID`. Where LML named no source, or other ids "
        "in its sources than in its identity, it is LML's fault: report it there. Where rows were deleted or changed "
        "here, they come back when the row's window ends and it is asked about again."
    ),
    about="library_identity_source",
)

ASKED_TWICE = Words(
    passed="LML was asked about no row twice inside its window.",
    failed="Library rows that LML was asked about again inside their window",
    reason=(
        "LML's time is the expensive part of a refresh: an identity holds for `STALE_THRESHOLD_DAYS`, an unresolved "
        "attempt for `UNRESOLVED_RETRY_DAYS`, an answer that was set aside for `INVALID_RETRY_DAYS`, and until then "
        "LML is not asked about the same artist and title again. Either somebody removed what the earlier answer "
        "wrote, or the selection has a fault."
    ),
    what_to_do=(
        "Nothing is wrong with these identities. See whether rows of `library_identity` or `library_unresolved` were "
        "deleted by hand (their library rows are due at once), or whether a window was made longer since. If not, "
        "`previous_asked_at`, `asked_at` and the run are the evidence for a fault in the selection."
    ),
    about="candidate_libraries",
)

WITHDRAWN = Words(
    passed="LML stands by every identity in the table.",
    failed="Identities that are kept, though LML was asked again and now finds none",
    reason=(
        "These releases had an identity when LML was asked earlier, and LML's latest answer is that it finds none. "
        "A cache that is being rebuilt looks the same as a mistake put right, so **the identities are kept**: "
        "nothing is deleted on the strength of finding nothing. They are tried again every `UNRESOLVED_RETRY_DAYS`."
    ),
    what_to_do=(
        "A few are ordinary: nothing. When many come at once, ask the people of LML whether one of its sources is "
        "down. Where an identity is indeed wrong, delete it in Backend or set the right one by hand: a row with the "
        "method `manual` is never changed here."
    ),
    about="library_unresolved",
)


@dg.asset_check(
    asset="library_identity",
    description=(
        "Is every confidence plausible? A main or source row must have a confidence inside the band of its method "
        "(exact_match is 1.00, name_variation 0.90 to 0.99, ...), whoever wrote it. `inherited` has no band."
    ),
)
def confidence_in_band(
    context: dg.AssetCheckExecutionContext, backend: dg.ResourceParam[Backend]
) -> dg.AssetCheckResult:
    """Read the main and source rows outside their band."""
    with backend.database(context.run.run_id) as database:
        return result_of(read_out_of_band(database), BANDS)


@dg.asset_check(
    asset="library_identity",
    description=(
        "Is there evidence for every identity? A main row written from an LML verdict must have at least one source "
        "row, and its Wikidata, Spotify and Apple Music ids must be those of its source rows."
    ),
)
def main_rows_have_sources(
    context: dg.AssetCheckExecutionContext, backend: dg.ResourceParam[Backend]
) -> dg.AssetCheckResult:
    """Read the main rows without source rows, or at odds with them."""
    with backend.database(context.run.run_id) as database:
        return result_of(read_without_sources(database), SOURCES)


@dg.asset_check(
    asset="lml_verdicts",
    description=(
        "Was LML spared? No library row may be asked about again with the same artist and title before the window "
        "of the earlier answer has ended."
    ),
)
def nothing_asked_twice(
    context: dg.AssetCheckExecutionContext, backend: dg.ResourceParam[Backend]
) -> dg.AssetCheckResult:
    """Read the rows that were asked about twice in a window."""
    with backend.database(context.run.run_id) as database:
        return result_of(
            read_asked_twice(database, backend.settings), ASKED_TWICE, severity=dg.AssetCheckSeverity.WARN
        )


@dg.asset_check(
    asset="library_identity",
    description=(
        "Does LML still stand by the identities? Lists releases that have an identity and for which LML, asked "
        "again, now finds none. The identities are kept; this is to be known, and seldom to be acted on."
    ),
)
def identities_withdrawn(
    context: dg.AssetCheckExecutionContext, backend: dg.ResourceParam[Backend]
) -> dg.AssetCheckResult:
    """Read the identities that LML no longer finds."""
    with backend.database(context.run.run_id) as database:
        return result_of(read_withdrawn(database), WITHDRAWN, severity=dg.AssetCheckSeverity.WARN)


integrity_checks = [confidence_in_band, main_rows_have_sources, nothing_asked_twice, identities_withdrawn]
