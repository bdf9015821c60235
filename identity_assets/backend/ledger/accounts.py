"""The accounts of a pass: every selected library row in exactly one outcome, counted (rule 8 in docs/rules.md).

They are read off the ledger and only counted here; what an outcome means is decided where it is written.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from identity_assets.backend.database import Database, execute
from identity_assets.partition_keys import Buckets
from identity_assets.postgres import statements

_sql = statements(__file__)

COUNTED_APART = ("resolved", "resolved_compilation", "unresolved")
PENDING = "pending"


class AccountsError(AssertionError):
    """Rows were selected that came to no outcome, or to more than one."""


@dataclass(frozen=True)
class Accounts:
    """Library rows by outcome. `skipped` maps the reason to a count; `pending` is a row not yet settled."""

    scanned: int = 0
    resolved: int = 0
    resolved_compilation: int = 0
    unresolved: int = 0
    skipped: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, counts: Iterable[tuple[str | None, int]]) -> "Accounts":
        """Accounts from pairs of outcome (None for rows without an outcome yet) and count."""
        totals: dict[str, int] = {}
        for outcome, rows in counts:
            key = outcome or PENDING
            totals[key] = totals.get(key, 0) + rows
        return cls(
            scanned=sum(totals.values()),
            **{name: totals.get(name, 0) for name in COUNTED_APART},
            skipped={name: rows for name, rows in sorted(totals.items()) if name not in COUNTED_APART},
        )

    def __add__(self, other: "Accounts") -> "Accounts":
        mine = (*((name, getattr(self, name)) for name in COUNTED_APART), *self.skipped.items())
        theirs = (*((name, getattr(other, name)) for name in COUNTED_APART), *other.skipped.items())
        return Accounts.of((*mine, *theirs))

    def check(self, selected: int) -> None:
        """Assert that the `selected` library rows are all here, each settled, each once.

        Raises:
            AccountsError: they are not; says by how much.
        """
        settled = self.resolved + self.resolved_compilation + self.unresolved + sum(self.skipped.values())
        if self.skipped.get(PENDING) or not selected == self.scanned == settled:
            raise AccountsError(
                f"the accounts do not balance: {selected} selected, {self.scanned} in the ledger, {settled} "
                f"counted, {self.skipped.get(PENDING, 0)} of them without an outcome. Nothing was lost: "
                "materialise these partitions again, and look at candidate_library where it stays so"
            )

    def as_dict(self) -> dict[str, Any]:
        """The accounts under the names of `run --json`."""
        return {
            "scanned": self.scanned,
            **{name: getattr(self, name) for name in COUNTED_APART},
            "skipped": dict(self.skipped),
        }


def read_accounts(database: Database, buckets: Buckets, run_id: str | None = None) -> dict[int, Accounts]:
    """The ledger's accounts of each of these partitions, by bucket; one without rows has zeros.

    With a `run_id`, only of the rows that this run selected.
    """
    with database.transaction() as connection:
        rows = execute(connection, _sql("count_accounts.sql"), **buckets.params(), run_id=run_id).all()
    return {
        bucket: Accounts.of((row.outcome, row.rows) for row in rows if row.bucket == bucket)
        for bucket in buckets.buckets
    }


def count_rows(database: Database, buckets: Buckets) -> Counter[tuple[str, int]]:
    """How many rows the table of each asset holds, by asset and bucket; 0 where it holds none."""
    with database.transaction() as connection:
        rows = execute(connection, _sql("count_rows.sql"), **buckets.params()).all()
    return Counter({(row.asset, row.bucket): row.rows for row in rows})
