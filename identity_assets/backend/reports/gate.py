"""The gate: how many library rows are truly unresolved, why, by which artists, and what would lower the number.

How the report is shown belongs in checks/gate.py and terminal/gate_report.py; how the gate sees one row, in story.py.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from identity_assets.backend.database import Database, execute
from identity_assets.postgres import statements

_sql = statements(__file__)


@dataclass(frozen=True)
class Reason:
    """Why rows are truly unresolved: in a few words, and what a person can do about it."""

    label: str
    action: str


COMPILATION = "compilation"
DECIDED_NONE = "decided_none"
LML_UNRESOLVED = "lml_unresolved"

REASONS: Mapping[str, Reason] = {
    DECIDED_NONE: Reason(
        "without an identity, as a person decided",
        "people know that no service has an identity for them, so no run lowers this",
    ),
    "no_artist_name": Reason(
        "without an artist name", "LML cannot be asked about them, so add the names to `library.artist_name`"
    ),
    "low_confidence": Reason(
        "with a confidence below 0.70",
        "look through their main rows, and give the right ones the method `manual`",
    ),
    LML_UNRESOLVED: Reason(
        "unresolved by LML",
        "LML is asked again after `UNRESOLVED_RETRY_DAYS`; before that a person can help, and one `manual` main row "
        "settles all releases of its artist",
    ),
    COMPILATION: Reason(
        "compilations", "a various-artists release has no identity of its own, so no run lowers this"
    ),
    "rejected_by_person": Reason(
        "whose identity a person rejected",
        "find the right identity, and give it with `identity-assets correct`; another answer of LML settles them too",
    ),
    "lml_error": Reason("not answered by LML", "they are still due, so run again when LML works"),
    "lml_cardinality_mismatch": Reason(
        "left out of LML's answer", "they are still due, so run again, and tell LML if that does not help"
    ),
    "lml_invalid_verdict": Reason(
        "skipped for an invalid verdict",
        "read `candidate_library.detail`, and tell LML what is wrong with its verdicts",
    ),
    "lml_untrusted_library_id": Reason(
        "skipped for an answer with an untrusted library_id",
        "read `candidate_library.detail`, and tell LML what is wrong with its answers",
    ),
    "writer_error": Reason(
        "refused by the database", "read `candidate_library.detail`, repair what it names, and run again"
    ),
    "manual_override": Reason(
        "skipped for a manual row that was deleted later", "run `refresh_library_identity` again"
    ),
    "not_asked": Reason(
        "not asked because the time was over",
        "they are still due, so run again, and give `LML_RUN_SECONDS` more if this comes back",
    ),
    "answer_held": Reason(
        "with an answer that is held back",
        "LML's answers could not be true: `identity-assets held` accepts or drops them",
    ),
    "names_changed": Reason(
        "renamed after LML was asked", "run `refresh_library_identity` again, which asks with the new names"
    ),
    "unwound": Reason(
        "taken back by a person", "run `refresh_library_identity` again, which asks LML about them anew"
    ),
    "answer_stored": Reason(
        "answered by LML and not written yet",
        "run `refresh_library_identity` again, which writes them without asking",
    ),
    "never_asked": Reason(
        "never asked", "run `refresh_library_identity` with scope `full` for all partitions"
    ),
}
"""A truly unresolved row counts for one reason, the first that holds; gate_report.sql says when. The reasons from
`lml_error` to `unwound` are outcomes of the ledger, under the same names; a held answer is found without the
ledger."""


NOTHING_LOWERS = (COMPILATION, DECIDED_NONE)


@dataclass(frozen=True)
class ArtistResidual:
    """An artist, and how many library rows of the artist are truly unresolved."""

    artist_id: int
    artist_name: str
    truly_unresolved_rows: int


@dataclass(frozen=True)
class GateReport:
    """The gate at one moment, in library rows ("The gate" in docs/rules.md).

    `compilations_with_known_tracks` are truly unresolved rows for which LML has listed the tracks.
    `residual` has every reason, also those without rows. There are at most ten artists, the one with the most first.
    """

    total_library_rows: int
    unresolved_rows: int
    fallback_resolved_rows: int
    truly_unresolved_rows: int
    threshold: int
    residual: Mapping[str, int]
    top_artists: tuple[ArtistResidual, ...] = ()
    compilations_with_known_tracks: int = 0

    def __post_init__(self) -> None:
        assert self.unresolved_rows == self.fallback_resolved_rows + self.truly_unresolved_rows, self
        assert self.residual.keys() == REASONS.keys(), self
        assert sum(self.residual.values()) == self.truly_unresolved_rows, self

    @property
    def truly_unresolved_rows_without_them(self) -> int:
        """The truly unresolved rows without the compilations whose tracks are known. The gate does not use it."""
        return self.truly_unresolved_rows - self.compilations_with_known_tracks

    @property
    def gate_status(self) -> Literal["PASS", "FAIL"]:
        """PASS when fewer rows than the threshold are truly unresolved."""
        return "PASS" if self.truly_unresolved_rows < self.threshold else "FAIL"

    @property
    def decided_none_rows(self) -> int:
        """The truly unresolved rows of which a person decided that no service has an identity for them."""
        return self.residual[DECIDED_NONE]

    @property
    def reasons(self) -> list[tuple[str, int]]:
        """The reasons that have rows, with the number of rows, the largest first."""
        found = [(reason, rows) for reason, rows in self.residual.items() if rows]
        return sorted(found, key=lambda one: -one[1])

    @property
    def summary(self) -> str:
        """The report in one sentence."""
        return (
            f"{self.truly_unresolved_rows:,} of {self.total_library_rows:,} library rows are truly unresolved; "
            f"the gate passes below {self.threshold:,}: {self.gate_status}"
        )

    def as_dict(self) -> dict[str, Any]:
        """The object of `gate --json`."""
        return {
            "total_library_rows": self.total_library_rows,
            "unresolved_rows": self.unresolved_rows,
            "fallback_resolved_rows": self.fallback_resolved_rows,
            "truly_unresolved_rows": self.truly_unresolved_rows,
            "gate_status": self.gate_status,
            "decided_none_rows": self.decided_none_rows,
            "compilations_with_known_tracks": self.compilations_with_known_tracks,
            "truly_unresolved_rows_without_them": self.truly_unresolved_rows_without_them,
            "threshold": self.threshold,
            "residual": dict(self.residual),
            "top_artists": [asdict(artist) for artist in self.top_artists],
            "advice": advice(self),
        }


def read_gate(database: Database, threshold: int) -> GateReport:
    """Read the whole gate by one statement, so that all figures are of one moment.

    Raises:
        DatabaseError: the database cannot be reached, went away, or refuses the statement.
    """
    with database.transaction() as connection:
        row = execute(connection, _sql("gate_report.sql")).one()
    return GateReport(
        row.total_library_rows,
        row.unresolved_rows,
        row.fallback_resolved_rows,
        row.truly_unresolved_rows,
        threshold,
        residual={**dict.fromkeys(REASONS, 0), **row.residual},
        top_artists=tuple(ArtistResidual(**artist) for artist in row.top_artists),
        compilations_with_known_tracks=row.compilations_with_known_tracks,
    )


def advice(report: GateReport) -> str:
    """One sentence of Markdown: what would lower the gate's figure most, by how many rows at most, and what to do.

    It names the reason with the most rows. Compilations and rows that people decided come last, because
    nothing lowers their number.
    """
    if not report.truly_unresolved_rows:
        return "No library row is truly unresolved: there is nothing to do."
    reason, rows = min(report.reasons, key=lambda one: one[0] in NOTHING_LOWERS)
    return (
        f"Of {report.truly_unresolved_rows:,} truly unresolved library rows, most would be gained by the "
        f"**{rows:,} {REASONS[reason].label}**: {_action(reason, report)}{_compilations_beside(reason, report)}."
    )


def _action(reason: str, report: GateReport) -> str:
    """What to do about the reason, with the rows of the top artists if one decision settles all rows of an artist."""
    action = REASONS[reason].action
    if reason != LML_UNRESOLVED:
        return action
    held = sum(artist.truly_unresolved_rows for artist in report.top_artists)
    return f"{action} (the {len(report.top_artists)} artists with the most have **{held:,}**)"


def _compilations_beside(reason: str, report: GateReport) -> str:
    """A remark if the compilations alone fail the gate."""
    compilations = report.residual[COMPILATION]
    if compilations < report.threshold:
        return ""
    if reason == COMPILATION:
        return ", and they alone keep the gate from passing"
    return (
        f"; the **{compilations:,}** compilations, which have no identity of their own, keep the gate from passing "
        "whatever is done about these"
    )
