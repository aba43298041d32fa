"""A process that has imported everything, and forks one for each command: a start in milliseconds.

`python -m tests.torture._server` reads requests and writes replies, one JSON object per line. It adopts the
processes that a command leaves behind, so they are found. The command runs as `python -m audionas` would run
it, after the `hooks` of the request: functions of `_hooks.py` by name, with their arguments.
"""

import contextlib
import ctypes
import importlib
import json
import os
import signal
import sys
import time
import traceback
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

MODULES = (
    *("audionas.cli", "audionas.run.search", "audionas.run.train", "audionas.study.compare"),
    *("audionas.run.export", "audionas.run.evaluate", "audionas.run.predict", "audionas.run.check"),
    *("audionas.run.show", "audionas.run.cost", "audionas.listen.detect", "audionas.export.onnx_listeners"),
    *("audionas.searchers.nsga2", "audionas.methods", "audionas.spaces", "data_prep.folder"),
    *("data_prep.manifest", "data_prep.esc10", "tests.torture._hooks", "tests.torture._doors"),
    *("torch.utils.tensorboard", "sklearn.model_selection", "scipy.signal", "matplotlib.pyplot"),
    *("torch._dynamo", "torch._refs", "torch._functorch.aot_autograd", "torch.export", "torch.onnx"),
    *("torch.onnx._internal.exporter._core", "onnx", "onnxruntime", "onnxscript", "sympy"),
)
ADOPT = 36  # prctl's PR_SET_CHILD_SUBREAPER
GRACE = 15.0  # seconds in which helpers end after the command that started them


def serve() -> None:
    """Answer requests until the input ends."""
    requests, replies = os.fdopen(os.dup(0)), os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    for name in MODULES:
        importlib.import_module(name)
    ctypes.CDLL(None).prctl(ADOPT, 1, 0, 0, 0)
    for line in requests:
        try:
            answer = _answer(json.loads(line))
        except Exception:  # a fault of this file: the try is lost, and not all that follow
            told = {"status": 70, "hung": False, "left": [], "answer": None, "out": ""}
            answer = {**told, "err": traceback.format_exc()}
        print(json.dumps(answer), file=replies, flush=True)


def _answer(request: dict[str, Any]) -> dict[str, Any]:
    with TemporaryDirectory() as place:
        child = os.fork()
        if child == 0:
            _become(request, Path(place))
        status, hung = _ended(child, request["limit"])
        left = _left()
        texts = {name: Path(place, name).read_text(errors="backslashreplace") for name in ("out", "err")}
        told = Path(place, "told")
        answer = json.loads(told.read_text()) if told.exists() else None
    return {"status": status, "hung": hung, "left": left, "answer": answer, **texts}


def _become(request: dict[str, Any], place: Path) -> None:
    """Run the command in this child, and end with its status."""
    status = 70
    try:
        os.setsid()
        signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where a shell started the tests
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
        for number, name in ((1, "out"), (2, "err")):
            os.dup2(os.open(place / name, os.O_WRONLY | os.O_CREAT | os.O_APPEND), number)
        sys.stdout, sys.stderr = os.fdopen(1, "w", buffering=1), os.fdopen(2, "w", buffering=1)
        os.chdir(request["cwd"])
        hooks = importlib.import_module("tests.torture._hooks")
        told = [getattr(hooks, name)(**arguments) for name, arguments in request["hooks"].items()]
        status = _run(request)
        for answer in filter(None, told):
            (place / "telling").write_text(json.dumps(answer()))
            (place / "telling").rename(place / "told")  # whole or not at all: a kill may come now
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)


def _run(request: dict[str, Any]) -> int:
    """The exit status of a command, or of a function of `_doors.py`, which `call` names."""
    from audionas import cli
    from tests.torture import _doors

    sys.argv = ["audionas", *request["words"]]
    try:
        if request["call"]:
            return int(_doors.status(request["call"], request["words"]))
        cli.run()
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    return 0


def _ended(child: int, limit: float) -> tuple[int, bool]:
    """The status of a child as `subprocess` gives it, and whether it took longer than the limit."""
    until, wait = time.monotonic() + limit, 0.001
    while time.monotonic() < until:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status), False
        time.sleep(wait)
        wait = min(1.3 * wait, 0.05)
    os.kill(child, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), True


def _left() -> list[str]:
    """The processes that remain after a while, as they were called; they are then ended."""
    until = time.monotonic() + GRACE
    while (pids := _children()) and time.monotonic() < until:
        _reap()
        time.sleep(0.02)
    called = []
    for pid in pids:
        with contextlib.suppress(OSError):
            called.append(Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode())
            os.kill(pid, signal.SIGKILL)
    _reap()
    return called


def _children() -> list[int]:
    return [int(pid) for pid in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()]


def _reap() -> None:
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


if __name__ == "__main__":
    serve()
