"""What the assets are handed: Backend's database, LML, the discogs-cache, and where progress is shown.

Each is made from the settings when a step asks for it, so that no address or key stands in any run's config.
"""

from collections.abc import Callable
from dataclasses import dataclass

from identity_assets.backend.database import Database
from identity_assets.legs.discogs_cache import DiscogsCache
from identity_assets.lml.client import Call, LmlClient, client_of
from identity_assets.progress import LogProgress, ProgressReporter
from identity_assets.settings import Leg, Settings, SettingsError
from identity_assets.telemetry.run_trace import run_trace


@dataclass(frozen=True)
class Backend:
    """Backend's PostgreSQL, under the settings' schema."""

    settings: Settings

    def database(self, run_id: str) -> Database:
        """A database handle that is named after the run; a context manager."""
        return Database(self.settings, f"run {run_id}")

    def database_to_read(self, run_id: str) -> Database:
        """The same, for one that must not write: the server refuses it."""
        return Database(self.settings, f"run {run_id}", read_only=True)

    def database_to_write(self, run_id: str) -> Database:
        """The same, for a step that writes.

        Raises:
            SettingsError: DRY_RUN is set, and nothing may be written.
        """
        if self.settings.dry_run:
            raise SettingsError(
                "DRY_RUN=true: nothing is written. Launch the job dry_run, or unset DRY_RUN and run again"
            )
        return self.database(run_id)


@dataclass(frozen=True)
class Lml:
    """The metadata service."""

    settings: Settings

    def client(self, on_call: Callable[[Call], None] | None = None) -> LmlClient:
        """An HTTP client of LML, which tells `on_call` of each call; a context manager."""
        return client_of(self.settings, on_call)


@dataclass(frozen=True)
class Discogs:
    """The discogs-cache, which is only read."""

    settings: Settings

    def cache(self, run_id: str) -> DiscogsCache:
        """A reader that is named after the run."""
        return DiscogsCache(self.settings, f"identity_assets run {run_id}")


def make_resources(settings: Settings, progress: ProgressReporter | None = None) -> dict[str, object]:
    """The resources of the graph by the names that assets ask for them; the discogs-cache where a leg reads it."""
    made: dict[str, object] = {
        "backend": Backend(settings),
        "lml": Lml(settings),
        "progress": progress or LogProgress(),
        "trace": run_trace,
    }
    return {**made, "discogs": Discogs(settings)} if Leg.S3 in settings.identity_legs else made
