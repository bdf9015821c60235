"""The guard: answers that cannot be true are held back before they are written (docs/guards.md).

What a person does with held answers is in held.py.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from sqlalchemy import Connection

from identity_assets.backend.database import HASH_JOINS, Database, execute
from identity_assets.errors import OperatorError
from identity_assets.partition_keys import Buckets
from identity_assets.postgres import statements
from identity_assets.settings import Settings

FEWEST_WITHDRAWN: Final = 20
"""So few withdrawn identities are never held back."""
FEWEST_FIRST_ASKED: Final = 500
"""The floor says nothing about fewer rows."""

_sql = statements(__file__)


class ImplausibleAnswersError(OperatorError):
    """The answers of this pass cannot be true. They are held back, and nothing of them is written."""


@dataclass(frozen=True)
class Plausibility:
    """What the answers that wait to be written say, in library rows, and the limits as shares from 0 to 1.

    `withdrawn` of the `had_identity` rows come back unresolved. `first_resolved` of the `first_asked` rows, which LML
    was never asked about before, get an identity.
    """

    waiting: int
    had_identity: int
    withdrawn: int
    first_asked: int
    first_resolved: int
    withdrawn_share_limit: float
    resolved_share_floor: float

    @classmethod
    def of(cls, counts: Mapping[str, Any], settings: Settings) -> "Plausibility":
        """The counts of a statement under the limits of the settings."""
        return cls(
            **counts,
            withdrawn_share_limit=settings.withdrawn_share_limit,
            resolved_share_floor=settings.resolved_share_floor,
        )

    @property
    def withdrawn_share(self) -> float:
        """The share of the rows with an identity that come back unresolved."""
        return self.withdrawn / self.had_identity if self.had_identity else 0.0

    @property
    def resolved_share(self) -> float:
        """The share of the rows asked for the first time that get an identity; 1 if there are none."""
        return self.first_resolved / self.first_asked if self.first_asked else 1.0

    @property
    def is_plausible(self) -> bool:
        """Whether both figures are within their limits."""
        too_many_withdrawn = (
            self.withdrawn >= FEWEST_WITHDRAWN and self.withdrawn_share > self.withdrawn_share_limit
        )
        too_few_resolved = (
            self.first_asked >= FEWEST_FIRST_ASKED and self.resolved_share < self.resolved_share_floor
        )
        return not (too_many_withdrawn or too_few_resolved)

    @property
    def figures(self) -> str:
        """Both figures with their limits, as the middle of a sentence."""
        resolved_share = f"{self.resolved_share:.1%}, " if self.first_asked else ""
        return (
            f"{self.withdrawn:,} of {self.had_identity:,} library rows that had an identity came back unresolved "
            f"({self.withdrawn_share:.1%}, at most {self.withdrawn_share_limit:.1%} is plausible), and "
            f"{self.first_resolved:,} of {self.first_asked:,} rows asked about for the first time were resolved "
            f"({resolved_share}at least {self.resolved_share_floor:.1%} is plausible)"
        )

    @property
    def sentence(self) -> str:
        """What is held back, and why."""
        return (
            f"LML's answers cannot be true: {self.figures}; all {self.waiting:,} answers of this pass are held back, "
            "and `identity-assets held` accepts or drops them"
        )

    def as_dict(self) -> dict[str, int | float]:
        """The figures and the limits, for the metadata of the check."""
        return {
            **asdict(self),
            "withdrawn_share": round(self.withdrawn_share, 4),
            "resolved_share": round(self.resolved_share, 4),
            "fewest_withdrawn": FEWEST_WITHDRAWN,
            "fewest_first_asked": FEWEST_FIRST_ASKED,
        }


def read_plausibility(database: Database, buckets: Buckets, settings: Settings) -> Plausibility:
    """What the answers that wait to be written in these partitions say; nothing is held."""
    with database.transaction() as connection:
        return _read(connection, buckets, settings)


def require_plausible(database: Database, buckets: Buckets, settings: Settings, run_id: str) -> Plausibility:
    """Hold back the answers that wait in these partitions if they cannot be true. The caller holds the partitions.

    Raises:
        ImplausibleAnswersError: they cannot be true; they are held back in the name of this run.
    """
    with database.transaction() as connection:
        found = _read(connection, buckets, settings)
        if not found.is_plausible:
            execute(
                connection,
                _sql("hold_answers.sql"),
                **buckets.params(),
                run_id=run_id,
                detail=f"LML's answers of this pass cannot be true: {found.figures}",
            )
    if not found.is_plausible:
        raise ImplausibleAnswersError(found.sentence)
    return found


def _read(connection: Connection, buckets: Buckets, settings: Settings) -> Plausibility:
    execute(connection, HASH_JOINS)
    row = execute(connection, _sql("count_plausible.sql"), **buckets.params()).mappings().one()
    return Plausibility.of(dict(row), settings)
