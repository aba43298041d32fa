"""The commands of a plan: what the last training hears, and for how many epochs."""

from pathlib import Path

from audionas.expert import conf, steps
from audionas.expert.decide import NEAR, Decision
from audionas.expert.plan import Plan
from audionas.expert.verbs import Step


def decided(**more: object) -> Plan:
    """A plan for two networks, the first of which was chosen."""
    row = {"init": "", "epoch": 2.0, "last_epoch": 2.5, "trial_epochs": 8, "epochs": 40}
    values = {
        **{"task": "keywords", "split": "pattern", "seconds": 1.0, "search": False, "kept": "accuracy"},
        **{"networks": {"small": row, "large": row}, "choice": "small", "files": ["onnx"], "rest": 90.0},
        **more,
    }
    plan = Plan("words", "", "cpu", 10.0, 0.5, [], [])
    plan.decisions |= {name: Decision(value, "") for name, value in values.items()}
    return plan


def step(plan: Plan, name: str) -> Step:
    """One of the steps of a plan."""
    return next(each for each in steps.steps(plan, Path(), "run") if each.name == name)


def test_with_few_voices_the_last_training_alone_hears_those_of_dev() -> None:
    plan = decided(refit=True)
    last, trial = step(plan, "train").words, step(plan, "try small").words
    assert {"data.train=run/data/both", "data.dev=run/data/known", "train.keep=last"} <= {*last}
    assert {"data.train=run/data/train", "data.dev=run/data/dev"} <= {*trial}
    assert "--known" in step(plan, "prep").words
    plan.changes = ["train.average=3"]  # the user's choice of epochs replaces that of make
    assert not {"train.keep=last", "train.ema=0.99"} & {*step(plan, "train").words}


def test_otherwise_dev_chooses_the_epoch_of_the_last_training() -> None:
    for plan in (decided(refit=False), decided()):  # the second is of an earlier version
        last = step(plan, "train").words
        assert {"data.train=run/data/train", "data.dev=run/data/dev"} <= {*last}
        assert "train.keep=last" not in last
        assert "--known" not in step(plan, "prep").words


def test_epochs_that_were_planned_again_are_those_of_the_last_training() -> None:
    assert "train.epochs=40" in step(decided(), "train").words
    shorter = {"small": {"planned": 40, "epochs": 12}}
    for epochs in (shorter, 12):  # a number alone is of an earlier version
        again = step(decided(epochs=epochs), "train")
        assert "train.epochs=12" in again.words
        assert again.seconds == 12 * 2.5
        assert "train.epochs=8" in step(decided(epochs=epochs), "try small").words


def test_another_network_and_epochs_set_by_hand_are_not_shortened() -> None:
    shorter = {"small": {"planned": 40, "epochs": 12}}
    plan = decided(epochs=shorter, choice="large")
    assert "train.epochs=40" in step(plan, "train").words
    for epochs in (5, 50):
        plan = decided(epochs=shorter)
        plan.value("networks")["small"]["epochs"] = epochs
        assert f"train.epochs={epochs}" in step(plan, "train").words


def test_the_surroundings_of_the_plan_are_those_of_its_trainings() -> None:
    wide = conf.settings(decided(augment={"gain_db": [-20, 10]}))
    assert wide["augment"] == {"gain_db": [-20, 10]}
    assert wide["train"]["workers"] == 1
    assert conf.settings(decided())["augment"] == NEAR
    assert "workers" not in conf.settings(decided())["train"]
