"""What the checks read: rows that are overdue or break a rule, with the exact count and a sample.

How serious a finding is, and what an operator is told about it, belongs in the checks.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import TextClause

from identity_assets.backend.database import HASH_JOINS, Database, execute
from identity_assets.backend.ledger.candidates import windows
from identity_assets.lml.contract import CONFIDENCE_BANDS
from identity_assets.partition_keys import Buckets
from identity_assets.postgres import statements
from identity_assets.settings import Settings

SAMPLE_ROWS = 20
SET_ASIDE = (
    "lml_error",
    "lml_cardinality_mismatch",
    "lml_invalid_verdict",
    "lml_untrusted_library_id",
    "writer_error",
)
"""The outcomes of library rows that a fault of LML or of the database kept from being written."""

_sql = statements(__file__)


@dataclass(frozen=True)
class Finding:
    """How many rows break the rule, and the first 20 of them by library_id, each a mapping of `columns`."""

    count: int
    columns: tuple[str, ...]
    sample: tuple[Mapping[str, object], ...]


@dataclass(frozen=True)
class StalePartition:
    """One partition's rows that LML was ever asked about (`held`), and how many of them are due again, by reason."""

    bucket: int
    held: int = 0
    stale: int = 0
    retry_due: int = 0
    names_changed: int = 0
    invalid_retry_due: int = 0
    oldest_age_days: float = 0.0

    @property
    def due_again(self) -> int:
        """Rows that are due again, for any reason."""
        return self.stale + self.retry_due + self.names_changed + self.invalid_retry_due


@dataclass(frozen=True)
class StaleRows:
    """The rows that are due again, in all and by partition; a partition without rows has zeros."""

    finding: Finding
    partitions: tuple[StalePartition, ...]

    @property
    def held(self) -> int:
        """Library rows with a main row, an unresolved attempt or a stored answer."""
        return sum(one.held for one in self.partitions)

    @property
    def share(self) -> float:
        """Rows that are due again as a share of those held, from 0 to 1."""
        return self.finding.count / self.held if self.held else 0.0

    @property
    def oldest_age_days(self) -> float:
        """Days since the oldest row that is due again was verified or asked about; 0 if there is no such row."""
        return max((one.oldest_age_days for one in self.partitions), default=0.0)


def read_stale_rows(database: Database, settings: Settings, partitions: int) -> StaleRows:
    """Rows that were asked about before and are due again in the full scope, under the ledger's reasons."""
    with database.transaction() as connection:
        execute(connection, HASH_JOINS)
        rows = execute(
            connection,
            _sql("check_stale_rows.sql"),
            partitions=partitions,
            sample_rows=SAMPLE_ROWS,
            **windows(settings),
        ).mappings()
        found: dict[int, StalePartition] = {}
        sample: list[Mapping[str, Any]] = []
        for row in rows:
            counts = dict(row)
            sample += counts.pop("sample")
            found[row["bucket"]] = StalePartition(**counts)
    sample.sort(key=lambda one: one["library_id"])
    return StaleRows(
        Finding(
            sum(one.due_again for one in found.values()),
            ("library_id", "reason", "age_days"),
            tuple(sample),
        ),
        tuple(found.get(bucket, StalePartition(bucket)) for bucket in range(partitions)),
    )


def read_unbalanced(database: Database, buckets: Buckets) -> Finding:
    """Ledger rows of these partitions without an outcome, or with one that the tables contradict (rules.md, rule 8).

    A partition that a run holds at this moment may have rows without an outcome.
    """
    return _read(database, _sql("check_accounts_balance.sql"), **buckets.params())


def read_set_aside(database: Database, buckets: Buckets) -> Finding:
    """Ledger rows of these partitions with an outcome in SET_ASIDE, and rows whose evidence the database refuses."""
    return _read(
        database,
        _sql("check_rows_set_aside.sql"),
        **buckets.params(),
        set_aside_outcomes=list(SET_ASIDE),
    )


def read_out_of_band(database: Database) -> Finding:
    """Main and source rows of every writer with a confidence outside their method's band."""
    return _read(database, _sql("check_confidence_in_band.sql"), **_bands())


def read_bad_track_links(database: Database) -> Finding:
    """Links of track credits and evidence of tracks that this project made and that do not hold."""
    return _read(database, _sql("check_track_links_hold.sql"), **_bands())


def _bands() -> dict[str, Any]:
    """The bind parameters of a statement that reads the confidence bands."""
    return {
        "methods": list(CONFIDENCE_BANDS),
        "lowest": [lowest for lowest, _highest in CONFIDENCE_BANDS.values()],
        "highest": [highest for _lowest, highest in CONFIDENCE_BANDS.values()],
    }


def read_without_sources(database: Database) -> Finding:
    """Main rows written from LML's answers without a source row, or with another id than their source row."""
    return _read(database, _sql("check_main_rows_have_sources.sql"))


def read_asked_twice(database: Database, settings: Settings) -> Finding:
    """Rows that LML was asked about again inside the window of its earlier answer (rule 7 in docs/rules.md)."""
    return _read(database, _sql("check_nothing_asked_twice.sql"), **windows(settings))


def read_times_in_future(database: Database, settings: Settings) -> Finding:
    """Rows that are not due because their window is counted from a moment more than a minute in the future."""
    return _read(database, _sql("check_times_in_future.sql"), **windows(settings))


def read_withdrawn(database: Database) -> Finding:
    """Main rows that are kept although LML was asked again later and found no identity."""
    return _read(database, _sql("check_identities_withdrawn.sql"))


def read_leg_conflicts(database: Database) -> Finding:
    """Library rows that the legs S1 and S3 pin to different releases."""
    return _read(database, _sql("check_leg_conflicts.sql"))


def _read(database: Database, statement: TextClause, **params: object) -> Finding:
    """The finding of a statement with `LIMIT :sample_rows`; its column `offending` counts without that limit."""
    with database.transaction() as connection:
        execute(connection, HASH_JOINS)
        result = execute(connection, statement, sample_rows=SAMPLE_ROWS, **params)
        rows = result.mappings()
        columns = tuple(column for column in rows.keys() if column != "offending")  # noqa: SIM118  # not a dict
        found = rows.all()
    sample = tuple({column: row[column] for column in columns} for row in found)
    return Finding(int(found[0]["offending"]) if found else 0, columns, sample)
