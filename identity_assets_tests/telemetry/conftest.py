"""A receiver in place of Sentry, and an environment with secrets in it."""

from collections.abc import Iterator

import pytest

from identity_assets.settings import Settings
from identity_assets_tests.telemetry.receiver import Receiver, receiving
from identity_assets_tests.terminal.calling import clean_env

PASSWORD = "pw-of-the-database"
API_KEY = "key-of-lml"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver that answers as Sentry does."""
    with receiving() as made:
        yield made


@pytest.fixture
def env(station_settings: Settings, receiver: Receiver) -> dict[str, str]:
    """The environment of a whole station. Its runs report to the receiver and log JSON lines."""
    url = station_settings.require_database_url().set(password=PASSWORD)
    return clean_env(
        DATABASE_URL=url.render_as_string(hide_password=False),
        LIBRARY_METADATA_URL=station_settings.require_library_metadata_url(),
        LML_API_KEY=API_KEY,
        LML_RETRY_WAIT_SECONDS="0.001",
        SENTRY_DSN=receiver.dsn,
        LOG_FORMAT="json",
    )
