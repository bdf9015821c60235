"""What an LML in any state may send, over real HTTP: no call lasts, no memory is lost, no run ends for it."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import textwrap
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from identity_assets.lml.asking import Asked, ask
from identity_assets.lml.client import (
    LmlClient,
    LmlError,
    LmlMalformedAnswer,
    LmlRefused,
    LmlTimedOut,
    LmlUnavailable,
    LmlUnreachable,
)
from identity_assets.lml.client import client_of as client_of_settings
from identity_assets.lml.contract import Batch, LibraryInput
from identity_assets.lml.errors import LmlAnswerTooLarge
from identity_assets.settings import Settings, SettingsError
from identity_assets_tests.lml.raw_lml import Request, answer_of, raw_lml

pytestmark = pytest.mark.long

KEY = "s3cr3t-key-of-the-station"


def inputs(*ids: int) -> list[LibraryInput]:
    return [LibraryInput(library_id, "Stereolab", "Dots and Loops") for library_id in ids]


def batches(count: int, size: int) -> Iterator[Batch]:
    return (Batch("non_va", False, tuple(inputs(*range(n * size, (n + 1) * size)))) for n in range(count))


def client_of(url: str, timeout: float = 5.0) -> LmlClient:
    return LmlClient(url, KEY, timeout=timeout, attempts=2, wait_initial=0.001, wait_max=0.002)


def ask_all(url: str, count: int, size: int, timeout: float = 5.0) -> list[Asked]:
    """What was stored; nothing but an LmlError may come out of it."""
    stored: list[Asked] = []
    with client_of(url, timeout) as client:
        for _ in ask(batches(count, size), client, store=stored.append, max_in_flight=4):
            pass
    return stored


def is_clean(text: str) -> bool:
    return text.isprintable() and len(text) <= 500 and text.encode() != b""


# 1: one error body

CHARSETS = [
    "utf-7",
    "unicode_escape",
    "hex",
    "zlib",
    "bz2",
    "base64",
    "quopri",
    "uu",
    "rot13",
    "idna",
    "undefined",
    "utf-16",
]


@pytest.mark.parametrize("charset", [*CHARSETS, "no-such-charset", "utf-8\x80"])
def test_an_error_text_in_any_charset_fails_its_own_input_alone_and_is_clean(charset: str) -> None:
    def respond(request: Request) -> None:
        if 13 not in request.ids:
            return request.answer()
        kind = b"Content-Type: text/plain; charset=" + charset.encode("latin-1")
        text = b"broken \x00 \x1b[31m +2AA- \\ud800 \xff\xfe\x80 \r\n" + b"x" * 9999
        return request.respond(text, kind, status=b"500 Oh no")

    with raw_lml(respond) as lml:
        stored = ask_all(lml.url, 2, 20)
    assert sorted(one.library_id for asked in stored for one in asked.verdicts) == [
        n for n in range(40) if n != 13
    ]
    ((library_id, failure),) = [item for asked in stored for item in asked.failures.items()]
    assert (library_id, failure.outcome) == (13, "lml_error")
    assert failure.detail.startswith("LML answered 500: broken [31m +2AA- ")
    assert is_clean(failure.detail)


@pytest.mark.parametrize(
    "header",
    [
        b"Wed, 21 Oct 99999999999999999999 07:28:00 GMT",
        b"9" * 400,
        b"1e999",
        b"\xff",
        b"Mon, 32 Foo 2026",
        b"-1",
    ],
)
def test_no_retry_after_raises(header: bytes) -> None:
    def respond(request: Request) -> None:
        request.respond(b"later", b"Retry-After: " + header, status=b"503 Busy")

    with raw_lml(respond) as lml, client_of(lml.url) as client:
        with pytest.raises(LmlUnavailable, match="LML answered 503: later") as caught:
            client.resolve(inputs(1), attempts=1)
        assert caught.value.retry_after in (None, 0.0, 60.0)


# 2: a call that never ends


def endless_body(request: Request) -> None:
    request.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    request.trickle(b"1\r\n \r\n")


def endless_body_without_a_length(request: Request) -> None:
    request.send(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
    request.trickle(b" ")


def endless_headers(request: Request) -> None:
    request.send(b"HTTP/1.1 200 OK\r\nX-Endless: ")
    request.trickle(b"x")


def endless_interim_responses(request: Request) -> None:
    request.trickle(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n")


def endless_error(request: Request) -> None:
    request.send(b"HTTP/1.1 500 Oh no\r\nTransfer-Encoding: chunked\r\n\r\n")
    request.trickle(b"1\r\nx\r\n")


def silence(_request: Request) -> None:
    time.sleep(1)


ENDLESS = [
    endless_body,
    endless_body_without_a_length,
    endless_headers,
    endless_interim_responses,
    endless_error,
    silence,
]


@pytest.mark.parametrize("respond", ENDLESS)
def test_a_call_ends_at_its_deadline_however_the_answer_trickles(respond: Callable[[Request], None]) -> None:
    with raw_lml(respond) as lml, client_of(lml.url, timeout=0.4) as client:
        started = time.monotonic()
        with pytest.raises(LmlUnavailable) as caught:
            client.resolve(inputs(1), attempts=1)
        took = time.monotonic() - started
    assert 0.35 < took < 1.5
    assert isinstance(caught.value, LmlTimedOut) or caught.value.status == 500


@pytest.mark.parametrize("respond", ENDLESS[:3])
def test_one_input_that_trickles_is_an_error_and_the_others_are_answered(
    respond: Callable[[Request], None],
) -> None:
    with raw_lml(lambda request: respond(request) if 3 in request.ids else request.answer()) as lml:
        stored = ask_all(lml.url, 2, 4, timeout=0.2)
    assert {key: one.outcome for asked in stored for key, one in asked.failures.items()} == {3: "lml_error"}
    assert sum(len(asked.verdicts) for asked in stored) == 7


@pytest.mark.parametrize("respond", ENDLESS)
def test_closing_the_generator_hangs_up_at_once(respond: Callable[[Request], None]) -> None:
    with raw_lml(lambda request: request.answer() if 0 in request.ids else respond(request)) as lml:
        with client_of(lml.url, timeout=60) as client:
            asking = ask(batches(9, 1), client, store=lambda _: None, max_in_flight=4)
            next(asking)
            time.sleep(0.1)
            started = time.monotonic()
            asking.close()
            assert time.monotonic() - started < 2
        assert not [one.name for one in threading.enumerate() if one.name.startswith("lml")]


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_process_that_asks_within_5_s(sent: signal.Signals) -> None:
    with raw_lml(endless_headers) as lml:
        child = run_in_child(
            f"""
            import signal
            from identity_assets.lml.asking import ask
            from identity_assets.lml.client import LmlClient
            from identity_assets.lml.contract import Batch, LibraryInput
            signal.signal(signal.SIGTERM, signal.default_int_handler)
            many = (Batch("non_va", False, (LibraryInput(n, "a", "b"),)) for n in range(100))
            with LmlClient({lml.url!r}, timeout=60) as client:
                for _ in ask(many, client, store=print, max_in_flight=4):
                    pass
            """
        )
        until = time.monotonic() + 20
        while not lml.requests and time.monotonic() < until:
            time.sleep(0.05)
        started = time.monotonic()
        child.send_signal(sent)
        child.wait(timeout=20)
        assert time.monotonic() - started < 5
    assert "KeyboardInterrupt" in (child.stderr.read() if child.stderr else "")
    if child.stdout and child.stderr:
        child.stdout.close()
        child.stderr.close()


def run_in_child(source: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(source)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )


# 3: no bound on a body


def spaces_in_gzip(mebibytes: int) -> bytes:
    """Blocks that know nothing of each other, so that one of them can be repeated."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    first = packer.compress(b" " * 2**20) + packer.flush(zlib.Z_FULL_FLUSH)
    block = packer.compress(b" " * 2**20) + packer.flush(zlib.Z_FULL_FLUSH)
    return first + block * (mebibytes - 1)


