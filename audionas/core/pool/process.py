"""Workers as processes on this machine, each on two pipes.

They are not those of concurrent.futures: when one process of a ProcessPoolExecutor dies, all are ended and
every unfinished item fails, so the item at fault is unknown; and they may stay when this process is
killed. Here a worker ends when its pipe is closed, so no worker outlives its parent.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from multiprocessing.connection import wait

_SECONDS = 5.0  # for a process that has closed its output to end


class Processes:
    """Worker processes on this machine."""

    def __init__(self, threads: int) -> None:
        path = os.pathsep.join(entry or os.getcwd() for entry in sys.path)
        pools = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), str(threads))
        self._environment = {**os.environ, **pools, "PYTHONPATH": path}

    def start(self, message: str) -> "Process":
        """Start a process, which begins to load."""
        worker = Process(self._environment)
        worker.ask(message)
        return worker

    def wait(self, workers: Sequence["Process"]) -> list[tuple["Process", str | None]]:
        """The replies that have arrived whole, and the deaths."""
        by_output = {worker.fileno(): worker for worker in workers}
        ready = [by_output[number] for number in wait(by_output) if isinstance(number, int)]
        return [(worker, worker.reply()) for worker in ready if worker.read()]

    def close(self) -> None:
        """Do nothing: the crew holds only its workers."""


class Process:
    """A worker process that leads its own session: Ctrl-C in the terminal reaches only the parent."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.fate = ""
        self._read = b""
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "audionas.core.pool.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            start_new_session=True,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._questions, self._replies = self._process.stdin, self._process.stdout

    def fileno(self) -> int:
        """The descriptor that becomes readable when the worker has written something or died."""
        return self._replies.fileno()

    def ask(self, message: str) -> None:
        """Write one line. Nothing is written to a dead process: `read` finds its death."""
        with suppress(BrokenPipeError):
            self._questions.write(message.encode() + b"\n")
            self._questions.flush()

    def read(self) -> bool:
        """Read what has arrived; True when it is a whole line, or the end."""
        part = os.read(self.fileno(), 1 << 16)
        self._read += part
        return not part or part.endswith(b"\n")

    def reply(self) -> str | None:
        """The line that has arrived; None, with `fate` set, if the process died."""
        if self._read.endswith(b"\n"):
            line, self._read = self._read.decode(), b""
            return line
        try:
            status = self._process.wait(_SECONDS)
            self.fate = signal.Signals(-status).name if status < 0 else f"exit status {status}"
        except subprocess.TimeoutExpired:
            self.fate = "it closed its output"
        return None

    def stop(self) -> None:
        """Kill it and the processes that it has started."""
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):  # macOS raises the latter for a group that is dying
            self._process.kill()
        self._process.wait()
        self._replies.close()
        with suppress(BrokenPipeError):  # from a question that was never sent whole
            self._questions.close()
