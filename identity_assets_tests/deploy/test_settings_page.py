"""docs/settings.md is made from settings.py."""

from dataclasses import fields

from identity_assets.settings import Settings
from identity_assets.settings_help import GROUPS, settings_page
from identity_assets_tests.deploy.dockerfile import PROJECT


def test_every_variable_has_a_meaning_and_none_has_two() -> None:
    explained = [name for group in GROUPS.values() for name in group]
    assert sorted(explained) == sorted(one.metadata["env"] for one in fields(Settings))


def test_the_page_is_what_the_settings_make() -> None:
    page = (PROJECT / "docs" / "settings.md").read_text(encoding="utf-8")
    assert page == settings_page(), "run: python -m identity_assets.settings_help > docs/settings.md"


def test_every_variable_is_in_the_page_with_its_default() -> None:
    assert (
        "| `BATCH_SIZE` | `500` | a whole number from 1 to 1000 | Library rows in one call. |"
        in settings_page()
    )
    assert "| `DRY_RUN` | `false` | true or false |" in settings_page()
