"""Commands on a PostgreSQL across the network: with TLS and a certificate that is checked, and over IPv6."""

import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from shutil import which

import orjson
import psycopg2
import pytest
from sqlalchemy import make_url

from benchmarks._installed_postgres import DEBIAN_BINARIES, InstalledPostgres
from identity_assets.demo.catalogue import Catalogue
from identity_assets.demo.fixture_lml import FixtureLmlThread
from identity_assets.demo.station import fill_backend, libpq_dsn
from identity_assets.legs.discogs_cache import DiscogsCache, DiscogsCacheError
from identity_assets.settings import Settings, load_settings
from identity_assets_tests.deploy.processes import free_port
from identity_assets_tests.terminal.calling import call_here, clean_env

PASSWORD = "hunter2"
# Sessions across the network need TLS and the password.
RULES = """
local all all trust
hostssl all all all scram-sha-256
"""
SUBJECT = "/CN=localhost"
NAMES = "subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1"


def make_certificate(folder: Path, name: str, *arguments: str) -> Path:
    """A certificate for two days, with its key beside it."""
    certificate = folder / f"{name}.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-days", "2", "-out", str(certificate)),
            *("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"),
            *("-nodes", "-keyout", str(certificate.with_suffix(".key")), *arguments),
        ],
        check=True,
        capture_output=True,
        timeout=60,
    )
    return certificate


@dataclass(frozen=True)
class Network:
    """A server that only TLS reaches, and the certificates of the authority that it has and of a stranger."""

    port: int
    authority: Path
    stranger: Path

    def url(self, host: str = "localhost", **options: object) -> str:
        """The address of its Backend database."""
        query = "&".join(f"{name}={value}" for name, value in options.items())
        return f"postgresql://postgres:{PASSWORD}@{host}:{self.port}/station?{query}"


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    if not (DEBIAN_BINARIES / "postgres").exists() or which("openssl") is None:
        pytest.skip("a PostgreSQL with TLS is not installed: apt-get install postgresql-15 openssl")
    folder = tmp_path_factory.mktemp("certificates")
    authority, stranger = (
        make_certificate(folder, name, "-subj", f"/CN={name}") for name in ("authority", "stranger")
    )
    certificate = make_certificate(
        *(folder, "server", "-subj", SUBJECT, "-addext", NAMES),
        *("-CA", str(authority), "-CAkey", str(authority.with_suffix(".key"))),
    )
    port = free_port()
    with InstalledPostgres(DEBIAN_BINARIES, tcp_port=port) as server:
        server.put_file("server.crt", certificate.read_text(encoding="utf-8"))
        server.put_file("server.key", certificate.with_suffix(".key").read_text(encoding="utf-8"))
        server.put_file("pg_hba.conf", RULES)
        with (
            closing(psycopg2.connect(libpq_dsn(make_url(server.url())))) as connection,
            connection.cursor() as cursor,
        ):
            connection.autocommit = True
            cursor.execute("ALTER USER postgres PASSWORD %s", (PASSWORD,))
            cursor.execute("ALTER SYSTEM SET ssl = on")
        server.restart()
        server.create_database("station")
        fill_backend(Settings(database_url=make_url(server.url("station"))), Catalogue((), (), frozenset()))
        yield Network(port, authority, stranger)


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


HOSTS = [
    *("localhost", "127.0.0.1"),
    pytest.param(
        "[::1]", marks=pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6 address ::1")
    ),
]


@pytest.mark.parametrize("host", HOSTS)
def test_a_command_works_with_tls_and_checks_the_certificate(network: Network, host: str) -> None:
    for url in (
        network.url(host, sslmode="require"),
        network.url(host, sslmode="verify-full", sslrootcert=network.authority),
    ):
        ended = call_here("gate", "--json", env=clean_env(DATABASE_URL=url))
        assert (ended.returncode, ended.stderr) == (0, "")
        assert orjson.loads(ended.stdout)["gate_status"] == "PASS"


def test_a_whole_run_works_with_tls_on_each_of_its_connections(
    network: Network, lml: FixtureLmlThread
) -> None:
    url = network.url(sslmode="verify-full", sslrootcert=network.authority)
    ended = call_here("run", "--json", env=clean_env(DATABASE_URL=url, LIBRARY_METADATA_URL=lml.url))
    assert ended.returncode == 0, ended.stderr


@pytest.mark.promise("secrets")
@pytest.mark.parametrize(
    ("sslmode", "sslrootcert", "said"),
    [
        ("verify-full", "stranger", "certificate verify failed"),
        ("verify-full", "/no.pem", 'root certificate file "/no.pem" does not exist'),
        ("disable", "/no.pem", "no encryption"),
    ],
)
def test_a_certificate_that_is_not_trusted_is_one_line_with_what_to_check(
    network: Network, lml: FixtureLmlThread, sslmode: str, sslrootcert: str, said: str
) -> None:
    trusted = network.stranger if sslrootcert == "stranger" else sslrootcert
    url = network.url(sslmode=sslmode, sslrootcert=trusted)
    env = clean_env(DATABASE_URL=url, LIBRARY_METADATA_URL=lml.url)
    for arguments in (("gate",), ("status",), ("dry-run",), ("migrate",)):
        ended = call_here(*arguments, env=env)
        [line] = ended.stderr.splitlines()
        assert (ended.returncode, ended.stdout) == (2 if arguments == ("gate",) else 1, "")
        assert said in line
        assert line.endswith("check sslmode and sslrootcert in DATABASE_URL and the server, then run again")
        assert PASSWORD not in line


@pytest.mark.promise("secrets")
def test_a_discogs_cache_whose_certificate_is_not_trusted_is_one_line_too(network: Network) -> None:
    url = network.url(sslmode="verify-full", sslrootcert=network.stranger)
    cache = DiscogsCache(load_settings({"DATABASE_URL_DISCOGS": url}), "test")
    with pytest.raises(DiscogsCacheError, match="certificate verify failed") as raised, cache.snapshot():
        pass
    line = str(raised.value)
    assert "check sslmode and sslrootcert in DATABASE_URL_DISCOGS" in line
    assert PASSWORD not in line
    assert "\n" not in line