def test_a_gzip_body_of_1_gib_takes_no_memory() -> None:
    bomb = spaces_in_gzip(1024)
    with raw_lml(lambda request: request.respond(bomb, b"Content-Encoding: gzip")) as lml:
        child = run_in_child(
            f"""
            import resource
            from identity_assets.lml.asking import ask
            from identity_assets.lml.client import LmlClient
            from identity_assets.lml.contract import Batch, LibraryInput
            many = (Batch("non_va", False, (LibraryInput(n, "a", "b"),)) for n in range(4))
            with LmlClient({lml.url!r}, timeout=60) as client:
                for asked in ask(many, client, store=lambda _: None, max_in_flight=8):
                    for failure in asked.failures.values():
                        print(failure.outcome, failure.detail)
            print(next(int(line.split()[1]) // 1024 for line in open("/proc/self/status") if "VmHWM" in line))
            """
        )
        said, complaint = child.communicate(timeout=120)
    *outcomes, mebibytes = said.splitlines()
    assert outcomes == ["lml_error LML's answer is larger than LML_MAX_RESPONSE_BYTES, 67108864 bytes"] * 4, (
        complaint
    )
    assert int(mebibytes) < 250


@pytest.mark.parametrize("piece", ["{},", "[],", '{"library_id":1,"kind":[[],[]]},', '"\\ud800",', "1,"])
def test_an_answer_made_to_take_memory_when_it_is_read_takes_little(piece: str) -> None:
    body = ('{"results": [' + piece * (2**24 // len(piece)) + "0]}").encode()
    packed = gzip.compress(body, 1)
    with raw_lml(lambda request: request.respond(packed, b"Content-Encoding: gzip")) as lml:
        child = run_in_child(
            f"""
            import resource
            from identity_assets.lml.client import LmlClient, LmlMalformedAnswer
            from identity_assets.lml.contract import LibraryInput
            with LmlClient({lml.url!r}, timeout=60, attempts=1) as client:
                try:
                    client.resolve([LibraryInput(n, "a", "b") for n in range(500)])
                except LmlMalformedAnswer as error:
                    print(error)
            print(next(int(line.split()[1]) // 1024 for line in open("/proc/self/status") if "VmHWM" in line))
            """
        )
        said, complaint = child.communicate(timeout=120)
    *_, error, mebibytes = said.splitlines()
    assert "LML's answer holds more than" in error, complaint
    assert int(mebibytes) < 250


@pytest.mark.parametrize("headers", [(), (b"Content-Encoding: gzip",)])
def test_a_body_over_the_limit_is_not_asked_for_again_but_in_halves(headers: tuple[bytes, ...]) -> None:
    def respond(request: Request) -> None:
        body = answer_of(request.ids) + b" " * (9000 if 2 in request.ids else 0)
        request.respond(gzip.compress(body) if headers else body, *headers)

    with raw_lml(respond) as lml, LmlClient(lml.url, max_response_bytes=8000) as small:
        (asked,) = ask(batches(1, 4), small, store=lambda _: None, max_in_flight=1)
        assert [one.library_id for one in asked.verdicts] == [0, 1, 3]
        assert "larger than LML_MAX_RESPONSE_BYTES, 8000 bytes" in asked.failures[2].detail
        assert len(lml.requests) == 5
        with pytest.raises(LmlAnswerTooLarge):
            small.resolve(inputs(2))


def test_headers_without_end_are_refused() -> None:
    def respond(request: Request) -> None:
        request.send(b"HTTP/1.1 200 OK\r\n", *(b"X-%d: %s\r\n" % (n, b"x" * 1000) for n in range(5000)))

    with raw_lml(respond) as lml, client_of(lml.url) as client, pytest.raises(LmlUnavailable) as caught:
        client.resolve(inputs(1), attempts=1)
    assert is_clean(str(caught.value))


# 4: a cookie


def test_a_cookie_is_neither_kept_nor_sent() -> None:
    cookies = [b"Set-Cookie: a=\xff\xe9; Path=/", b"Set-Cookie: b=1; Domain=127.0.0.1; Path=/"]
    with raw_lml(lambda request: request.answer(*cookies)) as lml:
        assert sum(len(asked.verdicts) for asked in ask_all(lml.url, 6, 2)) == 12
    assert len(lml.requests) == 6
    assert not any("cookie" in request.head.lower() for request in lml.requests)


def test_a_redirect_is_not_followed() -> None:
    with raw_lml(lambda one: one.respond(b"", b"Location: /elsewhere", status=b"307 Moved")) as lml:
        with client_of(lml.url) as client, pytest.raises(LmlRefused, match="with 307"):
            client.resolve(inputs(1))
        assert len(lml.requests) == 1


# 6: encodings that break, and the key


@pytest.mark.parametrize("encoding", [b"gzip", b"deflate", b"br", b"hex", b"gzip, gzip", b"\xff"])
def test_an_error_whose_text_cannot_be_decoded_is_still_an_error_of_lml(encoding: bytes) -> None:
    def respond(request: Request) -> None:
        request.respond(b"this is no gzip", b"Content-Encoding: " + encoding, status=b"500 Oh no")

    with raw_lml(respond) as lml:
        (asked,) = ask_all(lml.url, 1, 1)
    assert asked.failures[0].outcome == "lml_error"
    assert asked.failures[0].detail == "LML answered 500: no text"


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        (b"gzip", b"this is no gzip"),
        (b"gzip", gzip.compress(answer_of([1]))[:-20]),
        (b"br", answer_of([1])),
        (b"gzip, gzip", gzip.compress(gzip.compress(answer_of([1])))),
    ],
)
def test_an_answer_that_cannot_be_decoded_is_malformed(encoding: bytes, body: bytes) -> None:
    with (
        raw_lml(lambda request: request.respond(body, b"Content-Encoding: " + encoding)) as lml,
        client_of(lml.url) as client,
        pytest.raises(LmlMalformedAnswer, match="cannot be decoded"),
    ):
        client.resolve(inputs(1))


