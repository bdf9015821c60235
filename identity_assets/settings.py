"""Every environment variable: its default, its check, and one frozen `Settings` that holds them.

Nothing else in the package reads the environment. docs/settings.md explains each variable.
"""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from identity_assets.errors import OperatorError

# SQLAlchemy is imported where a database URL is read: without one, the definitions load without it.
if TYPE_CHECKING:
    from sqlalchemy import URL


class Scope(StrEnum):
    """Which library rows a pass looks at: those with a canonical_entity_id, or all."""

    canonical = "canonical"
    full = "full"


class Bands(StrEnum):
    """What becomes of a verdict whose confidence lies outside its method's band."""

    reject = "reject"
    warn = "warn"


class Leg(StrEnum):
    """The two older legs: canonical_entity_id and flowsheet_match."""

    S1 = "S1"
    S3 = "S3"


class LogFormat(StrEnum):
    """How a log line is written."""

    json = "json"
    plain = "plain"


class SettingsError(OperatorError, ValueError):
    """A variable that is missing or holds what it cannot take."""

    exit_code = 2


@dataclass(frozen=True)
class Variable:
    """What an environment variable takes: said in words, and parsed (`ValueError` where it does not fit)."""

    takes: str
    parse: Callable[[str], Any]
    secret: bool = False

    def read(self, env: Mapping[str, str], name: str) -> Any:
        """The parsed value; None where it is unset or blank, as an empty line of a .env file leaves it."""
        text = env.get(name, "").strip()
        if not text:
            return None
        try:
            return self.parse(text)
        except ValueError:
            shown = "(not shown: it may hold a secret)" if self.secret else repr(text)
            raise SettingsError(f"{name}={shown} is not valid: it takes {self.takes}") from None


def whole_number(low: int, high: int, unit: str = "") -> Variable:
    """Whole numbers from `low` to `high`, both included."""

    def parse(text: str) -> int:
        if not (text.isascii() and text.isdecimal() and low <= int(text) <= high):
            raise ValueError
        return int(text)

    return Variable(f"a whole number {unit}from {low} to {high}", parse)


def number(low: float, high: float, unit: str = "") -> Variable:
    """Numbers from `low` to `high`, both included; NaN is not a valid number."""

    def parse(text: str) -> float:
        if not low <= float(text) <= high:
            raise ValueError
        return float(text)

    return Variable(f"a number {unit}from {low:g} to {high:g}", parse)


def _switch(text: str) -> bool:
    words = {"true": True, "1": True, "yes": True, "on": True}
    words |= {"false": False, "0": False, "no": False, "off": False}
    if text.lower() not in words:
        raise ValueError
    return words[text.lower()]


def _postgres_url(text: str) -> "URL":
    """Names the driver: SQLAlchemy 2.1 reads a bare `postgresql://` as another driver's."""
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        url = make_url(text)
    except ArgumentError as error:
        raise ValueError from error
    if url.drivername.split("+")[0] not in {"postgresql", "postgres"}:
        raise ValueError
    # An @ that is not encoded puts a part of the password into the host, which messages name.
    if text.count("@") > 1:
        raise ValueError
    return url.set(drivername="postgresql+psycopg2")


def _http_url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname or "@" in parts.netloc:
        raise ValueError
    return text


def _lml_url(text: str) -> str:
    parts = urlsplit(_http_url(text))
    if parts.query or parts.fragment:
        raise ValueError
    return text


def _bearer_token(text: str) -> str:
    """What an HTTP header takes."""
    if not (text.isascii() and text.isprintable()) or " " in text:
        raise ValueError
    return text


def _file(text: str) -> str:
    if not Path(text).is_file():
        raise ValueError
    return text


def _schema_name(text: str) -> str:
    """A name that PostgreSQL takes without quotes."""
    if not (text.isascii() and text.isidentifier() and text == text.lower() and len(text) <= 63):
        raise ValueError
    return text


def _cron(text: str) -> str:
    """Five fields of the characters that cron uses; Dagster checks the rest when it loads the schedule."""
    if not re.fullmatch(r"[\dA-Za-z*/,-]+( [\dA-Za-z*/,-]+){4}", text):
        raise ValueError
    return text


def _sentry_dsn(text: str) -> str:
    """What the SDK takes: a scheme, a key, a host and a project's number."""
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.username or not parts.hostname:
        raise ValueError
    # Both raise where they are no number.
    _ = parts.port, int(parts.path.rsplit("/", 1)[-1])
    return text


def _scope(text: str) -> Scope:
    return Scope.full if _switch(text) else Scope.canonical


def _bands(text: str) -> Bands:
    return Bands(text.lower())


def _legs(text: str) -> tuple[Leg, ...]:
    return tuple(sorted({Leg(name.strip()) for name in text.split(",")}))


