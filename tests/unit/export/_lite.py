"""A causal network of every space as a graph, and its files in the runtimes."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from audionas.core.arch import InputSpec
from audionas.core.rng import numpy_rng
from audionas.export.lite.file import pack
from audionas.export.lite.int8 import Int8, quantized
from audionas.export.lite.trace import build
from audionas.nn.blocks import SE
from audionas.nn.streaming import Pooling, Squeezing, Step
from tests.unit.nn._streams import causal

CAUSAL: dict[str, tuple[str, dict[str, Any], InputSpec]] = {
    "tc": ("kws_tc_resnet", {"se": "none", "width": 0.5}, InputSpec(1, 40, 50, 2)),
    "tc_resnet": ("tc_resnet", {"depth": 8, "width": 0.5}, InputSpec(1, 40, 50, 4)),
    "mb": ("kws_mobilenet", {"preset": "depth", "width": 0.25}, InputSpec(1, 40, 37, 4)),
    "mix": ("kws_mobilenet", {"preset": "mix3", "width": 0.25}, InputSpec(1, 40, 50, 4)),
    "asc": ("asc_mobilenet", {"width": 0.25}, InputSpec(1, 40, 64, 4)),
    "tenet": ("tenet", {"filters": 8}, InputSpec(1, 40, 50, 4)),
    "bc_resnet": ("bc_resnet", {"tau": 1.0}, InputSpec(1, 40, 41, 4)),
    "sparknet": ("sparknet", {"filters": 16}, InputSpec(1, 32, 101, 4)),
    "matchboxnet": ("matchboxnet", {"filters": 16, "repeat": 2}, InputSpec(1, 40, 50, 4)),
    "mixed": ("mixednet", {"longest": 15, "stem": 15, "filters": 12}, InputSpec(1, 40, 185, 2)),
    "mixed mean": ("mixednet", {"longest": 9, "filters": 12, "pool": "mean"}, InputSpec(1, 40, 113, 2)),
    "mixed max": ("mixednet", {"longest": 5, "filters": 12, "pool": "max"}, InputSpec(1, 40, 65, 4)),
}
SQUEEZED = ("kws_mobilenet", {"preset": "sf16", "width": 0.25}, InputSpec(1, 40, 37, 4))


class Lite:
    """A network with the norms of a trained one, its step, its graph and noise to calibrate it by."""

    def __init__(
        self,
        space: str,
        params: dict[str, Any],
        io: InputSpec,
        pool: Pooling = "window",
        squeeze: Squeezing = "blocks",
        hard: bool = False,
    ) -> None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            built = causal(space, **params)
            net = built.build(built.sample(np.random.default_rng(3), io)).eval()
            for part in net.modules():
                if isinstance(part, SE) and hard:
                    part.sigmoid = nn.Hardsigmoid()
                if isinstance(part, nn.BatchNorm2d):
                    part.running_mean.normal_(0, 0.3)  # silence is then not silent inside
                    part.running_var.uniform_(0.5, 2)
        self.step = Step(net, io, pool, squeeze)
        self.mean, self.std = torch.linspace(-1, 1, io.freq), torch.linspace(0.5, 1.5, io.freq)
        self.graph = build(self.step, self.mean, self.std)
        self.clips = numpy_rng("lite", "clips").normal(size=(8, io.freq, 120)).astype(np.float32)

    def int8(self) -> Int8:
        return quantized(self.graph, self.clips)

    def write(self, file: Path, int8: Int8 | None = None, *, internal: bool = False) -> Path:
        file.write_bytes(pack(self.graph, int8, internal=internal, about="test"))
        return file

    def hops(self, count: int, seed: int = 0) -> np.ndarray:
        """(count, F, hop) frames of noise."""
        shape = (count, len(self.mean), self.step.hop)
        return numpy_rng("lite", "hops", seed).normal(size=shape).astype(np.float32)

    def torch(self, hops: np.ndarray) -> np.ndarray:
        """What the step says, hop by hop."""
        states: tuple[Tensor, ...] = self.step.start()
        found = []
        with torch.inference_mode():
            for hop in torch.from_numpy(hops):
                logits, *states_ = self.step(
                    ((hop - self.mean[:, None]) / self.std[:, None])[None, None], *states
                )
                states = tuple(states_)
                found.append(logits[0, 0].softmax(0))
        return torch.stack(found).numpy()


def micro(file: Path, hops: np.ndarray) -> np.ndarray:
    """What TFLite-Micro makes of int8 hops (n, 1, hop, F): whole numbers (n, classes)."""
    from tflite_micro.python.tflite_micro import runtime

    opened = runtime.Interpreter.from_file(str(file), arena_size=1 << 20)
    from ai_edge_litert import schema_py_generated as schema

    inputs = schema.Model.GetRootAs(file.read_bytes(), 0).Subgraphs(0).InputsLength()
    details = [opened.get_input_details(i) for i in range(inputs)]
    zeros = [d["quantization_parameters"]["zero_points"][0] for d in details]
    states = [np.full(d["shape"], z, d["dtype"]) for d, z in zip(details[1:], zeros[1:], strict=True)]
    found = []
    for hop in hops:
        for index, value in enumerate([hop, *states]):
            opened.set_input(value, index)
        opened.invoke()
        found.append(opened.get_output(0)[0])
        states = [opened.get_output(1 + index) for index in range(len(states))]
    return np.stack(found)
