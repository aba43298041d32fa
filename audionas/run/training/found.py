"""The average viable recall of a supernet's networks: a searcher's objective for wake words."""

from collections.abc import Callable

import torch

from audionas.config import Config
from audionas.core.reporter import Reporter
from audionas.inputs.feed import Inputs, eval_batches, preparer, scores_of
from audionas.methods._base import Method
from audionas.methods._one_shot import OneShot
from audionas.methods._score import Scoring, score, standing
from audionas.run.training.viable import Viable, opened
from audionas.searchers._base import VIABLE

_OFF = "Or choose another objective, for example: searcher.objectives={macro_f1: max, state_bytes: min}"
Choices = dict[str, list[str]]


def find(conf: Config, inputs: Inputs, reporter: Reporter) -> Viable | None:
    """The judge of networks, if it is an objective of the searcher. Raises UserError where it cannot be
    measured."""
    if conf.searcher is None or VIABLE not in conf.searcher.objectives:
        return None
    return opened(conf, inputs, reporter, f"searcher.objectives: {VIABLE}", _OFF)


def scorer(
    conf: Config, method: Method, inputs: Inputs, reporter: Reporter
) -> Callable[[Choices], dict[str, float]]:
    """A function from the choices of a network to its scores with the supernet's weights.

    Accuracy, macro F1 and loss are those of the held-out half of the training data. The recall is that of
    the development clips, with false accepts on `data.ambient`: what neither half has heard.
    """
    run, judge = method.run, find(conf, inputs, reporter)
    scoring = method.scoring if isinstance(method, OneShot) else Scoring()
    batches = eval_batches(conf, inputs, inputs.dev, reporter) if judge is not None else None

    def scored(choices: Choices) -> dict[str, float]:
        spec = method.spec_of(choices)
        told = score(run, spec, scoring)
        if judge is None or batches is None:
            return told
        with standing(run, spec, scoring) as net:
            each = scores_of(net, batches, preparer(inputs, run.device))
            scores, targets = inputs.answers(inputs.dev, each)
            found = judge.told(net, scores, targets, torch.device(run.device))
        return {**told, VIABLE: found[f"valid_{VIABLE}"]}

    return scored
