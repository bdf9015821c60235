"""A real HTTP server in place of Sentry. It keeps the envelopes that it receives, or fails in a chosen way."""

import gzip
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal

KEY = "9e2cfd16dsnkey"
Mode = Literal["ok", "429", "hang", "slow"]


@dataclass
class Receiver:
    """What was received: raw bodies, and the items in them as (type, payload)."""

    dsn: str = ""
    bodies: list[bytes] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)

    def items(self, kind: str) -> list[dict[str, Any]]:
        """The payloads of one type, such as `transaction` or `event`, in the order of arrival."""
        return [payload for body in self.bodies for found, payload in _items(body) if found == kind]


def _items(body: bytes) -> Iterator[tuple[str, dict[str, Any]]]:
    """An envelope is lines of JSON: its header, then a header and a payload for each item."""
    lines = body.rstrip(b"\n").split(b"\n")[1:]
    for header, payload in zip(lines[::2], lines[1::2], strict=True):
        yield json.loads(header)["type"], json.loads(payload)


@contextmanager
def receiving(mode: Mode = "ok") -> Iterator[Receiver]:
    """A receiver on a free port of 127.0.0.1 while the block runs."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            zipped = self.headers.get("Content-Encoding") == "gzip"
            receiver.bodies.append(gzip.decompress(body) if zipped else body)
            if mode == "hang":
                receiver.released.wait()
                return
            time.sleep(1.2 if mode == "slow" else 0)
            self.send_response(429 if mode == "429" else 200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, format: str, *args: object) -> None:
            """Log nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    receiver.dsn = f"http://{KEY}@127.0.0.1:{server.server_port}/7"
    try:
        yield receiver
    finally:
        receiver.released.set()
        server.shutdown()
        server.server_close()
        thread.join()
