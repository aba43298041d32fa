"""Runs the jobs of conf/folds.txt that are not finished: folds.py ROOT SRC...

A job is a line: word, network, fold (K/N), seed. ROOT receives data/, exp/ and jobs.jsonl, a row for each
command with its seconds. What is finished is skipped, so the same command goes on after an interruption. A
job that fails or takes too long is left out until its file in failed/ is removed.
"""

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from audionas.config import load
from audionas.core.errors import UserError
from audionas.core.files import locked, read_text, write_text
from audionas.core.reporter import say, script

LIMIT = 3600  # seconds of one command
PREPARED = ("--seconds", "1.63", "--say", "200", "--sentences", "0.25", "--hard", "1")
AUDIONAS = (sys.executable, "-m", "audionas")


class Job(NamedTuple):
    """A line of the list."""

    word: str
    network: str
    fold: str
    seed: int

    @property
    def split(self) -> str:
        """The name of the data, such as `alexa_0`."""
        return f"{self.word}_{self.fold.partition('/')[0]}"

    @property
    def name(self) -> str:
        """The name of the run."""
        return f"{self.word}_{self.network}_{self.split.rpartition('_')[2]}_{self.seed}"


def jobs(table: Path) -> list[Job]:
    """The jobs in their order; raises UserError for a line of another form."""
    found = []
    for number, line in enumerate(read_text(table).splitlines(), 1):
        words = line.partition("#")[0].split()
        if len(words) == 4 and words[3].isdecimal():
            found.append(Job(*words[:3], int(words[3])))
        elif words:
            raise UserError(f"{table}:{number}: expected a word, a network, a fold and a seed")
    return found


def ran(root: Path, job: Job, *command: object) -> None:
    """Run a command, and note its seconds. Raises subprocess's errors."""
    words, began = [str(word) for word in command], time.monotonic()
    subprocess.run(words, timeout=LIMIT, check=True)
    rows = root / "jobs.jsonl"
    row = {"job": job.name, "did": words[1:5], "seconds": time.monotonic() - began}
    write_text(rows, (read_text(rows) if rows.exists() else "") + json.dumps(row) + "\n")


def prepared(root: Path, job: Job, sources: Sequence[str]) -> Path:
    """The data of a job, made where it is missing. Other seeds train on the same split."""
    data = root / "data" / job.split
    given = [word for source in sources for word in ("--src", source)]
    if not (data / "wake_word.json").exists():
        ran(
            root,
            job,
            *AUDIONAS,
            "prep",
            "wake_word",
            data,
            "--word",
            job.word,
            *PREPARED,
            "--fold",
            job.fold,
            *given,
        )
    return data


def settings(root: Path, data: Path, name: str, seed: int) -> list[str]:
    """The changes of a run's config."""
    places = [f"data.train={data / 'train'}", f"data.dev={data / 'dev'}", f"data.ambient={data / 'dev_long'}"]
    return [*places, f"out={root / 'exp'}", f"name={name}", f"seed={seed}", "threads=1"]


def done(root: Path, job: Job, sources: Sequence[str]) -> None:
    """Do what a job needs that is not finished: data, a search per word, training, export, counting."""
    if job.network == "shipped":  # all folds at once
        many = job.fold.partition("/")[2]
        ran(root, job, sys.executable, "local/shipped_folds.py", job.word, many, root, *sources)
        return
    data, run, conf = prepared(root, job, sources), root / "exp" / job.name, f"conf/folds_{job.network}.yaml"
    arch = []
    if load(Path(conf)).space is not None:  # searched once a word, on its first job's data
        found = f"{job.word}_{job.network}_search"
        arch = [f"arch={root / 'exp' / found}#1"]  # of the front the first by the first objective
        if not (root / "exp" / found / "front.json").exists():
            balanced = (*settings(root, data, found, 0), "data.balance=undersample")
            ran(root, job, *AUDIONAS, "search", conf, *balanced, "--resume")
    ran(root, job, *AUDIONAS, "train", conf, *arch, *settings(root, data, job.name, job.seed), "--resume")
    target, file = (
        ("int8", "model.int8.onnx") if "ds_cnn" in job.network else ("esphome", f"{job.name}.tflite")
    )
    if not (run / "export" / file).exists():
        ran(root, job, *AUDIONAS, "export", run, "--target", target, "--data", data / "test")
    ran(root, job, sys.executable, "local/count.py", run, data, file)


def main(root: Path, sources: Sequence[str]) -> None:
    """Do all jobs in their order, one at a time."""
    root.mkdir(parents=True, exist_ok=True)
    try:
        with locked(root / "lock", wait=None):
            for job in jobs(Path("conf/folds.txt")):
                failed = root / "failed" / job.name
                if (root / "exp" / job.name / "counted.json").exists() or failed.exists():
                    continue
                say(f"{time.strftime('%H:%M:%S')} {job.name}")
                try:
                    done(root, job, sources)
                except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
                    write_text(failed, f"{error}\n")
    except BlockingIOError:
        raise UserError(f"{root}: another process works on these jobs") from None


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit("usage: folds.py ROOT SRC...")
    with script():
        main(Path(sys.argv[1]).resolve(), sys.argv[2:])
