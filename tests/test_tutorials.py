"""The tutorials' commands run as they are written, one page after the other in one empty folder."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

TUTORIALS = Path(__file__).resolve().parents[1] / "docs" / "tutorials"
BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.mark.nightly
def test_first_model_then_search_and_compare(tmp_path: Path) -> None:
    pytest.importorskip("espeakng_loader", reason="the extra mini is not installed")
    pytest.importorskip("onnxscript", reason="the extra export is not installed")
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    env = {**os.environ, "PATH": path, "OMP_NUM_THREADS": "1"}
    for page in ("first_model", "search_and_compare"):
        commands = "".join(BLOCK.findall((TUTORIALS / f"{page}.md").read_text(encoding="utf-8")))
        assert commands.count("audionas ") >= 3
        done = subprocess.run(
            ["bash", "-euc", commands], cwd=tmp_path, env=env, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "first" / "exp" / "mini" / "report.html").is_file()
    table = (tmp_path / "first" / "exp" / "duel" / "compare.md").read_text(encoding="utf-8")
    assert all(f"| {method} |" in table for method in ("gdas", "darts", "random"))
