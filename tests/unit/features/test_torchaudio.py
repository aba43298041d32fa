"""The torchaudio import: pure PyTorch functions work, and only a broken extension is worked around."""

import subprocess
import sys

import pytest

SCRIPT = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
try:
    from audionas.features._torchaudio import torchaudio
except ImportError as error:
    print("refused:", error)
else:
    print("bank", tuple(torchaudio.functional.melscale_fbanks(257, 80.0, 7600.0, 64, 16000).shape))
"""


def imported(folder) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SCRIPT, str(folder)],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


@pytest.mark.story
def test_filter_banks_work_with_or_without_the_extension(tmp_path) -> None:
    assert imported(tmp_path) == "bank (257, 64)"


@pytest.mark.story
@pytest.mark.parametrize("broken", ["__init__", "functional"])
def test_another_failure_is_not_hidden(tmp_path, broken: str) -> None:
    package = tmp_path / "torchaudio"
    package.mkdir()
    (package / "__init__.py").write_text("from . import functional\n")
    (package / f"{broken}.py").write_text("raise ImportError('a torn installation')\n")
    assert imported(tmp_path) == "refused: a torn installation"
