"""While a method mixes options, no option's weights can do the work of its own gate.

Where they can, alpha and weights are two names of one thing: the search may move the gates from one option
to another and rescale norms, and the supernet computes what it did, while the derived network changes.
"""

import functools

import pytest
import torch
from torch import nn

from audionas.nn.edge import Edge
from audionas.nn.ops import OPS, OpShape
from tests.invariants._cases import CELLS, DEFAULTS, LARGE, SPACES, TRAINED, input_of, made, named, runs

MOST = 900
LEAST = 0.4  # the part of an option's own direction in the output that its weights must not reach
MERGED = ("merge_nas",)  # its options share one kernel, which the weights of the gate multiply
SOFT = [name for name in TRAINED if made(name).bare is not None and name not in MERGED]


def kinds(name, space, bare):
    """The options of a supernet with their places, each kind once, and with few channels.

    An edge adds gate * option: nothing else that it does to the sum depends on the option's weights. Two
    channels are too few for a causal squeeze-and-excitation, which reads frames so far: TC blocks have four.
    """
    found, io = {}, input_of(space)
    with torch.device("meta"):
        method = made(name)
        net = space.supernet(method.fill, io, sizes=CELLS.get(space.name), bare=bare, k=method.k)
    for edge in net.modules():
        if isinstance(edge, Edge):
            for option in edge.ops:
                c = 4 if option.startswith("tc_") else 2
                c_out = c if edge.shape.c_in == edge.shape.c_out else c + 2
                found[option, edge.shape._replace(c_in=c, c_out=c_out)] = None
    return list(found)


@functools.cache
def residual(option, shape):
    """The part of d out / d gate of an option that is no combination of its d out / d weights: 0 to 1.

    Norms divide by the deviation alone: their epsilon would leak a direction. None where there are more than
    `MOST` weights, as in parallel kernels up to 9 x 9: minutes each.
    """
    torch.manual_seed(1)
    op = OPS[option].make(shape).double().train()
    count = sum(w.numel() for w in op.parameters())
    if count == 0 or count > MOST:
        return None if count else 1.0
    for module in op.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eps, module.track_running_stats = 1e-16, False
            module.running_mean = module.running_var = module.num_batches_tracked = None
            if module.affine:
                nn.init.uniform_(module.weight, 0.5, 1.5)
                nn.init.uniform_(module.bias, -0.5, 0.5)
    high = 1 if 2 not in OPS[option].axes and shape.stride[0] == 1 and option != "skip_connect" else 4
    draw = torch.Generator().manual_seed(2)
    with torch.no_grad():
        positions = op(torch.randn(2, shape.c_in, high, 12, generator=draw).double()).numel() // 2
        x = torch.randn(3 * count // positions + 2, shape.c_in, high, 12, generator=draw).double()
        wanted = op(x).flatten()
        reached = torch.stack([slope(op, x, w, i) for w in op.parameters() for i in range(w.numel())], 1)
    found = torch.linalg.lstsq(reached, wanted[:, None], rcond=1e-6, driver="gelsd").solution[:, 0]
    return float((wanted - reached @ found).norm() / wanted.norm())


def slope(op, x, weights, place):
    """d out / d weight by a central difference."""
    flat, ends = weights.view(-1), []
    for step in (1e-6, -2e-6):
        flat[place] += step
        ends.append(op(x).flatten())
    flat[place] += 1e-6
    return (ends[0] - ends[1]) / 2e-6


def cases():
    """Each space in each variant; those with many kinds of options, minutes each, are nightly."""
    quick = [space for space in DEFAULTS if space.name not in LARGE]
    return [
        pytest.param(
            space, id=named(space), marks=pytest.mark.laws if space in quick else pytest.mark.nightly
        )
        for space in SPACES
        if space.choices()
    ]


@pytest.mark.parametrize("space", cases())
def test_no_option_can_do_the_work_of_its_gate(space):
    """For every option of every soft method; a kind of option that another space has too is computed once."""
    for name in SOFT if space in DEFAULTS else SOFT[:1]:
        if runs(name, space):
            found = {kind: residual(*kind) for kind in kinds(name, space, made(name).bare)}
            measured = {kind: value for kind, value in found.items() if value is not None}
            assert measured
            assert not {kind: value for kind, value in measured.items() if value <= LEAST}


def test_it_tells_when_a_norm_can():
    """The weights of an option that ends in affine norms can do everything: so were all chains once."""
    place = OpShape(4, 8, (1, 2))
    assert residual("tc_k3", place) < 1e-3
    assert residual("tc_k3", place._replace(bare=True)) > LEAST


def test_branches_that_come_to_agree_cannot_do_the_work_of_the_gate():
    """Bare norms in the branches let their weights scale the sum: it has a norm of its own while searched."""
    place = OpShape(2, 2, causal=True)
    assert residual("rep_k3", place) < 1e-3
    assert residual("rep_k3", place._replace(bare=True)) > LEAST
    assert residual("mt_k9", place._replace(bare=True)) > LEAST
