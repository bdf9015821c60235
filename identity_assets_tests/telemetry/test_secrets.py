"""After runs and commands that fail in every way, no secret is in anything that they left behind.

What is searched: stdout and stderr in both forms of the log, Dagster's storage and compute logs, what Sentry
received, all tables of the database, and the answers of a webserver.
"""

import json
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

import httpx
import psutil
import pytest
from sqlalchemy import make_url

from identity_assets_tests.deploy.processes import free_port
from identity_assets_tests.lml.raw_lml import Request, raw_lml
from identity_assets_tests.support import Shelf, single_artist
from identity_assets_tests.telemetry.receiver import KEY, Receiver
from identity_assets_tests.terminal.calling import call, call_here, clean_env

API_KEY = "bearer-token-of-lml-0123456789"
PASSWORDS = ("pw?of:backend#1%", "pw&of=the+cache 2")
SECRETS = (API_KEY, KEY, *PASSWORDS, *(quote(one, safe="") for one in PASSWORDS))
QUERIES = (
    """{ runsOrError { ... on Runs { results { runId runConfigYaml tags { key value }
         assetMaterializations { metadataEntries { label ... on TextMetadataEntry { text } } } } } } }""",
    """{ repositoriesOrError { ... on RepositoryConnection { nodes {
         allTopLevelResourceDetails { name configFields { name defaultValueAsJson }
           configuredValues { key value type } }
         pipelines { name modes { resources { name configField { defaultValueAsJson } } } } } } } }""",
)
LOGS = """query($id: ID!) { logsForRun(runId: $id) { ... on EventConnection { events {
          ... on MessageEvent { message }
          ... on ExecutionStepFailureEvent { error { message stack causes { message stack } } }
          ... on RunFailureEvent { error { message stack } } } } } }"""


def echo(request: Request) -> None:
    """An LML that repeats the key: in an error, and in the ids and methods that it answers."""
    if 1 in request.ids:
        request.respond(request.head.encode(), status=b"500 " + API_KEY.encode())
        return
    results = [
        single_artist(request.ids[0], method=API_KEY),
        *(
            single_artist(one, main={"wikidata_qid": API_KEY, API_KEY: API_KEY}, note=f"Bearer {API_KEY}")
            for one in request.ids[1:]
        ),
    ]
    request.respond(json.dumps({"results": results, "cache_stats": {API_KEY: 1}}).encode())


def unauthorised(request: Request) -> None:
    request.respond(f"no such key: {API_KEY}".encode(), status=b"401 no")


@contextmanager
def refusing_postgres() -> Iterator[str]:
    """A server that asks for a password and refuses every one; its host and port."""

    def serve(connection: socket.socket) -> None:
        with suppress(OSError, struct.error), connection:
            while True:
                (length,) = struct.unpack("!I", connection.recv(4))
                startup = connection.recv(length - 4)
                if startup[:4] != struct.pack("!I", 80877103) and startup[:4] != struct.pack("!I", 80877104):
                    break
                connection.sendall(b"N")
            connection.sendall(b"R" + struct.pack("!II", 8, 3))
            connection.recv(1000)
            fields = b'SFATAL\0VFATAL\0C28P01\0Mpassword authentication failed for user "u"\0\0'
            connection.sendall(b"E" + struct.pack("!I", len(fields) + 4) + fields)

    def accept() -> None:
        with suppress(OSError):
            while True:
                serve(listener.accept()[0])

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield f"127.0.0.1:{listener.getsockname()[1]}"
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


