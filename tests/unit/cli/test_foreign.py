"""A command never writes over a file that is not ours: it names the file before it works."""

import shutil
from pathlib import Path

import pytest

from audionas.core.made import LIST, made
from tests._factory import config
from tests._run import Run
from tests._tiers import story
from tests.unit.cli._command import contents, done, refused

_LATENCY = ("latency", "build", "CONF", "--input", "1x40x25", "--classes", "4", "--check", "1")
CASES = [  # words, and the file that is somebody else's, in exp/x or beside it
    ("eval exp/x --data DATA/test", "exp/x/eval/test.json"),
    ("eval exp/x --data DATA/test", "exp/x/scores.json"),
    ("show exp/x", "exp/x/report.html"),
    ("export exp/x", "exp/x/export/model.onnx"),
    ("export exp/x --target all", "exp/x/export/x.json"),
    ("export exp/x", "exp/x/export/.draft/thesis.tex"),
    ("train CONF arch=tc_resnet8 name=new", "exp/new/model/bundle.json"),
    ("train CONF arch=tc_resnet8 name=new", "exp/new/arch.json"),
    ("train CONF arch=tc_resnet8 name=new --overwrite", "exp/new/arch.json"),
    ("train CONF arch=tc_resnet8 name=new --resume", "exp/new/train/ckpt/latest"),
    ("search CONF name=new", "exp/new/arch.json"),
    ("search CONF name=new", "exp/new/search/config.yaml"),
    (" ".join(_LATENCY), "exp/tones/latency.json"),
    ("compare CONF methods=random seeds=0 name=new", "exp/new/compare.md"),
    ("rank CONF name=new", "exp/new/rank/rank.csv"),
    ("rank CONF name=new rank.seeds=[1,2]", "exp/new/seed_2/rank/scores.json"),
    ("prep folder words out", "out/train/wav.scp"),
    ("prep folder words out", "out/labels.txt"),
    ("prep folder words out --resample", "out/resampled/clips/a.wav"),
    ("prep manifest out --train list --format wekws", "out/train/text"),
    ("check --fix bad", "bad/fix.txt"),
]


@pytest.fixture
def here(trained: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a trained model of an earlier version, some recordings, and a victim beside them."""
    monkeypatch.chdir(tmp_path)
    for part in ("model", "train"):
        shutil.copytree(trained.exp / part, tmp_path / "exp" / "x" / part)
    for wav in sorted((trained.data / "wav").glob("train*.wav")):
        kept = tmp_path / "words" / wav.stem.split("-")[1] / wav.name
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.symlink_to(wav)
    (tmp_path / "list").write_text(f'{{"key": "a", "txt": "0", "wav": "{wav}"}}\n')
    shutil.copytree(trained.data / "dev", tmp_path / "bad")
    (tmp_path / "bad" / "spk2utt").unlink()
    config(trained.data, file=tmp_path / "conf.yaml", out="exp")
    (tmp_path / "victim").mkdir()
    (tmp_path / "victim" / "thesis.tex").write_text("years")
    return tmp_path


@pytest.mark.parametrize(("words", "file"), story(CASES, fast=1))
def test_a_file_that_is_not_ours_is_refused_by_name(here: Path, trained: Run, words: str, file: str) -> None:
    (here / file).parent.mkdir(parents=True, exist_ok=True)
    (here / file).write_text("mine")
    if "show" in words:
        shutil.copyfile(trained.exp / "arch.json", here / "exp" / "x" / "arch.json")
    before = contents(here)
    named = words.replace("CONF", "conf.yaml").replace("DATA", str(trained.data)).split()
    told = refused(*named).err
    assert "not made by" in told or "not written by audionas" in told
    assert file.removesuffix("/clips/a.wav").removesuffix("/thesis.tex") in told
    assert "Move " in told
    after = {name: value for name, value in contents(here).items() if not name.endswith(LIST)}
    assert after == before


@pytest.mark.story
def test_every_file_of_a_run_is_in_its_list_or_in_the_folder_of_a_phase(here: Path, trained: Run) -> None:
    exp = Path("exp", "tones")
    shutil.copytree(trained.exp, exp)
    done("export", exp, "--data", trained.data / "dev")
    done("show", exp)
    files = {name for name in contents(exp) if name.split("/")[0] not in ("search", "train", "cache", LIST)}
    assert files <= made(exp)
    done("train", "conf.yaml", "name=tones", "--overwrite")  # what it forgets can be made again
    done("eval", exp, "--data", trained.data / "test")
    done("export", exp)


@pytest.mark.story
def test_a_run_of_an_earlier_version_is_worked_with_as_before(here: Path, trained: Run) -> None:
    exp = Path("exp", "tones")
    shutil.copytree(trained.exp, exp)
    done("export", exp)
    (exp / LIST).unlink()
    for words in (("eval", exp, "--data", trained.data / "test"), ("export", exp), ("show", exp)):
        done(*words)
    done("train", "conf.yaml", "name=tones", "--overwrite")
    assert not (exp / "export").exists()
    assert not (exp / "eval.json").exists()


@pytest.mark.story
def test_a_users_own_architecture_is_trained_and_then_not_replaced(here: Path, trained: Run) -> None:
    own = here / "exp" / "mine" / "arch.json"
    own.parent.mkdir(parents=True)
    shutil.copyfile(trained.exp / "arch.json", own)
    done("train", "conf.yaml", "name=mine", "train.epochs=1")
    refused(
        "train", "conf.yaml", "name=mine", "arch=tc_resnet8", "--overwrite", says="arch.json: not made by"
    )
    assert (own.parent / "model" / "bundle.json").exists()
