"""The resources of the graph: Backend's database, LML, the discogs-cache, and where progress is shown.

Each resource opens its connection when a step asks for it. The drivers are imported at that moment too: importing the
definitions loads neither SQLAlchemy nor an HTTP client. Which environment variables fill them is in
environment_resources.py.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from identity_assets.progress import LogProgress, ProgressReporter
from identity_assets.settings import Settings, SettingsError
from identity_assets.telemetry.run_trace import run_trace

if TYPE_CHECKING:
    from identity_assets.backend.database import Database
    from identity_assets.legs.discogs_cache import DiscogsCache
    from identity_assets.lml.client import Call, LmlClient


@dataclass(frozen=True)
class Backend:
    """Backend's PostgreSQL, in the schema that the settings name."""

    settings: Settings

    def database(self, run_id: str) -> "Database":
        """A database handle for this run; a context manager."""
        return self._open(run_id, read_only=False)

    def database_to_read(self, run_id: str) -> "Database":
        """A database handle for this run on which the server refuses every write."""
        return self._open(run_id, read_only=True)

    def database_to_write(self, run_id: str) -> "Database":
        """A database handle for a step that writes.

        Raises:
            SettingsError: DRY_RUN is set, so nothing may be written.
        """
        if self.settings.dry_run:
            raise SettingsError(
                "DRY_RUN=true: nothing is written. Launch the job dry_run, or unset DRY_RUN and run again"
            )
        return self.database(run_id)

    def _open(self, run_id: str, *, read_only: bool) -> "Database":
        from identity_assets.backend.database import Database

        return Database(self.settings, f"run {run_id}", read_only=read_only)


@dataclass(frozen=True)
class Lml:
    """The metadata service."""

    settings: Settings

    def client(self, run_id: str, on_call: "Callable[[Call], None] | None" = None) -> "LmlClient":
        """An HTTP client of LML for one run that reports each call to `on_call`; a context manager."""
        from identity_assets.lml.client import client_of

        return client_of(self.settings, on_call, run_id)


@dataclass(frozen=True)
class Discogs:
    """The discogs-cache, which this project only reads."""

    settings: Settings

    def cache(self, run_id: str) -> "DiscogsCache":
        """A reader of the discogs-cache for this run."""
        from identity_assets.legs.discogs_cache import DiscogsCache

        return DiscogsCache(self.settings, f"identity_assets run {run_id}")


def make_resources(settings: Settings, progress: ProgressReporter | None = None) -> dict[str, object]:
    """The resources by the names that assets use, from settings that are already read: for commands and tests."""
    return {
        "backend": Backend(settings),
        "lml": Lml(settings),
        "discogs": Discogs(settings),
        "progress": progress or LogProgress(),
        "trace": run_trace,
    }