@contextmanager
def webserver(env: dict[str, str], home: Path) -> Iterator[str]:
    """A webserver of the code location over this instance; its address."""
    port = free_port()
    arguments = ("-m", "identity_assets.code_location", "-h", "127.0.0.1", "-p", str(port))
    with (home / "webserver.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "dagster_webserver", *arguments],
            env={**env, "PYTHONWARNINGS": "ignore"},
            cwd=home,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            with suppress(httpx.HTTPError):
                if httpx.get(f"{url}/server_info", timeout=5).status_code == 200:
                    break
            assert process.poll() is None, (home / "webserver.log").read_text(encoding="utf-8")
            time.sleep(0.3)
        yield url
    finally:
        process.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(20)
        for one in psutil.process_iter():
            with suppress(psutil.Error, ProcessLookupError):
                if os.getsid(one.pid) == process.pid:
                    one.kill()
        process.wait(10)


def answers_of(url: str) -> Iterator[str]:
    """What the webserver says of all runs, and of the resources on its pages."""
    runs = ""
    for query in QUERIES:
        answer = httpx.post(f"{url}/graphql", json={"query": query}, timeout=60).json()
        assert "errors" not in answer, answer
        runs = runs or json.dumps(answer)
        yield json.dumps(answer)
    run_ids = set(re.findall(r'"runId": "([^"]+)"', runs))
    assert run_ids
    for run_id in run_ids:
        variables = {"id": run_id}
        yield httpx.post(f"{url}/graphql", json={"query": LOGS, "variables": variables}, timeout=60).text


def tables_of(shelf: Shelf) -> Iterator[tuple[str, str]]:
    """Every table of both schemas as text."""
    names = shelf.rows(
        "SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables "
        "WHERE schemaname IN ('wxyc_schema', 'identity_assets')"
    )
    for row in names:
        yield (
            row["name"],
            str(shelf.rows(f"SELECT string_agg(CAST(one AS text), ' ') AS rows FROM {row['name']} AS one")),
        )


@pytest.mark.promise("secrets")
@pytest.mark.deployment
def test_no_secret_is_left_anywhere(
    shelf: Shelf, env: dict[str, str], receiver: Receiver, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "dagster.yaml").write_text("telemetry:\n  enabled: false\n", encoding="utf-8")
    shelf.put_many([f"Known {n}" for n in range(6)])
    url = make_url(env["DATABASE_URL"]).set(password=PASSWORDS[0]).render_as_string(hide_password=False)
    nowhere = [f"postgresql://u:{quote(one, safe='')}@127.0.0.1:1/d" for one in PASSWORDS]
    seen: dict[str, str] = {}
    with raw_lml(echo) as echoing, raw_lml(unauthorised) as strict, refusing_postgres() as refusing:
        refused = [f"postgresql://u:{quote(one, safe='')}@{refusing}/d" for one in PASSWORDS]
        station = clean_env(
            DAGSTER_HOME=str(home),
            DATABASE_URL=url,
            DATABASE_URL_DISCOGS=nowhere[1],
            LIBRARY_METADATA_URL=echoing.url,
            LML_API_KEY=API_KEY,
            LML_RETRY_WAIT_SECONDS="0.001",
            SENTRY_DSN=receiver.dsn,
        )
        kinds = {
            "LML echoes the key": ({}, (3,)),
            "LML refuses the key": (
                {"LIBRARY_METADATA_URL": strict.url, "INCLUDE_NULL_CANONICAL": "true"},
                (0, 1),
            ),
            "the cache cannot be reached": ({"IDENTITY_LEGS": "S1,S3"}, (1,)),
            "the cache refuses the password": (
                {"IDENTITY_LEGS": "S1,S3", "DATABASE_URL_DISCOGS": refused[1]},
                (1,),
            ),
            "Backend cannot be reached": ({"DATABASE_URL": nowhere[0]}, (1,)),
            "Backend refuses the password": ({"DATABASE_URL": refused[0]}, (1,)),
            "an address is refused": ({"DATABASE_URL": f"postgresql://u:p@{PASSWORDS[0]}@host/d"}, (2,)),
        }
        for kind, (changed, codes) in kinds.items():
            for log_format in ("json", "plain"):
                shelf.age(30)
                ended = call("run", "--json", env={**station, **changed, "LOG_FORMAT": log_format})
                assert ended.returncode in codes, (kind, ended.stderr)
                seen[f"run, {kind}, {log_format}"] = ended.stdout + ended.stderr
            for arguments in (("dry-run",), ("status", "--json"), ("gate",), ("dry-run", "--leg", "S3")):
                here = {**station, **changed, "LOG_FORMAT": "plain"}
                del here["SENTRY_DSN"]
                ended = call_here(*arguments, env=here)
                seen[f"{' '.join(arguments)}, {kind}"] = ended.stdout + ended.stderr
        for arguments in (("explain", "2", "--json"), ("explain", "3"), ("rows", "--json"), ("migrate",)):
            ended = call(*arguments, env=station)
            assert ended.returncode == 0, ended.stderr
            seen[" ".join(arguments)] = ended.stdout + ended.stderr
        with webserver(station, tmp_path) as address:
            seen |= {f"GraphQL {number}": text for number, text in enumerate(answers_of(address))}
    seen |= {f"table {name}": text for name, text in tables_of(shelf)}
    seen |= {f"Sentry {n}": body.decode() for n, body in enumerate(receiver.bodies)}
    seen |= {str(path): path.read_bytes().decode("latin-1") for path in tmp_path.rglob("*") if path.is_file()}
    assert receiver.items("event")
    # The key was in LML's answers, and it was masked.
    assert "\N{REPLACEMENT CHARACTER}" in seen["table identity_assets.lml_verdict"]
    assert any(path.endswith("runs.db") for path in seen)
    found = {(where, secret) for where, text in seen.items() for secret in SECRETS if secret in text}
    # The header of an envelope names the DSN's public key: it is how Sentry knows its sender.
    assert {one for one in found if not (one[0].startswith("Sentry") and one[1] == KEY)} == set()
