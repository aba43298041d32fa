"""The server of demo-web, asked over real sockets: other hosts, links out of its folder, odd addresses."""

import socket
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest

from audionas.listen.web.server import server


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    (tmp_path / "secret.txt").write_text("secret")
    (home := tmp_path / "web").mkdir()
    (home / "index.html").write_text("page")
    (home / "link.txt").symlink_to(tmp_path / "secret.txt")
    with server(home) as running:
        thread = Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running.server_port
        running.shutdown()
        thread.join()


def status(port: int, path: str, host: str, method: str = "GET") -> int:
    with socket.create_connection(("127.0.0.1", port)) as wire:
        wire.sendall(f"{method} {path} HTTP/1.0\r\nHost: {host}\r\n\r\n".encode())
        return int(wire.makefile("rb").readline().split()[1])


def test_only_this_machine_is_answered(port: int) -> None:
    for host in (f"localhost:{port}", f"127.0.0.1:{port}"):
        assert status(port, "/", host) == status(port, "/", host, "HEAD") == 200
    for host in ("evil.example", f"evil.example:{port}", "localhost:1", ""):
        assert status(port, "/", host) == status(port, "/", host, "HEAD") == 421


@pytest.mark.parametrize(
    ("path", "answer"),
    [("/%00", 400), ("/link.txt", 404), ("/../secret.txt", 404), ("/%2e%2e/secret.txt", 404)],
)
def test_nothing_outside_the_folder_is_served(port: int, path: str, answer: int) -> None:
    assert status(port, path, f"localhost:{port}") == answer
    assert status(port, "/", f"localhost:{port}", "POST") == 501
