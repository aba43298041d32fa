"""Recordings that differ from those of the plan are noticed, whatever differs."""

import os
import shutil
from pathlib import Path

import pytest
import soundfile

from audionas.expert import since, steps
from audionas.expert.decide import Decision
from audionas.expert.do import digests
from audionas.expert.plan import Plan, load
from tests.unit.cli._command import refused
from tests.unit.expert._recordings import recordings


@pytest.fixture
def planned(tmp_path: Path) -> Plan:
    """A plan to its end that saw two words of six files, and one folder of negatives."""
    source = recordings(tmp_path / "words", ("low", "mid"), speakers=3, takes=2)
    recordings(tmp_path / "others", ("high",), speakers=1)
    made = Plan(str(source), "", "cpu", 5.0, 0.5, [str(tmp_path / "others")], [f"out={tmp_path}", "name=x"])
    made.decisions = {since.NAME: since.seen(made), "networks": Decision({}, "")}
    made.decisions |= {"task": Decision("keywords", ""), "split": Decision("", "")}
    return made


def test_the_same_recordings_are_the_same(planned: Plan, tmp_path: Path) -> None:
    assert since.changed(planned) == ""
    shutil.rmtree(planned.source)
    assert since.changed(planned) == ""  # the prepared data hold them


def test_what_was_added_removed_or_changed_is_told(planned: Plan, tmp_path: Path) -> None:
    source = Path(planned.source)
    shutil.copytree(source / "low", source / "dog")
    assert since.changed(planned) == "1 word more (dog), 6 files more"
    shutil.rmtree(source / "dog")
    (source / "low" / "s0_0.wav").unlink()
    (tmp_path / "others" / "high" / "s0_0.wav").unlink()
    file = source / "mid" / "s0_0.wav"
    os.utime(file, ns=(1, 1))
    assert since.changed(planned) == "2 files fewer, files of mid changed"
    soundfile.write(source / "low" / "new.wav", [0.0] * 100, 16000)
    assert "files of low, mid changed" in since.changed(planned)
    shutil.rmtree(source / "mid")
    assert "1 word fewer (mid), 7 files fewer" in since.changed(planned)


def test_a_changed_folder_is_refused_with_a_way_on(planned: Plan, tmp_path: Path) -> None:
    home = tmp_path / "x"
    planned.negatives = []
    planned.decisions[since.NAME] = since.seen(planned)
    planned.save(home)
    assert load(home / "make.yaml") == planned
    shutil.copytree(Path(planned.source) / "low", Path(planned.source) / "dog")
    words = (planned.source, "--for", "cpu", "--minutes", 5, *planned.changes)
    for call in (words, (home / "make.yaml",)):
        result = refused(
            "make", *call, says="the folder changed since the plan: 1 word more (dog), 6 files more"
        )
        assert f"audionas make {home}/make.yaml --again" in result.err
        assert "name=x_2" in result.err


def test_other_recordings_redo_the_preparation(planned: Plan) -> None:
    before = digests([steps.prep(planned, Path("x"))])
    os.utime(Path(planned.source) / "low" / "s0_0.wav", ns=(1, 1))
    planned.decisions[since.NAME] = since.seen(planned)
    assert digests([steps.prep(planned, Path("x"))]) != before
