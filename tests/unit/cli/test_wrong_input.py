"""Wrong input for every command: status 1, a reason on standard error, no output, nothing lost."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests._run import Run
from tests.unit.cli._command import audionas, contents, done, refused

# {conf}: a good config, {exp}: a trained run, {data}: its data, {tmp}: an empty folder, {wav}: a good clip
WRONG = [
    ("check {tmp}/nowhere.yaml --json", "nowhere.yaml: cannot be read"),
    ("check {conf} serach.epochs=3 --json", "serach: unknown key. Did you mean 'search'?"),
    ("check {conf} data.train={tmp}/nowhere --json", "nowhere"),
    ("check {conf} arch=tc_resnt8 --json", "Did you mean 'tc_resnet8'?"),
    ("check {conf} space=null method=null features=null --json", "neither features, nor an architecture"),
    ("search {tmp}/nowhere.yaml", "nowhere.yaml: cannot be read"),
    ("search {conf} search.epohs=3", "search.epohs: unknown key. Did you mean 'epochs'?"),
    ("search {conf} epochs", "'epochs' is not an override"),
    ("search {conf} space=null method=null", "the config has no section 'space'"),
    ("search {conf} space.name=tc_resnet out={tmp}", "there is nothing to search"),
    ("search {conf} data.train={tmp}/nowhere out={tmp}", "nowhere"),
    ("search {conf} device=cuda out={tmp}", "no CUDA device"),
    ("train {tmp}/nowhere.yaml", "nowhere.yaml: cannot be read"),
    ("train {conf} out={tmp}", "arch.json: no such file"),
    ("train {conf} out={tmp} arch=tc_resnet88", "Did you mean 'tc_resnet8'?"),
    ("train {conf} out={tmp} arch={tmp}/nowhere.json", "nowhere.json: no such file"),
    ("train {conf} out={tmp} arch={tmp}", "arch.json: no such file"),
    ("train {conf} out={tmp} arch={conf}", "not an architecture file"),
    ("train {conf} out={tmp} arch={wav}", "not an architecture file"),
    ("train {conf} out={tmp} arch=tc_resnet8 limits.macs=1e6", "% over limits.macs 1,000,000"),
    ("check {conf} arch=tc_resnet8 limits.params=100 --json", "tc_resnet8: 64,"),
    ("train {conf} out={tmp} arch=tc_resnet8 train.drop_path=0.2", "no path around"),
    ("train {conf} out={tmp} arch=tc_resnet8 limits.flops=1e6", "limits.flops: unknown key"),
    ("eval {tmp} --data {data}/test --json", "no trained model here"),
    ("eval {exp} --data {tmp} --json", "{tmp}"),
    ("eval {exp} --data {tmp}/nowhere --json", "nowhere"),
    ("eval {exp} --data {data}/noise --json", "label 'noise' is not a class of this model"),
    ("eval {exp} --data {data}/test --engine tflite --json", "--engine tflite: expected torch or onnx"),
    ("eval {exp} --json", "--data"),
    ("predict {tmp} {wav} --json", "no trained model here"),
    ("predict {exp} {tmp}/nowhere.wav --json", "nowhere.wav: no such audio file"),
    ("predict {exp} {tmp} --json", "{tmp}"),
    ("predict {exp} {conf} --json", "cannot be decoded"),
    ("predict {exp} --json", "Missing argument"),
    ("export {tmp}", "no trained model here"),
    ("export {tmp}/nowhere", "no trained model here"),
    ("export {exp} --data {tmp}/nowhere", "nowhere"),
    ("listen {exp} --fast", "--fast is for a recording"),
    ("listen {exp} --wav {wav}", "looks ahead in time"),
    ("listen {tmp}/nowhere --wav {wav}", "no trained model here"),
    ("demo-web {exp} --port 70000", "less than or equal to 65535"),
    ("demo-web {tmp}/nowhere --no-serve", "no trained model here"),
    ("cost tc_resnt8 --json", "Did you mean 'tc_resnet8'?"),
    ("cost {tmp}/nowhere.json --json", "no such file"),
    ("cost {tmp} --json", "arch.json: no such file"),
    ("cost {conf} --json", "not an architecture file"),
    ("cost {wav} --json", "not an architecture file"),
    ("cost tc_resnet8 --input 40x98 --json", "expected CxFxT"),
    ("cost tc_resnet8 --input 0x40x98 --json", "expected CxFxT"),
    ("cost tc_resnet8 --input 2x40x98 --json", "one feature map"),
    ("cost tc_resnet8 --classes -3 --json", "classes"),
    ("cost tc_resnet8 --classes many --json", "classes"),
    ("list method --json", "Did you mean 'methods'?"),
    ("list --json", "Missing argument"),
    ("show {tmp} --json", "no architecture here"),
    ("show {tmp}/nowhere --json", "no architecture here"),
    ("recipe copy minni {tmp}/new", "Did you mean 'mini'?"),
    ("recipe copy mini {tmp}", "{tmp}: already exists"),
    ("recipe copy mini {conf}", "already exists"),
    ("prep folder {tmp}/nowhere {tmp}/out", "nowhere"),
    ("prep folder {tmp} {tmp}/out", "{tmp}"),
    ("prep folder {data} {tmp}/out --dev 0.8 --test 0.3", "together at most 1"),
    ("prep folder {data} {tmp}/out --on-bad ignore", "ignore"),
    ("prep folder {data} {tmp}/out --speaker-pattern (", "pattern"),
    ("prep manifest {tmp}/out --train {tmp}/nowhere.list", "nowhere.list"),
    ("prep manifest {tmp}/out --train {conf} --format weknets", "Did you mean 'wekws'?"),
    ("prep manifest {tmp}/out --train {conf}", "{conf}"),
    ("prep manifest {tmp}/out --train {conf} --format nemo", "{conf}"),
    ("prep manifest {tmp}/out --train {conf} --format speechbrain", "{conf}"),
    ("prep speech_commands {tmp}/nowhere {tmp}/out", "nowhere"),
    ("prep speech_commands {data} {tmp}/out --version v0.03", "v0.03"),
    ("prep speech_commands {data} {tmp}/out --protocol 13", "13"),
    ("prep esc10 {tmp}/out --src {tmp}/nowhere", "nowhere: no such folder or file"),
    ("prep esc10 {tmp}/out --src {tmp}", "no ESC-10"),
    ("prep cifar {tmp}/out --src {tmp}/nowhere", "nowhere"),
    ("prep imagenet {tmp}/nowhere {tmp}/out", "nowhere"),
    ("prep dcase2018_task5 {tmp}/out --src {tmp}/nowhere", "nowhere"),
    ("prep dcase_low_complexity {tmp}/out --src {tmp}/nowhere", "nowhere"),
    ("serach {conf}", "No such command"),
    (
        "prep folders {tmp} {tmp}/out",
        "no page of prep is called 'folders'. Did you mean 'folder'? Pages: cifar,",
    ),
]


def filled(words: str, run: Run, tmp: Path) -> str:
    wav = run.data / "wav" / "test0-low-0.wav"
    return words.format(conf=run.conf, exp=run.exp, data=run.data, tmp=tmp, wav=wav)


@pytest.mark.parametrize(("words", "says"), WRONG)
def test_wrong_input_is_refused_with_its_reason(words: str, says: str, trained: Run, tmp_path: Path) -> None:
    before = contents(trained.exp)
    refused(*filled(words, trained, tmp_path).split(), says=filled(says, trained, tmp_path))
    assert contents(trained.exp) == before
    assert not list(tmp_path.rglob("run.json")), "a refused run must not stand in the next one's way"


COMMANDS = ["check", "search", "train", "eval", "predict", "export", "cost", "list", "show"]
PREPS = [
    "prep folder",
    "prep manifest",
    "prep cifar",
    "prep imagenet",
    "prep dcase2018_task5",
    "prep dcase_low_complexity",
    "prep speech_commands",
    "prep esc10",
    "prep mini",
    "recipe copy",
    "recipe list",
]


@pytest.mark.parametrize("command", [*COMMANDS, *PREPS, ""])
def test_a_wrong_option_is_the_users_to_fix(command: str) -> None:
    assert "--no-such-option" in refused(*command.split(), "--no-such-option").err


@pytest.mark.parametrize("command", [c for c in (*COMMANDS, *PREPS) if c != "recipe list"])
def test_a_missing_argument_is_the_users_to_fix(command: str) -> None:
    refused(*command.split(), says="Missing")


@pytest.mark.story
def test_in_a_real_process_too() -> None:
    """The one thing that only a process shows: its exit status."""
    command = [sys.executable, "-m", "audionas", "cost", "tc_resnt8", "--json"]
    process = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (process.returncode, process.stdout) == (1, "")
    assert process.stderr.startswith("error: no network called 'tc_resnt8'. Did you mean 'tc_resnet8'?")


def test_a_bug_of_ours_shows_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    from audionas.run import cost

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(cost, "cost", broken)
    result = audionas("cost", "tc_resnet8", "--json")
    assert result.status == 70
    assert result.out == ""
    assert "Traceback" in result.err
    assert "ZeroDivisionError: a bug" in result.err
    assert "This is a bug in audionas" in result.err


# Architecture files


def edited(run: Run, tmp: Path, **changes: object) -> Path:
    plain = {**json.loads((run.exp / "arch.json").read_text()), **changes}
    path = tmp / "edited.json"
    path.write_text(json.dumps({k: v for k, v in plain.items() if v is not None}))
    return path


ARCHS = [
    ({"space": "kws_mobilenet"}, "its id is"),
    ({"choices": {"block1": "tc_k3"}}, "its id is"),
    ({"space": "kws_mobilenet", "id": None}, "kws_mobilenet"),
    ({"space": "kws_tcresnet", "id": None}, "Did you mean 'kws_tc_resnet'?"),
    ({"space": "tc_resnet", "id": None, "params": {}}, "no choice called 'block1'"),
    ({"choices": {"block1": "tc_k3"}, "id": None}, "block2: missing"),
    (
        {"choices": {f"block{i}": "tc_k4" for i in range(1, 7)}, "id": None},
        "no option 'tc_k4'. Did you mean 'tc_k",
    ),
    ({"params": {"widht": 0.25}, "id": None}, "Did you mean 'width'?"),
    ({"params": {"width": "wide"}, "id": None}, "width"),
    ({"params": {"width": -1.0}, "id": None}, "width"),
    ({"schema": 9, "id": None}, "schema 9"),
]


@pytest.mark.parametrize(("changes", "says"), ARCHS, ids=[says for _, says in ARCHS])
def test_an_edited_or_foreign_architecture_is_refused_everywhere(
    changes: dict[str, object], says: str, trained: Run, tmp_path: Path
) -> None:
    path = edited(trained, tmp_path, **changes)
    refused("cost", path, "--json", says=says)
    refused("train", trained.conf, f"arch={path}", f"out={tmp_path}/exp", "name=x", says=says)
    assert not (tmp_path / "exp" / "x" / "train" / "run.json").exists()
    shutil.copytree(trained.exp, tmp_path / "run")
    shutil.copy(path, tmp_path / "run" / "arch.json")
    refused("show", tmp_path / "run", "--json", says=says)
    refused("search", trained.conf, f"out={tmp_path}", "name=run", says=says) if says == "its id is" else None


# Recordings for predict


def recordings(folder: Path) -> dict[str, Path]:
    """One file of each fault."""
    folder.mkdir(exist_ok=True)
    tone = 0.1 * np.sin(np.arange(16000) / 5)
    files = {
        name: folder / f"{name}.wav" for name in ("rate", "stereo", "empty", "nothing", "text", "cut", "nan")
    }
    soundfile.write(files["rate"], tone[:8000], 8000)
    soundfile.write(files["stereo"], np.stack([tone, tone], 1), 16000)
    soundfile.write(files["empty"], tone[:0], 16000)
    soundfile.write(files["nan"], np.full(16000, np.nan, dtype=np.float32), 16000, subtype="FLOAT")
    files["nothing"].write_bytes(b"")
    files["text"].write_text("no sound at all\n" * 100)
    files["cut"].write_bytes(files["rate"].read_bytes()[:20])
    return files


def test_predict_names_every_unreadable_file_at_once(trained: Run, tmp_path: Path) -> None:
    files = recordings(tmp_path / "bad")
    del files["rate"], files["stereo"]  # those can be heard
    result = refused(
        "predict", trained.exp, *files.values(), trained.data / "wav" / "test0-low-0.wav", "--json"
    )
    assert [name for name, file in files.items() if f"{file}: " not in result.err] == []
    assert "test0-low-0.wav" not in result.err


def test_predict_converts_any_recording_and_says_so(trained: Run, tmp_path: Path) -> None:
    files = recordings(tmp_path / "bad")
    plain = done("predict", trained.exp, files["rate"], files["stereo"], "--json")
    assert "converted: 8,000 Hz to 16,000 Hz (1), 2 channels mixed down (1), of 2 recordings" in plain.err
    again = done("predict", trained.exp, files["rate"], files["stereo"], "--resample", "--json")
    assert again.json == plain.json
    assert "--resample: not needed any more" in again.err
    mono = tmp_path / "mono.wav"
    soundfile.write(mono, soundfile.read(files["stereo"])[0][:, 0], 16000)
    result = done("predict", trained.exp, mono, "--json")
    assert result.err == ""
    assert result.json[0]["scores"] == pytest.approx(plain.json[1]["scores"], abs=1e-3)


# Damaged and unfinished runs


@pytest.mark.parametrize("command", ["eval", "predict", "export"])
@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("model/weights.safetensors", b""),
        ("model/weights.safetensors", b"\x08\x00\x00\x00\x00\x00\x00\x00{}      "),
        ("model/bundle.json", b"{"),
        ("model/bundle.json", b"[]"),
        ("model/bundle.json", b'{"format": 1}'),
        ("model/bundle.json", b'{"format": 2}'),
    ],
)
def test_a_damaged_model_is_named(command: str, file: str, content: bytes, own: Run) -> None:
    (own.exp / file).write_bytes(content)
    words = {
        "eval": ("--data", own.data / "test", "--json"),
        "predict": (own.data / "wav" / "test0-low-0.wav", "--json"),
    }
    refused(command, own.exp, *words.get(command, ()), says=str(own.exp / "model"))


def test_the_exported_file_is_asked_for_before_it_is_there(own: Run) -> None:
    shutil.rmtree(own.exp / "export", ignore_errors=True)
    before = contents(own.exp)
    refused(
        "eval",
        own.exp,
        "--data",
        own.data / "test",
        "--engine",
        "onnx",
        "--json",
        says=f"audionas export {own.exp}",
    )
    assert contents(own.exp) == before


def test_a_damaged_exported_file_is_named(own: Run) -> None:
    pytest.importorskip("onnxruntime")
    (own.exp / "export").mkdir(exist_ok=True)
    (own.exp / "export" / "model.onnx").write_bytes(b"no graph")
    refused("eval", own.exp, "--data", own.data / "test", "--engine", "onnx", "--json", says="model.onnx")


@pytest.mark.story
def test_show_names_what_is_broken(own: Run) -> None:
    (own.exp / "eval.json").write_text("{")
    refused("show", own.exp, "--json", says="eval.json:1: not valid JSON")


@pytest.mark.story
def test_a_model_without_a_search_has_an_architecture_to_show(own: Run) -> None:
    shutil.rmtree(own.exp / "search")
    assert audionas("show", own.exp, "--json").json["probabilities"] is None
