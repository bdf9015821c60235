"""The checks of the rows in the tables: confidences, sources, repeated questions, withdrawn identities, times.

Each check shows the finding of one function of backend/reports/integrity.py.
"""

from typing import TYPE_CHECKING

import dagster as dg

from identity_assets.checks.evaluation import CheckRun
from identity_assets.checks.findings import Words, finding_check

if TYPE_CHECKING:
    from identity_assets.backend.reports.integrity import Finding

BANDS = Words(
    passed="Every main and source row has a confidence inside its method's band.",
    failed="Main and source rows with a confidence outside their method's band",
    reason=(
        "The method says how an identity was found and limits how confident it can be: `exact_match` is 1.00, "
        "`name_variation` 0.90 to 0.99, and so on. A row outside its band is mislabelled or invented, and it "
        "misleads everything that uses the confidence, the gate included. LML's verdicts are tested before they are "
        "written. This check tests all rows, also those that people and other writers wrote."
    ),
    what_to_do=(
        "`notes` says who wrote the row. With `consumer:lml-bulk`, `backfill:S1` or `backfill:S3`, the row was "
        "changed after it was written: `identity-assets explain LIBRARY_ID` shows LML's answer, and the row is "
        "written again when its window ends. With anything else, ask whoever wrote it; if the method is `manual`, "
        "that is a person."
    ),
    about="library_identity_source",
)

SOURCES = Words(
    passed="Every main row written from LML's verdicts has source rows, and agrees with them.",
    failed="Main rows without a source row, or with an id that their source row contradicts",
    reason=(
        "A main row says who made a release, and its source rows are the evidence. They are written together, so "
        "nothing justifies a main row without source rows. If a Wikidata, Spotify or Apple Music id differs between "
        "the two, one of them was changed alone. Rows that a person set are not judged."
    ),
    what_to_do=(
        "Compare with LML's answer: `identity-assets explain LIBRARY_ID`. If LML named no source, or other ids in "
        "its sources than in its identity, report it to LML. If rows were deleted or changed here, they come back "
        "when the window of the row ends and LML is asked about it again."
    ),
    about="library_identity_source",
)

ASKED_TWICE = Words(
    passed="LML was not asked about any row twice inside its window.",
    failed="Library rows that LML was asked about again inside their window",
    reason=(
        "LML's time is the expensive part of a refresh: an identity holds for `STALE_THRESHOLD_DAYS`, an unresolved "
        "attempt for `UNRESOLVED_RETRY_DAYS`, an answer that was set aside for `INVALID_RETRY_DAYS`, and until then "
        "LML is not asked about the same artist and title again. Either somebody removed what the earlier answer "
        "wrote, or the selection has a fault."
    ),
    what_to_do=(
        "These identities are right. Check whether rows of `library_identity` or `library_unresolved` were deleted "
        "by hand (their library rows become due at once), or whether a window was made longer afterwards. If not, "
        "`previous_asked_at`, `asked_at` and the run are the evidence for a fault in the selection."
    ),
    about="candidate_libraries",
)

WITHDRAWN = Words(
    passed="LML still confirms every identity in the table.",
    failed="Identities that are kept although LML was asked again and found none",
    reason=(
        "These releases had an identity when LML was asked earlier, and LML's latest answer is that it finds none. "
        "LML answers the same when one of its caches is being rebuilt and when a mistake was corrected. So **the "
        "identities are kept**: an answer without an identity never deletes one. LML is asked again every "
        "`UNRESOLVED_RETRY_DAYS`."
    ),
    what_to_do=(
        "A few are normal: do nothing. If many appear at once, ask the people of LML whether one of its sources is "
        "down. If an identity is really wrong, delete it in Backend or set the right one by hand: no run changes a "
        "row with the method `manual`."
    ),
    about="library_unresolved",
)

FUTURE = Words(
    passed="No window is counted from a time in the future.",
    failed="Library rows whose window is counted from a time in the future",
    reason=(
        "A row is due again a number of days after it was verified or tried. If that time is in the future, the row "
        "is not due before it has come and the window after it has passed: a time in 2099 takes the row out of every "
        "refresh."
    ),
    what_to_do=(
        "If the clock of the database was set back a little, wait. Otherwise `identity-assets explain LIBRARY_ID` "
        "says who wrote the row and when. Set the time in the column `counted_from` to the real one: then the row is "
        "due when its window ends."
    ),
    about="library_unresolved",
)


def _read_times_in_future(run: CheckRun) -> "Finding":
    from identity_assets.backend.reports.integrity import read_times_in_future

    return read_times_in_future(run.database, run.settings)


def _read_out_of_band(run: CheckRun) -> "Finding":
    from identity_assets.backend.reports.integrity import read_out_of_band

    return read_out_of_band(run.database)


def _read_without_sources(run: CheckRun) -> "Finding":
    from identity_assets.backend.reports.integrity import read_without_sources

    return read_without_sources(run.database)


def _read_asked_twice(run: CheckRun) -> "Finding":
    from identity_assets.backend.reports.integrity import read_asked_twice

    return read_asked_twice(run.database, run.settings)


def _read_withdrawn(run: CheckRun) -> "Finding":
    from identity_assets.backend.reports.integrity import read_withdrawn

    return read_withdrawn(run.database)


integrity_checks = (
    finding_check(
        "confidence_in_band",
        "library_identity",
        "Is every confidence plausible? A main or source row must have a confidence inside the band of its method "
        "(exact_match is 1.00, name_variation 0.90 to 0.99, ...), whoever wrote it. `inherited` has no band.",
        BANDS,
        _read_out_of_band,
    ),
    finding_check(
        "main_rows_have_sources",
        "library_identity",
        "Is there evidence for every identity? A main row written from an LML verdict must have at least one source "
        "row, and its Wikidata, Spotify and Apple Music ids must be those of its source rows.",
        SOURCES,
        _read_without_sources,
    ),
    finding_check(
        "nothing_asked_twice",
        "lml_verdicts",
        "Was LML asked only when necessary? LML must not be asked about the same artist and title of a library row "
        "again before the window of the earlier answer has ended.",
        ASKED_TWICE,
        _read_asked_twice,
        dg.AssetCheckSeverity.WARN,
    ),
    finding_check(
        "times_in_future",
        "library_identity",
        "Will every row become due again? Lists rows whose window is counted from a time in the future: they are not "
        "asked about before that time plus their window.",
        FUTURE,
        _read_times_in_future,
        dg.AssetCheckSeverity.WARN,
    ),
    finding_check(
        "identities_withdrawn",
        "library_identity",
        "Does LML still confirm the identities? Lists releases that have an identity although LML was asked again "
        "and found none. The identities are kept. The list is for information and seldom needs action.",
        WITHDRAWN,
        _read_withdrawn,
        dg.AssetCheckSeverity.WARN,
    ),
)