SWITCH = Variable("true or false", _switch)
BEARER_TOKEN = Variable("printable ASCII characters without spaces", _bearer_token, secret=True)
POSTGRES_URL = Variable(
    "postgresql://USER:PASSWORD@HOST:PORT/NAME, with an @ in the password as %40", _postgres_url, secret=True
)
HTTP_URL = Variable("http(s)://HOST[:PORT] without user or password", _http_url, secret=True)
LML_URL = Variable("http(s)://HOST[:PORT][/PATH] without user, password or query", _lml_url, secret=True)
SENTRY_DSN = Variable("http(s)://KEY@HOST[:PORT]/PROJECT", _sentry_dsn, secret=True)
MAX_PARTITIONS = 100
DAYS = whole_number(1, 3650, "of days ")
BATCH = whole_number(1, 1000)


def _env(name: str, variable: Variable, default: Any = None) -> Any:
    return field(default=default, repr=not variable.secret, metadata={"env": name, "variable": variable})


@dataclass(frozen=True)
class Settings:
    """What the operator set, checked. URLs and keys never show in its repr.

    `stale_threshold_days`, `unresolved_retry_days` and `invalid_retry_days` are the windows of rule 7 in rules.md:
    the due rule in SQL and the freshness policies both take them from here.
    """

    database_url: "URL | None" = _env("DATABASE_URL", POSTGRES_URL)
    library_metadata_url: str | None = _env("LIBRARY_METADATA_URL", LML_URL)
    lml_api_key: str | None = _env("LML_API_KEY", BEARER_TOKEN)
    schema_name: str = _env("WXYC_SCHEMA_NAME", Variable("a lower-case name", _schema_name), "wxyc_schema")
    scope: Scope = _env("INCLUDE_NULL_CANONICAL", Variable("true or false", _scope), Scope.canonical)
    batch_size: int = _env("BATCH_SIZE", BATCH, 500)
    va_batch_size: int = _env("VA_BATCH_SIZE", BATCH, 100)
    lml_max_in_flight: int = _env("LML_MAX_IN_FLIGHT", whole_number(1, 32), 8)
    lml_timeout_seconds: float = _env("LML_TIMEOUT_SECONDS", number(0.1, 600, "of seconds "), 30.0)
    lml_retry_wait_seconds: float = _env("LML_RETRY_WAIT_SECONDS", number(0.001, 60, "of seconds "), 0.5)
    lml_max_response_bytes: int = _env(
        "LML_MAX_RESPONSE_BYTES", whole_number(1024, 2**30, "of bytes "), 64 * 1024 * 1024
    )
    lml_patience_seconds: float = _env("LML_PATIENCE_SECONDS", number(0.1, 86_400, "of seconds "), 120.0)
    lml_run_seconds: float | None = _env("LML_RUN_SECONDS", number(0.1, 604_800, "of seconds "))
    lml_ca_bundle: str | None = _env("LML_CA_BUNDLE", Variable("a file of PEM certificates", _file))
    stale_threshold_days: int = _env("STALE_THRESHOLD_DAYS", DAYS, 7)
    unresolved_retry_days: int = _env("UNRESOLVED_RETRY_DAYS", DAYS, 7)
    invalid_retry_days: int = _env("INVALID_RETRY_DAYS", DAYS, 1)
    library_partitions: int = _env("LIBRARY_PARTITIONS", whole_number(1, MAX_PARTITIONS), 16)
    withdrawn_share_limit: float = _env("WITHDRAWN_SHARE_LIMIT", number(0, 1), 0.05)
    resolved_share_floor: float = _env("RESOLVED_SHARE_FLOOR", number(0, 1), 0.02)
    gate_threshold: int = _env("GATE_THRESHOLD", whole_number(1, 1_000_000_000), 1000)
    gate_enforced: bool = _env("GATE_ENFORCED", SWITCH, False)
    set_aside_share_limit: float = _env("SET_ASIDE_SHARE_LIMIT", number(0, 1), 0.01)
    stale_rows_error: float = _env("STALE_ROWS_ERROR", number(0, 1), 0.10)
    refresh_cron: str = _env("REFRESH_CRON", Variable("a cron expression of five fields", _cron), "0 5 * * *")
    lml_nightly_input_budget: int | None = _env("LML_NIGHTLY_INPUT_BUDGET", whole_number(1, 1_000_000_000))
    confidence_bands: Bands = _env("CONFIDENCE_BANDS", Variable("reject or warn", _bands), Bands.reject)
    dry_run: bool = _env("DRY_RUN", SWITCH, False)
    unwind_days: int = _env("UNWIND_DAYS", DAYS, 30)
    verdict_history_days: int = _env("VERDICT_HISTORY_DAYS", DAYS, 365)
    writer_chunk_rows: int = _env("WRITER_CHUNK_ROWS", whole_number(1, 100_000), 2500)
    writer_connections: int = _env("WRITER_CONNECTIONS", whole_number(1, 16), 2)
    identity_legs: tuple[Leg, ...] = _env("IDENTITY_LEGS", Variable("S1, S3 or S1,S3", _legs), ())
    database_url_discogs: "URL | None" = _env("DATABASE_URL_DISCOGS", POSTGRES_URL)
    discogs_schema_name: str = _env(
        "DISCOGS_SCHEMA_NAME", Variable("a lower-case name", _schema_name), "wxyc"
    )
    flowsheet_match_rematerialise: bool = _env("FLOWSHEET_MATCH_REMATERIALISE", SWITCH, False)
    run_retention_days: int = _env("RUN_RETENTION_DAYS", DAYS, 90)
    alert_webhook_url: str | None = _env("ALERT_WEBHOOK_URL", HTTP_URL)
    dagster_ui_url: str | None = _env("DAGSTER_UI_URL", HTTP_URL)
    code_link_base: str | None = _env("CODE_LINK_BASE", HTTP_URL)
    code_location_name: str = _env("CODE_LOCATION_NAME", Variable("a name", str), "identity_assets")
    discogs_read_timeout_seconds: float = _env(
        "DISCOGS_READ_TIMEOUT_SECONDS", number(0.1, 86400, "of seconds "), 600.0
    )
    discogs_lock_timeout_seconds: float = _env(
        "DISCOGS_LOCK_TIMEOUT_SECONDS", number(0.1, 3600, "of seconds "), 10.0
    )
    evidence_shrink_limit: float = _env("EVIDENCE_SHRINK_LIMIT", number(0, 1), 0.10)
    evidence_cron: str = _env(
        "EVIDENCE_CRON", Variable("a cron expression of five fields", _cron), "0 4 * * *"
    )
    sentry_dsn: str | None = _env("SENTRY_DSN", SENTRY_DSN)
    sentry_traces_sample_rate: float = _env("SENTRY_TRACES_SAMPLE_RATE", number(0, 1), 1.0)
    sentry_environment: str = _env("SENTRY_ENVIRONMENT", Variable("any text", str), "production")
    log_format: LogFormat | None = _env("LOG_FORMAT", Variable("json or plain", LogFormat))

    def require_database_url(self) -> "URL":
        """Backend's database, or a `SettingsError` that says how to name it."""
        if self.database_url is None:
            raise SettingsError(
                f"DATABASE_URL is not set: it takes {POSTGRES_URL.takes} "
                "(or set DB_HOST, DB_PORT, DB_NAME, DB_USERNAME and DB_PASSWORD)"
            )
        return self.database_url

    def require_library_metadata_url(self) -> str:
        """LML's base URL, or a `SettingsError` that says how to name it."""
        if self.library_metadata_url is None:
            raise SettingsError(f"LIBRARY_METADATA_URL is not set: it takes {LML_URL.takes}")
        return self.library_metadata_url

    def require_database_url_discogs(self) -> "URL":
        """The discogs-cache, or a `SettingsError` that says how to name it."""
        if self.database_url_discogs is None:
            raise SettingsError(
                f"DATABASE_URL_DISCOGS is not set, and the leg S3 reads it: it takes {POSTGRES_URL.takes}"
            )
        return self.database_url_discogs


