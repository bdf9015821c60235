"""The gate: how many library rows are truly unresolved, why, whose they are, and what would lower the number.

How the report is shown belongs in checks/gate.py and `gate_report`; one row's own standing in backend/story.py.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from sqlalchemy.exc import DBAPIError

from identity_assets.backend.database import Database, DatabaseError, execute
from identity_assets.postgres import first_line


@dataclass(frozen=True)
class Reason:
    """Why a row is truly unresolved: in a few words, and what a person can do about it."""

    label: str
    action: str


COMPILATION = "compilation"
LML_UNRESOLVED = "lml_unresolved"

REASONS: Mapping[str, Reason] = {
    "no_artist_name": Reason(
        "without an artist name", "LML cannot be asked about them, so add the names to `library.artist_name`"
    ),
    "low_confidence": Reason(
        "of confidence below 0.70",
        "look through their main rows, and give those that are right the method `manual`",
    ),
    LML_UNRESOLVED: Reason(
        "unresolved by LML",
        "LML is asked again when `UNRESOLVED_RETRY_DAYS` have passed; before that a person can help, and one "
        "`manual` main row settles all releases of its artist",
    ),
    COMPILATION: Reason(
        "compilations", "a various-artists release has no identity of its own, so no run lowers this"
    ),
    "lml_error": Reason("not answered by LML", "they are still due, so run again when LML is well"),
    "lml_cardinality_mismatch": Reason(
        "left out of LML's answer", "they are still due, so run again, and tell LML where that does not help"
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
        "refused by the database", "read `candidate_library.detail`, mend what it names, and run again"
    ),
    "manual_override": Reason(
        "skipped for a manual row that is gone since", "run `refresh_library_identity` again"
    ),
    "answer_stored": Reason(
        "answered by LML and not written yet",
        "run `refresh_library_identity` again, which writes them without asking",
    ),
    "never_asked": Reason(
        "never asked", "run `refresh_library_identity` with scope `full` for all partitions"
    ),
}
"""Each truly unresolved row counts for one, the first that holds; gate_report.sql says when. From `lml_error` to
`manual_override` they are the skip reasons of the ledger, under its own names."""


@dataclass(frozen=True)
class ArtistResidual:
    """An artist, and how many library rows of theirs are truly unresolved."""

    artist_id: int
    artist_name: str
    truly_unresolved_rows: int


@dataclass(frozen=True)
class GateReport:
    """The gate at one moment, in library rows ("The gate" in DOMAIN.md).

    `residual` has every reason, also those of no row; the artists are at most ten, the one with the most first.
    """

    total_library_rows: int
    unresolved_rows: int
    fallback_resolved_rows: int
    truly_unresolved_rows: int
    threshold: int
    residual: Mapping[str, int]
    top_artists: tuple[ArtistResidual, ...] = ()

    def __post_init__(self) -> None:
        assert self.unresolved_rows == self.fallback_resolved_rows + self.truly_unresolved_rows, self
        assert self.residual.keys() == REASONS.keys(), self
        assert sum(self.residual.values()) == self.truly_unresolved_rows, self

    @property
    def gate_status(self) -> Literal["PASS", "FAIL"]:
        """PASS when fewer rows than the threshold are truly unresolved."""
        return "PASS" if self.truly_unresolved_rows < self.threshold else "FAIL"

    @property
    def reasons(self) -> list[tuple[str, int]]:
        """The reasons that any row has, with their rows, the one with the most first."""
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
            "threshold": self.threshold,
            "residual": dict(self.residual),
            "top_artists": [asdict(artist) for artist in self.top_artists],
            "advice": advice(self),
        }


def read_gate(database: Database, threshold: int) -> GateReport:
    """The gate as the tables stand, all of it from one statement and so from one moment.

    Raises:
        DatabaseError: the database cannot be reached, went away, or refuses to read it.
    """
    try:
        with database.transaction() as connection:
            row = execute(connection, "gate_report").one()
    except DBAPIError as error:
        raise DatabaseError(f"the database refused to read the gate: {first_line(error)}") from error
    return GateReport(
        row.total_library_rows,
        row.unresolved_rows,
        row.fallback_resolved_rows,
        row.truly_unresolved_rows,
        threshold,
        residual={**dict.fromkeys(REASONS, 0), **row.residual},
        top_artists=tuple(ArtistResidual(**artist) for artist in row.top_artists),
    )


def advice(report: GateReport) -> str:
    """One sentence of Markdown: what would lower the gate's figure most, by how much at the most, and what to do.

    That is the reason with the most rows, compilations apart as long as there is another: nothing lowers those.
    """
    if not report.truly_unresolved_rows:
        return "No library row is truly unresolved: there is nothing to do."
    reason, rows = min(report.reasons, key=lambda one: one[0] == COMPILATION)
    return (
        f"Of {report.truly_unresolved_rows:,} truly unresolved library rows, most would be gained by the "
        f"**{rows:,} {REASONS[reason].label}**: {_action(reason, report)}{_compilations_beside(reason, report)}."
    )


def _action(reason: str, report: GateReport) -> str:
    """What to do about it. An artist's rows go together, so those of the artists with the most are counted."""
    action = REASONS[reason].action
    if reason != LML_UNRESOLVED:
        return action
    held = sum(artist.truly_unresolved_rows for artist in report.top_artists)
    return f"{action} (the {len(report.top_artists)} artists with the most have **{held:,}**)"


def _compilations_beside(reason: str, report: GateReport) -> str:
    """That the compilations alone would fail the gate, where they would."""
    compilations = report.residual[COMPILATION]
    if compilations < report.threshold:
        return ""
    if reason == COMPILATION:
        return ", and they alone keep the gate from passing"
    return (
        f"; the **{compilations:,}** compilations, which have no identity of their own, keep the gate from passing "
        "whatever is done about these"
    )
