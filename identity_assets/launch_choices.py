"""What a person may choose in a launchpad, with `by_setting` where the environment variable decides.

A launchpad shows the fields that have a default, so each choice has one.
"""

from collections.abc import Sequence
from enum import StrEnum

from pydantic import Field

from identity_assets.settings import Leg, Scope, Settings, SettingsError

NO_LIMIT = -1
BY_SETTING = "by_setting"


class ScopeChoice(StrEnum):
    """Which library rows a run looks at."""

    by_setting = BY_SETTING
    canonical = "canonical"
    full = "full"

    def of(self, settings: Settings) -> Scope:
        """The scope that is meant."""
        return settings.scope if self is ScopeChoice.by_setting else Scope(self.value)


def legs_of(choices: Sequence[str], by_setting: Sequence[Leg]) -> tuple[Leg, ...]:
    """The legs that are meant, without repetition.

    Raises:
        SettingsError: one of them is no leg.
    """
    legs = set(by_setting) if BY_SETTING in choices else set()
    for choice in choices:
        if choice not in {BY_SETTING, *Leg}:
            raise SettingsError(f"legs: {choice!r} is not valid: it takes S1, S3 and by_setting")
        if choice != BY_SETTING:
            legs.add(Leg(choice))
    return tuple(sorted(legs))


SCOPE_FIELD = Field(
    default=ScopeChoice.by_setting,
    description=(
        "canonical: rows with a canonical_entity_id. full: all rows. by_setting: INCLUDE_NULL_CANONICAL decides."
    ),
)
