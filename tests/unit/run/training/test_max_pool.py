"""Training with the max-pooling loss: what it trains and refuses."""

import math
from pathlib import Path

import pytest
import torch

from audionas.config import load
from audionas.core.arch import InputSpec
from audionas.core.errors import UserError
from audionas.core.registry import resolve
from audionas.core.reporter import read_rows
from audionas.core.rng import numpy_rng, seed_torch
from audionas.engine.max_pool import max_pool
from audionas.nn.every_hop import Hops
from audionas.run.train import train
from audionas.run.training.max_pool import PoolLoss
from tests._factory import config, tones


def causal(folder: Path) -> str:
    space = resolve("space", "tc_resnet")(width=0.25, causal=True)
    spec = space.sample(numpy_rng(0), InputSpec(1, 40, 98, 4))
    spec.save(folder / "causal.json")
    return str(folder / "causal.json")


@pytest.mark.story
def test_a_causal_network_trains_and_one_that_looks_ahead_is_refused(tmp_path: Path) -> None:
    file = config(tones(tmp_path / "data", per_class=4))
    wanted = ["train.loss=max_pool", "train.epochs=1", f"out={tmp_path / 'exp'}"]
    train(load(file, [*wanted, f"arch={causal(tmp_path)}", "name=pooled"]))
    (row,) = read_rows(tmp_path / "exp" / "pooled" / "train" / "metrics.jsonl")
    assert math.isfinite(row["loss"])
    with pytest.raises(UserError, match=r"train\.loss: max_pool: .* looks ahead in time"):
        train(load(file, [*wanted, "arch=tc_resnet8", "name=ahead"]))
    assert not (tmp_path / "exp" / "ahead" / "train").exists()


def test_the_loss_is_shared_between_the_clip_and_its_best_hop() -> None:
    io = InputSpec(1, 40, 51, 2)
    seed_torch("pool loss")
    space = resolve("space", "tc_resnet")(width=0.25, causal=True)
    net = space.build(space.sample(numpy_rng(0), io)).eval()
    x, target = torch.randn(3, *io[:3]), torch.tensor([0, 1, 1])
    hops, criterion = Hops.of(net, io), torch.nn.CrossEntropyLoss(label_smoothing=0.1)
    with hops.heard(net):
        every = net(x).unflatten(0, (3, -1))
    pooled = max_pool(every, target, [0], after=2, criterion=criterion)
    for weight in (0.25, 1.0):
        loss, clip = PoolLoss(hops, [0], weight, 2)(net, criterion, x, target, None)
        torch.testing.assert_close(clip, net(x), rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(loss, weight * pooled + (1 - weight) * criterion(every[:, -1], target))
