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


def begun(folder: Path, recordings: Path, frozen: int) -> "subprocess.Popen[str]":
    """A search by two processes, of which one will hang."""
    folder.mkdir()
    (folder / "frozen.py").write_text(METHOD)
    search = {"epochs": 3, "batch_size": 4}
    config(recordings, file=folder / "conf.yaml", method={"name": "frozen:Frozen"}, search=search)
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    return subprocess.Popen(
        [sys.executable, *torchrun, "-m", "audionas", "search", "conf.yaml"],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), "FROZEN": str(frozen)},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


@pytest.mark.nightly
def test_a_rank_that_hangs(recordings: Path, tmp_path: Path) -> None:
    """Both ranks, each in a run of its own; the runs wait side by side."""
    runs = {frozen: begun(tmp_path / str(frozen), recordings, frozen) for frozen in (0, 1)}
    until = time.monotonic() + PATIENCE + SLACK
    try:
        told = {n: run.communicate(timeout=max(1, until - time.monotonic()))[1] for n, run in runs.items()}
    finally:
        for pid in [pid for run in runs.values() for pid in _session(run.pid)]:
            os.kill(pid, signal.SIGKILL)
    for frozen, run in runs.items():
        assert run.returncode != 0
        assert f"rank {frozen} has died or does not answer" in told[frozen], told[frozen]
        assert "bug" not in told[frozen]


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
