"""What a launchpad offers: a choice that is left alone is that of the environment."""

from dataclasses import replace

import pytest
import yaml

from identity_assets.launch_choices import AskAgainChoice, ScopeChoice, legs_of
from identity_assets.settings import Leg, Scope, Settings, SettingsError


@pytest.mark.parametrize("set_scope", Scope)
def test_a_scope_is_the_one_chosen_or_that_of_the_setting(set_scope: Scope) -> None:
    settings = replace(Settings(), scope=set_scope)
    assert ScopeChoice.by_setting.of(settings) is set_scope
    assert [ScopeChoice.canonical.of(settings), ScopeChoice.full.of(settings)] == [*Scope]


@pytest.mark.parametrize(
    ("choices", "legs"),
    [
        (["by_setting"], (Leg.S3,)),
        ([], ()),
        (["S1"], (Leg.S1,)),
        (["S3", "S1", "S3"], (Leg.S1, Leg.S3)),
        (["by_setting", "S1"], (Leg.S1, Leg.S3)),
    ],
)
def test_legs_are_those_chosen_or_those_of_the_setting(choices: list[str], legs: tuple[Leg, ...]) -> None:
    assert legs_of(choices, (Leg.S3,)) == legs


def test_a_leg_that_does_not_exist_is_one_clear_line() -> None:
    with pytest.raises(SettingsError, match="legs: 'S2' is not valid: it takes S1, S3 and by_setting"):
        legs_of(["S2"], ())


@pytest.mark.parametrize("choice", [*ScopeChoice, *AskAgainChoice])
def test_a_choice_that_a_launchpad_writes_without_quotes_is_read_as_a_text(choice: str) -> None:
    assert yaml.safe_load(str(choice)) == str(choice)
