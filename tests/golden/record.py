"""Record what official code computes: `python -m tests.golden.record CASE CHECKOUT`, from the root.

CHECKOUT is a copy of the repository that `SOURCES` names, at its commit. None of its code is kept here. Old
code is helped along: `.cuda()` stays on the CPU, and everything is in float64.
"""

import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests import _golden as g
from tests.golden.near_darts import FAMILY

DARTS = ("quark0/darts", "f276dd346a09ae3160f8e3aca5c7b193fda1da37", "cnn")
XAUTODL = ("D-X-Y/AutoDL-Projects", "f46486e21b71ae6459a700be720d7648b5429569", ".")
PERTURBED = ("ruocwang/darts-pt", "4ec3149dea0d77efd8e4c118f578b454dad5e0ac", ".")
SOURCES = {
    "nas_bench_201_darts": XAUTODL,
    "nas_bench_201_gdas": XAUTODL,
    "darts_first": DARTS,
    "darts_second": DARTS,
    "darts_minus": DARTS,
    "pc_darts": ("yuhuixu1993/PC-DARTS", "b74702f86c70e330ce0db35762cfade9df026bb7", "."),
    "fair_darts": ("xiaomi-automl/FairDARTS", "270cfc94ef4bf851f359ab5caf741f23316ea7c9", "fairdarts"),
    "proxyless_nas": ("mit-han-lab/proxylessnas", "bf58b5c330677afa4bfaf933488b68779f9ec601", "search"),
    "mix_path": ("xiaomi-automl/MixPath", "38e601d0282cf0c82982cce0484f19f6afc684ff", "S1"),
    "beta_darts": ("Sunshine-Ye/Beta-DARTS", "f3077048c8cf1fef977496f8e46869cb07e73e30", "."),
    "dr_nas": ("xiangning-chen/DrNAS", "f2caa4dbdd96c1be29b56cb7ed47a74a184e6ef0", "201-space"),
    "sdarts": ("xiangning-chen/SmoothDARTS", "d3dbfed06643d5fd4056edd90891ec9109634ada", "."),
    "darts_es": ("automl/RobustDARTS", "3dec3fedaa1770614bbfd4b98f5299d946ea7ac6", "."),
    "darts_pt": PERTURBED,
    "darts_pt_inputs": PERTURBED,
}
NOTES = {
    "nas_bench_201_darts": "TinyNetworkDarts(affine=False); biases of convolutions before norms are 0",
    "nas_bench_201_gdas": "TinyNetworkGDAS with forward_gdas_v1 (a list is indexed, not called), "
    "at the given noise and temperature 10; `all` is forward_gdas, which adds the "
    "unselected scalars",
    "darts_minus": "the official code of DARTS- could not be had: DARTS' Network, whose every MixedOp "
    "adds 0.7 times a skip of its own (identity, or FactorizedReduce), as in section 3.2 "
    "of the paper",
    "darts_second": "Architect._backward_step_unrolled, eta 0.025, decay 3e-4, no momentum yet, r 0.01",
    "fair_darts": "ConvSeparateLoss, weight 10",
    "proxyless_nas": "SuperProxylessNASNets, mode full, operations drawn as given; null where alpha rests, "
    "as Zero was drawn; norms with eps 1e-5, not 1e-3; 640 channels in the last "
    "convolution",
    "beta_darts": "Architect._backward_step in epoch 50 of 100; `term` is the gradient of mlc_loss alone",
    "dr_nas": "TinyNetwork(k=4, species dirichlet); `noise` is the draw; `kl` has the regulariser, scale 1",
    "sdarts": "Random_alpha and Linf_PGD_alpha in epoch 5 of 10, space S3, at the given noise",
    "darts_es": "Analyzer.compute_Hw and compute_eigenvalues without alpha's decay, space S2",
    "darts_pt": "pt_project without training between decisions, by the loss, edges in the given order",
    "darts_pt_inputs": "project_edge by the loss, before any operation is decided, space S3; edges by number",
    "mix_path": "SuperNetwork(shadow_bn=True), a quarter of the channels; the gradient is the stem's",
}


