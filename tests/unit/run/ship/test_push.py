"""A model goes to a hub and comes back: its files, its page, what is refused, and what is never sent."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from audionas.core.errors import UserError
from audionas.models import hub as models
from audionas.models.bundle import ModelBundle
from audionas.run.ship import push
from audionas.run.ship.terms import doubts
from tests import _hub
from tests.unit.cli._command import contents, done, refused

ROOT = Path(__file__).parents[4]
WORDS = ("anna/words", "--licence", "cc-by-4.0")


@pytest.fixture
def run(trained: Any, tmp_path: Path) -> Path:
    """A copy of the trained run."""
    return Path(shutil.copytree(trained.exp, tmp_path / "run"))


def test_a_dry_run_shows_all_that_would_go_and_asks_nobody(run: Path) -> None:
    said = done("push", run, *WORDS, "--dry-run").out
    sent = [line.split()[1] for line in said.splitlines() if line[:12].strip().replace(",", "").isdigit()]
    assert {"bundle.json", "weights.safetensors", "arch.json", "README.md"} <= set(sent)
    assert not [
        name for name in sent if name.startswith(("train/", "search/", "data/")) or name == "eval.json"
    ]
    assert "nothing was sent" in said


def test_the_page_has_what_hubs_index_and_three_ways_to_use_the_model(run: Path) -> None:
    page = done("push", run, *WORDS, "--dry-run").out.partition("---\n")
    facts, _, text = page[2].partition("---\n")
    known = yaml.safe_load(facts)
    scores = json.loads((run / "eval.json").read_text())
    assert (known["license"], known["library_name"]) == ("cc-by-4.0", "audionas")
    assert known["pipeline_tag"] == "audio-classification"
    metrics = {row["type"]: row["value"] for row in known["model-index"][0]["results"][0]["metrics"]}
    assert metrics["accuracy"] == round(scores["accuracy"], 4)
    assert 'audionas.load("hf://anna/words")' in text
    assert "audionas predict hf://anna/words recording.wav" in text
    assert "`model.onnx` is not exported" in text
    for title in ("## Network", "## Data", "## By class", "## Weaknesses", "## Licence"):
        assert title in text
    assert "False accepts on continuous sound were not measured" in text
    assert "4 speakers: how it fares with others is not measurable" in text


def test_labels_are_text_on_the_page_and_values_in_its_metadata(run: Path) -> None:
    scores = json.loads((run / "eval.json").read_text())
    label = scores["labels"][0]
    evil = "x|y`\n---\nlicense: mit"
    text = json.dumps(scores).replace(json.dumps(label), json.dumps(evil))
    (run / "eval.json").write_text(text.replace('"data/test"', json.dumps(evil)))
    said = done("push", run, *WORDS, "--dry-run").out
    assert yaml.safe_load(said.partition("---\n")[2].partition("\n---\n")[0])["license"] == "cc-by-4.0"
    assert "\nlicense: mit" not in said


def test_without_a_licence_a_model_or_a_name_nothing_goes_out(run: Path, tmp_path: Path) -> None:
    refused("push", run, "anna/words", says="--licence is missing")
    refused("push", run, "anna/words", "--licence", "cc-by", says="Did you mean 'cc-by")
    refused("push", run, "words", "--licence", "mit", says="expected OWNER/NAME")
    refused("push", run, "../words", "--licence", "mit", says="expected OWNER/NAME")
    (tmp_path / "empty").mkdir()
    refused("push", tmp_path / "empty", *WORDS, says="no trained model here")


def test_a_list_of_files_that_lead_elsewhere_is_not_followed(run: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("x")
    (run / "export").mkdir(exist_ok=True)
    (run / "export" / "link.json").symlink_to(tmp_path / "secret")
    with (run / ".audionas").open("a") as file:
        file.write('"export/../../secret"\n"export/link.json"\n"export/labels.txt"\n')
    (run / "export" / "labels.txt").write_text("no\n")
    said = done("push", run, *WORDS, "--dry-run").out
    assert "export/labels.txt" in said
    assert "secret" not in said
    assert "link.json" not in said


@pytest.mark.parametrize(
    "text", ["hf://x", "hf://a/b@", "hf://a/b/c", "hf://../b", "hf://a/b@x y", "hf://a/..@x"]
)
def test_an_address_is_checked_before_anything_is_asked(text: str) -> None:
    with pytest.raises(UserError, match="expected hf://OWNER/NAME"):
        models.address(text)


def test_an_address_has_a_repository_and_a_revision() -> None:
    assert models.address("hf://anna/words@v1.0") == ("anna/words", "v1.0")
    assert str(models.address("hf://anna/words")) == "hf://anna/words"


def test_no_private_folder_is_sent(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "my home"
    monkeypatch.setenv("HOME", str(home))
    secret = home / "secret project" / "data" / "train"
    note = json.loads((run / "model" / "bundle.json").read_text())
    note["note"]["init"] = {"from": f"{home}/exp/older", "kind": "model", "digest": "0" * 64}
    (run / "model" / "bundle.json").write_text(json.dumps(note))
    scores = json.loads((run / "eval.json").read_text())
    (run / "eval.json").write_text(json.dumps({**scores, "data": str(secret)}))
    env = json.loads((run / "train" / "env.json").read_text())
    command = f"audionas train {run}/x.yaml data.train='{secret}' out={run}"
    (run / "train" / "env.json").write_text(json.dumps({**env, "command": command}))
    (run / "export").mkdir(exist_ok=True)
    (run / "export" / "report.json").write_text(
        json.dumps({"files": {}, "folder": str(run), "clips_from": str(secret)})
    )
    with (run / ".audionas").open("a") as file:
        file.write('"export/report.json"\n')
    before = contents(run / "model") | {"r": (run / "export" / "report.json").read_bytes()}
    sent = push.contents(run, models.Address("anna/words", None), "mit", tmp_path / "drafts")
    told = {name: file.read_bytes() for name, file in sent.files.items()} | {"page": sent.page.encode()}
    for private in (run, home, tmp_path):
        assert not [name for name, text in told.items() if str(private).encode() in text]
    assert "secret project" not in sent.page
    assert "`data/train`" in sent.page
    assert json.loads(told["bundle.json"])["note"]["init"]["from"] == "exp/older"
    assert "`exp/older`" in sent.page
    assert before == contents(run / "model") | {"r": (run / "export" / "report.json").read_bytes()}
    for name, text in told.items():
        (tmp_path / "back" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "back" / name).write_bytes(text)
    assert ModelBundle.load(tmp_path / "back").labels == ModelBundle.load(run / "model").labels


def test_the_page_says_whose_the_first_weights_are_and_a_licence_that_allows_more_is_told(run: Path) -> None:
    assert doubts(run, "mit") == []
    note = json.loads((run / "model" / "bundle.json").read_text())
    note["note"]["init"] = {"from": "kws12", "kind": "model", "digest": "0" * 64}
    (run / "model" / "bundle.json").write_text(json.dumps(note))
    data = run.parent / "words"
    data.mkdir()
    (data / "licence.txt").write_text("CC BY-NC-SA 4.0, that is Attribution-NonCommercial-ShareAlike\n")
    config = run / "train" / "config.yaml"
    plain = yaml.safe_load(config.read_text())
    plain["data"]["train"] = str(data)
    config.write_text(yaml.safe_dump(plain))
    said = done("push", run, *WORDS, "--dry-run")
    assert "The first weights are those of `kws12`. Its licence: the data are CC BY 4.0" in said.out
    assert "say NonCommercial, --licence cc-by-4.0 does not" in " ".join(said.err.split())
    first, second, third = doubts(run, "mit")
    assert f"the terms of {data} say NonCommercial" in first
    assert f"the terms of {data} say ShareAlike" in second
    assert "search for words" in third
    assert len(doubts(run, "cc-by-nc-4.0")) == 2
    assert doubts(run, "cc-by-nc-sa-4.0") == doubts(run, "other") == []


@pytest.fixture
def served() -> Iterator[_hub.Hub]:
    """A hub of this machine."""
    pytest.importorskip("huggingface_hub", reason="needs the extra hub")
    with _hub.served() as hub:
        yield hub


def audionas(
    hub: _hub.Hub, home: Path, *words: object, token: str = _hub.TOKEN
) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own, whose hub library knows the stand-in alone."""
    env = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    env |= {
        "HF_HUB_DISABLE_XET": "1",
        "HF_ENDPOINT": hub.url,
        "HF_TOKEN": token,
        "HF_HOME": str(home),
        "PYTHONPATH": str(ROOT),
    }
    command = [sys.executable, "-m", "audionas", *map(str, words)]
    return subprocess.run(command, env=env, cwd=home.parent, capture_output=True, text=True, check=False)


