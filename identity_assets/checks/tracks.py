"""The check `track_links_hold`: are the track links of this project right?"""

from typing import TYPE_CHECKING

import dagster as dg

from identity_assets.checks.evaluation import CheckRun
from identity_assets.checks.findings import Words, finding_check

if TYPE_CHECKING:
    from identity_assets.backend.reports.integrity import Finding

LINKS = Words(
    passed="Every link of a track credit holds.",
    failed="Links of track credits, or evidence for them, that do not hold",
    reason=(
        "A link says which artist of the catalogue performs a track of a various-artists release. A link with the "
        "method `lml_backfill` must point at an artist who exists, must not stand where a librarian decided, and "
        "must have a confidence that LML can give. The evidence of each track must have a confidence inside the band "
        "of its method."
    ),
    what_to_do=(
        "If the artist is gone, Backend deleted the artist after the link was made: the next answer of LML mends it. "
        "If a librarian had decided the credit, `identity-assets unwind` with the run that wrote it puts the "
        "decision back: report it as a fault of this project. `identity-assets explain LIBRARY_ID` shows all tracks "
        "of a release."
    ),
    about="compilation_track_identity",
)


def _read(run: CheckRun) -> "Finding":
    from identity_assets.backend.reports.integrity import read_bad_track_links

    return read_bad_track_links(run.database)


track_links_hold = finding_check(
    "track_links_hold",
    "compilation_track_identity",
    "Do the links of track credits hold? A link that this project made must point at an artist who exists, must not "
    "stand over a librarian's decision, and must have a confidence that LML can give.",
    LINKS,
    _read,
    dg.AssetCheckSeverity.WARN,
)
