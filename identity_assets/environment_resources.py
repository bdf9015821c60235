"""The resources as Dagster shows them: each field is an environment variable, and an asset gets what they make.

The field of a variable that is set holds the name of the variable (`EnvVar`), so its value is neither in Dagster's
storage nor on its pages. The field of a variable that is not set is empty, and its description says the default: a
launchpad lists every field with a value. settings.py checks the values and reports a bad one in one line.
"""

import os
from dataclasses import fields
from typing import Any

import dagster as dg
from pydantic import Field

from identity_assets.progress import LogProgress
from identity_assets.resources import Backend, Discogs, Lml
from identity_assets.settings import Settings, default_text, load_settings, variable_of
from identity_assets.telemetry.run_trace import run_trace

# The whole form is one long word, which pushes the values of the table off the page.
POSTGRES_ADDRESS = "the address of a PostgreSQL; docs/settings.md shows its form"


def setting(name: str, meaning: str, takes: str | None = None) -> Any:
    """The field for one field of `Settings`. None means that the variable is not set and its default holds.

    `takes` replaces what settings.py says that the variable takes, if that is too long a word for the page.
    """
    variable_name, variable = variable_of(name)
    default = default_text(name)
    described = f"{variable_name}: {meaning}. It takes {takes or variable.takes}."
    return Field(
        default=None, description=described if default is None else f"{described} Default: {default}."
    )


class BackendResource(dg.ConfigurableResource[Backend]):
    """Backend's PostgreSQL, which holds the catalogue and the identity tables.

    It needs DATABASE_URL, or else DB_HOST, DB_PORT, DB_NAME, DB_USERNAME and DB_PASSWORD.
    """

    database_url: str | None = setting("database_url", "where Backend's database is", POSTGRES_ADDRESS)
    schema_name: str | None = setting("schema_name", "Backend's schema")
    scope: str | None = setting("scope", "true: all library rows; false: those with a canonical_entity_id")
    stale_threshold_days: str | None = setting(
        "stale_threshold_days", "a resolved row is asked about again after this time"
    )
    unresolved_retry_days: str | None = setting(
        "unresolved_retry_days", "an unresolved row is asked about again after this time"
    )
    invalid_retry_days: str | None = setting(
        "invalid_retry_days", "a row whose answer was set aside is asked about again after this time"
    )
    writer_connections: str | None = setting("writer_connections", "transactions that write at the same time")
    writer_chunk_rows: str | None = setting("writer_chunk_rows", "library rows in one transaction")
    gate_threshold: str | None = setting("gate_threshold", "the gate passes below this number of rows")
    dry_run: str | None = setting("dry_run", "true: nothing may be written")

    def create_resource(self, context: dg.InitResourceContext) -> Backend:  # noqa: ARG002  # Dagster's signature
        """What assets and checks get."""
        return Backend(settings_of(self))


class LmlResource(dg.ConfigurableResource[Lml]):
    """LML, the metadata service that knows identities. It needs LIBRARY_METADATA_URL."""

    library_metadata_url: str | None = setting("library_metadata_url", "where LML is")
    lml_api_key: str | None = setting("lml_api_key", "the bearer token, if LML wants one")
    batch_size: str | None = setting("batch_size", "library rows in one call")
    va_batch_size: str | None = setting("va_batch_size", "various-artists rows in one call")
    lml_max_in_flight: str | None = setting("lml_max_in_flight", "calls at the same time, at most")
    lml_timeout_seconds: str | None = setting("lml_timeout_seconds", "the time that one call may take")
    lml_patience_seconds: str | None = setting(
        "lml_patience_seconds", "LML counts as down after this time without a success"
    )
    lml_run_seconds: str | None = setting("lml_run_seconds", "a run asks nothing more after this time")
    lml_ca_bundle: str | None = setting("lml_ca_bundle", "certificates to trust for LML alone")

    def create_resource(self, context: dg.InitResourceContext) -> Lml:  # noqa: ARG002  # Dagster's signature
        """What assets get."""
        return Lml(settings_of(self))


class DiscogsResource(dg.ConfigurableResource[Discogs]):
    """The discogs-cache, another PostgreSQL, which the leg S3 reads. With S3 on it needs DATABASE_URL_DISCOGS."""

    database_url_discogs: str | None = setting(
        "database_url_discogs", "where the discogs-cache is", POSTGRES_ADDRESS
    )
    discogs_schema_name: str | None = setting("discogs_schema_name", "the schema of its tables")
    flowsheet_match_rematerialise: str | None = setting(
        "flowsheet_match_rematerialise", "true: S3 computes its pairs from the releases"
    )

    def create_resource(self, context: dg.InitResourceContext) -> Discogs:  # noqa: ARG002  # Dagster's signature
        """What the asset of the leg gets."""
        return Discogs(settings_of(self))


def settings_of(resource: dg.ConfigurableResource[Any]) -> Settings:
    """The settings of this process, with the fields of the resource in the place of their variables.

    Raises:
        SettingsError: a field holds what its variable cannot take.
    """
    given = {variable_of(name)[0]: getattr(resource, name) or "" for name in type(resource).model_fields}
    return load_settings({**os.environ, **given})


def environment_resources() -> dict[str, object]:
    """The resources by the names that assets use, filled by the environment variables of this process."""
    return {
        "backend": BackendResource(**_variables_set(BackendResource)),
        "lml": LmlResource(**_variables_set(LmlResource)),
        "discogs": DiscogsResource(**_variables_set(DiscogsResource)),
        "progress": LogProgress(),
        "trace": run_trace,
    }


def _variables_set(resource: type[dg.ConfigurableResource[Any]]) -> dict[str, Any]:
    names = {
        one.name: variable_of(one.name)[0] for one in fields(Settings) if one.name in resource.model_fields
    }
    return {
        field: dg.EnvVar(variable)
        for field, variable in names.items()
        if os.environ.get(variable, "").strip()
    }
