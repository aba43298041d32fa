"""Workers as actors of a Ray cluster, on any of its nodes."""

import os
import socket
import tempfile
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from audionas.core.errors import UserError
from audionas.core.extras import install
from audionas.core.files import read_text
from audionas.core.pool.worker import Answerer

try:
    ray: Any = import_module("ray")  # Any: the types are checked with and without Ray
except ModuleNotFoundError as error:
    raise UserError("backend=ray: Ray is not installed", hint=install("cluster")) from error

_SECONDS = 5.0  # for the head of a cluster to answer
_HOW = "Start it first: ray start --head --port=6379, and on the other nodes ray start --address=HEAD:6379"
_AGAIN = "Ray did not start on this machine. If it is very busy, try again; Ray's logs say more."


class Actors:
    """Actors with `threads` CPUs and `gpus` GPUs each.

    `address` is that of a cluster, "auto" for the one that this machine belongs to; if it is empty, a
    cluster on this machine alone is started, and ended by `close`. If this process is already connected
    to a cluster, that one is used, and left running.
    """

    def __init__(self, workers: int, threads: int, *, gpus: float, address: str) -> None:
        self._ours = not ray.is_initialized()
        if self._ours:
            _connect(address, workers * threads)
        try:
            _require_node(threads, gpus)
        except UserError:
            self.close()
            raise
        placed = {"num_cpus": threads, "num_gpus": gpus, "scheduling_strategy": "SPREAD"}
        self._kind = ray.remote(Answerer).options(**placed, max_restarts=0)

    def start(self, message: str) -> "Actor":
        """Start an actor, which loads as soon as a node has room for it."""
        return Actor(self._kind.remote(), message)

    def wait(self, workers: Sequence["Actor"]) -> list[tuple["Actor", str | None]]:
        """The replies, and the deaths."""
        asked = {worker.pending: worker for worker in workers}
        ray.wait(list(asked), num_returns=1)
        ready, _ = ray.wait(list(asked), num_returns=len(asked), timeout=0)
        return [(asked[one], asked[one].reply()) for one in ready]

    def close(self) -> None:
        """Leave the cluster, and end it if it was started here."""
        if self._ours:
            ray.shutdown()


class Actor:
    """One actor, and the reply that it owes."""

    def __init__(self, handle: Any, message: str) -> None:
        self.fate = ""
        self._handle = handle
        self.pending = handle.load.remote(message)

    def ask(self, item: str) -> None:
        """Send an item."""
        self.pending = self._handle.answer.remote(item)

    def reply(self) -> str | None:
        """The reply that has arrived; None, with `fate` set, if the actor or its node is dead."""
        try:
            return str(ray.get(self.pending))
        except ray.exceptions.RayError as error:
            self.fate = " ".join(str(error).split())
            return None

    def stop(self) -> None:
        """Kill it, busy or not."""
        ray.kill(self._handle)


def _connect(address: str, cpus: int) -> None:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing about a search leaves the cluster
    here = {"address": "local", "num_cpus": cpus, "include_dashboard": False}
    try:
        _require_listener(_recorded() if address == "auto" else address)
        ray.init(**({"address": address} if address else here), logging_level="error")
    except Exception as error:  # Ray raises errors of all kinds, plain Exception too
        raise UserError(
            f"address: '{address}': {_first_line(error)}", hint=_HOW if address else _AGAIN
        ) from error


def _first_line(error: Exception) -> str:
    return (str(error).strip() or repr(error)).splitlines()[0]


def _recorded() -> str:
    """The address that Ray has recorded for the cluster of this machine; empty if there is none."""
    note = Path(os.environ.get("RAY_TMPDIR") or tempfile.gettempdir()) / "ray" / "ray_current_cluster"
    return os.environ.get("RAY_ADDRESS") or (read_text(note) if note.is_file() else "")


def _require_listener(address: str) -> None:
    """Raise OSError where nothing listens at HOST:PORT: Ray itself would try for minutes."""
    host, _, port = address.strip().rpartition(":")
    if host and port.isdigit() and "//" not in host:
        try:
            socket.create_connection((host.strip("[]"), int(port)), timeout=_SECONDS).close()
        except OSError as error:
            raise OSError(f"nobody answers at {address.strip()} ({error.strerror or error})") from error


def _require_node(threads: int, gpus: float) -> None:
    """Raise UserError where no node could ever hold an actor: Ray would wait for one without end."""
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    if not any(node.get("CPU", 0) >= threads and node.get("GPU", 0) >= gpus for node in nodes):
        found = ", ".join(
            sorted(f"{node.get('CPU', 0):g} CPUs and {node.get('GPU', 0):g} GPUs" for node in nodes)
        )
        raise UserError(
            f"a worker needs {threads} CPUs and {gpus:g} GPUs, but no node of the cluster has these: {found}",
            hint="Give each worker fewer threads or gpus, or start a node that has as many.",
        )
