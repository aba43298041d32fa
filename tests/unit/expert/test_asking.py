"""What a call asks for: no option is dropped, and each hint is a command that can be typed."""

from pathlib import Path

import pytest

from audionas.core.errors import UserError
from audionas.expert.asking import asked, kept
from audionas.expert.decide import Decision
from audionas.expert.plan import FILE, Plan
from tests.unit.cli._command import refused


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    """A plan to its end, in the folder x, to which make.yaml has added a setting."""
    (tmp_path / "words" / "low").mkdir(parents=True)
    where = [f"out={tmp_path}", "name=x"]
    made = Plan(str(tmp_path / "words"), "", "cpu", 10.0, 0.5, [], [*where, "seed=1", "train.epochs=3"])
    made.decisions = {"networks": Decision({}, "")}
    made.save(tmp_path / "x")
    return made


def call(made: Plan, *more: str, source: Path | None = None, again: bool = False, **rest: object) -> Plan:
    """The plan of the first call, or of one with other words."""
    given = {"word": "", "device": "cpu", "minutes": 10.0, "rate": None, "negatives": [], **rest}
    place = source or Path(made.source)
    return asked(place, changes=[*made.changes[:3], *more], again=again, **given)[0]  # type: ignore[arg-type]


def test_the_first_call_goes_on_with_what_was_changed_since(plan: Plan) -> None:
    assert call(plan) == plan
    assert kept(plan, plan.changes[:3]) == ["train.epochs=3"]


@pytest.mark.parametrize(
    ("rest", "remedy"),
    [
        ({"minutes": 5.0}, "x/make.yaml --minutes 5 seed=1"),
        ({"device": "browser"}, "words --for browser --minutes 10 out="),
        ({"device": "browser"}, "--again"),
        ({"device": "browser"}, "name=x_2"),
    ],
)
def test_another_plan_is_refused_with_what_can_be_typed(
    plan: Plan, rest: dict[str, object], remedy: str
) -> None:
    with pytest.raises(UserError, match="holds another plan") as error:
        call(plan, **rest)
    assert remedy in str(error.value)


def test_a_setting_that_was_changed_is_no_other_plan_but_another_value_is(plan: Plan) -> None:
    assert call(plan, "train.epochs=3") == plan
    with pytest.raises(UserError, match=r"change it: audionas make .*x/make.yaml seed=1 train.epochs=5"):
        call(plan, "train.epochs=5")


def test_again_replaces_the_plan(plan: Plan) -> None:
    made = call(plan, device="browser", again=True)
    assert (made.device, made.decisions) == ("browser", {})


def test_options_beside_a_plan_are_refused_and_again_takes_them(plan: Plan, tmp_path: Path) -> None:
    file = tmp_path / "x" / FILE
    words = ("--for", "browser", "--fa-per-hour", 1, "--negatives", tmp_path)
    result = refused("make", file, *words, "--word", "hey")
    for part in ("--for, --fa-per-hour, --negatives: ", "--word: ", "--again"):
        assert part in result.err
    given = {"word": "", "device": "browser", "minutes": None, "rate": 1.0, "negatives": [tmp_path]}
    made, home = asked(file, changes=["seed=2"], again=True, **given)  # type: ignore[arg-type]
    assert home == tmp_path / "x"
    assert (made.device, made.rate, made.negatives, made.minutes) == ("browser", 1.0, [str(tmp_path)], 10.0)
    assert made.changes[-2:] == ["train.epochs=3", "seed=2"]
    assert made.decisions == {}


@pytest.mark.parametrize("minutes", ["0", "-5", "nan", "inf", "1e9"])
def test_values_are_checked_before_plans_are_compared(plan: Plan, minutes: str) -> None:
    words = (plan.source, "--for", "browser", f"--minutes={minutes}", *plan.changes)
    result = refused("make", *words)
    assert "expected 0.5 to 1,000,000" in result.err
    assert "another plan" not in result.err


def test_places_that_hold_no_recordings_are_named(plan: Plan, tmp_path: Path) -> None:
    result = refused("make", tmp_path / "x", "--for", "cpu", "--minutes", 5)
    assert "is the folder of a run" in result.err
    assert f"audionas make {tmp_path}/x/make.yaml" in result.err
    file = tmp_path / "a.wav"
    file.write_bytes(b"")
    assert "is a file" in refused("make", file, "--for", "cpu", "--minutes", 5).err
    result = refused("make", plan.source, tmp_path / "x", "--for", "cpu", "--minutes", 5, *plan.changes)
    assert f"{tmp_path}/x: a second folder" in result.err


@pytest.mark.parametrize(("out", "name"), [(".", "words"), ("words", "run"), (".", "x")])
def test_a_run_and_its_recordings_do_not_lie_in_each_other(tmp_path: Path, out: str, name: str) -> None:
    source = tmp_path / "x" / "data" if name == "x" else tmp_path / "words"
    source.mkdir(parents=True)
    words = ("make", source, "--for", "cpu", "--minutes", 5, f"out={tmp_path / out}", f"name={name}")
    assert "one lies in the other" in refused(*words).err
    assert source.is_dir()


def test_negatives_that_are_not_there_name_the_command_that_brings_them(tmp_path: Path) -> None:
    words = ("make", tmp_path, "--for", "esp32-s3", "--minutes", 5, "--negatives", tmp_path / "radio")
    assert "audionas fetch negatives --list" in refused(*words).err
