"""Laws of the report: each section when its file exists, nothing loaded, nothing unescaped, equal bytes."""

import json
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import torch

from audionas.core.arch import ArchSpec, InputSpec
from audionas.core.errors import UserError
from audionas.core.rng import numpy_rng
from audionas.nn.ops import OPS
from audionas.report import charts, network, results
from audionas.report.paint import paints, traits
from audionas.report.run import Example
from audionas.report.run import write as write_report
from audionas.spaces.kws_tc_resnet import KwsTcResnet

LABELS = ["yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go", "_unknown_", "_silence_"]
COMMAND = "audionas search recipes/speech_commands/conf/noisy_darts.yaml seed=1"
SECTIONS = {
    "Network": "arch.json",
    "Cost": "arch.json",
    "Course of the search": "search/alphas.jsonl",
    "Search curves": "search/metrics.jsonl",
    "Training curves": "train/metrics.jsonl",
    "Answers": "eval.json",
    "Export": "export/report.json",
}
VOID = {"meta", "img", "br"}


def test_clips_of_unknown_speakers_are_not_counted_as_speakers() -> None:
    scores = {"accuracy": 0.5, "interval": [0.2, 0.8], "n": 9, "speakers": 9}
    assert "9 clips of unknown speakers" in results.headline(None, scores, None)
    assert "3 speakers, 9 clips" in results.headline(None, {**scores, "speakers": 3}, None)


def spec(**several: tuple[str, ...]) -> ArchSpec:
    """A network with a skip, with and without SE; `several` replaces choices."""
    taken = ("tc_k9", "tc_k3_se", "tc_k5_se", "skip", "tc_k7", "tc_k9_se")
    choices = {f"block{i}": (option,) for i, option in enumerate(taken, 1)} | several
    note = {"method": "noisy_darts", "seed": 1, "name": "demo"}
    return KwsTcResnet().spec(choices, InputSpec(1, 40, 98, 12), note)


def alphas(epochs: int, taken: ArchSpec) -> list[dict]:
    """Softmax probabilities that drift from even towards what was taken."""
    rng, rows = numpy_rng("report", "alphas"), []
    choices = KwsTcResnet().choices()
    drift = {c.name: rng.normal(0, 1, len(c.options)) for c in choices}
    for choice in choices:
        for option in taken.choices[choice.name]:
            drift[choice.name][choice.options.index(option)] = 2.6
    for epoch in range(epochs):
        row = {}
        for c in choices:
            logits = drift[c.name] * (epoch / epochs) ** 1.5 * 1.6 + rng.normal(0, 0.05, len(c.options))
            p = np.exp(logits) / np.exp(logits).sum()
            row[c.name] = {option: round(float(v), 5) for option, v in zip(c.options, p, strict=True)}
        rows.append({"epoch": epoch, "probabilities": row})
    return rows


def metrics(epochs: int, step: str) -> list[dict]:
    rng, rows = numpy_rng("report", step), []
    for epoch in range(epochs):
        t = epoch / epochs
        row = {
            "epoch": epoch,
            "loss": 0.25 + 2.2 * np.exp(-5 * t) + rng.normal(0, 0.02),
            "accuracy": 0.95 - 0.85 * np.exp(-6 * t),
            "valid_loss": 0.42 + 2.1 * np.exp(-5 * t) + rng.normal(0, 0.05),
            "valid_accuracy": 0.91 - 0.8 * np.exp(-5 * t) + rng.normal(0, 0.01),
            "lr": 0.05 * (1 + np.cos(np.pi * t)),
            "seconds": 4.1,
        }
        if step == "search":
            row |= {
                "alpha_entropy": 2.1 - 1.3 * t,
                "parameter_free": 0.11 + 0.1 * t * t,
                "cost": 5.1e6 - 1.4e6 * t,
            }
        rows.append(row)
    return rows


