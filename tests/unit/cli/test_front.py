"""A supernet, then a searcher: killed at any moment, with any number of workers, the same front."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from audionas.config import load
from audionas.core.arch import ArchSpec
from audionas.core.files import read_json
from audionas.core.reporter import Reporter
from audionas.cost.lookup import Entry, LatencyTable
from audionas.cost.places import places
from audionas.inputs.feed import open_inputs
from audionas.methods import Scoring, score
from audionas.run.supernet import default_features, finished
from audionas.searchers import fronts
from audionas.spaces import space_of
from tests._run import Run
from tests.unit.cli._command import audionas, contents, done, refused

SETTINGS = (
    "space={name: kws_mobilenet, preset: sf6, width: 0.25}",
    "method={name: fair_nas, scoring: {calibration: 2}}",
    "searcher={name: nsga2, population: 8, generations: 3}",
    "search.epochs=2",
)
KEPT = ("select/archive.jsonl", "front.json", "front.csv", "arch.json")


def words(run: Run, out: Path, *more: str) -> tuple[object, ...]:
    return ("search", run.conf, *SETTINGS, f"out={out}", *more)


@pytest.fixture(scope="module")
def whole(trained: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an uninterrupted search."""
    out = tmp_path_factory.mktemp("whole")
    done(*words(trained, out))
    return out / "tones"


def same(folder: Path, other: Path) -> None:
    for name in KEPT:
        assert (folder / name).read_text() == (other / name).read_text(), name


def lines(folder: Path) -> int:
    file = folder / "select" / "archive.jsonl"
    return file.read_text().count("\n") if file.exists() else 0


@pytest.mark.story
def test_a_search_writes_supernet_archive_front_and_the_knee(whole: Path) -> None:
    front, arch = read_json(whole / "front.json"), read_json(whole / "arch.json")
    knee = front["members"][front["knee"] - 1]
    assert front["scored"] == lines(whole) == 24
    assert knee["arch"]["id"] == arch["id"]
    assert {"accuracy", "macro_f1", "loss", "macs", "params"} == set(knee["values"])
    ids = [json.loads(line)["arch"] for line in (whole / "select" / "archive.jsonl").read_text().splitlines()]
    assert len(set(ids)) == 24
    assert list((whole / "search" / "ckpt").iterdir())
    values = [(m["values"]["accuracy"], m["values"]["macs"]) for m in front["members"]]
    assert values == sorted(values, reverse=True)  # more accurate is dearer, or it would not be there


MOMENTS = {
    "training": lambda folder: (folder / "search" / "ckpt").exists(),
    "first scores": lambda folder: lines(folder) >= 2,
    "late": lambda folder: lines(folder) >= 17,
}


@pytest.mark.story
@pytest.mark.parametrize("moment", MOMENTS)
def test_killed_and_resumed_it_ends_as_if_never_stopped(
    moment: str, whole: Path, trained: Run, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "audionas", *map(str, words(trained, tmp_path))]
    folder = tmp_path / "tones"
    with subprocess.Popen(command, stderr=subprocess.DEVNULL, start_new_session=True) as process:
        while process.poll() is None and not MOMENTS[moment](folder):
            time.sleep(0.005)
        ended = process.poll()
        os.killpg(process.pid, signal.SIGKILL)
    assert ended is None, "the process ended before it could be killed"
    refused(*words(trained, tmp_path), says="holds an unfinished run")
    done(*words(trained, tmp_path, "--resume"))
    same(folder, whole)