@pytest.mark.story
def test_a_model_goes_out_and_comes_back_by_its_address(run: Path, tmp_path: Path, served: _hub.Hub) -> None:
    home = tmp_path / "home"
    sent = audionas(served, home, "push", run, *WORDS)
    assert sent.returncode == 0, sent.stderr
    ((commit, files),) = served.repos["anna/words"]
    assert files["weights.safetensors"] == (run / "model" / "weights.safetensors").read_bytes()
    assert files["README.md"].startswith(b"---\nlicense: cc-by-4.0\n")
    assert not [name for name in files if name.endswith((".py", ".pkl", ".pt"))]
    served.commit("anna/words", {"evil.py": b"raise SystemExit", "arch.json": b"not what it was"})
    sound = next((run.parent / "run").rglob("*.wav"), None) or _sound(tmp_path)
    for address in (f"hf://anna/words@{commit}", "hf://anna/words"):
        heard = audionas(served, home, "predict", address, sound, "--json")
        own = audionas(served, home, "predict", run, sound, "--json")
        assert heard.returncode == 0, heard.stderr
        assert json.loads(heard.stdout) == json.loads(own.stdout)
    assert not [path for path in served.asked if "evil.py" in path], (
        "a file that is no bundle's is not fetched"
    )
    again = audionas(served, home, "push", run, *WORDS)
    assert again.returncode == 0, again.stderr


