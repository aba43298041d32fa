"""Epochs that fill the given time: steps are timed, and the shares of the clock do the rest."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from audionas.config import load
from audionas.core.rng import numpy_rng
from audionas.data import kaldi
from audionas.expert import conf, decide, steps
from audionas.expert.clock import SHARES, START, TIMED, Clock, epochs
from audionas.expert.decide import Decision
from audionas.expert.devices import device
from audionas.expert.do import Done
from audionas.expert.facts import hours
from audionas.expert.networks import Network, candidates, fitting, opened
from audionas.expert.plan import Plan
from audionas.run.check import check

MOST = {"search": 200, "trial": 40, "final": 120}  # epochs: more teach a network of this size little
REST = {"clips": 15.0, "listens": 30.0}  # seconds of a core for evaluation, export, thresholds and pages
SEEDS = (0, 1)  # of each finalist
_FORWARD = 0.4  # of a training step: what a clip costs that is only heard, as development clips are
_ENDING = 0.3  # seconds of checkpoints and reports per epoch
_TRIALS = 0.6  # share of the training's time that finalists have; the chosen one has the rest


def hand_made(made: Plan, home: Path, clock: Clock) -> None:
    """Time each network that fits; decide which are tried, and the epochs of trials and of the training."""
    fit, began = _fitting(made, home), (_cores(), clock.spent)
    made.decisions["candidates"] = decide.knowing({each.name: each.init for each in fit}, few(made))
    fit = [each for each in fit if each.name in made.value("candidates")]
    paces = {each.name: _pace(made, home, each.name, each.init, TIMED / len(fit) - 1) for each in fit}
    _keep(made, home, clock, *began)
    facts = {each.name: {"init": each.init} for each in fit}
    _share(made, home, facts, paces, clock.share("search"), clock.share("training"))


def searched(made: Plan, home: Path, clock: Clock) -> None:
    """Time the supernet, a network of its space and a hand-made one; decide the epochs of the search and of
    its finalists: the most accurate network of the front, a hand-made one, the front's knee; with two seeds.
    """
    fit, began = _fitting(made, home), (_cores(), clock.spent)
    hand = fit[0] if fit[0].init else fit[min(1, len(fit) - 1)]
    space = load(home / conf.FILE, steps.search_settings(made, home, 1)).space
    assert space is not None
    _, io = opened(home / conf.FILE, steps.trial_settings(made, home, hand.name, {"init": ""}))
    space.sample(numpy_rng("make"), io).save(home / "conf" / "drawn.json")
    drawn, known = (
        _pace(made, home, "drawn", "", TIMED / 4),
        _pace(made, home, hand.name, hand.init, TIMED / 4),
    )
    _keep(made, home, clock, *began)
    made.decisions["supernet"] = _supernet(made, home, clock)
    facts: dict[str, dict[str, Any]] = {}
    for seed in SEEDS:
        inherits = {"init": f"{steps.SEARCH}/search", "seed": seed}
        facts[f"searched_best_{seed}"] = {**inherits, "arch": f"{steps.SEARCH}#1"}
        facts[f"{hand.name}_{seed}"] = {"init": hand.init, "arch": f"conf/{hand.file}", "seed": seed}
        facts[f"searched_knee_{seed}"] = {**inherits, "arch": steps.SEARCH}
    paces = {name: drawn if name.startswith("searched") else known for name in facts}
    training = clock.share("training")
    _share(made, home, facts, paces, _TRIALS * training, (1 - _TRIALS) * training)


def replanned(made: Plan, done: Done, clock: Clock) -> None:
    """Shorten the training of the chosen network to the time that is left, by the pace of its trial; what
    follows it gets more time where that was slower than planned.
    """
    name = made.value("choice")
    row, trial = made.value("networks")[name], steps.trial(name)
    if trial not in done.steps:
        return
    worked = max(1.0, done.steps[trial]["seconds"] - START)
    slow = worked / made.stops.get(trial, row["trial_epochs"]) / row["epoch"]
    left = clock.given - clock.spent - made.value("rest") * max(1.0, slow)
    shorter = decide.shortened(row["epochs"], row.get("last_epoch", row["epoch"]), slow, left)
    if shorter is not None:
        value = {name: {"planned": row["epochs"], "epochs": shorter.value}}
        made.decisions["epochs"] = shorter._replace(value=value)


def few(made: Plan) -> bool:
    """True where voices are few; a plan of an earlier version says so in `refit` alone."""
    return any(made.value(name) for name in ("few", "refit") if name in made.decisions)


def _keep(made: Plan, home: Path, clock: Clock, core: float, spent: float) -> None:
    """Decide what is kept for the rest, by the machine's speed since these seconds of core and clock."""
    slow = (clock.spent - spent) / max(0.1, _cores() - core)
    needed, share = REST["listens" if device(made.device).listens else "clips"], SHARES["rest"] * clock.given
    if "rate" in made.decisions:
        sounds = made.value("negatives").replace("dev_", "train_")
        heard = hours(home, sounds)
        made.decisions["mine"] = decide.mine(sounds, heard, slow, share)
        needed += decide.MINING * heard if made.value("mine") else 0.0
    made.decisions["rest"] = decide.rest(share, needed, slow)
    clock.rest = made.value("rest")


