"""What official code of the methods near DARTS computes: gradients, moved points, eigenvalues, decisions."""

import logging
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from audionas.methods import order
from tests import _golden as g

NAS_BENCH_201 = ["none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3"]


def beta_darts(case: str) -> dict[str, Any]:
    """Alpha's gradient halfway, by the architect of Beta-DARTS, and the term's alone."""
    from nasbench201.model import Network
    from optimizers.darts.architect import Architect

    sizes, side = g.CASES[case][4:]
    net = _benchmark(Network(sizes["channels"], sizes["layers"], 4, g.CLASSES, nn.CrossEntropyLoss()))
    conf = SimpleNamespace(momentum=0.9, weight_decay=0.0, arch_learning_rate=3e-4, arch_weight_decay=0.0)
    (alpha,), data = net.arch_parameters(), g.batch(side)
    (term,) = torch.autograd.grad(Architect(net, conf).mlc_loss(alpha), alpha)
    logits = net(data.x)
    Architect(net, conf)._backward_step(data.x, data.target, 10 * g.EPOCH)
    return {"logits": logits, "alphas": alpha.grad, "term": term}


def dr_nas(case: str) -> dict[str, Any]:
    """Alpha's gradient through a draw from the Dirichlet distribution, without and with the KL term."""
    from search_model import TinyNetwork

    sizes, side = g.CASES[case][4:]
    data, found = g.batch(side), dict[str, Any]()
    for key, kind in (("kl", "kl"), ("alphas", "l2")):
        net = _benchmark(
            TinyNetwork(
                *(sizes["channels"], sizes["layers"], 4, g.CLASSES, nn.CrossEntropyLoss(), NAS_BENCH_201),
                **{"k": 4, "species": "dirichlet", "reg_type": kind, "reg_scale": 1.0},
            )
        )
        (alpha,) = net.arch_parameters()
        torch.manual_seed(g.SEED)
        draw = torch.distributions.Dirichlet(F.elu(alpha) + 1).sample()
        torch.manual_seed(g.SEED)
        logits = net(data.x)
        torch.manual_seed(g.SEED)
        net._loss(data.x, data.target).backward()
        found |= {"logits": logits, key: alpha.grad, "noise": draw}
    return found


def sdarts(case: str) -> dict[str, Any]:
    """The points at which the weights' gradient is taken, and the stem's gradient there."""
    from attacker.perturb import Linf_PGD_alpha, Random_alpha
    from sota.cnn.model_search import Network
    from sota.cnn.spaces import spaces_dict

    sizes, side = g.CASES[case][4:]
    loss, data, found = nn.CrossEntropyLoss(), g.batch(side, 1), dict[str, Any]()
    radius = 0.03 + (0.3 - 0.03) * g.EPOCH / 10
    torch.manual_seed(g.SEED)
    noise = (radius * (2 * torch.rand(28, 3, dtype=torch.float32) - 1)).double()
    for name, move in (("random", Random_alpha), ("adversarial", Linf_PGD_alpha)):
        net = Network(sizes["channels"], g.CLASSES, sizes["layers"], loss, spaces_dict["s3"]).train()
        _cells(net)
        rows = iter(noise.split(14))
        uniform = torch.Tensor.uniform_
        torch.Tensor.uniform_ = lambda x, *_, rows=rows: x.copy_(next(rows))  # type: ignore[method-assign]
        net.softmax_arch_parameters()
        move(net, data.x, data.target, radius)
        torch.Tensor.uniform_ = uniform  # type: ignore[method-assign]
        net.zero_grad()
        net._loss(data.x, data.target, updateType="weight").backward()
        found[name] = torch.cat([alpha.data for alpha in net.arch_parameters()])
        found[f"{name}_stem"] = net.stem[0].weight.grad[0]
    return {"noise": noise, **found}


def darts_es(case: str) -> dict[str, Any]:
    """The diagonal and the largest eigenvalue of the Hessian of the validation loss in alpha."""
    from src.search.analyze import Analyzer
    from src.search.model_search import Network
    from src.spaces import spaces_dict

    sizes, side = g.CASES[case][4:]
    data = g.batch(side)
    net = Network(sizes["channels"], g.CLASSES, sizes["layers"], nn.CrossEntropyLoss(), spaces_dict["s2"])
    _cells(net.train())
    conf = SimpleNamespace(momentum=0.9, weight_decay=0.0, arch_weight_decay=0.0)
    analyzer = Analyzer(conf, net)
    held = analyzer.compute_Hw(data.x, data.target, data.x, data.target, 0.0, None, False)
    largest = max(analyzer.compute_eigenvalues().real)
    return {"diagonal": held.diagonal(), "eigenvalue": torch.tensor([largest])}


