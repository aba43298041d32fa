"""A finished search's supernet, and what scores networks inside it in any process."""

import os
from collections.abc import Callable, Mapping
from typing import Any

import torch

from audionas.config import Config, built
from audionas.core.reporter import Reporter
from audionas.engine import checkpoint
from audionas.inputs.feed import open_inputs
from audionas.inputs.split import Inputs
from audionas.methods._base import Method
from audionas.methods._one_shot import OneShot
from audionas.methods._score import Scoring, score
from audionas.run.folder import device_of
from audionas.run.search import default_features, give_examples, search_run


def scorer(config: Mapping[str, Any], where: str) -> Callable[[Any], dict[str, float]]:
    """From the choices of a network to its scores with the supernet's weights."""
    os.chdir(where)
    conf = built(config)
    device, _ = device_of(conf)
    assert conf.space is not None
    inputs = open_inputs(conf, conf.features or default_features(conf.space), reporter := Reporter())
    method = finished(conf, inputs, device, reporter)
    scoring = method.scoring if isinstance(method, OneShot) else Scoring()
    return lambda choices: score(method.run, method.spec_of(choices), scoring)


def finished(conf: Config, inputs: Inputs, device: torch.device, reporter: Reporter) -> Method:
    """The method of a finished search with its supernet, as the last checkpoint has them."""
    method = conf.method
    assert method is not None
    method.setup(search_run(conf, inputs, device))
    method.restore(checkpoint.load(conf.folder / "search" / "ckpt"))
    method.run.epoch = method.run.epochs - 1  # schedules stand where the last step found them
    give_examples(conf, method.run, inputs, reporter)
    return method
