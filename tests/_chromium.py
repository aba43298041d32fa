"""A headless Chromium that tests drive: the DevTools protocol over two pipes, nothing else needed.

Messages are JSON ended by a zero byte (Chromium's --remote-debugging-pipe reads 3 and writes 4).
"""

import json
import os
import select
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

# No talk with the outside, no GPU, no sandbox (which root cannot have), sound without a click.
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--mute-audio",
    "--autoplay-policy=no-user-gesture-required",
    "--remote-debugging-pipe",
)
LOGS = ("Runtime.exceptionThrown", "Log.entryAdded", "Runtime.consoleAPICalled")
PATIENCE = 120.0  # seconds until an answer is a failure; on a busy machine a start takes some


def chromium() -> str | None:
    """The program, where there is one."""
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


class Page:
    """One tab: `open` an address, `evaluate` JavaScript, wait `until` some is true."""

    def __init__(self, read: int, write: int) -> None:
        self._read, self._write, self._rest, self._sent = read, write, b"", 0
        self._session: str | None = None
        self.logged: list[str] = []  # what the page said to its console, and what went wrong in it
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for part in ("Runtime", "Log", "Page"):
            self.send(f"{part}.enable")

    def send(self, method: str, **params: Any) -> Any:
        """A command's result; AssertionError where Chromium refuses it."""
        self._sent += 1
        order = {"id": self._sent, "method": method, "params": params}
        if self._session:
            order["sessionId"] = self._session
        os.write(self._write, json.dumps(order).encode() + b"\0")
        while True:
            reply = self._next()
            if reply.get("method") in (
                "Runtime.exceptionThrown",
                "Log.entryAdded",
                "Runtime.consoleAPICalled",
            ):
                self.logged.append(json.dumps(reply["params"]))
            if reply.get("id") == self._sent:
                assert "error" not in reply, f"{method}: {reply['error']}"
                return reply["result"]

    def open(self, address: str) -> None:
        """Go there; nothing is waited for."""
        self.send("Page.navigate", url=address)

    def evaluate(self, code: str) -> Any:
        """The value of an expression, as after a click of the reader."""
        made = self.send(
            "Runtime.evaluate", expression=code, awaitPromise=True, returnByValue=True, userGesture=True
        )
        assert "exceptionDetails" not in made, made["exceptionDetails"]
        return made["result"].get("value")

    def until(self, code: str) -> Any:
        """The expression's value, once it is neither false nor empty."""
        end = time.monotonic() + PATIENCE
        while not (value := self.evaluate(code)):
            said = self.evaluate("document.body?.innerText")
            assert time.monotonic() < end, f"never came true: {code}\n{said}\n{self.logged}"
            time.sleep(0.05)
        return value

    def _next(self) -> Any:
        while b"\0" not in self._rest:
            assert select.select([self._read], [], [], PATIENCE)[0], "Chromium does not answer"
            part = os.read(self._read, 1 << 16)
            assert part, "Chromium has ended"
            self._rest += part
        message, _, self._rest = self._rest.partition(b"\0")
        return json.loads(message)


@contextmanager
def browser(profile: Path, *flags: str) -> Iterator[Page]:
    """A fresh Chromium with an empty profile folder, ended with the block."""
    program = chromium()
    assert program is not None, "no chromium on the PATH"
    theirs_in, ours_out = os.pipe()
    ours_in, theirs_out = os.pipe()
    command = [program, *FLAGS, f"--user-data-dir={profile}", *flags]
    process = subprocess.Popen(
        ["bash", "-c", f'exec "$@" 3<&{theirs_in} 4>&{theirs_out}', "bash", *command],
        pass_fds=(theirs_in, theirs_out),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "HOME": str(profile)},
    )
    os.close(theirs_in)
    os.close(theirs_out)
    try:
        yield Page(ours_in, ours_out)
    finally:
        process.terminate()
        process.wait()
        os.close(ours_in)
        os.close(ours_out)
