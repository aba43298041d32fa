"""The run folder: one phase (search or train) starts, resumes, or is already finished.

`run.json` records the settings that a phase started with; a phase that ended also has a `done.json`.
"""

import os
import platform
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import MISSING, asdict, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

import audionas
from audionas.config import SECTIONS, Config, dump
from audionas.core.errors import UserError
from audionas.core.files import locked, read_json, sweep, write_json, write_text
from audionas.core.hostile import command
from audionas.core.records.renewed import renewed
from audionas.core.registry import names, resolve
from audionas.core.reporter import Reporter, amount, typed
from audionas.core.strict import usual
from audionas.engine import processes
from audionas.models.owned import enter
from audionas.run.emptied import emptied, known

_ALWAYS = ("data", "augment", "spec_augment", "search", "train")  # sections that every config has
_CHOSEN = ("space", "method", "searcher")  # sections of a class by its name
_ELSEWHERE = "Move it away, or give this run another name: name=..."


class Busy(UserError):
    """Another process holds the folder."""


@contextmanager
def phase(
    conf: Config,
    name: str,
    facts: Mapping[str, Any],
    *,
    resume: bool,
    overwrite: bool,
    makes: Sequence[str] = (),
) -> Iterator[tuple[Path, bool]]:
    """Yield the phase's folder and whether it is finished; held against a second process meanwhile.

    `facts` must be equal for a run to resume; `makes` are the files that the phase writes outside its folder.
    Raises UserError for an unfinished run without `resume`, for one that was started with other facts, and
    for files that the phase would replace and no run has made. A UserError before the first checkpoint ends
    the phase as if it had not started, so that a corrected one may follow. With several processes the first
    does all this and informs the others.
    """
    folder = conf.folder / name
    if not processes.first():
        yield folder, processes.tell(False)
        processes.tell("done")
        return
    folder.mkdir(parents=True, exist_ok=True)
    with alone(conf.folder / f".{name}.lock", folder):
        sweep(folder)
        _require_ours(folder, overwrite=overwrite)
        started = folder / "run.json"
        if started.exists() and not overwrite:
            _require_same(folder, facts, resume=resume)
        enter(conf.folder, makes, hint=_ELSEWHERE)
        if overwrite and (stay := emptied(folder)):
            Reporter().note(f"{folder}: --overwrite leaves what no run has made: {', '.join(stay)}")
        finished = (folder / "done.json").exists()
        if not started.exists():
            write_json(folder / "env.json", environment(conf.general.seed))  # from here on it is ours
            write_text(folder / "config.yaml", dump(conf.resolved()))
            write_json(started, facts)
        try:
            yield folder, processes.tell(finished)
            processes.tell("done")
        except UserError:
            if not finished and not (folder / "ckpt").exists():
                started.unlink(missing_ok=True)
            raise


def finish(folder: Path, result: Mapping[str, Any]) -> None:
    """Mark a phase as finished. Raises UserError as `require_there`."""
    if processes.first():
        require_there(folder)
        write_json(folder / "done.json", result)


def require_there(folder: Path) -> None:
    """Raise UserError where a phase's files were deleted while it ran: before its result is written."""
    if lost := [name for name in ("run.json", "config.yaml") if not (folder / name).exists()]:
        raise UserError(
            f"{folder}: {' and '.join(lost)} disappeared while this ran: the folder was deleted or moved",
            hint="Start again with --overwrite.",
        )


def _require_same(folder: Path, facts: Mapping[str, Any], *, resume: bool) -> None:
    """Raise UserError where a phase was started with other facts, or has not ended and is not to resume."""
    require_equal(folder, read_json(folder / "run.json"), facts)
    if not (folder / "done.json").exists() and not resume:
        raise UserError(
            f"{folder}: holds an unfinished run",
            hint="Resume it with --resume, or discard it with --overwrite.",
        )


