"""What the assets are handed: Backend's database, LML, and where progress is shown.

Each is made from the settings when a step asks for it, so that no address or key stands in any run's config.
"""

from collections.abc import Callable
from dataclasses import dataclass

from identity_assets.backend.database import Database
from identity_assets.lml.client import Call, LmlClient
from identity_assets.observability import run_trace
from identity_assets.progress import LogProgress, ProgressReporter
from identity_assets.settings import Settings


@dataclass(frozen=True)
class Backend:
    """Backend's PostgreSQL, under the settings' schema."""

    settings: Settings

    def database(self, run_id: str) -> Database:
        """A database handle that is named after the run; a context manager."""
        return Database(self.settings, f"run {run_id}")


@dataclass(frozen=True)
class Lml:
    """The metadata service."""

    settings: Settings

    def client(self, on_call: Callable[[Call], None] | None = None) -> LmlClient:
        """An HTTP client of LML, which tells `on_call` of each call; a context manager."""
        return LmlClient(
            self.settings.require_library_metadata_url(),
            self.settings.lml_api_key,
            timeout=self.settings.lml_timeout_seconds,
            wait_initial=self.settings.lml_retry_wait_seconds,
            max_connections=self.settings.lml_max_in_flight,
            on_call=on_call,
        )


def make_resources(settings: Settings, progress: ProgressReporter | None = None) -> dict[str, object]:
    """The resources of the graph by the names that assets ask for them."""
    return {
        "backend": Backend(settings),
        "lml": Lml(settings),
        "progress": progress or LogProgress(),
        "trace": run_trace,
    }
