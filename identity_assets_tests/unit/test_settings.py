"""Every environment variable: its default, and one clear line for a value that it does not take."""

from urllib.parse import quote

import pytest

from identity_assets.settings import Leg, Scope, Settings, SettingsError, load_settings


def test_without_any_variable_the_defaults_are_those_of_the_published_run() -> None:
    found = load_settings({})
    assert found == Settings()
    assert (found.batch_size, found.va_batch_size, found.scope) == (500, 100, Scope.canonical)
    assert (found.stale_threshold_days, found.unresolved_retry_days, found.library_partitions) == (7, 7, 16)


@pytest.mark.parametrize(
    ("variable", "value", "takes"),
    [
        ("BATCH_SIZE", "0", "a whole number from 1 to 1000"),
        ("BATCH_SIZE", "1001", "a whole number from 1 to 1000"),
        ("BATCH_SIZE", "12.5", "a whole number from 1 to 1000"),
        ("BATCH_SIZE", "١٢", "a whole number from 1 to 1000"),
        ("VA_BATCH_SIZE", "many", "a whole number from 1 to 1000"),
        ("LML_MAX_IN_FLIGHT", "-1", "a whole number from 1 to 32"),
        ("LML_TIMEOUT_SECONDS", "nan", "a number of seconds from 0.1 to 600"),
        ("STALE_THRESHOLD_DAYS", "0", "a whole number of days from 1 to 3650"),
        ("UNRESOLVED_RETRY_DAYS", "week", "a whole number of days from 1 to 3650"),
        ("INCLUDE_NULL_CANONICAL", "maybe", "true or false"),
        ("WXYC_SCHEMA_NAME", 'a"; DROP', "a lower-case name"),
        ("LIBRARY_PARTITIONS", "101", "a whole number from 1 to 100"),
        ("DB_PORT", "port", "a whole number from 1 to 65535"),
        ("STALE_ROWS_ERROR", "1.5", "a number from 0 to 1"),
        ("GATE_ENFORCED", "2", "true or false"),
        ("REFRESH_CRON", "at five", "a cron expression of five fields"),
        ("IDENTITY_LEGS", "S2", "S1, S3 or S1,S3"),
        ("IDENTITY_LEGS", "S1,", "S1, S3 or S1,S3"),
        ("DISCOGS_SCHEMA_NAME", "wxyc, public", "a lower-case name"),
        ("FLOWSHEET_MATCH_REMATERIALISE", "daily", "true or false"),
        ("SENTRY_TRACES_SAMPLE_RATE", "1.5", "a number from 0 to 1"),
        ("LOG_FORMAT", "xml", "json or plain"),
    ],
)
def test_a_bad_value_is_named_with_what_the_variable_takes(variable: str, value: str, takes: str) -> None:
    with pytest.raises(SettingsError) as raised:
        load_settings({variable: value})
    assert str(raised.value) == f"{variable}={value!r} is not valid: it takes {takes}"


@pytest.mark.promise("secrets")
@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("DATABASE_URL", "mysql://user:hunter2@host/db"),
        ("DATABASE_URL", "hunter2"),
        ("DATABASE_URL_DISCOGS", "mysql://user:hunter2@host/db"),
        ("LIBRARY_METADATA_URL", "https://user:hunter2@lml.example"),
        ("LIBRARY_METADATA_URL", "ftp://hunter2"),
        ("LIBRARY_METADATA_URL", "http://[hunter2"),
        ("SENTRY_DSN", "hunter2"),
        ("SENTRY_DSN", "https://sentry.example/hunter2"),
        ("SENTRY_DSN", "https://hunter2@sentry.example/project"),
        ("SENTRY_DSN", "https://hunter2@sentry.example:port/7"),
    ],
)
def test_a_value_that_may_hold_a_secret_is_never_shown(variable: str, value: str) -> None:
    with pytest.raises(SettingsError) as raised:
        load_settings({variable: value})
    assert variable in str(raised.value)
    assert "hunter2" not in str(raised.value)


def test_the_driver_is_named_whatever_the_address_says() -> None:
    for scheme in ("postgres", "postgresql", "postgresql+psycopg"):
        url = load_settings({"DATABASE_URL": f"{scheme}://u:p@h:1/d"}).require_database_url()
        assert url.drivername == "postgresql+psycopg2"


def test_backends_own_variables_serve_where_database_url_is_unset() -> None:
    backend = {"DB_HOST": "h", "DB_PORT": "5433", "DB_NAME": "n", "DB_USERNAME": "u", "DB_PASSWORD": "p@ss"}
    url = load_settings(backend).require_database_url()
    assert (url.host, url.port, url.database, url.username, url.password) == ("h", 5433, "n", "u", "p@ss")
    given = load_settings({**backend, "DATABASE_URL": "postgresql://other/db"}).require_database_url()
    assert given.host == "other"


