"""A folder served to browsers on this machine, so that a page may use the microphone and WebAssembly."""

import webbrowser
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from audionas.core.errors import UserError
from audionas.core.reporter import Reporter

HOST = "127.0.0.1"
_ISOLATED = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",  # a rewritten page shows at once
}


class _Handler(SimpleHTTPRequestHandler):
    """Files with the types that browsers require, and headers that isolate the page from other origins."""

    extensions_map = SimpleHTTPRequestHandler.extensions_map | {
        ".html": "text/html; charset=utf-8",
        ".js": "text/javascript",
        ".mjs": "text/javascript",
        ".css": "text/css",
        ".json": "application/json",
        ".wasm": "application/wasm",
        ".wav": "audio/wav",
        ".onnx": "application/octet-stream",
    }

    def send_head(self) -> Any:
        """Answer only requests to this machine by name, for files that lie in the folder itself."""
        host = (self.headers.get("Host") or "").lower()
        address = self.server.server_address
        assert isinstance(address, tuple)  # a TCP server
        port = address[1]
        if host not in {f"{name}:{port}" for name in ("localhost", HOST)}:  # another name: DNS rebinding
            self.send_error(421, "Misdirected Request")
            return None
        if "\0" in unquote(urlsplit(self.path).path):
            self.send_error(400, "Bad Request")
            return None
        home = Path(self.directory).resolve()
        if not Path(self.translate_path(self.path)).resolve().is_relative_to(home):  # a link leads out
            self.send_error(404, "File not found")
            return None
        return super().send_head()

    def end_headers(self) -> None:
        """Add the headers of isolation to every answer."""
        for name, value in _ISOLATED.items():
            self.send_header(name, value)
        super().end_headers()

    def list_directory(self, path: Any) -> None:
        """Refuse to list folders."""
        self.send_error(404, "File not found")

    def log_message(self, *args: Any) -> None:
        """Log nothing: one line per request is too much."""


def server(folder: Path, port: int = 0) -> ThreadingHTTPServer:
    """A server of `folder` on localhost, not yet running; port 0 picks a free one.

    Raises UserError where the port is taken or not allowed.
    """
    try:
        return ThreadingHTTPServer((HOST, port), partial(_Handler, directory=str(folder)))
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UserError(f"port {port} cannot be used: {reason}", hint="--port 0 picks a free one.") from error


def serve(folder: Path, reporter: Reporter, *, port: int = 0, show: bool = False) -> None:
    """Serve `folder` until Ctrl-C; `show` opens it in the browser."""
    with server(folder, port) as running:
        address = f"http://localhost:{running.server_port}/"
        reporter.note(f"serving {folder} at {address} (Ctrl-C stops it)")
        if show and not webbrowser.open(address):
            reporter.note("no browser could be started here: open the address yourself")
        try:
            running.serve_forever()
        except KeyboardInterrupt:
            reporter.note("stopped")
