"""MoGA trains as FairNAS does; the objectives are a searcher's."""

import pytest
import torch
import yaml

from audionas.core.registry import resolve
from audionas.methods.fair_nas import FairNas
from audionas.methods.moga import Moga
from audionas.spaces.kws_mobilenet import KwsMobilenet
from audionas.spaces.moga_mobilenet import MogaMobilenet
from tests.invariants._cases import started, steps

SPACE = KwsMobilenet(preset="sf6", width=0.25)


def test_training_is_that_of_fair_nas_bit_for_bit():
    told, weights = [], []
    for method in (FairNas(), Moga()):
        run = started(method, SPACE, frames=9, dropout=0.0)
        told.append(steps(method, 0, 1))
        weights.append(run.net.state_dict())
    assert told[0] == told[1]
    assert all(torch.equal(tensor, weights[1][name]) for name, tensor in weights[0].items())


@pytest.mark.laws
def test_an_update_has_twelve_paths_in_which_every_option_of_every_layer_stands_once():
    method = Moga()
    space = MogaMobilenet(width=0.25)
    started(method, space)
    paths = method.paths()
    assert len(paths) == 12
    for choice in space.choices():
        assert sorted(path[choice.name][0] for path in paths) == sorted(choice.options)


def test_the_searcher_that_its_page_shows_is_one():
    """The example of the docstring, as a config would have it."""
    text = " ".join((Moga.__doc__ or "").split()).split("`")[1]
    fields = yaml.safe_load(text)["searcher"]
    searcher = resolve("searcher", fields.pop("name"))(**fields)
    assert searcher.objectives == {"accuracy": "max", "latency_ms": "min", "params": "max"}
    assert searcher.weights.keys() == searcher.objectives.keys()
