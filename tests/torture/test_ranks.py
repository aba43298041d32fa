"""A rank of torchrun that hangs for ever is named within the time that the others wait for it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests._factory import config
from tests.torture._forks import ROOT

PATIENCE = 600.0  # seconds that ranks wait for each other
SLACK = 180.0  # for the start, the roll call, and torchrun's own end
METHOD = '''
"""A search of which one rank stops in the middle of its second epoch, and stays."""

import os
import signal
from dataclasses import dataclass

from audionas.methods.noisy_darts import NoisyDarts


@dataclass(kw_only=True)
class Frozen(NoisyDarts):
    """Neither computes nor dies."""

    def step(self, train, valid, progress):
        """The step, or none ever."""
        if progress > 1 and os.environ["RANK"] == os.environ["FROZEN"]:
            os.kill(os.getpid(), signal.SIGSTOP)
        return super().step(train, valid, progress)
'''


@pytest.mark.nightly
@pytest.mark.parametrize("frozen", [0, 1])
def test_a_rank_that_hangs(recordings: Path, tmp_path: Path, frozen: int) -> None:
    (tmp_path / "frozen.py").write_text(METHOD)
    config(
        recordings,
        file=tmp_path / "conf.yaml",
        method={"name": "frozen:Frozen"},
        search={"epochs": 3, "batch_size": 4},
    )
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), "FROZEN": str(frozen)}
    begun = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, *torchrun, "-m", "audionas", "search", "conf.yaml"],
        **{"cwd": tmp_path, "env": environment, "stderr": subprocess.PIPE, "text": True},
        start_new_session=True,
    )
    try:
        _, told = process.communicate(timeout=PATIENCE + SLACK)
    finally:
        for pid in _session(process.pid):
            os.kill(pid, signal.SIGKILL)
    assert process.returncode not in (0, None)
    assert f"rank {frozen} has died or does not answer" in told, told
    assert "bug" not in told
    assert time.monotonic() - begun < PATIENCE + SLACK


def _session(leader: int) -> list[int]:
    """The processes of a session."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            if int(stat.read_text().rpartition(")")[2].split()[3]) == leader:
                found.append(int(stat.parent.name))
        except OSError:
            continue
    return found
