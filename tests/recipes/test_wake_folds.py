"""The wake-word recipe over folds: its jobs, its counts at every threshold, its tables of made counts."""

import json
import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from audionas.config import load
from audionas.core.arch import InputSpec
from audionas.core.errors import UserError
from audionas.core.files import read_json, write_json
from audionas.core.rng import numpy_rng
from audionas.cost.limits import excess
from audionas.cost.table import table
from audionas.data import audio, kaldi
from audionas.data.kaldi import Item
from audionas.data.labels import RATE
from audionas.listen.events import fired
from audionas.listen.hear import Heard
from audionas.prep.wake.sources import scan
from audionas.run.candidates import Costs
from audionas.searchers import Problem
from tests._wake import audio as long_audio
from tests._wake import clip
from tests.recipes.test_vision import copied, ran
from tests.unit.data_prep.test_speech_commands import load as prep

RECIPE = Path(__file__).resolve().parents[2] / "recipes" / "wake_word"
Script = dict[str, Any]


@pytest.fixture
def scripts(monkeypatch: pytest.MonkeyPatch) -> dict[str, Script]:
    monkeypatch.syspath_prepend(RECIPE / "local")
    return {name: runpy.run_path(str(RECIPE / "local" / f"{name}.py")) for name in ("counted", "folds_table")}


def fold(number: int, levels: list[float], fires: list[float], *, hours: float = 1.0) -> dict[str, Any]:
    """A counted.json of 3 folds: clips that reach `levels`, and events of a network at heights `fires`."""
    grid = np.arange(1, 1281) / 1280
    counts = (np.array(fires, dtype=float)[:, None] >= grid).sum(0).tolist()
    return {
        "fold": f"{number}/3",
        "clips": {f"{number}-{place}": level for place, level in enumerate(levels)},
        "accepts": {"read": counts, "noise_ambient_freesound": [0] * 1280},
        "hours": {"read": hours, "noise_ambient_freesound": 1.0},
        "arena": {"esp32-s3": 31584},
        "macs": 24288,
        "hop_s": 0.03,
        "hop_ms": 0.1,
    }


def test_a_folds_threshold_is_chosen_on_the_others(scripts: dict[str, Script]) -> None:
    """Two hours in each of three folds: at 1 per hour the others may fire four times together."""
    pooled = scripts["folds_table"]["pooled"]
    folds = [
        fold(0, [0.95, 0.65], [0.9, 0.8, 0.3]),
        fold(1, [0.85, 0.45], [0.7, 0.6, 0.5]),
        fold(2, [0.75, 0.2], [0.4, 0.4]),
    ]
    found = pooled(folds, 1.0)
    # fold 0: others fire at .7 .6 .5 .4 .4, four are allowed: over .4; all is heard, .9 and .8 fire
    # fold 1: others .9 .8 .4 .4 .3: over .3, so .45 is heard and .7 .6 .5 fire
    # fold 2: others .9 .8 .7 .6 .5 .3: over .5, so .2 is missed and nothing fires
    assert [clip for clip, missed in found.missed.items() if missed] == ["2-1"]
    assert found.accepts == {"read": 5, "noise_ambient_freesound": 0}
    assert found.hours == 6.0
    louder = [fold(0, [0.95, 0.65], [0.99] * 50), *folds[1:]]  # its own alarms choose nothing for itself
    again = pooled(louder, 1.0)
    assert [again.missed[f"0-{clip}"] for clip in (0, 1)] == [False, False]
    assert again.accepts["read"] >= 50


def test_what_the_hours_cannot_show_is_said(scripts: dict[str, Script]) -> None:
    pooled = scripts["folds_table"]["pooled"]
    folds = [fold(number, [0.9], [0.5]) for number in range(3)]
    assert pooled(folds, 0.5) == "not measurable with 4.00 h"
    assert pooled(folds[:1], 1.0) == "not measurable with 0.00 h"
    assert pooled([fold(n, [0.9], [1.0] * 9) for n in range(3)], 1.0) == "more at every threshold in 4.00 h"


