"""What the checks read: rows that are overdue or at odds with the rules, counted exactly, the first few by name.

Nothing is judged grave or harmless here, and nothing is said to an operator: that is the checks' own part.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from identity_assets.backend.database import Database, execute
from identity_assets.lml.contract import CONFIDENCE_BANDS
from identity_assets.partition_keys import Buckets
from identity_assets.settings import Settings

SAMPLE_ROWS = 20


@dataclass(frozen=True)
class Finding:
    """How many rows offend, and the first of them by library_id: at most 20, each a mapping of `columns`."""

    count: int
    columns: tuple[str, ...]
    sample: tuple[Mapping[str, object], ...]


@dataclass(frozen=True)
class StalePartition:
    """One partition's rows that were ever asked (`held`), those past their window, and the oldest of these."""

    bucket: int
    held: int
    stale: int
    retry_due: int
    oldest_age_days: float


@dataclass(frozen=True)
class StaleRows:
    """The rows past their window, in all and by partition; partitions that hold nothing are there with zeros."""

    finding: Finding
    partitions: tuple[StalePartition, ...]

    @property
    def held(self) -> int:
        """Library rows with a main row or an unresolved attempt."""
        return sum(one.held for one in self.partitions)

    @property
    def share(self) -> float:
        """Rows past their window as a share of those held, from 0 to 1."""
        return self.finding.count / self.held if self.held else 0.0

    @property
    def oldest_age_days(self) -> float:
        """Days since the longest overdue row was verified or asked; 0 where none is overdue."""
        return max((one.oldest_age_days for one in self.partitions), default=0.0)


def read_stale_rows(database: Database, settings: Settings, partitions: int) -> StaleRows:
    """Rows whose window has passed, by the rules and windows of the selection, over the full scope.

    They are `stale` (a main row) or `retry_due` (only an unresolved attempt), as the selection would call them.
    """
    with database.transaction() as connection:
        rows = execute(
            connection,
            "check_stale_rows",
            partitions=partitions,
            sample_rows=SAMPLE_ROWS,
            **_windows(settings),
        ).all()
    found = {
        row.bucket: StalePartition(row.bucket, row.held, row.stale, row.retry_due, row.oldest_age_days)
        for row in rows
    }
    sample = sorted((one for row in rows for one in row.sample), key=lambda one: int(one["library_id"]))
    return StaleRows(
        Finding(
            sum(one.stale + one.retry_due for one in found.values()),
            ("library_id", "reason", "age_days"),
            tuple(sample),
        ),
        tuple(found.get(bucket, StalePartition(bucket, 0, 0, 0, 0.0)) for bucket in range(partitions)),
    )


def read_unbalanced(database: Database, buckets: Buckets) -> Finding:
    """Candidates of these partitions with no outcome, or with one that the tables deny (rule 8 in DOMAIN.md).

    A partition that a run holds at this moment may have rows without an outcome.
    """
    return _read(database, "check_accounts_balance", **buckets.params())


def read_out_of_band(database: Database) -> Finding:
    """Main and source rows, whoever wrote them, with a confidence outside their method's band."""
    return _read(
        database,
        "check_confidence_in_band",
        methods=list(CONFIDENCE_BANDS),
        lowest=[lowest for lowest, _highest in CONFIDENCE_BANDS.values()],
        highest=[highest for _lowest, highest in CONFIDENCE_BANDS.values()],
    )


def read_without_sources(database: Database) -> Finding:
    """Main rows written from LML's verdicts with no source row, or with an id that their source row denies."""
    return _read(database, "check_main_rows_have_sources")


def read_asked_twice(database: Database, settings: Settings) -> Finding:
    """Rows that LML was asked about again inside the window of its earlier answer (rule 7 in DOMAIN.md)."""
    return _read(database, "check_nothing_asked_twice", **_windows(settings))


def read_withdrawn(database: Database) -> Finding:
    """Main rows that stand although LML has since been asked again and found no identity."""
    return _read(database, "check_identities_withdrawn")


def read_leg_conflicts(database: Database) -> Finding:
    """Library rows that the legs S1 and S3 pin to different releases."""
    return _read(database, "check_leg_conflicts")


def _windows(settings: Settings) -> dict[str, int]:
    return {
        "stale_threshold_days": settings.stale_threshold_days,
        "unresolved_retry_days": settings.unresolved_retry_days,
    }


def _read(database: Database, name: str, **params: object) -> Finding:
    """The finding of a statement whose rows each carry the exact count, before its limit, as `offending`."""
    with database.transaction() as connection:
        result = execute(connection, name, sample_rows=SAMPLE_ROWS, **params)
        rows = result.mappings()
        columns = tuple(column for column in rows.keys() if column != "offending")  # noqa: SIM118  # not a dict
        found = rows.all()
    sample = tuple({column: row[column] for column in columns} for row in found)
    return Finding(int(found[0]["offending"]) if found else 0, columns, sample)
