"""`audionas eval --by`: the figures of each group, which sum up to those of the whole."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from audionas.data.groups import write_groups
from tests._run import Run
from tests.unit.cli._command import done, refused


@pytest.fixture
def device_data(own: Run, tmp_path: Path) -> Path:
    """The test data with two devices."""
    data = tmp_path / "data"
    shutil.copytree(own.data, data, ignore=shutil.ignore_patterns("cache"))
    ids = [line.split()[0] for line in (data / "test" / "utt2spk").read_text().splitlines()]
    write_groups(data / "test", "device", {key: "ab"[i % 3 > 0] for i, key in enumerate(ids)})
    return data / "test"


def test_groups_make_up_the_whole(own: Run, device_data: Path) -> None:
    found = done("eval", own.exp, "--data", device_data, "--by", "device", "--by", "spk", "--json").json
    assert {name: sorted(groups) for name, groups in found["by"].items()} == {
        "device": ["a", "b"],
        "spk": [f"test{i}" for i in range(4)],
    }
    for groups in found["by"].values():
        clips = [row["n"] for row in groups.values()]
        assert sum(clips) == found["n"]
        for figure in ("accuracy", "log_loss"):
            mean = np.average([row[figure] for row in groups.values()], weights=clips)
            assert mean == pytest.approx(found[figure])
    told = done("eval", own.exp, "--data", device_data, "--by", "device").out
    assert "by device:" in told
    assert "balanced accuracy" in told


def test_a_group_that_nobody_told_is_refused(own: Run, device_data: Path) -> None:
    before = (own.exp / "eval.json").read_bytes()
    refused("eval", own.exp, "--data", device_data, "--by", "devices", says="Did you mean 'device'?")
    assert (own.exp / "eval.json").read_bytes() == before
