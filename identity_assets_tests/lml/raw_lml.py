"""An LML on a plain socket, for answers that no HTTP server would send."""

from __future__ import annotations

import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from identity_assets_tests.support import single_artist


@dataclass
class Request:
    """One request as it came, and the socket to answer it on."""

    head: str
    ids: list[int]
    connection: socket.socket

    def send(self, *pieces: bytes) -> None:
        """Send these bytes as they are."""
        for piece in pieces:
            self.connection.sendall(piece)

    def respond(self, body: bytes, *headers: bytes, status: bytes = b"200 OK") -> None:
        """A response with its length."""
        lines = [b"HTTP/1.1 " + status, b"Content-Length: %d" % len(body), *headers]
        self.send(b"\r\n".join(lines) + b"\r\n\r\n" + body)

    def answer(self, *headers: bytes) -> None:
        """What LML would answer, a single artist for each input."""
        self.respond(answer_of(self.ids), *headers)

    def trickle(self, piece: bytes, pause: float = 0.02) -> None:
        """Send a piece again and again, for as long as anybody listens."""
        while True:
            self.send(piece)
            time.sleep(pause)


def answer_of(ids: list[int], **changed: Any) -> bytes:
    """A whole answer with a single artist for each id."""
    return json.dumps({"results": [single_artist(one, **changed) for one in ids]}).encode()


@dataclass
class RawLml:
    """Where it listens, and every request that came."""

    url: str
    requests: list[Request] = field(default_factory=list)

    @property
    def asked(self) -> list[int]:
        """All ids that were asked about, in order."""
        return [one for request in self.requests for one in request.ids]


@contextmanager
def raw_lml(respond: Callable[[Request], None], tls: ssl.SSLContext | None = None) -> Iterator[RawLml]:
    """A server on a free port of 127.0.0.1; each request is handed to `respond` in a thread of its connection."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        lml = RawLml(f"{'https' if tls else 'http'}://127.0.0.1:{listener.getsockname()[1]}")
        threads: list[threading.Thread] = []
        open_connections: list[socket.socket] = []

        def serve(plain: socket.socket) -> None:
            with suppress(OSError), tls.wrap_socket(plain, server_side=True) if tls else plain as connection:
                while request := _next_request(connection):
                    lml.requests.append(request)
                    respond(request)
            plain.close()

        def accept() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    open_connections.append(connection)
                    threads.append(threading.Thread(target=serve, args=(connection,)))
                    threads[-1].start()

        accepting = threading.Thread(target=accept)
        accepting.start()
        try:
            yield lml
        finally:
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            accepting.join()
            for one in open_connections:
                with suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)
            for thread in threads:
                thread.join()


def _next_request(connection: socket.socket) -> Request | None:
    received = b""
    while b"\r\n\r\n" not in received:
        if not (more := connection.recv(65536)):
            return None
        received += more
    head, _, body = received.partition(b"\r\n\r\n")
    length = int(_headers(head)["content-length"])
    while len(body) < length:
        if not (more := connection.recv(65536)):
            return None
        body += more
    ids = [one["library_id"] for one in json.loads(body)["inputs"]]
    return Request(head.decode("latin-1"), ids, connection)


def _headers(head: bytes) -> Mapping[str, str]:
    lines = head.decode("latin-1").split("\r\n")[1:]
    return {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