@pytest.mark.story
def test_a_line_cut_off_by_an_interruption_is_scored_again(whole: Path, trained: Run, tmp_path: Path) -> None:
    done(*words(trained, tmp_path))
    folder = tmp_path / "tones"
    archive = folder / "select" / "archive.jsonl"
    archive.write_text(archive.read_text()[: len(archive.read_text()) // 2])
    (folder / "select" / "done.json").unlink()
    done(*words(trained, tmp_path, "--resume"))
    same(folder, whole)


@pytest.mark.story
def test_the_number_of_workers_changes_nothing(whole: Path, trained: Run, tmp_path: Path) -> None:
    done(*words(trained, tmp_path, "workers=2"))
    same(tmp_path / "tones", whole)


@pytest.mark.story
def test_a_finished_search_is_not_repeated(whole: Path, trained: Run) -> None:
    before = contents(whole)
    result = done(*words(trained, whole.parent))
    assert "finished earlier; the front is" in result.err
    assert contents(whole) == before


@pytest.mark.story
def test_another_searcher_on_the_same_supernet_needs_no_training(trained: Run, tmp_path: Path) -> None:
    done(*words(trained, tmp_path, "searcher={name: random, networks: 4}"))
    log = (tmp_path / "tones" / "search" / "metrics.jsonl").read_text()
    other = words(trained, tmp_path, "searcher={name: random, networks: 6}")
    refused(*other, says="holds a run with other settings")
    refused(*other, "--keep-supernet", says="works only with --overwrite")
    done(*other, "--overwrite", "--keep-supernet")
    assert (tmp_path / "tones" / "search" / "metrics.jsonl").read_text() == log
    assert lines(tmp_path / "tones") == 6


@pytest.mark.story
def test_limits_are_kept_and_the_supernet_is_not_asked_beyond_them(
    whole: Path, trained: Run, tmp_path: Path
) -> None:
    macs = sorted(
        json.loads(row)["values"]["macs"] for row in (whole / "select/archive.jsonl").read_text().splitlines()
    )
    most = macs[8]
    done(*words(trained, tmp_path, f"limits={{macs: {most}}}"))
    rows = [json.loads(row) for row in (tmp_path / "tones/select/archive.jsonl").read_text().splitlines()]
    assert all(("accuracy" in row["values"]) == (row["values"]["macs"] <= most) for row in rows)
    assert {row["violation"] > 0 for row in rows} == {True, False}
    members = read_json(tmp_path / "tones" / "front.json")["members"]
    assert all(m["values"]["macs"] <= most for m in members)


WRONG = {
    "searcher={name: nsga3}": "no searcher called 'nsga3'",
    "searcher={name: nsga2, objectives: {acuracy: max}}": "Did you mean 'accuracy'",
    "searcher={name: nsga2, objectives: {latency_ms: min}}": "audionas latency build",
    "searcher={name: nsga2, limits: {macs: 10}}": "limits.macs is 10, but the cheapest network has",
    "limits={params: 5}": "limits.params is 5, but the cheapest network has",
    "searcher={name: nsga2, objectives: {state_bytes: min}}": "looks ahead in time",
    "searcher={name: nsga2, populaton: 3}": "populaton",
    "method={name: random}": "trains no supernet",
    "workers=0": "workers: 0",
}


@pytest.mark.parametrize("override", WRONG)
def test_wrong_input_is_told(override: str, trained: Run, tmp_path: Path) -> None:
    refused(*words(trained, tmp_path, override), says=WRONG[override])
    assert not (tmp_path / "tones" / "search" / "ckpt").exists()  # told before anything is trained
    if "workers" not in override:
        refused("check", *words(trained, tmp_path, override)[1:], says=WRONG[override])


@pytest.mark.story
def test_latency_from_a_table_is_an_objective(whole: Path, trained: Run, tmp_path: Path) -> None:
    spec = ArchSpec.from_json(json.dumps(read_json(whole / "arch.json")))
    space, drawn = space_of(spec), np.random.default_rng(0).uniform(0.1, 9, 1000)
    entries = [
        Entry(place.option, place.told, at, float(ms), place.name)
        for (place, at), ms in zip(places(space, spec.io, {}).items(), drawn, strict=False)
    ]
    table = LatencyTable("a stopwatch", space.name, spec.params, spec.io, 0.5, tuple(entries), {}, {})
    table.save(file := tmp_path / "latency.json")
    aims = "objectives: {accuracy: max, latency_ms: min, params: max}"
    aims += ", weights: {accuracy: 1, latency_ms: 0, params: 0}"
    searcher = f"searcher={{name: nsga2, latency: {file}, {aims}, population: 6, generations: 2}}"
    done(*words(trained, tmp_path, searcher))
    front = read_json(tmp_path / "tones" / "front.json")
    assert front["members"]
    for member in front["members"]:
        spec = ArchSpec.from_json(json.dumps(member["arch"]))
        assert member["values"]["latency_ms"] == table.of(spec) > 0


@pytest.mark.story
def test_random_nas_trains_a_supernet_for_a_searcher(trained: Run, tmp_path: Path) -> None:
    """A network's scores are those of the supernet that random_nas has trained."""
    asked = ("method={name: random_nas, draws: 5}", "searcher={name: random, networks: 3}", f"out={tmp_path}")
    told = done("search", trained.conf, SETTINGS[0], "search.epochs=1", *asked)
    assert "method.draws changes nothing, since a searcher searches" in told.out + told.err
    conf = load(trained.conf, [SETTINGS[0], "search.epochs=1", *asked])
    rows = [json.loads(line) for line in (conf.folder / "select" / "archive.jsonl").read_text().splitlines()]
    assert len(rows) == 3
    inputs = open_inputs(conf, default_features(conf.space), Reporter())
    method = finished(conf, inputs, torch.device("cpu"), Reporter())
    member = fronts.read(conf.folder / "front.json").members[0]
    scores = score(method.run, member.spec, Scoring())
    assert member.score.values["accuracy"] == pytest.approx(scores["accuracy"])
    assert member.score.values["loss"] == pytest.approx(scores["loss"], rel=1e-5)


def test_check_tells_how_long_the_searcher_will_take(trained: Run, tmp_path: Path) -> None:
    found = done("check", *words(trained, tmp_path)[1:], "--json").json
    assert found["select"]["networks"] == 24
    assert found["select"]["seconds"] == pytest.approx(24 * found["select"]["seconds_a_network"])
    assert "searcher: 24 networks at" in done("check", *words(trained, tmp_path)[1:]).out


@pytest.mark.story
def test_a_member_of_the_front_can_be_trained_and_priced(whole: Path, trained: Run, tmp_path: Path) -> None:
    members = read_json(whole / "front.json")["members"]
    last = len(members)
    told = audionas("cost", f"{whole / 'front.json'}#{last}", "--json").json
    assert told["macs"] == members[-1]["values"]["macs"]
    file = f"arch={whole / 'front.json'}#{last}"
    done("train", trained.conf, file, f"out={tmp_path}", "train.epochs=1")
    assert read_json(tmp_path / "tones" / "arch.json")["id"] == members[-1]["arch"]["id"]
    refused("cost", f"{whole / 'front.json'}#{last + 1}", says=f"the front has 1 to {last}")