def darts_pt(case: str) -> dict[str, Any]:
    """For each edge in turn the loss without each option, and the option that is kept."""
    from nasbench201 import projection
    from nasbench201.search_model_darts_proj import TinyNetworkDartsProj

    sizes, side = g.CASES[case][4:]
    conf = SimpleNamespace(
        **{"learning_rate": 0.025, "momentum": 0.9, "weight_decay": 0.0, "fast": True, "proj_intv": 2},
        **{"proj_crit": "loss", "edge_decision": "random"},
    )
    given = (sizes["channels"], sizes["layers"], 4, g.CLASSES, nn.CrossEntropyLoss(), NAS_BENCH_201, conf)
    TinyNetworkDartsProj.slim = False
    net, ours = _benchmark(TinyNetworkDartsProj(*given)), g.started(case).run
    turns = [ours.space.choices().index(item[0]) for item in order(ours)]
    losses, kept = [], []
    net.project_op = lambda edge, option, own=net.project_op: (kept.append(option), own(edge, option))
    with _order(turns), torch.no_grad():
        projection.pt_project(
            *([], [], net, None, nn.CrossEntropyLoss(), None, 0, conf),
            lambda *_, weights=None, **__: _loss(g.batch(side), losses, net, weights=weights),
            None,
        )
    return {
        "order": torch.tensor(turns),
        "kept": torch.tensor(kept),
        "losses": torch.tensor(losses),
    }


def darts_pt_inputs(case: str) -> dict[str, Any]:
    """For each node in turn the loss without each input, and the two inputs that are left."""
    from sota.cnn import projection
    from sota.cnn.model_search_darts_proj import DartsNetworkProj
    from sota.cnn.spaces import spaces_dict

    sizes, side = g.CASES[case][4:]
    conf = SimpleNamespace(
        **{"learning_rate": 0.025, "momentum": 0.9, "weight_decay": 0.0},
        **{"proj_crit": {"normal": "loss", "reduce": "loss"}, "edge_decision": "random"},
    )
    given = (sizes["channels"], g.CLASSES, sizes["layers"], nn.CrossEntropyLoss(), spaces_dict["s3"], conf)
    net, ours = _cells(DartsNetworkProj(*given).train()), g.started(case).run
    nodes = [item[0].node.split("/") for item in order(ours) if len(item) > 1]
    losses, left = [], []
    for kind, node in nodes:
        told: list[float] = []
        with _order([int(node) - 3]), torch.no_grad():
            number, edges = projection.project_edge(
                *(net, None, conf),
                lambda *_, weights_dict=None, told=told, **__: _loss(
                    g.batch(side), told, net, weights_dict=weights_dict
                ),
                kind,
            )
            net.project_edge(number, edges, kind)
        losses += told[: int(node)]  # later rounds measure the same again
        left += [edge + (14 if kind == "reduce" else 0) for edge in edges]
    return {"left": torch.tensor(left), "losses": torch.tensor(losses)}


def _loss(data: Any, losses: list[float], net: nn.Module, **weights: Any) -> tuple[float, float]:
    """Accuracy and loss with each batch's statistics, as the official `infer` has them."""
    net.train()
    logits = net(data.x, **weights)
    loss = float(F.cross_entropy(logits, data.target))
    if any(value is not None for value in weights.values()):
        losses.append(loss)
    return float((logits.argmax(1) == data.target).double().mean()), loss


class _order:
    """Inside it, numpy chooses what is given, in turn."""

    def __init__(self, turns: list[int]) -> None:
        self.turns = iter(turns)

    def __enter__(self) -> None:
        logging.disable()
        self.choice = np.random.choice
        np.random.choice = lambda *_, **__: [next(self.turns)]  # type: ignore[assignment]

    def __exit__(self, *_: object) -> None:
        np.random.choice = self.choice


def _benchmark(net: nn.Module) -> Any:
    """NAS-Bench-201's supernet with the stated weights and alphas, in training."""
    idle = {f"{n}.bias" for n, m in net.named_modules() if isinstance(m, nn.Conv2d) and m.bias is not None}
    named = [(n, p) for n, p in net.named_parameters() if n != "_arch_parameters"]
    g.fill((n, p) for n, p in named if n not in idle)
    for name, parameter in named:
        if name in idle:
            parameter.data.zero_()
    net._arch_parameters.data.copy_((g.wave(30, 5, 1) / 2).reshape(6, 5))
    return net.train()


def _cells(net: Any) -> Any:
    """DARTS' supernet with the stated weights and alphas."""
    g.fill(net.named_parameters())
    for number, alpha in enumerate(net.arch_parameters()):
        start = number * alpha.numel()
        alpha.data.copy_((g.wave(alpha.numel(), 5, 5 * start + 1) / 2).reshape(alpha.shape))
    return net


FAMILY = {
    "beta_darts": beta_darts,
    "dr_nas": dr_nas,
    "sdarts": sdarts,
    "darts_es": darts_es,
    "darts_pt": darts_pt,
    "darts_pt_inputs": darts_pt_inputs,
}