def _cores() -> float:
    """Seconds of cores that this process used, and those that it began and that have ended."""
    return sum(os.times()[:4])


def _share(
    made: Plan,
    home: Path,
    facts: Mapping[str, dict[str, Any]],
    paces: Mapping[str, float],
    trials: float,
    training: float,
) -> None:
    """Decide which networks are tried, in the seconds of all `trials`, and for how many epochs they train.

    Where there is time for one only, its training has the time of both.
    """
    tried = decide.tried(paces, trials)
    many = len(tried.value)
    if many == 1:
        why = made.decisions["candidates"].why if len(paces) == 1 else "the only one for which there is time"
        made.decisions["choice"] = Decision(tried.value[0], why)
        if "mine" in made.decisions:
            why = (
                "no false accepts are collected in training sound: without trials no network is there for it"
            )
            made.decisions["mine"] = Decision("", why)
        trials, training = 0.0, trials + training
    longer = _longer(made, home)
    rows = {
        name: {
            **facts[name],
            "epoch": round(paces[name], 2),
            "last_epoch": round(longer * paces[name], 2),
            "trial_epochs": epochs(trials / many, paces[name], MOST["trial"]),
            "epochs": epochs(training, longer * paces[name], MOST["final"]),
        }
        for name in tried.value
    }
    made.decisions["networks"] = tried._replace(value=rows)


def _longer(made: Plan, home: Path) -> float:
    """How many epochs of a trial take as long as one of the last training, which may hear dev too."""
    if "refit" not in made.decisions or not made.value("refit"):
        return 1.0
    train, dev = (len(kaldi.read(home / "data" / name)) for name in ("train", "dev"))
    both = (train + dev) * (1 - steps.KNOWN + _FORWARD * steps.KNOWN)
    return both / (train + _FORWARD * dev)


def _viable(made: Plan) -> bool:
    """True where continuous sound is heard after each epoch."""
    return "ambient" in made.decisions


def _supernet(made: Plan, home: Path, clock: Clock) -> Decision:
    """The epochs of the supernet: what the scoring of networks leaves of the search's time."""
    found = check(load(home / conf.FILE, steps.search_settings(made, home, 1)))
    epoch, scoring = found["search"]["seconds"], found["select"]["seconds"]
    share = clock.share("search")
    count = epochs(max(0.0, share - scoring), epoch, MOST["search"])
    why = f"timed here: {epoch:.1f} s per epoch, {scoring:.0f} s for {found['select']['networks']} scores"
    seconds = round(count * epoch + scoring, 1)
    return Decision({"epochs": count, "seconds": seconds, "epoch": epoch, "scoring": scoring}, why)


def _fitting(made: Plan, home: Path) -> list[Network]:
    """The hand-made networks that fit; their architectures are written to `conf/`."""
    networks = candidates(device(made.device))
    for network in networks:
        network.spec.save(home / "conf" / network.file)
    rows = [(each, steps.trial_settings(made, home, each.name, {"init": each.init})) for each in networks]
    return fitting(rows, home / conf.FILE, made.device)


def _pace(made: Plan, home: Path, name: str, init: str, seconds: float) -> float:
    """The seconds of an epoch of the network in `conf/NAME.json`, by steps timed for about `seconds`."""
    changes = steps.trial_settings(made, home, name, {"init": init})
    config = load(home / conf.FILE, changes)
    found: dict[str, Any] = check(config, seconds=max(1.0, seconds))
    count, number = found["clips"], found["train"]["steps"] / config.train.epochs
    windows = 3600 * hours(home, made.value("negatives")) / made.value("ambient") if _viable(made) else 0.0
    heard = 1 + _FORWARD * (count["dev"] + windows) / max(1, count["train"])
    return float(number * found["train"]["seconds_a_step"] * heard + _ENDING)
