"""The networks of pymicro-wakeword: their weights in our networks, and what their own files say."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from audionas import zoo
from audionas.export.litert import quant_of
from audionas.spaces import space_of

WEIGHTED = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")


class Shipped:
    """A file in LiteRT's reference kernels: its layers' weights in order, and its logits hop by hop."""

    def __init__(self, file: Path) -> None:
        from ai_edge_litert.interpreter import Interpreter, OpResolverType

        self.runtime = Interpreter(
            str(file),
            experimental_op_resolver_type=OpResolverType.BUILTIN_REF,
            experimental_preserve_all_tensors=True,
        )
        self.runtime.allocate_tensors()
        self.details = {detail["index"]: detail for detail in self.runtime.get_tensor_details()}
        self.operators = self.runtime._get_ops_details()

    def weights(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Kernel and bias of each layer, dequantised."""
        layers = [op for op in self.operators if op["op_name"] in WEIGHTED]
        return [(self._real(op["inputs"][1]), self._real(op["inputs"][2])) for op in layers]

    def logits(self, hops: np.ndarray) -> np.ndarray:
        """The number before the sigmoid after each of the hops (n, hop, 40)."""
        given = self.runtime.get_input_details()[0]
        (last,) = (op["inputs"][0] for op in self.operators if op["op_name"] == "LOGISTIC")
        found = []
        for hop in hops:
            self.runtime.set_tensor(given["index"], self._quant(given["index"]).whole(hop[None]))
            self.runtime.invoke()
            found.append(self._real(last).item())
        return np.array(found)

    def step(self) -> float:
        """The distance of two neighbouring logits."""
        (last,) = (op["inputs"][0] for op in self.operators if op["op_name"] == "LOGISTIC")
        return float(self._quant(last).scale[0])

    def _quant(self, index: int) -> Any:
        quant = quant_of(self.details[index])
        assert quant is not None
        return quant

    def _real(self, index: int) -> np.ndarray:
        detail = self.details[index]
        told = detail["quantization_parameters"]
        shape = [1] * len(detail["shape"])
        if len(told["scales"]) > 1:
            shape[told["quantized_dimension"]] = -1
        whole = self.runtime.get_tensor(index).astype(np.float64)
        return (whole - told["zero_points"].reshape(shape)) * told["scales"].reshape(shape)


def ours(name: str, weights: list[tuple[np.ndarray, np.ndarray]]) -> nn.Module:
    """The zoo's network with a file's weights; its norms, folded there, add the biases. A layer that has
    neither a bias nor a norm here, has a bias of zeros there.
    """
    spec = zoo.load(name)
    net = space_of(spec).build(spec).eval()
    layers = [part for part in net.modules() if isinstance(part, (nn.Conv2d, nn.Linear))]
    norms = [part for part in net.modules() if isinstance(part, nn.BatchNorm2d)]
    assert len(layers) == len(weights)
    if layers[0].bias is None:
        assert not weights[0][1].any()
    with torch.no_grad():
        for norm in norms:
            norm.weight.fill_((1 + norm.eps) ** 0.5)
        for layer, (kernel, bias) in zip(layers, weights, strict=True):
            layer.weight.copy_(_torchs(torch.from_numpy(kernel), layer))
            if layer.bias is not None:
                layer.bias.copy_(torch.from_numpy(bias))
        for norm, bias in zip(norms, _pointwise(layers, weights), strict=True):
            norm.bias.copy_(torch.from_numpy(bias))
    return net


def _pointwise(layers: list[Any], weights: list[tuple[np.ndarray, np.ndarray]]) -> list[np.ndarray]:
    """The biases of the 1x1 convolutions, which have a norm here."""
    pairs = zip(layers[1:], weights[1:], strict=True)
    return [bias for layer, (_, bias) in pairs if layer.bias is None]


def _torchs(kernel: Tensor, layer: Any) -> Tensor:
    """A kernel with channels last, as torch has it; frames by channels, as channels by frames."""
    if isinstance(layer, nn.Linear):
        frames = layer.frames  # type: ignore[attr-defined]
        return kernel.reshape(len(kernel), int(frames), -1).transpose(1, 2).flatten(1)
    return kernel.permute(3, 0, 2, 1) if layer.groups > 1 else kernel.permute(0, 3, 2, 1)