def _backend_url(env: Mapping[str, str]) -> "URL | None":
    """What Backend's own services are configured by; serves where DATABASE_URL is unset."""
    port = whole_number(1, 65535).read(env, "DB_PORT")
    if not env.get("DB_HOST", "").strip():
        return None
    from sqlalchemy import URL

    return URL.create(
        "postgresql+psycopg2",
        username=env.get("DB_USERNAME") or None,
        password=env.get("DB_PASSWORD") or None,
        host=env["DB_HOST"].strip(),
        port=port,
        database=env.get("DB_NAME") or None,
    )


def variable_of(name: str) -> tuple[str, Variable]:
    """The environment variable that sets a field of `Settings`: its name, and what it takes."""
    [found] = [one for one in fields(Settings) if one.name == name]
    return found.metadata["env"], found.metadata["variable"]


def default_text(name: str) -> str | None:
    """The default of a field of `Settings` as its variable would have it; None if it has no default."""
    [found] = [one for one in fields(Settings) if one.name == name]
    if found.default is None or isinstance(found.default, tuple):
        return None
    if isinstance(found.default, Scope):
        return str(found.default is Scope.full).lower()
    return str(found.default).lower() if isinstance(found.default, bool) else f"{found.default}"


def load_settings(env: Mapping[str, str]) -> Settings:
    """Settings from the environment `env`, every value checked.

    Raises:
        SettingsError: the first variable that holds what it cannot take, in one line.
    """
    given = {one.name: one.metadata["variable"].read(env, one.metadata["env"]) for one in fields(Settings)}
    if given["database_url"] is None:
        given["database_url"] = _backend_url(env)
    return Settings(**{name: value for name, value in given.items() if value is not None})


@cache
def settings() -> Settings:
    """The settings of this process, read from its environment once."""
    return load_settings(os.environ)