def scores(labels: list[str]) -> dict:
    rng = numpy_rng("report", "eval")
    confusion = rng.poisson(0.45, (len(labels), len(labels)))
    confusion[np.diag_indices(len(labels))] = rng.integers(55, 75, len(labels))
    hit, said, heard = confusion.diagonal(), confusion.sum(1), confusion.sum(0)
    recall, precision = hit / said, hit / heard
    rows = zip(labels, recall, precision, said, strict=True)
    return {
        "accuracy": float(hit.sum() / said.sum()),
        "interval": [0.905, 0.941],
        "balanced_accuracy": float(recall.mean()),
        "macro_f1": float(np.mean(2 * recall * precision / (recall + precision))),
        "per_class": {
            name: {"recall": float(r), "precision": float(p), "f1": float(2 * r * p / (r + p)), "n": int(n)}
            for name, r, p, n in rows
        },
        "confusion": confusion.tolist(),
        "labels": labels,
        "n": int(said.sum()),
        "speakers": 214,
        "data": "data/v2_12/test",
        "engine": "torch",
    }


def env(command: str) -> dict:
    machine = {"machine": "x86_64, 2 threads", "device": "cpu", "started": "2025-03-01 10:22:05"}
    versions = {"git": "1305ea7", "python": "3.11.2", "torch": "2.8.0", "audionas": "0.1.0"}
    return {"command": command, "seed": 1, **versions, **machine}


