"""What each variable of settings.py means, and the page docs/settings.md made from it.

`python -m identity_assets.settings_help > docs/settings.md` writes the page. A test holds the two equal.
"""

from collections.abc import Iterator, Mapping
from dataclasses import fields
from enum import Enum

from identity_assets.settings import Settings, Variable

HEAD = """# Settings

This page is made from `settings.py`: do not edit it.

A process reads its settings from environment variables when it starts. An empty variable counts as unset. A value
that is not valid stops the process with one line and exit code 2. The line names the variable, the value and what it
takes. The value of a secret is never shown.
"""

GROUPS: Mapping[str, Mapping[str, str]] = {
    "Backend's database": {
        "DATABASE_URL": (
            "Backend's PostgreSQL. If it is unset, `DB_HOST`, `DB_PORT`, `DB_NAME`, `DB_USERNAME` and `DB_PASSWORD` "
            "are used. PostgreSQL's own options come last, for example `?sslmode=verify-full&sslrootcert=FILE`."
        ),
        "WXYC_SCHEMA_NAME": "Backend's schema.",
        "WRITER_CHUNK_ROWS": "Library rows in one transaction of the writer.",
        "WRITER_CONNECTIONS": "Connections that the writer uses side by side.",
    },
    "LML": {
        "LIBRARY_METADATA_URL": "LML's address, with or without a trailing `/`, `/api/v1` or `/api/v1/`.",
        "LML_API_KEY": "Sent as a bearer token.",
        "BATCH_SIZE": "Library rows in one call.",
        "VA_BATCH_SIZE": "Various-artists rows in one call.",
        "LML_MAX_IN_FLIGHT": "The largest number of calls at the same time. A run finds out how many are best.",
        "LML_TIMEOUT_SECONDS": "The time of one call, from the connection to the last byte.",
        "LML_RETRY_WAIT_SECONDS": "The wait before the first retry. It doubles up to 10 seconds.",
        "LML_MAX_RESPONSE_BYTES": "The largest answer, decompressed.",
        "LML_PATIENCE_SECONDS": "The step fails if no call succeeds for this time.",
        "LML_RUN_SECONDS": "A run asks nothing more after this time. The other rows stay due. Unset: no limit.",
        "LML_CA_BUNDLE": "A file of PEM certificates that are trusted for LML only.",
        "LML_NIGHTLY_INPUT_BUDGET": "The largest number of rows that one night asks about. Unset: no limit.",
        "CONFIDENCE_BANDS": (
            "`reject`: a verdict outside its method's band is set aside. `warn`: it is written and reported."
        ),
    },
    "Which rows are asked about, and when": {
        "INCLUDE_NULL_CANONICAL": (
            "`true`: scope `full`, all rows. `false`: scope `canonical`, rows that have a `canonical_entity_id`."
        ),
        "STALE_THRESHOLD_DAYS": "A resolved row is due again after this time.",
        "UNRESOLVED_RETRY_DAYS": "A row that LML could not identify is due again after this time.",
        "INVALID_RETRY_DAYS": "A row whose answer broke the contract is due again after this time.",
        "LIBRARY_PARTITIONS": "The number of hash buckets. A new number makes new partitions in Dagster.",
        "REFRESH_CRON": "When the schedule `nightly_refresh` ticks, in New York's time.",
        "DRY_RUN": "`true`: `run` is a dry run, and no asset, schedule or command writes.",
    },
    "Guards and checks": {
        "WITHDRAWN_SHARE_LIMIT": (
            "Answers are held back if more than this share of the identities in a pass, and at least 20, is "
            "withdrawn."
        ),
        "RESOLVED_SHARE_FLOOR": (
            "Answers are held back if less than this share of at least 500 rows that are asked about for the first "
            "time is resolved."
        ),
        "GATE_THRESHOLD": "The gate passes if fewer rows than this are truly unresolved.",
        "GATE_ENFORCED": "`true`: a gate that fails is an ERROR. `false`: it is a WARN.",
        "SET_ASIDE_SHARE_LIMIT": (
            "The share of a pass's library rows that a fault may set aside. Above it `rows_set_aside` is an ERROR."
        ),
        "STALE_ROWS_ERROR": "The share of rows past their window above which `stale_rows` is an ERROR.",
    },
    "The legs": {
        "IDENTITY_LEGS": "The legs that are on.",
        "DATABASE_URL_DISCOGS": "The discogs-cache, a PostgreSQL that the leg S3 reads.",
        "DISCOGS_SCHEMA_NAME": "The schema of its tables. `public` is searched after it.",
        "FLOWSHEET_MATCH_REMATERIALISE": "`true`: S3 computes its pairs from the releases and not from the snapshot.",
        "DISCOGS_READ_TIMEOUT_SECONDS": "The longest time that one query of the discogs-cache may take.",
        "DISCOGS_LOCK_TIMEOUT_SECONDS": "The longest time that a query waits for a lock in the discogs-cache.",
        "EVIDENCE_SHRINK_LIMIT": (
            "A leg that would remove more than this share of its evidence, and at least 50 rows, fails and removes "
            "nothing."
        ),
        "EVIDENCE_CRON": "When the schedule `nightly_evidence` ticks, in New York's time.",
    },
    "How long things are kept": {
        "UNWIND_DAYS": "A run can be taken back for this time.",
        "VERDICT_HISTORY_DAYS": "Earlier answers of LML that differ are kept for this time.",
        "RUN_RETENTION_DAYS": "The job `event_log_retention` deletes runs of Dagster after this time.",
    },
    "Alerts, traces and logs": {
        "ALERT_WEBHOOK_URL": "Alerts are posted here as Slack-compatible JSON. Unset: no alerts.",
        "DAGSTER_UI_URL": "The address of the Dagster UI, for the links in alerts. Unset: no links.",
        "SENTRY_DSN": "Runs and failures are reported to this Sentry. Unset: nowhere.",
        "SENTRY_TRACES_SAMPLE_RATE": "The share of runs that are traced. Failures are always reported.",
        "SENTRY_ENVIRONMENT": "The environment in Sentry.",
        "CODE_LOCATION_NAME": "The code location that runs of the command line belong to in the UI.",
        "CODE_LINK_BASE": "Where the repository shows its files; the UI links assets to their code. Unset: no links.",
        "LOG_FORMAT": "Unset: plain on a terminal, JSON lines elsewhere.",
    },
}


def settings_page() -> str:
    """The page in Markdown: one table a group, one row a variable."""
    return "\n".join([HEAD, *(line for title in GROUPS for line in _group(title))])


def _group(title: str) -> Iterator[str]:
    yield f"## {title}\n"
    yield "| variable | default | takes | what it is |"
    yield "| --- | --- | --- | --- |"
    declared = {one.metadata["env"]: one for one in fields(Settings)}
    for name, meaning in GROUPS[title].items():
        variable: Variable = declared[name].metadata["variable"]
        takes = f"{variable.takes} (secret)" if variable.secret else variable.takes
        yield f"| `{name}` | {_default(declared[name].default, name)} | {takes} | {meaning} |"
    yield ""


def _default(value: object, name: str) -> str:
    if value is None or value == ():
        return ""
    if name == "INCLUDE_NULL_CANONICAL":
        return "`false`"
    shown = str(value.value if isinstance(value, Enum) else value)
    return f"`{shown.lower() if isinstance(value, bool) else shown}`"


if __name__ == "__main__":
    print(settings_page(), end="")
