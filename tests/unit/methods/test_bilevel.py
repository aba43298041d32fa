"""The seams of bi-level methods: masks, order, edge weights, hooks that look at batches, metrics."""

from dataclasses import dataclass

import pytest
import torch

from audionas.core.errors import UserError
from audionas.cost.objective import CostPenalty
from audionas.engine import checkpoint
from audionas.methods import Bilevel
from audionas.methods.darts import Darts
from audionas.methods.drop_nas import DropNas
from audionas.methods.gdas import Gdas
from audionas.methods.parsec import Parsec
from audionas.methods.pc_darts import PcDarts
from audionas.methods.proxyless_nas import ProxylessNas
from audionas.methods.snas import Snas
from audionas.nn.edge import MixedEdge
from audionas.spaces import present
from audionas.spaces.darts_cell import DartsCell
from audionas.spaces.nas_bench_201 import NasBench201
from tests.invariants._cases import CHAIN, TRAINED, batches, home, made, started, steps

METHODS = [name for name in TRAINED if isinstance(made(name), Bilevel)]


def batch(run, seed=0):
    return next(batches(run.io, 1, seed=seed, size=4))


# --- options that were dropped -----------------------------------------------------------------------------


@pytest.mark.laws
@pytest.mark.parametrize("name", METHODS)
def test_a_dropped_option_neither_runs_nor_costs_nor_is_derived(name, tmp_path):
    """Two options are left at each choice; the strongest of all are among the dropped ones."""
    space = home(name)
    method = made(name, cost=CostPenalty(weight=0.1))
    run = started(method, space, frames=9, dropout=0.0)
    left = {c.name: present(c)[-2:] for c in space.choices()}
    run.keep(left)
    for choice in space.choices():
        run.alphas[choice.name].data[0] = 9.0
    told = steps(method, 0, 2)
    assert told
    for choice in space.choices():
        gone = [o for o in choice.options if o not in left[choice.name]]
        held = method.probabilities()[choice.name]
        assert all(held[option] == 0 for option in gone)
        for phase in ("alpha", "weights"):
            gate = method.gates(phase)[choice.name]
            runs = range(len(choice.options)) if gate.active is None else gate.active
            assert not {choice.options[i] for i in runs} & set(gone)
        assert set(method.derive().choices[choice.name]) <= set(left[choice.name])
        slopes = method.slopes(method.derive(), "macs")[choice.name]
        assert all(float(slopes[choice.options.index(option)]) == 0 for option in gone)
    checkpoint.save(tmp_path, 1, method.state())
    again = made(name, cost=CostPenalty(weight=0.1))
    started(again, space, frames=9, dropout=0.0)
    again.restore(checkpoint.load(tmp_path))
    assert again.run.alive == run.alive
    assert again.derive() == method.derive()


def test_what_is_left_shares_the_weight():
    method = Darts()
    run = started(method, CHAIN, frames=9, dropout=0.0)
    choice = CHAIN.choices()[0]
    run.alphas[choice.name].data[0] = 9.0
    run.keep({choice.name: choice.options[1:3]})
    gate = method.gates("weights")[choice.name]
    assert gate.active == (1, 2)
    assert float(gate.weight.detach()[1:3].sum()) == pytest.approx(1)
    assert method.derive().choices[choice.name][0] in choice.options[1:3]
    assert method.gates("alpha")[CHAIN.choices()[1].name].active is None


def test_nothing_left_is_refused():
    run = started(Darts(), NasBench201())
    with pytest.raises(UserError, match="1_0 cannot keep nothing"):
        run.keep({"1_0": ()})
    with pytest.raises(UserError, match="1_0 cannot keep conv"):
        run.keep({"1_0": ("conv",)})
    cells = started(Darts(), DartsCell(preset="s2"))
    with pytest.raises(UserError, match="expected some of"):  # an edge that may be absent is no `none`
        cells.keep({"normal/2_0": ("none",)})


# --- order, channels, edges --------------------------------------------------------------------------------


@pytest.mark.laws
@pytest.mark.parametrize("eps", [1e-6, None])
@pytest.mark.parametrize("name", ["pc_darts", "fair_darts", "snas", "gdas"])
def test_any_relaxation_has_a_second_order(name, eps):
    found = []
    for order in (1, 2):
        method = made(name, level="two", **({"order": 2, "eps": eps} if order == 2 else {}))
        run = started(method, NasBench201(), dropout=0.0)
        run.net.double()
        for alpha in run.alphas.values():
            alpha.data = alpha.data.double()
        run.weight_optimizer.param_groups[0]["lr"] = 0.5
        train, valid = (b._replace(x=b.x.double()) for b in batch(run))
        torch.manual_seed(3)
        method.alpha_gradient(valid, train)
        found.append(torch.cat([alpha.grad for alpha in run.alphas.values()]))
    assert found[1].isfinite().all()
    assert not torch.allclose(found[0], found[1], rtol=1e-3)


