"""The config that a plan's trainings have in common, as plain data for `conf/make.yaml`."""

from typing import Any

from audionas.config import dump
from audionas.expert.decide import NEAR, VIABLE
from audionas.expert.devices import device
from audionas.expert.plan import Plan

FILE = "conf/make.yaml"
JUDGES = {"train.keep", "train.select", "train.average"}  # settings that exclude each other
_SPACE = {"name": "kws_tc_resnet", "width": 0.5}


def text(plan: Plan) -> str:
    """The config in YAML."""
    return f"# Written by audionas make, for every training of this folder.\n{dump(settings(plan))}"


def settings(plan: Plan) -> dict[str, Any]:
    """The config: augmentation against few speakers, a short training, and what the device allows."""
    target = device(plan.device)
    conf: dict[str, Any] = {
        "threads": 1,  # as fast as more for networks this small, and the same bits on any number of cores
        "profile": target.profile,
        "data": {"seconds": plan.value("seconds")},
        "augment": plan.value("augment") if "augment" in plan.decisions else dict(NEAR),
        "spec_augment": {
            **{"freq_masks": 1, "freq_width": 6, "time_masks": 1, "time_width": 12},
            "mix_style": 0.5,  # a voice or a microphone is a mean and a spread of each coefficient
        },
        "limits": dict(target.limits) or None,
        "train": {
            "batch_size": 64,
            "label_smoothing": 0.1,
            "optim": {"lr": 0.05, "warmup_epochs": 1, "weight_decay": 1.0e-3, "clip": 5.0},
        },
    }
    if "augment" in plan.decisions:
        conf["train"]["workers"] = 1  # clips change while the network learns; any number gives the same bits
    if plan.value("task") == "wake_word":
        del conf["augment"]  # the clips were made in several surroundings
        conf["train"] |= {"loss": "max_pool", "pool_after": 60} if target.listens else {}
    if "kept" in plan.decisions and not JUDGES & {each.partition("=")[0] for each in plan.changes}:
        viable = plan.value("kept") == VIABLE
        conf["train"] |= {"select": VIABLE} if viable else {"keep": plan.value("kept")}
        conf["data"] |= {"ambient_hop": plan.value("ambient")} if viable else {}
    if target.profile == "esphome":
        conf["features"] = {"name": "micro", "preset": "settled"}
    if plan.value("search"):
        conf |= {
            "space": {**_SPACE, "causal": target.listens},
            "method": {"name": "spos"},
            "searcher": {
                "name": "nsga2",
                "objectives": {"macro_f1": "max", "hop_macs" if target.listens else "macs": "min"},
                "population": 16,
                "generations": 6,
            },
            "search": {
                "batch_size": 64,
                "split": 0.67,
                "optim": {"lr": 0.1, "final_lr": 0.001, "weight_decay": 3.0e-4},
            },
        }
    return {key: value for key, value in conf.items() if value is not None}
