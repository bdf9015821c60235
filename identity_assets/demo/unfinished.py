"""What the demo leaves for its user to do: rows that are due, a corrected name, answers that were set aside.

After three runs nothing would be due, and no command would have anything to show. Not here: the runs (`terminal`).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import httpx
from wxyc_etl.text import is_compilation_artist  # type: ignore[import-untyped]  # it ships no types

from identity_assets.backend.database import Database, execute
from identity_assets.backend.ledger.candidates import windows
from identity_assets.demo.station import Station
from identity_assets.postgres import statements
from identity_assets.wording import number_of

_SPOILT_ANSWERS = 20

_sql = statements(__file__)


@dataclass(frozen=True)
class Unfinished:
    """Library rows that are due, by reason."""

    due: Mapping[str, int]

    def sentence(self) -> str:
        """What is due and why, for the person who ran the demo."""
        words = {
            "stale": "resolved a week ago",
            "retry_due": "without an identity for a week",
            "names_changed": "whose artist's name a librarian corrected",
            "invalid_retry_due": "with an answer that broke the contract",
            "never_asked": "never asked about",
        }
        listed = ", ".join(
            f"{self.due[reason]:,} {words[reason]}" for reason in words if self.due.get(reason)
        )
        in_all = number_of(sum(self.due.values()), "library row")
        return f"left due, as if a week had passed: {in_all} ({listed or 'none'})"


def spoil_answers(here: Station) -> None:
    """Let the fixture LML give impossible confidences to a few library rows that the next full run asks about."""
    with Database(here.settings, "demo") as database, database.transaction() as connection:
        rows = execute(connection, _sql("not_asked_yet.sql")).all()
    ids = [row.id for row in rows if not is_compilation_artist(row.artist_name)]
    chosen = ids[: min(_SPOILT_ANSWERS, here.library_rows // 50)]
    faults = [{"kind": "out_of_band", "library_id": library_id} for library_id in chosen]
    url = f"{here.settings.require_library_metadata_url()}/_fixture/faults"
    httpx.post(url, json=faults, trust_env=False).raise_for_status()


def let_a_week_pass(here: Station) -> Unfinished:
    """Make two of sixteen library rows due by age, and correct misspelt artist names of some others."""
    days = max(here.settings.stale_threshold_days, here.settings.unresolved_retry_days) + 1
    with Database(here.settings, "demo") as database, database.transaction() as connection:
        execute(connection, _sql("a_week_passes.sql"), days=days)
        execute(connection, _sql("correct_names.sql"))
        due = execute(connection, _sql("count_due.sql"), **windows(here.settings))
        return Unfinished({row.reason: row.rows for row in due})