@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress])
def test_a_compressed_answer_is_read(pack: Callable[[bytes], bytes]) -> None:
    encoding = b"gzip" if pack is gzip.compress else b"deflate"
    many = list(range(500))
    with (
        raw_lml(lambda one: one.respond(pack(answer_of(one.ids)), b"Content-Encoding: " + encoding)) as lml,
        client_of(lml.url) as client,
    ):
        assert len(client.resolve(inputs(*many)).verdicts) == 500


def test_the_one_encoding_that_is_asked_for_has_one_meaning() -> None:
    with raw_lml(lambda request: request.answer()) as lml, client_of(lml.url) as client:
        client.resolve(inputs(1))
    assert "\r\nAccept-Encoding: gzip\r\n" in lml.requests[0].head


@pytest.mark.promise("secrets")
def test_a_key_that_lml_echoes_is_neither_stored_nor_told() -> None:
    def respond(request: Request) -> None:
        if request.ids == [1]:
            return request.respond(f"you sent {KEY}".encode(), status=b"422 No")
        return request.respond(answer_of(request.ids, echo=f"Bearer {KEY}"))

    with raw_lml(respond) as lml, client_of(lml.url) as client:
        (verdict,) = client.resolve(inputs(2)).verdicts
        with pytest.raises(LmlRefused, match=r"you sent \*\*\*") as caught:
            client.resolve(inputs(1))
    assert KEY not in str(caught.value)
    assert KEY not in verdict.body.decode()
    assert not verdict.rejected


