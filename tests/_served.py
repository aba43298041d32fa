"""`audionas` for scripts that tests run: one process imports the library, each command is a child of it.

A recipe's run.sh starts `audionas` half a dozen times, and importing torch takes seconds. The command put on
the PATH here hands its arguments, environment and open files to the server, which forks: what runs is the
command line itself.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[1]
CLIENT = """#!{python} -IS
import json, os, socket, sys
server = socket.socket(socket.AF_UNIX)
server.connect({address!r})
told = json.dumps([sys.argv[1:], os.getcwd(), dict(os.environ)]).encode()
socket.send_fds(server, [len(told).to_bytes(4, "big")], [0, 1, 2])
server.sendall(told)
sys.exit(server.recv(1)[0])
"""


@contextmanager
def served() -> Iterator[dict[str, str]]:
    """The environment of a script whose `audionas` is this clone's."""
    folder = Path(tempfile.mkdtemp(prefix="audionas"))  # a socket's path must be short
    address = str(folder / "socket")
    command = folder / "audionas"
    command.write_text(CLIENT.format(python=sys.executable, address=address), encoding="utf-8")
    command.chmod(0o755)
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    server = subprocess.Popen([sys.executable, __file__, address], cwd=ROOT, env=env, stdout=subprocess.PIPE)
    try:
        assert server.stdout is not None
        assert server.stdout.readline() == b"ready\n"
        yield {**env, "PATH": f"{folder}{os.pathsep}{env['PATH']}"}
    finally:
        server.kill()
        server.communicate()
        shutil.rmtree(folder)


def serve(address: str) -> None:
    """Run one command after the other until killed."""
    sys.path[0] = str(ROOT)
    import torch._dynamo  # which the first step of an optimiser imports
    import torch.utils.tensorboard  # noqa: F401

    from audionas.cli import run
    from audionas.run import check, evaluate, export, search, show, train  # noqa: F401

    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address)
    listener.listen()
    print("ready", flush=True)
    while True:
        client, _ = listener.accept()
        size, files, _, _ = socket.recv_fds(client, 4, 3)
        told = b""
        while len(told) < int.from_bytes(size, "big"):
            told += client.recv(1 << 16)
        child = os.fork()
        if not child:
            listener.close()
            client.close()
            command(*json.loads(told), files)
            os._exit(status(run))  # at once: taking the library down would take longer than most commands
        for file in files:
            os.close(file)
        client.sendall(bytes([os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) & 255]))
        client.close()


def status(run: Callable[[], None]) -> int:
    """What a shell would be told; everything printed is out before."""
    code = 0
    try:
        run()
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    sys.stdout.flush()
    sys.stderr.flush()
    return code


def command(words: list[str], folder: str, env: dict[str, str], files: list[int]) -> None:
    """Take over what a process of its own would have begun with."""
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(env)
    sys.argv = ["audionas", *words]


if __name__ == "__main__":
    serve(sys.argv[1])
