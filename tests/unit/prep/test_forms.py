"""Laws of files of one form: silent ones are named and kept, in a preparation that resumes, too."""

import json
from pathlib import Path

import numpy as np
import pytest

from audionas.core.reporter import Reporter
from audionas.data import audio
from audionas.data.store import Form
from audionas.prep import forms


def test_files_in_which_nothing_can_be_heard_are_named_again_by_a_resumed_check(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = [tmp_path / "noise.wav", tmp_path / "zeros.wav"]
    for path, level in zip(paths, (0.5, 0.0), strict=True):
        audio.write(path, np.full(1000, level, np.float32), 16_000)
    for _ in range(2):
        found = forms.examined(
            paths, Form(16_000, 1, 1000), log=tmp_path / "log", jobs=1, reporter=Reporter()
        )
        assert sorted(found) == paths
        told = capsys.readouterr().err
        assert f"{paths[1]}: nothing can be heard, all samples are 0" in told.replace("\n", "")
        assert "noise.wav" not in told


@pytest.mark.parametrize(("key", "value"), [("peak", "loud"), ("sha256", 5), ("file", ["a"]), ("form", None)])
def test_a_file_whose_line_in_the_log_is_nonsense_is_decoded_again(
    key: str, value: object, tmp_path: Path
) -> None:
    path, log, form = tmp_path / "noise.wav", tmp_path / "log", Form(16_000, 1, 1000)
    audio.write(path, np.full(1000, 0.5, np.float32), 16_000)
    quiet = Reporter(quiet=True)
    found = forms.examined([path], form, log=log, jobs=1, reporter=quiet)
    log.write_text(json.dumps({**json.loads(log.read_text()), key: value}) + "\n")
    assert forms.examined([path], form, log=log, jobs=1, reporter=quiet) == found
    assert len(log.read_text().splitlines()) == 2