@pytest.mark.story
def test_what_the_hub_refuses_is_said(run: Path, tmp_path: Path, served: _hub.Hub) -> None:
    home = tmp_path / "home"
    sound = _sound(tmp_path)
    for words, token, says in (
        (("push", run, *WORDS), "hf_wrong", "401"),
        (("predict", "hf://anna/none", sound), _hub.TOKEN, "does not exist, or is private"),
    ):
        ended = audionas(served, home, *words, token=token)
        assert ended.returncode == 1, ended.stderr
        assert says in ended.stderr
        assert "Traceback" not in ended.stderr
    served.repos["anna/empty"] = []
    served.commit("anna/empty", {"README.md": b"x"})
    ended = audionas(served, home, "predict", "hf://anna/empty", sound)
    assert "has no bundle.json and no weights.safetensors" in ended.stderr
    ended = audionas(served, home, "predict", "hf://anna/empty@v9", sound)
    assert "has no such revision" in ended.stderr
    served.repos["anna/evil"] = []
    bundle = json.loads((run / "model" / "bundle.json").read_text())
    weights = (run / "model" / "weights.safetensors").read_bytes()
    bundle["spec" if "spec" in bundle else "arch"] = {"space": "os:system"}
    served.commit("anna/evil", {"bundle.json": json.dumps(bundle).encode(), "weights.safetensors": weights})
    ended = audionas(served, home, "predict", "hf://anna/evil", sound)
    assert ended.returncode == 1, ended.stdout
    assert "Traceback" not in ended.stderr


def _sound(folder: Path) -> Path:
    import numpy as np
    import soundfile

    file = folder / "x.wav"
    soundfile.write(file, 0.1 * np.sin(np.arange(16_000) / 5), 16_000)
    return file
