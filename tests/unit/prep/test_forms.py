"""Laws of files of one form: silent ones are named and kept, in a preparation that resumes, too."""

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