def network(case: str) -> dict[str, Any]:
    """Logits and alpha gradients of DARTS' Network, or of a descendant of it."""
    import genotypes
    import model_search

    _, _, _, _, sizes, side = g.CASES[case]
    if case == "fair_darts":
        from separate_loss import ConvSeparateLoss as Loss

        criterion: nn.Module = Loss(weight=10.0)
    else:
        criterion = nn.CrossEntropyLoss()
    net = model_search.Network(sizes["channels"], g.CLASSES, sizes["layers"], criterion).train()
    parameters = list(net.named_parameters())
    if case == "darts_minus":
        parameters += _with_skips(net, genotypes.PRIMITIVES.index("skip_connect"))
    g.fill(parameters)
    alphas = net.arch_parameters()
    for number, alpha in enumerate(alphas):
        start = sum(a.numel() for a in alphas[:number])
        alpha.data.copy_((g.wave(alpha.numel(), 5, 5 * start + 1) / 2).reshape(alpha.shape))
    valid, train = g.batch(side), g.batch(side, 1)
    logits = net(valid.x)
    if case == "darts_second":
        _unrolled(net, valid, train)
    elif case == "fair_darts":
        held = torch.cat([torch.sigmoid(alpha) for alpha in alphas])
        net._loss(valid.x, valid.target, held)[0].backward()
    else:
        net._loss(valid.x, valid.target).backward()
    return {"logits": logits, "alphas": torch.cat([a.grad.flatten() for a in alphas])}


def _with_skips(net: nn.Module, skip: int) -> list[tuple[str, Tensor]]:
    """Add 0.7 times a skip to every mixed operation; return the parameters that this adds."""
    import operations

    added = []
    for cell in net.cells:
        for mixed in cell._ops:
            own = mixed._ops[skip]
            c = own.bn.num_features if hasattr(own, "bn") else 0
            extra = operations.FactorizedReduce(c, c, affine=False) if c else operations.Identity()
            added += list(extra.named_parameters())
            plain = mixed.forward

            def forward(x: Tensor, w: Tensor, plain: Any = plain, extra: Any = extra) -> Tensor:
                return plain(x, w) + 0.7 * extra(x)

            mixed.forward = forward
    return added


def _unrolled(net: nn.Module, valid: Any, train: Any) -> None:
    from architect import Architect

    conf = SimpleNamespace(
        momentum=g.MOMENTUM, weight_decay=g.DECAY, arch_learning_rate=3e-4, arch_weight_decay=0.0
    )
    sgd = torch.optim.SGD(net.parameters(), g.RATE, g.MOMENTUM, weight_decay=g.DECAY)
    Architect(net, conf)._backward_step_unrolled(train.x, train.target, valid.x, valid.target, g.RATE, sgd)


def nas_bench_201(case: str) -> dict[str, Any]:
    """Logits and alpha gradients of the benchmark's own supernets."""
    from xautodl.models.cell_operations import NAS_BENCH_201
    from xautodl.models.cell_searchs.search_cells import NAS201SearchCell
    from xautodl.models.cell_searchs.search_model_darts import TinyNetworkDarts
    from xautodl.models.cell_searchs.search_model_gdas import TinyNetworkGDAS

    _, _, _, _, sizes, side = g.CASES[case]
    kind = TinyNetworkGDAS if case.endswith("gdas") else TinyNetworkDarts
    net = kind(sizes["channels"], sizes["layers"], 4, g.CLASSES, NAS_BENCH_201, False, True).train()
    idle = {f"{n}.bias" for n, m in net.named_modules() if isinstance(m, nn.Conv2d) and m.bias is not None}
    named = [(n, p) for n, p in net.named_parameters() if n != "arch_parameters"]
    g.fill((n, p) for n, p in named if n not in idle)
    for name, parameter in named:
        if name in idle:
            parameter.data.zero_()
    alpha = net.arch_parameters
    alpha.data.copy_((g.wave(30, 5, 1) / 2).reshape(6, 5))
    data = g.batch(side)
    if kind is TinyNetworkDarts:
        logits = net(data.x)[1]
        F.cross_entropy(logits, data.target).backward()
        return {"logits": logits, "alphas": alpha.grad.flatten()}
    torch.manual_seed(g.SEED)
    noise = -torch.empty(6, 5, dtype=torch.float32).exponential_().log().double()
    found: dict[str, Any] = {"noise": noise}
    exponential = torch.Tensor.exponential_
    torch.Tensor.exponential_ = lambda x: x.copy_((-noise).exp())  # type: ignore[method-assign]
    for key, forward in (("all", NAS201SearchCell.forward_gdas), ("alphas", _selected)):
        NAS201SearchCell.forward_gdas = forward
        alpha.grad = None
        logits = net(data.x)[1]
        F.cross_entropy(logits, data.target).backward()
        found |= {"logits": logits, key: alpha.grad.flatten().clone()}
    torch.Tensor.exponential_ = exponential  # type: ignore[method-assign]
    return found


def _selected(self: Any, inputs: Tensor, hardwts: Tensor, index: Tensor) -> Tensor:
    """The benchmark's forward_gdas_v1, through its own attributes."""
    nodes = [inputs]
    for i in range(1, self.max_nodes):
        edges = [(self.edges[f"{i}<-{j}"], self.edge2index[f"{i}<-{j}"], nodes[j]) for j in range(i)]
        nodes.append(sum(hardwts[e][index[e].item()] * ops[index[e].item()](x) for ops, e, x in edges))
    return nodes[-1]