def test_a_missing_address_says_which_variable_to_set() -> None:
    with pytest.raises(SettingsError, match=r"DATABASE_URL is not set.*DB_HOST"):
        Settings().require_database_url()
    with pytest.raises(SettingsError, match="LIBRARY_METADATA_URL is not set"):
        Settings().require_library_metadata_url()


@pytest.mark.parametrize(
    ("word", "scope"), [("true", Scope.full), ("1", Scope.full), ("No", Scope.canonical)]
)
def test_include_null_canonical_means_scope_full(word: str, scope: Scope) -> None:
    assert load_settings({"INCLUDE_NULL_CANONICAL": word}).scope == scope


def test_the_legs_are_off_until_they_are_named() -> None:
    assert load_settings({}).identity_legs == ()
    for text in ("S1,S3", "S3, S1", "S3,S1,S3"):
        assert load_settings({"IDENTITY_LEGS": text}).identity_legs == (Leg.S1, Leg.S3)
    with pytest.raises(SettingsError, match="DATABASE_URL_DISCOGS is not set"):
        Settings().require_database_url_discogs()


def test_a_blank_variable_counts_as_unset() -> None:
    assert load_settings({"BATCH_SIZE": "  ", "DATABASE_URL": ""}) == Settings()


@pytest.mark.promise("secrets")
def test_no_address_and_no_key_shows_in_the_repr() -> None:
    shown = repr(
        load_settings(
            {
                "DATABASE_URL": "postgresql://u:hunter2@h/d",
                "LML_API_KEY": "hunter2",
                "LIBRARY_METADATA_URL": "http://hunter2",
                "SENTRY_DSN": "https://hunter2@sentry.example/7",
            }
        )
    )
    assert "hunter2" not in shown


@pytest.mark.promise("secrets")
@pytest.mark.parametrize("name", ["DATABASE_URL", "DATABASE_URL_DISCOGS"])
def test_a_password_with_an_at_sign_that_is_not_encoded_is_refused_and_not_repeated(name: str) -> None:
    with pytest.raises(SettingsError, match=rf"^{name}=\(not shown.*%40") as raised:
        load_settings({name: "postgresql://user:pa@ss@host/name"})
    assert "ss@host" not in str(raised.value)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://user:pa@hunter2@host/name",
        "postgresql://user:pa@hunter2?x@host/name",
        "postgresql://user:pa@hunter2/x@host/name",
        "postgresql://user:pa@hunter2#@host/name",
        "postgresql://user@hunter2@host/name",
        "postgresql://user:p@host:hunter2/name",
        "postgresql://hunter2@host:99999999999999/name@",
        "host=h password=hunter2",
        "hunter2",
        "mysql://user:hunter2@host/name",
    ],
)
def test_an_address_that_can_be_read_in_two_ways_is_refused_and_not_repeated(url: str) -> None:
    for name in ("DATABASE_URL", "DATABASE_URL_DISCOGS"):
        with pytest.raises(SettingsError, match=rf"^{name}=\(not shown") as raised:
            load_settings({name: url})
        assert "hunter2" not in str(raised.value)
        assert raised.value.__cause__ is None


@pytest.mark.parametrize("code", range(1, 128))
def test_a_password_may_hold_every_ascii_character_if_it_is_encoded(code: int) -> None:
    password = f"a{chr(code)}z"
    url = load_settings({"DATABASE_URL": f"postgresql://u:{quote(password, safe='')}@host/d"})
    assert url.require_database_url().password == password
    given = load_settings({"DB_HOST": "host", "DB_PASSWORD": password}).require_database_url()
    assert (given.password, given.host) == (password, "host")


@pytest.mark.parametrize(
    ("address", "host", "port", "query"),
    [
        ("postgresql://u:p@[::1]:5433/d", "::1", 5433, {}),
        ("postgresql://u:p@/d?host=/var/run/postgresql", None, None, {"host": "/var/run/postgresql"}),
        ("postgresql://u:p@/d?host=%2Fvar%2Frun&port=5433", None, None, {"host": "/var/run", "port": "5433"}),
        (
            "postgresql://u:p@h/d?sslmode=verify-full&sslrootcert=/ca.pem",
            "h",
            None,
            {"sslmode": "verify-full"},
        ),
    ],
)
def test_sockets_ipv6_and_sslmode_are_understood(
    address: str, host: str | None, port: int | None, query: dict[str, str]
) -> None:
    url = load_settings({"DATABASE_URL": address}).require_database_url()
    assert (url.host, url.port, url.username, url.password, url.database) == (host, port, "u", "p", "d")
    assert query.items() <= dict(url.query).items()
