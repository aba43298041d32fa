"""Our supernets compute what official code computes: logits and alpha gradients, recorded in `tests/golden`.

That one-hot gates give the derived network cannot show a fault of a block, which both sides share.
"""

import pytest
import torch

from tests import _golden as golden
from tests._tiers import laws

CLOSE = {"rtol": 1e-9, "atol": 1e-9}


def numbers(values):
    """A recorded list; not a number where nothing was recorded."""
    return torch.tensor([torch.nan if v is None else v for v in values], dtype=torch.float64)


def near(ours, recorded):
    """Whether both agree to 1e-9, where something was recorded."""
    expected = numbers(recorded)
    known = ~expected.isnan()
    assert known.sum() > 8
    return torch.testing.assert_close(ours.detach().flatten()[known], expected[known], **CLOSE)


def test_the_benchmarks_darts_is_ours():
    agree("nas_bench_201_darts")


@pytest.mark.parametrize(
    "case", laws(("darts_first", "darts_second", "pc_darts", "fair_darts", "darts_minus", "proxyless_nas"), 0)
)
def test_official_logits_and_alpha_gradients_are_ours(case):
    agree(case)


def agree(case, recorded=None):
    """Compare the logits and the gradient that the method itself takes."""
    method, recorded = golden.started(case), recorded or golden.load(case)
    side = golden.CASES[case][-1]
    method.on_epoch(0)
    torch.manual_seed(golden.SEED)
    gates = method.gates("alpha")
    if "drawn" in recorded:
        drawn = [next(i for i in gate.active if i not in gate.frozen) for gate in gates.values()]
        assert drawn == recorded["drawn"], "torch draws other numbers: record anew"
    valid, train = golden.batch(side), golden.batch(side, 1)
    near(method.run.logits(valid.x, gates), recorded["logits"])
    torch.manual_seed(golden.SEED)
    method.alpha_gradient(valid, train)
    near(torch.cat([alpha.grad.flatten() for alpha in method.run.alphas.values()]), recorded["alphas"])


@pytest.mark.parametrize("gradient", laws(["all", "selected"]))
def test_the_benchmarks_gdas_is_ours(gradient):
    recorded = golden.load("nas_bench_201_gdas")
    torch.manual_seed(golden.SEED)
    noise = -torch.empty(6, 5).exponential_().log()
    torch.testing.assert_close(noise.flatten().double(), numbers(recorded["noise"]), rtol=1e-5, atol=1e-6)
    case = "nas_bench_201_gdas_all" if gradient == "all" else "nas_bench_201_gdas"
    agree(case, recorded | {"alphas": recorded["all" if gradient == "all" else "alphas"]})


@pytest.mark.laws
def test_mix_paths_supernet_is_ours():
    method, recorded = golden.started("mix_path"), golden.load("mix_path")
    run, data, found = method.run, golden.batch(golden.CASES["mix_path"][-1]), []
    for (ending,) in golden.PATHS:
        spec = run.space.spec({c.name: (f"mixs_{ending}",) for c in run.space.choices()}, run.io)
        found.append(run.logits(data.x, run.space.one_hot(spec)))
    near(torch.cat(found), recorded["logits"])
    run.criterion(found[-1], data.target).backward()
    near(run.net.stem.conv.weight.grad, recorded["stem"])
