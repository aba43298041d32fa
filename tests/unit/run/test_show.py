"""`audionas show` of a run with a front: the table, the knee, and the best within limits."""

import json
import shutil
from pathlib import Path

import pytest

from audionas.run.show import gather
from audionas.zoo.find import find
from audionas.zoo.find import told as words_of
from tests._run import Run
from tests.unit.cli._command import done, refused
from tests.unit.searchers._front_folder import THREE, filled


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A folder with a front of three objectives, and the front."""
    folder = tmp_path_factory.mktemp("fronts") / "run"
    return folder, filled(folder, 30, THREE)


@pytest.fixture(scope="module")
def shown(run):
    """What the command says in JSON, once."""
    return done("show", run[0], "--json").json


def test_the_front_is_in_the_json(run, shown):
    folder, front = run
    found = shown["front"]
    assert found["objectives"] == front.objectives
    assert (found["scored"], found["knee"], found["picked"]) == (30, front.knee, None)
    assert found["hypervolume"] == front.volumes[-1][1]
    assert [m["number"] for m in found["members"]] == list(range(1, len(front.members) + 1))
    for m, row in zip(front.members, found["members"], strict=True):
        assert (row["arch"], row["values"], row["network"]) == (
            m.spec.id,
            m.score.values,
            words_of(m.spec),
        )
    assert (folder / "report.html").exists()


@pytest.mark.story
def test_limits_pick_the_best_within_all_of_them(run):
    folder, front = run
    macs = sorted(m.score.values["macs"] for m in front.members)[len(front.members) // 2]
    found = done("show", folder, "--limit", f"macs={macs}", "--limit", "params=1e9", "--json").json["front"]
    number = front.best({"macs": macs})
    assert found["picked"] == {"limits": {"macs": macs, "params": 1e9}, "number": number}
    assert number > 1
    twice = done("show", folder, "--limit", f"macs={macs}", "--limit", "macs=1e9", "--json").json["front"]
    assert twice["picked"]["number"] == number


@pytest.mark.story
def test_the_text_stars_the_knee_and_says_how_to_train_what_is_picked(run):
    folder, front = run
    text = done("show", folder, "--limit", "macs=2e6").out
    number = front.best({"macs": 2e6})
    assert f"{front.knee}*" in text
    train = f"audionas train CONF 'arch={folder}/front.json"
    assert f"knee          number {front.knee}: {train}#{front.knee}'" in text
    assert f"number {number} (macs <= 2,000,000): {train}#{number}'" in text
    assert find(f"{folder}/front.json#{number}") == front.member(number).spec


WRONG = [
    ("mac=1e6", "no cost 'mac'; the front has macs, params. Did you mean 'macs'?"),
    ("accuracy=0.5", "no cost 'accuracy'"),
    ("macs", "expected a number above 0 after macs="),
    ("macs=small", "expected a number above 0 after macs="),
    ("macs=-3", "expected a number above 0"),
    ("macs=nan", "expected a number above 0"),
    ("macs=7", "no network on the front satisfies macs <= 7; the smallest values are: macs "),
]


@pytest.mark.parametrize(("limit", "says"), WRONG)
def test_wrong_limits_are_refused(limit, says, run):
    refused("show", run[0], "--limit", limit, "--json", says=says)


def test_all_wrong_limits_are_told_at_once(run):
    told = refused("show", run[0], "--limit", "mac=1", "--limit", "params=x").err
    assert "mac=1" in told
    assert "params=x" in told


@pytest.mark.story
def test_a_run_without_a_front_has_nothing_to_pick(run, tmp_path):
    run[1].member(1).spec.save(tmp_path / "arch.json")
    refused("show", tmp_path, "--limit", "macs=1e6", says="no front here to pick from")
    assert done("show", tmp_path, "--json").json["front"] is None


@pytest.fixture
def mistaken(trained: Run, tmp_path: Path) -> Path:
    """A copy of the trained run whose answers are all wrong."""
    folder = Path(shutil.copytree(trained.exp, tmp_path / "run"))
    rows = json.loads((folder / "scores.json").read_text())
    labels = sorted({row["truth"] for row in rows})
    wrong = [{**row, "label": labels[labels.index(row["truth"]) - 1]} for row in rows]
    (folder / "scores.json").write_text(json.dumps(wrong))
    return folder


@pytest.mark.story
@pytest.mark.parametrize("sound", [True, False])
def test_wrong_clips_are_heard_in_the_report_unless_left_out(mistaken: Path, sound: bool) -> None:
    gather(mistaken, sound=sound)
    page = (mistaken / "report.html").read_text(encoding="utf-8")
    assert page.count("data:audio/wav;base64,") == (3 if sound else 0)
    assert ("inside this page" in page) == sound


@pytest.mark.story
def test_a_push_sends_no_page_with_sound(mistaken: Path) -> None:
    gather(mistaken)
    said = done("push", mistaken, "anna/words", "--licence", "mit", "--dry-run").out
    assert "data:audio" not in said
    assert ".html" not in said