# 8: a lone surrogate


@pytest.mark.parametrize("bad", [b'"\\ud800"', b'"\\udfff\\ud800"', b"NaN", b'"\x01"', b'"\xff"'])
def test_one_result_that_is_no_strict_json_costs_no_other_and_no_further_call(bad: bytes) -> None:
    def respond(request: Request) -> None:
        request.respond(answer_of(request.ids).replace(b'"Q77"', bad))

    with raw_lml(respond) as lml:
        (asked,) = ask_all(lml.url, 1, 500)
    assert len(lml.requests) == 1
    assert len(asked.verdicts) == 500
    assert not asked.failures
    assert [one.library_id for one in asked.verdicts if one.rejected] == ([] if bad == b"NaN" else [77])
    assert all(json.loads(one.body) for one in asked.verdicts)


# The wire as it should be


def test_each_request_names_the_project_the_run_and_the_batch() -> None:
    with raw_lml(lambda request: request.answer()) as lml, LmlClient(lml.url, run_id="run-7") as client:
        list(ask(batches(3, 2), client, store=lambda _: None, max_in_flight=1))
        client.resolve(inputs(1))
    heads = [request.head for request in lml.requests]
    assert all("\r\nUser-Agent: identity-assets/" in head for head in heads)
    ids = [line for head in heads for line in head.split("\r\n") if line.startswith("X-Request-ID")]
    assert ids == [f"X-Request-ID: run-7-{number}" for number in (1, 2, 3, 0)]


