"""Supernets with stated weights, for comparison with what official code computes (`tests/golden`).

Element i of the n-th parameter is s = sin(37 n + 11 i + 1) times sqrt(2 / fan in); in vectors 1 + s / 5 for
scales and s / 5 for shifts. Alphas are sin(5 i + 1) / 2, pixels sin(13 i + 5), targets 0, 1, 2, 0.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from audionas.core.arch import InputSpec
from audionas.core.registry import resolve
from audionas.data.batches import Batch
from audionas.engine.optim import Optim
from audionas.methods import Method, SearchRun
from audionas.spaces import Space
from tests.invariants._cases import Later, costs_of

HERE = Path(__file__).parent / "golden"
CLASSES, EXAMPLES, SEED, EPOCH = 3, 4, 5, 5
RATE, MOMENTUM, DECAY = 0.025, 0.9, 3e-4  # of the weights' SGD, for the step ahead
CASES: dict[str, tuple[str, dict[str, Any], str, dict[str, Any], dict[str, int], int]] = {
    # method and its fields, space and its fields, size of the supernet, pixels along a side
    "nas_bench_201_darts": ("darts", {}, "nas_bench_201", {}, {"layers": 1, "channels": 4}, 8),
    "nas_bench_201_gdas": ("gdas", {}, "nas_bench_201", {}, {"layers": 1, "channels": 4}, 8),
    "nas_bench_201_gdas_all": (
        "gdas",
        {"gradient": "all"},
        "nas_bench_201",
        {},
        {"layers": 1, "channels": 4},
        8,
    ),
    "darts_first": ("darts", {}, "darts_cell", {}, {"layers": 3, "channels": 4}, 8),
    "darts_second": ("darts", {"order": 2}, "darts_cell", {}, {"layers": 3, "channels": 4}, 8),
    "pc_darts": ("pc_darts", {"warmup": 0.0}, "darts_cell", {}, {"layers": 3, "channels": 8}, 8),
    "fair_darts": ("fair_darts", {}, "darts_cell", {"preset": "no_none"}, {"layers": 3, "channels": 4}, 8),
    "darts_minus": ("darts_minus", {"beta": 0.7}, "darts_cell", {}, {"layers": 3, "channels": 4}, 8),
    "proxyless_nas": ("proxyless_nas", {"warmup": 0.0}, "mobilenet", {"width": 0.5}, {}, 32),
    "beta_darts": ("beta_darts", {}, "nas_bench_201", {}, {"layers": 1, "channels": 4}, 8),
    "dr_nas": ("dr_nas", {}, "nas_bench_201", {}, {"layers": 1, "channels": 8}, 8),
    "sdarts": ("sdarts", {}, "darts_cell", {"preset": "s3"}, {"layers": 3, "channels": 4}, 8),
    "darts_es": ("darts_es", {}, "darts_cell", {"preset": "s2"}, {"layers": 3, "channels": 4}, 8),
    "darts_pt": ("darts_pt", {}, "nas_bench_201", {}, {"layers": 1, "channels": 4}, 8),
    "darts_pt_inputs": ("darts_pt", {}, "darts_cell", {"preset": "s3"}, {"layers": 3, "channels": 4}, 8),
    "mix_path": ("mix_path", {}, "mix_mobilenet", {"width": 0.25, "most": 4}, {}, 8),
}
PATHS = (("k3_e3",), ("k57_e6",), ("k3579_e3",))  # of MixPath: the same option in every layer


def wave(count: int, factor: float, shift: float) -> Tensor:
    """sin(factor * i + shift) for i from 0, in float64."""
    return torch.sin(factor * torch.arange(count, dtype=torch.float64) + shift)


def fill(parameters: Iterable[tuple[str, Tensor]]) -> None:
    """Give the named parameters, in their order, the stated values."""
    for number, (name, tensor) in enumerate(parameters):
        values = wave(tensor.numel(), 11, 37 * number + 1).reshape(tensor.shape)
        if tensor.dim() > 1:
            values = values * (2 / (tensor.numel() / tensor.shape[0])) ** 0.5
        else:
            values = values / 5 + (1.0 if name.endswith("weight") else 0.0)
        tensor.data.copy_(values)


def batch(side: int, shift: int = 0) -> Batch:
    """Four images of `side` pixels; another `shift`, another batch."""
    pixels = wave(EXAMPLES * 3 * side * side, 13, 5 + shift).reshape(EXAMPLES, 3, side, side)
    return Batch(pixels, (torch.arange(EXAMPLES) + shift) % CLASSES)


def started(case: str, **changed: Any) -> Method:
    """The method of a case at its supernet, with stated weights and alphas, in float64 and in training.

    Fields that are `changed` are those of this call.
    """
    name, fields, space_name, parameters, sizes, side = CASES[case]
    method: Method = resolve("method", name)(**{**fields, **changed})
    space: Space = resolve("space", space_name)(**parameters)
    io = InputSpec(3, side, side, CLASSES)
    net = space.supernet(method.fill, io, sizes=sizes, dropout=0.0, bare=method.bare, k=method.k)
    method.setup(
        SearchRun(
            space=space,
            io=io,
            net=net.double().train(),
            costs=Later(lambda: costs_of(space, io)),  # type: ignore[arg-type]
            optim=Optim(lr=RATE, momentum=MOMENTUM, weight_decay=DECAY, clip=None),
            epochs=10,
            seed=0,
            device=torch.device("cpu"),
            sizes=sizes,
            k=method.k,
        )
    )
    fill(in_official_order(net))
    for number, alpha in enumerate(method.run.alphas.values()):
        start = sum(len(a) for a in list(method.run.alphas.values())[:number])
        alpha.data = wave(len(alpha), 5, 5 * start + 1) / 2
    return method


def in_official_order(net: nn.Module) -> list[tuple[str, Tensor]]:
    """Our parameters in the order of the official modules: their own, but for the parts named here.

    In MobileNets' heads the convolution comes first. MixPath's layer holds, for each expansion, first the
    expanding convolutions, then the depthwise ones, the last norms, the projections. The auxiliary skips of
    DARTS- come last, as they are not in the code that is compared with.
    """
    named = list(net.named_parameters())

    def place(pair: tuple[str, Tensor]) -> tuple[int, str, int]:
        path = pair[0].split(".")
        if path[0] == "head":
            return (2, "", 1 if path[1] == "linear" else 0)
        if "mixes" in path:
            kind = path[path.index("mixes") + 2]
            return (1, path[1], ("expand", "branches", "norm", "project").index(kind))
        return (3 if "auxiliary" in path else 0 if path[0] == "stem" else 1, "", 0)

    if any("mixes" in name for name, _ in named):
        layers = [name.split(".")[1] for name, _ in named if "mixes" in name]
        order = {layer: i for i, layer in enumerate(dict.fromkeys(layers))}
        return sorted(named, key=lambda p: (place(p)[0], order.get(place(p)[1], 0), place(p)[2]))
    return sorted(named, key=place)


def load(case: str) -> dict[str, Any]:
    """What official code computed."""
    found: dict[str, Any] = json.loads((HERE / f"{case}.json").read_text())
    return found
