"""The environment that the commands are called in."""

import pytest

from identity_assets.settings import Settings
from identity_assets_tests.terminal.calling import clean_env


@pytest.fixture
def env(station_settings: Settings) -> dict[str, str]:
    """The environment of a whole station."""
    return clean_env(
        DATABASE_URL=station_settings.require_database_url().render_as_string(hide_password=False),
        LIBRARY_METADATA_URL=station_settings.require_library_metadata_url(),
        LML_RETRY_WAIT_SECONDS="0.001",
    )