def test_a_proxy_of_the_environment_is_used_and_no_proxy_is_honoured(monkeypatch: pytest.MonkeyPatch) -> None:
    with raw_lml(lambda request: request.answer()) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.delenv("NO_PROXY", raising=False)
        with LmlClient("http://lml.example") as client:
            assert len(client.resolve(inputs(1)).verdicts) == 1
        assert proxy.requests[0].head.startswith("POST http://lml.example/api/v1/")
        monkeypatch.setenv("NO_PROXY", "lml.invalid")
        with LmlClient("http://lml.invalid", attempts=1) as direct, pytest.raises(LmlUnreachable):
            direct.resolve(inputs(1))
        assert len(proxy.requests) == 1
        monkeypatch.setenv("HTTP_PROXY", "ftp://nowhere")
        with pytest.raises(ValueError, match="HTTP_PROXY"):
            LmlClient("http://lml.example")


@pytest.mark.skipif(shutil.which("openssl") is None, reason="makes a certificate with openssl")
@pytest.mark.parametrize(
    ("name", "no_proxy"), [("HTTP_PROXY", ""), ("ALL_PROXY", ""), ("HTTP_PROXY", "127.0.0.1")]
)
def test_a_proxy_that_cannot_be_reached_is_named_where_it_is_used(
    monkeypatch: pytest.MonkeyPatch, name: str, no_proxy: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    monkeypatch.setenv(name, f"http://user:hunter2@127.0.0.1:{port}")
    monkeypatch.setenv("NO_PROXY", no_proxy)
    with client_of(f"http://127.0.0.1:{port}") as client, pytest.raises(LmlUnreachable) as caught:
        client.resolve(inputs(1), attempts=1)
    assert (f"through the proxy that {name} names" in str(caught.value)) is (not no_proxy)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [("ALL_PROXY", "socks5://127.0.0.1:1"), ("HTTP_PROXY", "ftp://x:1"), ("SSL_CERT_FILE", "/no/such/file")],
)
def test_a_proxy_or_certificates_that_cannot_be_used_are_one_line_that_names_the_variable(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=name):
        client_of_settings(Settings(library_metadata_url="http://127.0.0.1:9"))


def test_a_bundle_of_certificates_is_trusted_for_lml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost"
    command += " -addext subjectAltName=IP:127.0.0.1"
    made = subprocess.run(
        [*command.split(), "-keyout", key, "-out", certificate], capture_output=True, check=False
    )
    assert made.returncode == 0, made.stderr
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    with raw_lml(lambda request: request.answer(), tls=context) as lml:
        with (
            LmlClient(lml.url, attempts=1) as strict,
            pytest.raises(LmlUnreachable, match="CERTIFICATE_VERIFY_FAILED"),
        ):
            strict.resolve(inputs(1))
        with LmlClient(lml.url, attempts=1, ca_bundle=str(certificate)) as trusting:
            assert len(trusting.resolve(inputs(1)).verdicts) == 1
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        with LmlClient(lml.url, attempts=1) as by_environment:
            assert len(by_environment.resolve(inputs(1)).verdicts) == 1
    with (
        raw_lml(endless_headers, tls=context) as slow,
        LmlClient(slow.url, timeout=0.4, attempts=1, ca_bundle=str(certificate)) as client,
        pytest.raises(LmlTimedOut),
    ):
        client.resolve(inputs(1))
    with pytest.raises(ValueError, match="LML_CA_BUNDLE"):
        LmlClient(lml.url, ca_bundle=str(key.with_name("none.pem")))


def test_any_other_exception_of_a_call_is_an_error_with_its_cause() -> None:
    with (
        raw_lml(lambda request: request.send(b"\x00\xff not HTTP at all\r\n\r\n")) as lml,
        client_of(lml.url) as client,
        pytest.raises(LmlError, match="broke off") as caught,
    ):
        client.resolve(inputs(1))
    assert caught.value.__cause__ is not None
    assert is_clean(str(caught.value))
