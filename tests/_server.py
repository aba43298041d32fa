"""A small HTTP server for tests of downloads: one content under every path, and answers that break off."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer, ThreadingHTTPServer
from typing import TypeVar

S = TypeVar("S", bound=HTTPServer)


class Server(ThreadingHTTPServer):
    """Serves `content`; `budget` lists how many bytes the next answers send before the line breaks."""

    daemon_threads = True

    def __init__(self, content: bytes) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.content = content
        self.budget: list[int] = []
        self.ranges = True  # whether a request for a part is heeded
        self.paths: list[str] = []  # of the requests so far
        self.parts: list[str | None] = []  # and their Range headers
        self.url = f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    """A path with the word `missing` is not there."""

    server: Server

    def do_GET(self) -> None:
        asked, content = self.headers.get("Range"), self.server.content
        self.server.paths.append(self.path)
        self.server.parts.append(asked)
        begin = int(re.findall(r"\d+", asked)[0]) if asked and self.server.ranges else 0
        if "missing" in self.path:
            return self.send_error(404)
        if begin >= len(content):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(content)}")
            self.send_header("Content-Length", "0")
            return self.end_headers()
        self.send_response(206 if begin else 200)
        if begin:
            self.send_header("Content-Range", f"bytes {begin}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(content) - begin))
        self.end_headers()
        sent = self.server.budget.pop(0) if self.server.budget else len(content)
        self.wfile.write(content[begin : begin + sent])

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def running(server: S) -> Iterator[S]:
    """The server at work in a thread; closed with the block."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
