"""The scratch memory that ESP-NN's int8 kernels ask for, by version, in bytes.

It depends on shapes alone. Source: the functions `esp_nn_get_*_scratch_size*` of espressif/esp-nn at v1.1.2
(the same in v1.0.0 to v1.1.1) and at version 1.2.3, commit d45b843. An ESP32 has only the generic kernels,
whose convolutions need none.
"""

from audionas.cost.operators import Operator, Subgraph

VERSIONS = ("1.1.2", "1.2.3")
Pair = tuple[int, int]  # height, width
Image = tuple[int, int, int]  # height, width, channels
_STRIP = 40 << 10  # bytes of padded input above which 1.2.3 copies only as many rows as the kernel has
_WIDE_STRIP = 48 << 10  # the same for kernels and inputs widened to 16 bits


def scratch(node: Operator, graph: Subgraph, chip: str, version: str) -> int:
    """The bytes of scratch of one operator on `chip`, esp32 or esp32-s3; 0 where it asks for none."""
    if node.kind == "SOFTMAX":
        return 4 * graph.tensors[node.inputs[0]].shape[1]
    if chip == "esp32" or node.kind not in ("CONV_2D", "DEPTHWISE_CONV_2D"):
        return 0
    x, weight, y = (graph.tensors[i].shape for i in (*node.inputs[:2], node.outputs[0]))
    kernel, given, made = _pair(weight), _image(x), _image(y)
    pads = _pads(node, given, kernel, made) if node.same else (0, 0)
    if node.kind == "CONV_2D":
        return convolution(given, kernel, made, node.stride, pads, version)
    return depthwise(given, kernel, made, node.stride, pads, node.multiplier, version)


def convolution(x: Image, kernel: Pair, y: Image, stride: Pair, pads: Pair, version: str) -> int:
    """The scratch of a convolution on an ESP32-S3 from `x` to `y` (height, width, channels)."""
    (high, wide, c_in), (_, _, c_out) = x, y
    newer = version == "1.2.3"
    margin = 64 if newer else 32
    if kernel == stride == (1, 1) and pads == (0, 0):
        full = _up(c_in, 8)
        copied = high * wide * full if c_in % 8 else 0
        turned = 16 * full if high * wide >= 8 else 0
        return copied + full * c_out + turned + margin
    row, taps = kernel[1] * c_in, kernel[0] * kernel[1]
    if newer and row < 16 <= taps * c_in:  # small windows as one vector
        line = _up(taps * c_in, 16)
        return 4 * c_out + 32 + (c_out + 1) * line + margin
    total = taps * _up(c_in, 16) * c_out + 4 * c_out + margin
    if any(pads):
        total += (high + 2 * pads[0]) * (wide + 2 * pads[1]) * c_in
    if newer:
        total += _up(row, 16) * kernel[0] * c_out
        below, beside = (max(0, n) for n in _over(x, kernel, y, stride))
        total += (high + below) * (wide + beside) * c_in if below or beside else 0
    return total


def depthwise(
    x: Image, kernel: Pair, y: Image, stride: Pair, pads: Pair, multiplier: int, version: str
) -> int:
    """The scratch of a depthwise convolution on an ESP32-S3, `multiplier` outputs per input channel."""
    high, wide, c = x
    newer, small = version == "1.2.3", kernel == (3, 3)
    weights, given = kernel[0] * kernel[1] * c * multiplier, high * wide * c
    if multiplier == 1 and c % 16 == 0 and small:
        below, beside = (2 * p for p in pads) if any(pads) else _over(x, kernel, y, stride)
        padded = (high + below) * (wide + beside) * c if below or beside else 0
        if newer and padded > _STRIP:
            padded = kernel[0] * (wide + beside) * c
        return weights + padded + 16
    if not newer:
        widened = (multiplier == 1 and c % 8 == 0 and small) or multiplier % 4 == 0
        return 2 * (weights + given) + 16 if widened else 32
    if multiplier == 1 and c % 8 == 0:
        return _filled(x, y, stride, pads) if small and c >= 12 else _widened(x, kernel, whole=small)
    if multiplier == 1 and c > 3:
        return _padded_channels(x, kernel, y)
    return 2 * (weights + given) + 32 if multiplier % 4 == 0 else 32


def _filled(x: Image, y: Image, stride: Pair, pads: Pair) -> int:
    """1.2.3, 3x3 over 24, 40, 56, ... channels: all in int8 with channels filled up to 16."""
    full = _up(x[2], 16)
    below, beside = (2 * p + max(0, n) for p, n in zip(pads, _over(x, (3, 3), y, stride), strict=True))
    return full * (9 + (x[0] + below) * (x[1] + beside) + y[0] * y[1]) + 64


def _widened(x: Image, kernel: Pair, *, whole: bool) -> int:
    """1.2.3: kernel and input in 16 bits; a large input row by row."""
    weights, given = kernel[0] * kernel[1] * x[2], x[0] * x[1] * x[2]
    if not whole and 2 * (weights + given) > _WIDE_STRIP:
        given = kernel[0] * x[1] * x[2]
    return 2 * (weights + given) + 32


def _padded_channels(x: Image, kernel: Pair, y: Image) -> int:
    """1.2.3: channels filled up to 8, in 16 bits, with the output, biases, shifts and factors beside them."""
    full, at = _up(x[2], 8), 0
    for part in (2 * kernel[0] * kernel[1] * full, 2 * x[0] * x[1] * full, y[0] * y[1] * full):
        at = _up(at + part, 16)
    return at + 12 * full + 16


def _over(x: Image, kernel: Pair, y: Image, stride: Pair) -> Pair:
    """The rows and columns that the kernels count beyond the input's end."""
    high, wide = (y[i] * stride[i] + kernel[i] - 1 - x[i] for i in (0, 1))
    return high, wide


def _pads(node: Operator, x: Image, kernel: Pair, y: Image) -> Pair:
    """The rows above and columns before the input that padding SAME adds."""
    reach = [d * (k - 1) + 1 for d, k in zip(node.dilation, kernel, strict=True)]
    high, wide = (max(0, (y[i] - 1) * node.stride[i] + reach[i] - x[i]) // 2 for i in (0, 1))
    return high, wide


def _image(shape: tuple[int, ...]) -> Image:
    _, high, wide, channels = shape
    return high, wide, channels


def _pair(weight: tuple[int, ...]) -> Pair:
    return weight[1], weight[2]


def _up(number: int, step: int) -> int:
    return -(-number // step) * step
