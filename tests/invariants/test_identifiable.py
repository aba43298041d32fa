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
    high = 1 if 2 not in OPS[option].axes and shape.stride[0] == 1 and option != "skip_connect" else 6
    x = torch.randn(16, shape.c_in, high, 12, generator=torch.Generator().manual_seed(2)).double()
    with torch.no_grad():  # forward mode; the convolutions are then torch's own
        columns = jacfwd(lambda w: functional_call(op, w, (x,)).flatten())(weights)
        reached, wanted = torch.cat([c.flatten(1) for c in columns.values()], 1), op(x).flatten()
        u, s, _ = torch.linalg.svd(reached, full_matrices=False)
        u = u[:, s > 1e-6 * s[0]]
        return float((wanted - u @ (u.T @ wanted)).norm() / wanted.norm())