def _require_ours(folder: Path, *, overwrite: bool) -> None:
    """Raise UserError where no run has made a folder, and this one would empty it or write over its files."""
    made = any((folder / name).is_file() for name in ("run.json", "env.json"))
    if overwrite and (folder.is_symlink() or (any(folder.iterdir()) and not made)):
        raise UserError(
            f"{folder}: not made by a run of audionas, so --overwrite leaves it as it is", hint=_ELSEWHERE
        )
    if not made and (foreign := known(folder)):
        raise UserError(
            [f"{folder / name}: not made by a run of audionas, and would be replaced" for name in foreign],
            hint=_ELSEWHERE,
        )


def environment(seed: int) -> dict[str, Any]:
    """The facts that a reader needs to repeat a run: command, seed, commit, versions, machine."""
    return {
        "command": typed() or command("audionas", *sys.argv[1:]),
        "seed": seed,
        "git": _commit(),
        "audionas": audionas.__version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "machine": f"{platform.machine()}, {torch.get_num_threads()} of {os.cpu_count()} CPU threads",
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def device_of(conf: Config) -> tuple[torch.device, str]:
    """The device and a sentence with the reason; sets the number of threads."""
    if conf.general.threads is not None:
        torch.set_num_threads(conf.general.threads)
    wanted, found = conf.general.device, torch.cuda.is_available()
    if wanted == "cuda" and not found:
        raise UserError("device: cuda, but no CUDA device is visible", hint="Set device=cpu, or device=auto.")
    if wanted == "cpu" or not found:
        why = "requested" if wanted == "cpu" else "no CUDA device is visible"
        return torch.device("cpu"), f"device cpu ({why}), {amount(torch.get_num_threads(), 'thread')}"
    why = "requested" if wanted == "cuda" else "visible"
    return processes.gpu(), f"device {torch.cuda.get_device_name()} ({why})"


def require_equal(folder: Path, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Raise UserError where a run was started with facts other than `now`."""
    old, new = _flat(renewed(before)), _flat(now)
    then = _flat({name: _usual(name, before[name]) for name in (*_ALWAYS, *_CHOSEN) if before.get(name)})
    old = {**{key: then[key] for key in new if key in then}, **old}  # settings that did not exist then
    differing = [key for key in sorted({*old, *new}) if old.get(key) != new.get(key)]
    if differing:
        lines = [
            f"  {key}: {old.get(key, 'not set')} there, {new.get(key, 'not set')} now" for key in differing
        ]
        raise UserError(
            [f"{folder}: holds a run with other settings", *lines],
            hint="Give this run another name (name=...), or discard the old one with --overwrite.",
        )


def _usual(section: str, written: Mapping[str, Any]) -> dict[str, Any]:
    """The defaults of a section; of one that names its class, those that the class has now."""
    if section in _ALWAYS:
        return asdict(SECTIONS[section]())
    name = str(written.get("name", ""))
    every = fields(resolve(section, name)) if name in names(section) else ()
    return {field.name: value for field in every if (value := usual(field)) is not MISSING}


def _flat(value: Any, prefix: str = "") -> dict[str, Any]:
    if isinstance(value, Mapping):
        return {
            k: v
            for key, inner in value.items()
            for k, v in _flat(inner, f"{prefix}.{key}".strip(".")).items()
        }
    return {prefix: list(value) if isinstance(value, tuple) else value}


def _commit() -> str:
    """The commit of the running code, with `-dirty` if changed; empty outside a clone."""
    where = Path(audionas.__file__).parent
    command = ["git", "-C", str(where), "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


@contextmanager
def alone(lock: Path, folder: Path) -> Iterator[None]:
    """Hold a folder by its lock file. Raises Busy, a UserError, while another process holds it."""
    with ExitStack() as held:
        try:
            held.enter_context(locked(lock, wait=None))
        except BlockingIOError as error:
            raise Busy(
                f"{folder}: another process is running this", hint="Wait for it, or use another name=..."
            ) from error
        yield