def test_a_ratio_of_counts_has_an_exact_interval(scripts: dict[str, Script]) -> None:
    ratio = scripts["folds_table"]["ratio"]
    low, high = ratio(4, 4).ends
    assert low == pytest.approx(1 / high)
    assert (low, high) == pytest.approx((0.187, 5.36), rel=0.01)  # R: binom.test(4, 8)
    assert ratio(0, 4).ends[0] == 0
    assert ratio(5, 0).ends[1] == float("inf")
    assert ratio(0, 0).ends is None


def test_the_tables_say_misses_false_accepts_and_the_shipped_model(
    scripts: dict[str, Script], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(3):
        write_json(tmp_path / f"exp/alexa_shipped_{number}_0/counted.json", fold(number, [0.9] * 6, [0.5]))
        made = fold(number, [0.9] * 5 + [0.0], [0.5, 0.5])
        write_json(tmp_path / f"exp/alexa_ds_cnn_s_{number}_0/counted.json", made)
    scripts["folds_table"]["main"](tmp_path)
    said = capsys.readouterr().out
    assert "| alexa | ds_cnn_s | 0 | 3 of 3 | 3 of 18: 16.7 (3.6 to 41.4) |" in said
    assert "| +3; 2.00 (0.43 to 12.36) |" in said  # 6 and 3 false accepts
    assert "| not measurable with 4.00 h | - | - |" in said
    assert "| alexa | shipped | 0 | 24,288 per 30 ms | 24,288 | 31,584 | 0.10 |" in said
    with pytest.raises(UserError, match="nothing is counted"):
        scripts["folds_table"]["main"](tmp_path / "nowhere")


def test_counts_at_all_thresholds_are_those_of_each(scripts: dict[str, Script]) -> None:
    rng, counted = numpy_rng("folds"), scripts["counted"]
    rows = [np.repeat(rng.uniform(0, 1, (40, 1)), 10, 0).astype(np.float32) for _ in range(3)]
    items = [Item(f"r{n}", "", "", 4.0, speaker="ab"[n % 2]) for n in range(3)]
    found = counted["accepts"](Heard(items, rows, 0.03), "a")
    rule, levels = counted["RULE"], scripts["counted"]["levels"]
    for place in (0, 300, 640, 1000, 1279):
        least = counted["THRESHOLDS"][place]
        each = [fired(levels(rows[n], rule)[:, 0], least, rule.gap(0.03)) for n in (0, 2)]
        assert found[place] == sum(map(len, each))
    assert found[0] > found[1000]


def test_every_job_names_a_config_and_a_fold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(RECIPE / "local")
    script = runpy.run_path(str(RECIPE / "local" / "folds.py"))
    jobs = script["jobs"](RECIPE / "conf" / "folds.txt")
    assert len(set(jobs)) == len(jobs)
    for network in {job.network for job in jobs} - {"shipped"}:
        conf = load(RECIPE / "conf" / f"folds_{network}.yaml")
        assert conf.train.judged == "valid_average_viable_recall"
    for words in {(job.word, job.network, job.seed) for job in jobs}:
        folds = [job.fold for job in jobs if (job.word, job.network, job.seed) == words]
        assert folds == [f"{number}/5" for number in range(5)]
    (tmp_path / "list").write_text("alexa micro 0/5 0\n\nalexa micro 0/5\n")
    with pytest.raises(UserError, match="list:3: expected a word"):
        script["jobs"](tmp_path / "list")


def test_sizes_are_searched_within_the_arena_of_the_shipped_model() -> None:
    """By what is heard while little else fires, with networks that all fit the clips of the folds."""
    conf = load(RECIPE / "conf" / "folds_mixednet_sizes.yaml")
    assert not conf.method.why_not(conf.space)
    assert conf.space.fitting(161) == 161  # 1.63 s
    assert sum(choice.sized for choice in conf.space.choices()) == 9
    assert conf.searcher.objectives == {
        "average_viable_recall": "max",
        "loss": "min",  # what else tells networks apart while none is viable
        "arena_esp32s3": "min",
    }
    assert conf.searcher.limits == {"arena_esp32s3": 32544, "hop_macs": 24288}
    io = InputSpec(1, 40, 161, 2)
    wanted = ["hop_macs", "arena_esp32s3"]
    costs = Costs(Problem(conf.space, io, {}, 0), table(conf.space, io), None, wanted)
    ends = [{c.name: (c.options[place],) for c in conf.space.choices()} for place in (0, -1)]
    over = [excess(costs.of(conf.space.spec(end, io)), conf.searcher.limits) for end in ends]
    assert [bool(one) for one in over] == [False, True]


@pytest.mark.story
def test_folds_are_run_and_told_by_one_command(tmp_path: Path) -> None:
    """In small: the shipped model on two folds, which trains nothing."""
    for package in ("pymicro_features", "ai_edge_litert", "pymicro_wakeword"):
        pytest.importorskip(package, reason="the extra 'device' is not installed")
    recipe, rng = copied("wake_word", tmp_path), numpy_rng("run of folds")
    (recipe / "conf" / "folds.txt").write_text("# in small\nalexa shipped 0/2 0\nalexa shipped 1/2 0\n")
    words, noises = tmp_path / "picovoice", tmp_path / "ambient_freesound"
    for number in range(4):
        audio.write(words / "alexa" / f"{number}.flac", clip(rng, positive=True), RATE)
        audio.write(noises / f"{number}.wav", long_audio(5.0, [], seed=number, others=[1]), RATE)
    (noises / "files.tsv").write_text("file\n" + "".join(f"{number}.wav\n" for number in range(4)))
    command = ("--folds", str(tmp_path / "out"), "--src", f"{words} {noises}")
    done = ran(recipe, *command)
    assert done.returncode == 0, done.stdout
    rows = [json.loads(line) for line in (tmp_path / "out" / "jobs.jsonl").read_text().splitlines()]
    assert [row["job"] for row in rows] == ["alexa_shipped_0_0"]  # both folds at once
    found = [read_json(tmp_path / f"out/exp/alexa_shipped_{fold}_0/counted.json") for fold in (0, 1)]
    assert [len(one["clips"]) for one in found] == [2, 2]
    assert sum(sum(one["hours"].values()) for one in found) * 3600 == pytest.approx(20, abs=0.1)
    assert found[0]["macs"] == 23968
    assert done.stdout.count("| alexa | shipped | 0 | 2 of 2 | not measurable with 0.00 h |") == 3
    assert "| alexa | shipped | 0 | 23,968 per 30 ms | 23,968 | 32,544 |" in done.stdout


def test_folds_of_prepared_data_are_those_of_the_shipped_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same clips by the same names are tested in each fold, and the same recordings are silent there."""
    rng, source = numpy_rng("folds of prepared data"), tmp_path / "picovoice"
    for number in range(6):
        audio.write(source / "alexa" / f"{number}.flac", clip(rng, positive=True), RATE)
    noises = tmp_path / "ambient_freesound"
    for number in range(6):
        audio.write(noises / f"{number}.wav", long_audio(6.0 + number, [], seed=number, others=[1]), RATE)
    (noises / "files.tsv").write_text("file\n" + "".join(f"{number}.wav\n" for number in range(6)))
    monkeypatch.syspath_prepend(RECIPE / "local")
    script = runpy.run_path(str(RECIPE / "local" / "shipped_folds.py"))
    recordings = [one for place in (source, noises) for one in scan(place)]
    others, tested = script["silent"](recordings, [source, noises], "alexa"), set[str]()
    for number in range(3):
        out = tmp_path / f"data{number}"
        prep("wake_word").main(out, word="alexa", src=[source, noises], fold=f"{number}/3")
        test = script["by_fold"](recordings, "alexa", 0, script["Fold"](number, 3))["test"]
        made = {item.id for item in kaldi.read(out / "test_words")}
        assert made == {item.id for item in script["said"](test, "alexa")}
        assert not made & tested
        tested |= made
        files = {str(one.path) for one in test}
        quiet = sum(item.seconds for item in others if item.audio in files)
        long = [item for item in kaldi.read(out / "test_long") if item.speaker in script["SCORED"]]
        assert sum(item.seconds for item in long) == pytest.approx(quiet, abs=0.01)
    assert len(tested) == 6
