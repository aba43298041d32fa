"""Files of one form, checked in parallel, with a log from which an interrupted check resumes."""

import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any

from audionas.core import records
from audionas.core.errors import UserError, grouped
from audionas.core.files import parsed, read_text, state
from audionas.core.records.prep import FormRecord
from audionas.core.reporter import Reporter, amount
from audionas.data import audio
from audionas.data.store import Form
from audionas.prep.intake import doubt

_BLOCK = 256  # files per block, after which the log is written


def examined(
    paths: Sequence[Path], form: Form, *, log: Path, jobs: int, reporter: Reporter
) -> dict[Path, str]:
    """The SHA-256 of every file; one of `jobs` threads decodes each file completely.

    Results are appended to `log`, so that an interrupted preparation resumes from there; a file that has
    changed since is decoded again. A note tells in how many files nothing can be heard.

    Raises one UserError with every file that cannot be decoded or does not have this form.
    """
    before = _logged(log, form)
    found = {path: before[key] for path in paths if (key := _state(path)) in before}
    left = [path for path in paths if path not in found]
    if found:
        reporter.note(f"{len(found):,} of {amount(len(paths), 'file')} were checked earlier, see {log}")
    problems: list[str] = []
    log.parent.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(jobs) as pool, log.open("a", encoding="utf-8") as lines:
        answers = _checked(pool, left, form)
        for path, answer in zip(left, reporter.progress(answers, "checking files", len(left)), strict=True):
            if isinstance(answer, str):
                problems.append(answer)
                continue
            found[path] = answer
            lines.write(json.dumps({"file": _state(path), "form": list(form), **answer}) + "\n")
    if problems:
        raise UserError(problems, hint="Unpack or fetch the archives that hold these files again.")
    silent = [doubt(str(path), file["peak"], silent=False) for path, file in found.items()]
    for line in grouped([problem for problem in silent if problem is not None]):
        reporter.note(f"attention: {line}")
    return {path: file["sha256"] for path, file in found.items()}


def _checked(pool: ThreadPoolExecutor, paths: Sequence[Path], form: Form) -> Iterator[dict[str, Any] | str]:
    """The facts of each file, or its problem; block by block, so that Ctrl-C is quick."""
    rest = iter(paths)
    while block := list(islice(rest, _BLOCK)):
        yield from pool.map(lambda path: _check(path, form), block)


def _check(path: Path, form: Form) -> dict[str, Any] | str:
    try:
        probe = audio.probe(path)
    except UserError as error:
        return error.problems[0]
    found = Form(probe.rate, probe.channels, probe.frames)
    if found != form:
        return f"{path}: {_told(found)}, expected {_told(form)}"
    if probe.peak > audio.LOUDEST:
        return audio.too_loud(path, probe.peak)
    return {"sha256": probe.sha256, "peak": probe.peak}


def _told(form: Form) -> str:
    return f"{amount(form.channels, 'channel')} of {form.samples:,} samples at {form.rate} Hz"


def _state(path: Path) -> str:
    """The state of the file: a string that changes when the file is written."""
    try:
        return " ".join(map(str, (path, *state(path))))
    except OSError:
        return f"{path} missing"


def _logged(log: Path, form: Form) -> Mapping[str, dict[str, Any]]:
    """Checksums and peaks by state from an earlier preparation; a line that was cut off is ignored."""
    if not log.is_file():
        return {}
    rows: list[dict[str, Any]] = []
    for line in read_text(log).splitlines():
        with suppress(ValueError, UserError):  # it was cut off: its file is decoded again
            row = parsed(line)
            records.check(FormRecord, row, str(log))
            rows.append(row)
    return {
        row["file"]: {"sha256": row["sha256"], "peak": row["peak"]}
        for row in rows
        if row["form"] == list(form)
    }
