"""Files name no code: a space beside a stranger's model is imported only where the user says so."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from audionas.core import registry
from audionas.core.arch import ArchSpec
from audionas.data import audio
from audionas.models.names import find
from tests.unit.cli._command import done, refused

EVIL = """
import pathlib

pathlib.Path({marker!r}).touch()
from audionas.spaces.tc_resnet import TcResnet


class Evil(TcResnet):
    pass
"""
READERS = (
    "predict . x.wav",
    "show .",
    "show arch.json",
    "cost arch.json",
    "export .",
    "eval . --data data",
    "detect . x.wav",
    "listen . --wav x.wav",
    "demo-web . --no-serve",
)


@pytest.fixture
def stranger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a model whose architecture names the class in the file beside it."""
    (tmp_path / "evil.py").write_text(EVIL.format(marker=str(tmp_path / "ran")))
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)  # as `python -m audionas` does
    monkeypatch.setattr(registry, "_ALLOWED", set())
    home, model = find("kws12"), tmp_path / "model"
    model.mkdir()
    file = home / "weights.safetensors"
    with safe_open(file, "pt") as opened:
        spec = ArchSpec.from_json(opened.metadata()["spec"])
    spec = replace(spec, space="evil:Evil", params={}, choices={})
    save_file(load_file(file), model / "weights.safetensors", metadata={"spec": spec.to_json()})
    bundle = json.loads((home / "bundle.json").read_text())
    (model / "bundle.json").write_text(json.dumps({**bundle, "arch": spec.id}))
    spec.save(tmp_path / "arch.json")
    audio.write(tmp_path / "x.wav", np.zeros(16_000, np.float32), 16_000)
    yield tmp_path
    sys.modules.pop("evil", None)


@pytest.mark.parametrize("command", READERS)
def test_no_reader_of_files_runs_their_code(stranger: Path, command: str) -> None:
    refused(*command.split())
    assert not (stranger / "ran").exists()
    assert "evil" not in sys.modules


@pytest.mark.story
def test_the_remedy_is_told_and_works(stranger: Path) -> None:
    told = refused("cost", "arch.json").err
    assert "audionas --plugins evil ..." in told
    assert "multiply-adds" in done("--plugins", "evil", "cost", "arch.json").out
    assert (stranger / "ran").exists()


def test_a_config_names_code_but_one_in_a_run_folder_does_not(stranger: Path) -> None:
    from audionas.config import load
    from audionas.core.errors import UserError

    (stranger / "conf.yaml").write_text("space: {name: 'evil:Evil'}\n")
    with pytest.raises(UserError, match="not imported unasked"):
        load("conf.yaml", trusted=False)
    assert not (stranger / "ran").exists()
    assert load("conf.yaml").space is not None
    assert (stranger / "ran").exists()
