"""The command line inside this process: `audionas("cost", "tc_resnet8")` gives status, output and errors."""

import io
import json
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

from audionas import cli


class Result(NamedTuple):
    """What a shell would see."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output as one JSON document."""
        return json.loads(self.out)


def audionas(*words: object) -> Result:
    """Run a command as `python -m audionas` does; an exception that gets past `run` gets past this too."""
    out, err, status = io.StringIO(), io.StringIO(), 0
    argv = mock.patch.object(sys, "argv", ["audionas", *map(str, words)])
    with argv, redirect_stdout(out), redirect_stderr(err):
        try:
            cli.run()
        except SystemExit as stop:
            status = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    return Result(status, out.getvalue(), err.getvalue())


def done(*words: object) -> Result:
    """Run a command that must succeed."""
    result = audionas(*words)
    assert result.status == 0, result.err
    return result


def refused(*words: object, says: str = "") -> Result:
    """Run a command that must end as a fault of the user: status 1, the reason on standard error, no more."""
    result = audionas(*words)
    assert result.status == 1, f"status {result.status}\n{result.out}\n{result.err}"
    assert result.out == ""
    assert "Traceback" not in result.err
    assert "bug" not in result.err
    assert says in " ".join(result.err.split()), result.err
    return result


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder and its bytes; locks, which every process touches, aside."""
    files = (f for f in sorted(folder.rglob("*")) if f.is_file() and f.suffix != ".lock")
    return {str(f.relative_to(folder)): f.read_bytes() for f in files}