@pytest.mark.laws
@pytest.mark.parametrize("name", ["pc_darts", "fair_darts", "snas"])
def test_the_second_order_of_any_relaxation_is_that_of_double_backward(name):
    """Also where gates are drawn: both see the same draws."""
    found = []
    for eps in (1e-6, None):
        method = made(name, order=2, eps=eps, level="two")
        run = started(method, NasBench201(), dropout=0.0)
        run.net.double()
        for alpha in run.alphas.values():
            alpha.data = alpha.data.double()
        train, valid = (b._replace(x=b.x.double()) for b in batch(run))
        torch.manual_seed(3)
        method.alpha_gradient(valid, train)
        found.append(torch.cat([alpha.grad for alpha in run.alphas.values()]))
    torch.testing.assert_close(found[0], found[1], rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize(
    ("kind", "fields", "reason"),
    [
        (ProxylessNas, {"order": 2}, "without a graph"),
        (Parsec, {"order": 2}, "its gradient of alpha is its own"),
        (DropNas, {"order": 2, "level": "two"}, "differs from pass to pass"),
        (Snas, {"edge_normalization": True}, "its gates are its own"),
        (Gdas, {"edge_normalization": True}, "its gates are its own"),
        (Snas, {"order": 2}, "needs level two"),
        (Darts, {"k": 0}, "k is 0"),
    ],
)
def test_a_setting_that_would_be_lost_is_refused(kind, fields, reason):
    with pytest.raises(UserError, match=reason):
        kind(**fields)


@pytest.mark.laws
@pytest.mark.parametrize("name", METHODS)
def test_partial_channels_reach_every_method(name):
    method = made(name, k=2)
    run = started(method, home(name), frames=9, dropout=0.0)
    method.on_epoch(0)
    assert {e.k for e in run.net.modules() if isinstance(e, MixedEdge)} >= {2}
    train, valid = batch(run)
    assert torch.isfinite(torch.as_tensor(method.step(train, valid if method.halves else train, 0.0)["loss"]))


def test_a_supernet_with_all_channels_is_not_taken_for_a_partial_one():
    run = started(Darts(), CHAIN, frames=9)
    with pytest.raises(ValueError, match=r"k=method\.k, 4"):
        PcDarts(warmup=0.0).setup(run)


@pytest.mark.laws
def test_edges_widen_during_a_search_and_a_resumed_one_is_as_wide(tmp_path):
    method = Darts(k=4)
    run = started(method, NasBench201(), dropout=0.0)
    steps(method, 0, 1)
    run.widen(method.fill, 2)
    assert {e.k for e in run.net.modules() if isinstance(e, MixedEdge)} == {2}
    steps(method, 1, 2)
    checkpoint.save(tmp_path, 1, method.state())
    again = Darts(k=4)
    started(again, NasBench201(), dropout=0.0)
    again.restore(checkpoint.load(tmp_path))
    assert again.run.k == 2
    assert steps(again, 2, 4) == steps(method, 2, 4)


# --- hooks that look ---------------------------------------------------------------------------------------


@dataclass(kw_only=True)
class Agreement(Darts):
    """The cosine of a weight's training and validation gradients, as OLES follows it."""

    def watched(self):
        return {n: w for n, w in self.run.net.named_parameters() if ".ops." in n}

    def on_validation(self, gradients):
        told = {n: w.grad for n, w in self.run.net.named_parameters() if w.grad is not None}
        for name, gradient in gradients.items():
            if name in told:
                self.run.log(
                    "agreement", torch.cosine_similarity(gradient.flatten(), told[name].flatten(), 0)
                )


@pytest.mark.laws
def test_an_alpha_step_also_yields_the_weights_gradient():
    """On one batch it is that of the weight step, and alpha's is as without looking."""
    told = []
    for kind in (Darts, Agreement):
        method = kind()
        run = started(method, CHAIN, frames=9, dropout=0.0)
        run.net.eval()
        train, _ = batch(run)
        method.weight_gradient(train)
        before = {n: w.grad.clone() for n, w in run.net.named_parameters() if w.grad is not None}
        method.alpha_gradient(train, train)
        assert all(torch.equal(w.grad, before[n]) for n, w in run.net.named_parameters() if n in before)
        told.append(torch.cat([alpha.grad for alpha in run.alphas.values()]))
    assert torch.allclose(told[0], told[1], atol=1e-7)
    assert run.told()["agreement"] == pytest.approx(1, abs=1e-4)


@dataclass(kw_only=True)
class Looking(Darts):
    """It remembers the batch for which it was asked gates."""

    def weight_gates(self, train):
        gates = super().weight_gates(train)
        self.run.log("examples", len(train.target))
        self.seen = train
        return gates


def test_the_weights_gates_may_look_at_the_batch_and_any_hook_may_log():
    method = Looking()
    run = started(method, CHAIN, frames=9, dropout=0.0)
    for seed in (0, 1):
        train, _ = batch(run, seed)
        method.weight_gradient(train)
        assert method.seen is train
    run.log("other", 1.0)
    run.log("other", torch.tensor(2.0))
    assert run.told() == {"examples": 4.0, "other": 1.5}
    assert run.told() == {}
