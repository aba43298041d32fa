"""FairNAS: strict fairness after every update, orders that are uniform and independent, one step a round."""

import copy
from collections import Counter

import pytest
import torch
from scipy import stats

from audionas.core.arch import Choice
from audionas.core.errors import UserError
from audionas.data.batches import Batch
from audionas.engine.optim import Optim
from audionas.methods import gates_of, shared
from audionas.methods.fair_nas import FairNas, entry
from audionas.methods.spos import Spos
from audionas.spaces.darts_cell import DartsCell
from audionas.spaces.kws_mobilenet import KwsMobilenet
from tests.invariants._cases import batches, started, steps

EQUAL = KwsMobilenet(preset="sf6", width=0.25)  # six options everywhere
UNEQUAL = KwsMobilenet(preset="depth", width=0.25)  # eight, and nine where a layer may be left out
PLAIN = Optim(lr=0.1, momentum=0.0, weight_decay=0.0, schedule="constant")


def prepared(space=EQUAL, method=None, **options):
    method = method or FairNas()
    started(method, space, frames=9, dropout=0.0, **options)
    method.on_epoch(0)
    return method


def batch_for(method, size=12):
    (pair,) = batches(method.run.io, 1, seed=5, size=size)
    return pair[0]


@pytest.mark.laws
def test_every_option_has_received_the_same_after_every_update():
    method = prepared()
    for update in range(1, 4):
        method.step(batch_for(method), batch_for(method), 0.0)
        for counts in method.run.updates.values():
            assert counts.tolist() == [update] * 6
    assert method.tell() == {"updates_least": 3, "updates_most": 3}


def test_uniform_draws_do_not_and_spread_as_the_binomial_says():
    """After n draws of one in m the variance of a count is n (1/m)(1 - 1/m)."""
    method, n = prepared(method=Spos()), 400
    found = Counter()
    for step in range(n):
        method.run.steps = step
        (path,) = method.paths()
        found.update(path.items())
    counts = [found[c.name, (o,)] for c in EQUAL.choices() for o in c.options]
    expected = n / 6 * (1 - 1 / 6)
    spread = sum((count - n / 6) ** 2 for count in counts) / len(counts)
    assert min(counts) < max(counts)
    assert 0.5 * expected < spread < 1.7 * expected  # 48 counts, 40 of them free: 4 deviations are 0.9


def test_layers_with_fewer_options_are_never_more_than_one_apart_and_equal_in_the_end():
    method = prepared(UNEQUAL)
    counts = {c.name: Counter() for c in UNEQUAL.choices()}
    for step in range(8):  # 8 updates of 9 paths: every layer of 8 has gone through 9 orders
        method.run.steps = step
        for path in method.paths():
            for name, (option,) in path.items():
                counts[name][option] += 1
        for choice in UNEQUAL.choices():
            seen = [counts[choice.name][o] for o in choice.options]
            assert max(seen) - min(seen) <= (0 if len(choice.options) == 9 else 1)
    assert all(len(set(c.values())) == 1 for c in counts.values())


def test_orders_are_uniform_and_layers_independent():
    first, second = Choice("a", ("x", "y", "z")), Choice("b", ("x", "y", "z"))
    orders, pairs = Counter(), Counter()
    for number in range(1200):
        row = tuple(entry(0, first, 3 * number + k) for k in range(3))
        orders[row] += 1
        pairs[row[0], entry(0, second, 3 * number)] += 1
    assert len(orders) == 6
    assert stats.chisquare(list(orders.values())).pvalue > 1e-3
    table = [[pairs[a, b] for b in "xyz"] for a in "xyz"]
    assert stats.chi2_contingency(table).pvalue > 1e-3


def test_an_update_is_one_step_along_the_sum_of_all_paths_gradients():
    method = prepared(optim=PLAIN)
    run, data = method.run, batch_for(method)
    net, before = copy.deepcopy(run.net), dict(run.net.named_parameters())
    before = {name: p.detach().clone() for name, p in before.items()}
    for path in method.paths():
        run.criterion(net(data.x, gates_of(run, method.spec_of(path))), data.target).backward()
    method.step(data, data, 0.0)
    moved = dict(run.net.named_parameters())
    for name, p in net.named_parameters():
        torch.testing.assert_close(moved[name].detach(), before[name] - 0.1 * p.grad)


@pytest.mark.laws
def test_shared_layers_may_take_the_mean_of_the_paths_gradients():
    data = batch_for(prepared())
    grads = {}
    for how in ("sum", "mean"):
        method = prepared(method=FairNas(shared_gradients=how))
        method.run.weight_optimizer.zero_grad()
        method.weight_gradient(data)
        grads[how] = {name: p.grad for name, p in method.run.net.named_parameters()}
        outside = {id(p) for p in shared(method.run.net)}
        names = {name for name, p in method.run.net.named_parameters() if id(p) in outside}
    assert names
    assert len(names) < len(grads["sum"])
    for name, grad in grads["sum"].items():
        torch.testing.assert_close(grads["mean"][name], grad / 6 if name in names else grad)


def test_fresh_batches_are_shares_of_the_batch():
    method = prepared(method=FairNas(batches="fresh"))
    data = batch_for(method, size=14)
    shares = method.minibatches(data, 6)
    assert [len(b.target) for b in shares] == [3, 3, 2, 2, 2, 2]
    assert torch.equal(torch.cat([b.x for b in shares]), data.x)
    method.step(data, data, 0.0)
    assert method.tell() == {"updates_least": 1, "updates_most": 1}
    with pytest.raises(UserError, match="11 examples are too few for 6 paths"):
        method.minibatches(Batch(data.x[:11], data.target[:11]), 6)


@pytest.mark.laws
def test_no_path_depends_on_what_was_computed():
    """Two runs of one seed take the same paths whatever else draws random numbers: processes must."""
    a, b = prepared(), prepared()
    torch.rand(100)
    steps(a, 0, 2)
    b.run.steps = a.run.steps
    assert a.paths() == b.paths()
    other = prepared(seed=1)
    assert other.paths() != prepared().paths()


def test_cells_that_drop_edges_are_refused():
    with pytest.raises(UserError, match="a node keeps only some of its edges"):
        FairNas().require(DartsCell())