def proxyless(case: str) -> dict[str, Any]:
    """Logits and alpha gradients of ProxylessNAS' chain, at the operations that ours draws."""
    drawn = draws(case)
    from models.super_nets.super_proxyless import SuperProxylessNASNets
    from modules.layers import ConvLayer, LinearLayer
    from modules.mix_op import MixedEdge

    names = [f"{k}x{k}_MBConv{e}" for k in (3, 5, 7) for e in (3, 6)]
    net = SuperProxylessNASNets(
        [24, 40, 80, 96, 192, 320],
        [4, 4, 4, 4, 4, 1],
        names,
        [2, 2, 2, 1, 2, 1],
        n_classes=g.CLASSES,
        width_mult=0.5,
        bn_param=(0.1, 1e-5),
    )
    net.feature_mix_layer = ConvLayer(
        net.feature_mix_layer.in_channels, 640, kernel_size=1, use_bn=True, act_func="relu6"
    )
    net.classifier = LinearLayer(640, g.CLASSES)
    net.train()
    g.fill((n, p) for n, p in net.named_parameters() if "AP_path" not in n)
    MixedEdge.MODE = "full"
    start = 0
    for edge, active in zip(net.redundant_modules, drawn, strict=True):
        count = edge.n_choices
        edge.AP_path_alpha.data.copy_(g.wave(count, 5, 5 * start + 1) / 2)
        edge.active_index, edge.inactive_index = [active], [i for i in range(count) if i != active]
        edge.AP_path_wb.data.zero_()
        edge.AP_path_wb.data[active] = 1.0
        start += count
    data = g.batch(g.CASES[case][5])
    logits = net(data.x)
    F.cross_entropy(logits, data.target).backward()
    for edge in net.redundant_modules:
        if not edge.active_op.is_zero_layer():  # there alpha rests
            edge.set_arch_param_grad()
    grads = [e.AP_path_alpha.grad for e in net.redundant_modules]
    rests = [e.n_choices for e in net.redundant_modules]
    filled = [torch.full((n,), torch.nan) if a is None else a for a, n in zip(grads, rests, strict=True)]
    return {"logits": logits, "alphas": torch.cat(filled), "drawn": torch.tensor(drawn)}


def draws(case: str) -> list[int]:
    """The operations that our method draws with the stated seed."""
    method = g.started(case)
    torch.manual_seed(g.SEED)
    gates = method.gates("alpha")
    return [next(i for i in gate.active if i not in gate.frozen) for gate in gates.values()]


def mix_path(case: str) -> dict[str, Any]:
    """Logits of MixPath's supernet on each of the paths, and the gradient of the stem on the last."""
    import model_search

    model_search.channel = [8, 16, 16, 24, 24, 24, 48, 48, 48, 64, 64, 80, 80]
    model_search.last_channel = 320
    net = model_search.SuperNetwork(shadow_bn=True, classes=g.CLASSES).train()
    g.fill(net.named_parameters())
    data, found = g.batch(g.CASES[case][5]), []
    for (name,) in g.PATHS:
        kernels, rate = name.split("_")
        choice = {"conv": [(int(k) - 3) // 2 for k in kernels[1:]], "rate": 0 if rate == "e3" else 1}
        found.append(net(data.x, [choice] * 12))
    F.cross_entropy(found[-1], data.target).backward()
    return {"logits": torch.cat(found), "stem": net.stem[0].weight.grad.flatten()}


def main() -> None:
    """Write the file of one case."""
    case, checkout = sys.argv[1:]
    repository, commit, folder = SOURCES[case]
    sys.path[:0] = [str(Path(checkout) / folder), checkout]
    idle = SimpleNamespace(CIFAR10Policy=None, transforms=None, VisionDataset=object, utils=None)
    idle.NASBench201API = idle.Image = idle.datasets = None
    outside = ("transforms", "datasets", "datasets.utils")
    for name in ("auto_augment", "nas_201_api", "PIL", "torchvision", *(f"torchvision.{n}" for n in outside)):
        sys.modules.setdefault(name, idle)  # type: ignore[arg-type]  # of data only
    torch.set_default_dtype(torch.float64)
    torch.Tensor.cuda = nn.Module.cuda = lambda self, *_: self  # type: ignore[assignment, method-assign]
    family = {"nas_bench_201_darts": nas_bench_201, "nas_bench_201_gdas": nas_bench_201}
    family |= {"proxyless_nas": proxyless, "mix_path": mix_path, **FAMILY}
    found = family.get(case, network)(case)
    told = {"source": f"https://github.com/{repository}", "commit": commit, "note": NOTES.get(case, "")}
    numbers = {n: [None if v != v else v for v in t.detach().flatten().tolist()] for n, t in found.items()}
    (g.HERE / f"{case}.json").write_text(json.dumps(told | numbers) + "\n")


if __name__ == "__main__":
    main()
