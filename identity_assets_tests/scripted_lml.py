"""LML over real HTTP that says, of each library row, just what a test has written down for it."""

import json
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class ScriptedLml:
    """The results by library_id; a row without one is left out of the answer. `asked` are all ids, in order.

    `asked_with_tracks` are those of them that were asked about with `include_tracks`: only these are told of their
    tracks. Answers vouch for their tracks if `vouches` is set. `open_calls` are calls that are not answered yet;
    `on_call` is called with the ids of each call before it is answered.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.results: Mapping[int, dict[str, Any]] = {}
        self.asked: list[int] = []
        self.asked_with_tracks: list[int] = []
        self.batch_sizes: list[int] = []
        self.vouches = True
        self.on_call: Callable[[list[int]], None] = lambda _ids: None
        self.open_calls = 0


@contextmanager
def scripted_lml() -> Iterator[ScriptedLml]:
    """A server on a free port of 127.0.0.1, for as long as the block lasts."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            lml.open_calls += 1
            try:
                self.answer()
            finally:
                lml.open_calls -= 1

        def answer(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            ids = [one["library_id"] for one in body["inputs"]]
            lml.on_call(ids)
            lml.asked += ids
            lml.batch_sizes.append(len(ids))
            results = [lml.results[one] for one in ids if one in lml.results]
            if body.get("include_tracks"):
                lml.asked_with_tracks += ids
            else:
                results = [{**one, "tracks_attempted": None, "tracks": None} for one in results]
            version = 1 if lml.vouches else None
            answer = json.dumps({"results": results, "tracks_contract_version": version}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_args: Any) -> None:
            """Nothing is logged."""

    class Server(ThreadingHTTPServer):
        def handle_error(self, request: Any, client_address: Any) -> None:
            # A client that is killed hangs up in the middle of a call.
            if not isinstance(sys.exc_info()[1], ConnectionError):
                super().handle_error(request, client_address)

    server = Server(("127.0.0.1", 0), Handler)
    lml = ScriptedLml(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield lml
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
