"""What a person may choose in a launchpad. With `by_setting` the environment variable decides.

A launchpad shows the fields that have a default, so each choice has one.
"""

from collections.abc import Sequence
from enum import StrEnum

import dagster as dg
from pydantic import Field

from identity_assets.ask_again import AskAgain, AskAgainError, ask_again_of
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


class AskAgainChoice(StrEnum):
    """Which of LML's last answers are asked for again, or `due_only`: the run takes the due rows.

    No choice may be a word that YAML reads as a truth value, such as `no`: a launchpad writes it without quotes.
    """

    due_only = "due_only"
    unresolved = "unresolved"
    compilations = "compilations"
    invalid = "invalid"
    all = "all"


class AskAgainConfig(dg.Config):
    """What a person may choose to be asked again, in each launchpad that asks LML."""

    ask_again: AskAgainChoice = Field(
        default=AskAgainChoice.due_only,
        description=(
            "Ask LML again about the rows whose last answer is unresolved, a compilation or invalid, or about all "
            "rows that were asked. This happens once, without regard to the windows, and instead of the due rows. "
            "due_only: the run takes the due rows."
        ),
    )
    library_ids: list[int] = Field(
        default=[],
        description="With ask_again: only these library rows, in whichever scope they are. Empty: all.",
    )
    asked_before: str = Field(
        default="",
        description="With ask_again: only rows that were last asked before this day or moment (ISO 8601, UTC).",
    )

    def chosen_answers(self) -> AskAgain | None:
        """What is asked again; None for the due rows.

        Raises:
            dg.Failure: the moment is not one, or rows are narrowed down and no answers are chosen.
        """
        answers = None if self.ask_again is AskAgainChoice.due_only else self.ask_again.value
        try:
            return ask_again_of(answers, tuple(self.library_ids), self.asked_before or None)
        except AskAgainError as error:
            raise dg.Failure(str(error)) from error
