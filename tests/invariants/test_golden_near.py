"""The methods near DARTS compute what their official code computes, recorded in `tests/golden`.

Held to 1e-9 are alpha's gradients, the points at which weights learn, the curvature, and the losses by which
options and inputs are removed. What they cannot show: learning over many steps, and schedules.
"""

import pytest
import torch

from audionas.methods import bending, bent, idle_inputs, largest_eigenvalue, mean_gates, needed, order
from tests import _golden as golden
from tests._tiers import laws
from tests.invariants.test_golden import near


@pytest.mark.laws
def test_beta_darts_gradient_is_the_official_one():
    """The term's own gradient is a softmax over six choices, and grows with the epoch."""
    recorded = golden.load("beta_darts")
    method = golden.started("beta_darts")
    data = golden.batch(golden.CASES["beta_darts"][-1])
    method.on_epoch(golden.EPOCH)
    near(method.run.logits(data.x, method.gates("alpha")), recorded["logits"])
    method.alpha_gradient(data, data)
    near(gradient(method), recorded["alphas"])
    none = golden.started("beta_darts", beta_decay=0.0)
    none.alpha_gradient(data, data)
    near((gradient(method) - gradient(none)) / 25, recorded["term"])


@pytest.mark.parametrize(("kl", "key"), [(0.0, "alphas"), (1.0, "kl")])
def test_dr_nas_gradient_through_a_draw_is_the_official_one(kl, key):
    recorded, method = golden.load("dr_nas"), golden.started("dr_nas", kl=kl)
    torch.manual_seed(golden.SEED)
    draw = torch.cat([gate.weight for gate in method.gates("alpha").values()])
    assert torch.allclose(draw, torch.tensor(recorded["noise"]).double(), atol=1e-6), "record anew"
    data = golden.batch(golden.CASES["dr_nas"][-1])
    torch.manual_seed(golden.SEED)
    near(method.run.logits(data.x, method.gates("alpha")), recorded["logits"])
    torch.manual_seed(golden.SEED)
    method.alpha_gradient(data, data)
    near(gradient(method), recorded[key])


@pytest.mark.parametrize("smoothing", laws(["random", "adversarial"]))
def test_sdarts_moves_to_the_official_point(smoothing):
    recorded, method = golden.load("sdarts"), golden.started("sdarts", smoothing=smoothing)
    data = golden.batch(golden.CASES["sdarts"][-1], 1)
    method.on_epoch(golden.EPOCH)
    torch.manual_seed(golden.SEED)
    gates = method.weight_gates(data)
    near(torch.cat([gate.weight for gate in gates.values()]), recorded[smoothing])
    method.run.criterion(method.run.logits(data.x, gates), data.target).backward()
    near(method.run.net.stem[0].weight.grad[0], recorded[f"{smoothing}_stem"])


@pytest.mark.laws
def test_darts_es_measures_the_official_eigenvalue():
    recorded, method = golden.load("darts_es"), golden.started("darts_es")
    data, run = golden.batch(golden.CASES["darts_es"][-1]), method.run
    run.valid = lambda: [data]
    with bent(run.net):
        loss = run.criterion(run.logits(data.x, method.gates("alpha")), data.target)
        product, entries = bending(loss, method.parameters()), len(recorded["diagonal"])
        rows = torch.stack([product(row) for row in torch.eye(entries)])
    near(rows.diagonal(), recorded["diagonal"])
    assert largest_eigenvalue(method) == pytest.approx(recorded["eigenvalue"][0], rel=1e-9)


@pytest.mark.laws
def test_darts_pt_keeps_the_official_options_by_the_official_losses():
    method, recorded = golden.started("darts_pt"), golden.load("darts_pt")
    run, losses, kept = watched(method, "darts_pt"), [], []
    run.criterion = heard(run.criterion, losses)
    turns = [item[0] for item in order(run)]
    assert [run.space.choices().index(choice) for choice in turns] == recorded["order"]
    for choice in turns:
        option = needed(run, mean_gates(method), choice, "loss")
        run.keep({choice.name: [option]})
        kept.append(choice.options.index(option))
    assert kept == recorded["kept"]
    near(torch.tensor(losses, dtype=torch.float64), recorded["losses"])


@pytest.mark.laws
def test_darts_pt_removes_the_official_inputs_in_the_official_order():
    method, recorded = golden.started("darts_pt_inputs"), golden.load("darts_pt_inputs")
    run, losses, found, absent = watched(method, "darts_pt_inputs"), [], [], []
    run.criterion = heard(run.criterion, losses)
    names = [choice.name for choice in run.space.choices()]
    for item in order(run):
        edges = [choice.name for choice in item]
        if len(edges) > 1:
            absent += idle_inputs(run, mean_gates(method, absent), edges, 2, "loss")
            found += [names.index(edge) for edge in edges if edge not in absent]
    assert found == recorded["left"]
    near(torch.tensor(losses, dtype=torch.float64), recorded["losses"])


def watched(method, case):
    """The run, whose half for alpha is the batch of the case."""
    method.run.valid = lambda: [golden.batch(golden.CASES[case][-1])]
    return method.run


def heard(criterion, losses):
    """The criterion, which notes each loss."""

    def note(logits, target):
        losses.append(float(loss := criterion(logits, target)))
        return loss

    return note


def gradient(method):
    """Alpha's gradient as one vector."""
    return torch.cat([alpha.grad.flatten() for alpha in method.run.alphas.values()])