def run_folder(folder: Path, labels: list[str] = LABELS, taken: ArchSpec | None = None) -> Path:
    """A finished run as the commands leave it."""
    taken = taken or spec()
    exported = {"file": "model.onnx", "opset": 18, "bytes": 497_312, "max_difference": 3.1e-6, "clips": 832}
    exported |= {
        "accuracy_torch": 0.9231,
        "accuracy_onnx": 0.9231,
        "latency_ms": {"p50": 0.183, "p95": 0.241},
    }
    config = "name: demo\nmethod:\n  name: noisy_darts\n  sigma: 0.2\n"
    files = {
        "arch.json": taken.to_json(),
        "eval.json": json.dumps(scores(labels)),
        "export/report.json": json.dumps(exported),
        "search/alphas.jsonl": lines(alphas(50, taken)),
        "search/metrics.jsonl": lines(metrics(50, "search")),
        "train/metrics.jsonl": lines(metrics(60, "train")),
        "search/env.json": json.dumps(env(COMMAND)),
        "train/env.json": json.dumps(env("audionas train conf/train.yaml arch=exp/demo/arch.json seed=1")),
        "search/config.yaml": config,
        "train/config.yaml": config,
    }
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def lines(rows: list[dict]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def heard(count: int = 6) -> list[Example]:
    rng = numpy_rng("report", "examples")
    found = []
    for i in range(count):
        time, freq = np.arange(98), np.arange(40)[:, None]
        voice = np.exp(-((freq - 12 - 6 * np.sin(time / 12 + i)) ** 2) / 18) * np.exp(
            -((time - 50) ** 2) / 500
        )
        answer = "go" if i == 4 else LABELS[i]
        picture = voice + 0.1 * rng.normal(size=(40, 98))
        found.append(Example(f"bird{i}/clip_{i}.wav", LABELS[i], answer, 0.97 - i * 0.07, picture))
    return found


class Page(HTMLParser):
    """Collects headings, words and what the page would load; refuses elements that do not match up."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.titles: list[str] = []
        self.words: list[str] = []
        self.loads: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == [], f"left open: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.loads += [value or "" for key, value in attrs if key in ("src", "href", "srcset", "action")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)
        if self.open and self.open[-1] == "h2":
            self.titles.append(data)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run with its report written."""
    folder = run_folder(tmp_path_factory.mktemp("runs") / "demo")
    write_report(folder, heard())
    return folder


def read(folder: Path) -> Page:
    return Page((folder / "report.html").read_text(encoding="utf-8"))


def test_a_finished_run_has_every_section_and_says_its_numbers(whole: Path) -> None:
    page = read(whole)
    assert page.titles == [
        "Network",
        "Course of the search",
        "Search curves",
        "Training curves",
        "Answers",
        "Heard",
        "Cost",
        "Export",
        "How it was run",
    ]
    words = " ".join(page.words).replace("\u00a0", " ")
    measured = json.loads((whole / "eval.json").read_text())
    for fact in (
        f"{100 * measured['accuracy']:.1f} %",
        "90.5 % to 94.1 %",
        "214 speakers",
        "497.3 kB",
        "183 µs",
    ):
        assert fact in words
    assert spec().id in words
    assert COMMAND in words


@pytest.mark.parametrize("file", sorted({*SECTIONS.values(), "search/env.json"}))
def test_a_section_is_there_exactly_when_its_file_is(tmp_path: Path, whole: Path, file: str) -> None:
    folder = tmp_path / "demo"
    (folder / file).parent.mkdir(parents=True)
    (folder / file).write_text((whole / file).read_text())
    write_report(folder)
    expected = [name for name, needed in SECTIONS.items() if needed == file]
    assert read(folder).titles == (expected or ["How it was run"])


@pytest.mark.parametrize(
    ("file", "text", "says"),
    [
        ("eval.json", '{"confusion": " ", "data": "x"}', "eval.json: confusion: "),
        ("eval.json", "5", "eval.json: the whole: "),
        ("export/report.json", '{"files": {"a": {}}}', "report.json: files.a.bytes: "),
        ("train/metrics.jsonl", '{"epoch": 0}\n{"epoch": " "}\n', "metrics.jsonl:2: epoch: "),
        (
            "search/alphas.jsonl",
            '{"epoch": 0, "probabilities": {"a": 1}}\n',
            "alphas.jsonl:1: probabilities.a",
        ),
        (
            "search/alphas.jsonl",
            '{"epoch": 0, "probabilities": {}}\n{"epoch": 1, "probabilities": {"a": {"x": 1}}}\n',
            "alphas.jsonl:1: no probabilities of 'a'",
        ),
        ("tune/tune.json", "{}", "tune.json: files: "),
        ("train/env.json", "[]", "env.json: the whole: "),
        ("front.json", '{"members": []}', "front.json: "),
    ],
)
def test_a_wrong_value_in_a_file_is_told_with_its_place(
    tmp_path: Path, file: str, text: str, says: str
) -> None:
    (tmp_path / "search").mkdir()
    (tmp_path / "search" / "env.json").write_text("{}")
    (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / file).write_text(text)
    with pytest.raises(UserError) as caught:
        write_report(tmp_path)
    assert says in str(caught.value)
    assert not (tmp_path / "report.html").exists()


def test_a_folder_without_a_run_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no run here") as caught:
        write_report(tmp_path)
    assert str(tmp_path) in str(caught.value)
    assert "audionas search" in caught.value.hint
    assert not (tmp_path / "report.html").exists()


def test_the_page_loads_nothing(whole: Path) -> None:
    page = read(whole)
    assert page.loads, "spectrograms and curves refer to something inside the page"
    assert all(target.startswith(("data:image/png;base64,", "#")) for target in page.loads)
    text = (whole / "report.html").read_text(encoding="utf-8")
    assert "http:" not in text
    assert "https:" not in text
    assert "@import" not in text
    assert not {"script", "link", "iframe", "object", "embed", "base"} & set(page.tags)


@pytest.mark.story
def test_words_from_files_never_become_markup(tmp_path: Path) -> None:
    evil = '<script>alert("x")</script>'
    folder = run_folder(tmp_path / "demo <b>", [evil, '"><img src=x>', *LABELS[2:]])
    told = env(f"audionas train {evil}") | {"device": evil}
    (folder / "train/env.json").write_text(json.dumps(told))
    (folder / "train/config.yaml").write_text(f"name: {evil}\n")
    picture = np.zeros((40, 98))
    write_report(folder, [Example(evil, evil, '"><img src=x>', 0.5, picture)])
    page = read(folder)
    assert "script" not in page.tags
    assert "b" not in page.tags or "demo <b>" in page.titles + page.words
    assert page.tags.count("img") == 1
    assert all(target.startswith(("data:", "#")) for target in page.loads)
    assert evil in "".join(page.words)


@pytest.mark.laws
def test_equal_runs_give_equal_bytes(whole: Path, tmp_path: Path) -> None:
    again = run_folder(tmp_path / "demo")
    write_report(again, heard())
    assert (again / "report.html").read_bytes() == (whole / "report.html").read_bytes()


@pytest.mark.story
def test_writing_draws_no_random_numbers(tmp_path: Path) -> None:
    spec().save(tmp_path / "arch.json")
    before = torch.get_rng_state()
    write_report(tmp_path)
    assert torch.equal(before, torch.get_rng_state())


def test_every_survivor_of_a_choice_is_drawn() -> None:
    drawn = Page(network.draw(spec(block2=("tc_k3_se", "tc_k9", "skip"))))
    assert {"tc_k3_se", "tc_k9", "skip", "+"} <= set(drawn.words)


def test_the_drawing_shows_the_frames_that_are_left() -> None:
    frames = [word for word in Page(network.draw(spec())).words if word.endswith(" frames")]
    assert frames == [f"{n} frames" for n in (98, 49, 49, 25, 25, 13, 13)]


@pytest.mark.story
@pytest.mark.parametrize("rows", [1, 2])
def test_a_run_of_few_epochs_with_missing_numbers_is_drawn(tmp_path: Path, rows: int) -> None:
    folder = run_folder(tmp_path / "demo")
    (folder / "arch.json").unlink()
    short = metrics(rows, "search")
    short[0] |= {"valid_loss": float("nan"), "valid_accuracy": None}
    (folder / "search/metrics.jsonl").write_text(lines(short))
    (folder / "search/alphas.jsonl").write_text(lines(alphas(rows, spec())))
    write_report(folder)
    assert {"Search curves", "Course of the search"} <= set(read(folder).titles)


def test_options_that_do_not_sum_to_one_are_not_stacked() -> None:
    colours = paints(["tc_k3", "tc_k5"])
    stacked = charts.history([1, 2], {"tc_k3": [0.4, 0.3], "tc_k5": [0.6, 0.7]}, colours, "x")
    apart = charts.history([1, 2], {"tc_k3": [0.9, 0.9], "tc_k5": [0.8, 0.9]}, colours, "x")
    assert "fill: var(--k3)" in stacked
    assert "fill: var(--k3)" not in apart
    assert "stroke: var(--k3)" in apart


@pytest.mark.parametrize("option", sorted(OPS))
def test_every_operation_is_read_from_its_name(option: str) -> None:
    kernel, skip, extras = traits(option)
    assert kernel == OPS[option].kernel
    assert skip == (option in ("skip", "skip_connect"))
    assert ("SE" in extras) == ("_se" in option)


def test_smaller_kernels_in_parallel_are_told_beside_the_largest() -> None:
    assert traits("mix_k359_e6") == (9, False, ("+3,5", "×6"))
    assert traits("mixs_k7_e3") == (7, False, ("×3",))
    assert traits("mixdw_k5_9_res") == (9, False, ("+5", "res"))
    assert traits("mixdw_k13") == (13, False, ())


def test_an_accuracy_on_training_clips_says_so_beside_it() -> None:
    scores = {"accuracy": 0.9, "interval": [0.8, 1.0], "n": 40, "trained_on": {"clips": 12, "speakers": 0}}
    assert "the model was trained on 12 of these 40 clips" in str(results.headline(None, scores, None))
    del scores["trained_on"]
    assert "trained on" not in str(results.headline(None, scores, None))


def test_the_commands_of_all_steps_stand_in_the_head(whole: Path) -> None:
    head = (whole / "report.html").read_text(encoding="utf-8").partition("</header>")[0]
    assert COMMAND in head
    assert "audionas train conf/train.yaml arch=exp/demo/arch.json seed=1" in head
