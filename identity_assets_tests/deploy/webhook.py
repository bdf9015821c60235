"""A real HTTP server in place of the webhook of a chat."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Webhook:
    """Where to post, what was posted, and the status of the answers from now on."""

    url: str = ""
    status: int = 200
    texts: list[str] = field(default_factory=list)


@contextmanager
def webhook() -> Iterator[Webhook]:
    """A webhook on a free port of 127.0.0.1 while the block runs. It keeps the texts that it accepted."""
    made = Webhook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            assert self.headers["Content-Type"] == "application/json"
            assert list(body) == ["text"]
            if made.status == 200:
                made.texts.append(body["text"])
            self.send_response(made.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Log nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    made.url = f"http://127.0.0.1:{server.server_port}/hook"
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
