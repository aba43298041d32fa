"""While a method mixes options, no option's weights can do the work of its own gate.

Where they can, alpha and weights are two names of one thing: the search may move the gates from one option
to another and rescale norms, and the supernet computes what it did, while the derived network changes.
"""

import functools

import pytest
import torch
from torch import nn
from torch.func import functional_call, jacfwd

from audionas.nn.edge import Edge
from audionas.nn.ops import OPS
from tests.invariants._cases import CELLS, DEFAULTS, SPACES, TRAINED, input_of, made, named, runs

LEAST = 0.4  # the part of an option's own direction in the output that its weights must not reach
MERGED = ("merge_nas",)  # its options share one kernel, which the weights of the gate multiply
SOFT = [name for name in TRAINED if made(name).bare is not None and name not in MERGED]


def kinds(name, space, bare):
    """The options of a supernet with their places, each kind once, and with 2 or 4 channels.

    An edge adds gate * option: nothing else that it does to the sum depends on the option's weights.
    """
    found, io = {}, input_of(space)
    with torch.device("meta"):
        net = space.supernet(made(name).fill, io, sizes=CELLS.get(space.name), bare=bare)
    for edge in net.modules():
        if isinstance(edge, Edge):
            narrow = (2, 2) if edge.shape.c_in == edge.shape.c_out else (2, 4)
            shape = edge.shape._replace(c_in=narrow[0], c_out=narrow[1])
            found |= dict.fromkeys((option, shape) for option in edge.ops)
    return list(found)


@functools.cache
def residual(option, shape):
    """The part of d out / d gate of an option that is no combination of its d out / d weights: 0 to 1.

    Norms divide by the deviation alone: their epsilon would leak a direction.
    """
    torch.manual_seed(1)
    op = OPS[option].make(shape).double().train()
    if not list(op.parameters()):
        return 1.0
    for module in op.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eps, module.track_running_stats = 1e-16, False
            module.running_mean = module.running_var = module.num_batches_tracked = None
            if module.affine:
                nn.init.uniform_(module.weight, 0.5, 1.5)
                nn.init.uniform_(module.bias, -0.5, 0.5)
    weights = dict(op.named_parameters())
    high = 1 if 2 not in OPS[option].axes and shape.stride[0] == 1 and option != "skip_connect" else 4
    draw = torch.Generator().manual_seed(2)
    x = torch.randn(2, shape.c_in, high, 12, generator=draw).double()
    with torch.no_grad():  # forward mode; the convolutions are then torch's own
        examples = 3 * sum(w.numel() for w in weights.values()) * 2 // op(x).numel() + 2
        x = torch.randn(examples, shape.c_in, high, 12, generator=draw).double()
        columns = jacfwd(lambda w: functional_call(op, w, (x,)).flatten())(weights)
        reached, wanted = torch.cat([c.flatten(1) for c in columns.values()], 1), op(x).flatten()
    found = torch.linalg.lstsq(reached, wanted[:, None], rcond=1e-6, driver="gelsd").solution[:, 0]
    return float((wanted - reached @ found).norm() / wanted.norm())


def cases():
    """Each space in each variant; fast is the keyword chain without squeeze-and-excitation."""
    fast = "kws_tc_resnet-none"
    return [
        pytest.param(space, marks=() if named(space) == fast else pytest.mark.laws, id=named(space))
        for space in SPACES
        if space.choices()
    ]


@pytest.mark.parametrize("space", cases())
def test_no_option_can_do_the_work_of_its_gate(space):
    """For every option of every soft method; a kind of option that another space has too is computed once."""
    for name in SOFT if space in DEFAULTS else SOFT[:1]:
        if runs(name, space):
            found = {kind: residual(*kind) for kind in kinds(name, space, made(name).bare)}
            assert found
            assert not {kind: value for kind, value in found.items() if value <= LEAST}
