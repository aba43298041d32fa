"""The port of ESP-NN's scratch sizes: equal to the C functions, and what they mean for spaces."""

import hashlib
import random
from collections.abc import Iterator
from typing import Any

import pytest

from audionas.cost.esp_nn import VERSIONS, convolution, depthwise

SHAPES = 10_000
KERNELS = ((1, 1), (3, 3), (3, 1), (1, 3), (5, 1), (9, 1), (5, 5), (2, 1), (21, 1), (3, 5))
CHANNELS = (1, 2, 3, 4, 5, 7, 8, 12, 15, 16, 20, 24, 30, 32, 40, 48, 56, 60, 64, 72, 96, 200)
# SHA-256 of the sizes that the C functions of each version gave for `drawn`, compiled on a computer: a line
# per shape, the convolution's and the depthwise convolution's.
OF_C = {
    "1.1.2": "aab822971b80644bd6f7d33dfc6a906ba0ebb573f5d998af2f369acfa6f8a80a",
    "1.2.3": "7b9681e37ca01aa911f2db8d791eabf5266a3f3c817882299f01f0ce5de0ef9b",
}


def drawn() -> Iterator[tuple[Any, ...]]:
    """Shapes (input, kernel, output, c_out, stride, pads, multiplier), the same in every run."""
    r = random.Random(20260)
    for _ in range(SHAPES):
        kernel, stride = r.choice(KERNELS), r.choice(((1, 1), (1, 1), (2, 1), (2, 2), (1, 2)))
        most = r.choice((6, 60))
        high, wide = (r.randint(k, max(k, most)) for k in kernel)
        x = (high, wide, r.choice(CHANNELS))
        same = r.random() < 0.4
        made, pads = [], []
        for n, k, s in zip(x, kernel, stride, strict=False):
            made.append(-(-n // s) if same else (n - k) // s + 1)
            pads.append(max(0, (made[-1] - 1) * s + k - n) // 2 if same else 0)
        yield x, kernel, tuple(made), r.randint(1, 96), stride, tuple(pads), r.choice((1, 1, 1, 2, 4, 8))


def sizes(version: str) -> str:
    """The port's sizes, in the lines that `OF_C` is the digest of."""
    lines = []
    for x, kernel, made, c_out, stride, pads, times in drawn():
        plain = convolution(x, kernel, (*made, c_out), stride, pads, version)
        deep = depthwise(x, kernel, (*made, x[2] * times), stride, pads, times, version)
        lines.append(f"{plain} {deep}")
    return "\n".join(lines)


@pytest.mark.parametrize("version", VERSIONS)
def test_the_port_equals_the_c_functions_on_ten_thousand_shapes(version: str) -> None:
    assert hashlib.sha256(sizes(version).encode()).hexdigest() == OF_C[version]


def test_every_way_through_the_functions_is_drawn() -> None:
    """The digest sees no branch that no shape takes."""
    shapes = list(drawn())
    once = [(x, kernel, pads) for x, kernel, _, _, _, pads, times in shapes if times == 1]
    small = [(x, pads) for x, kernel, pads in once if kernel == (3, 3)]
    ways = {
        "3x3, 16s, padded": [x for x, pads in small if x[2] % 16 == 0 and any(pads)],
        "3x3, 16s, not padded": [x for x, pads in small if x[2] % 16 == 0 and not any(pads)],
        "3x3, 16s, in strips": [x for x, _ in small if x[2] % 16 == 0 and x[0] * x[1] * x[2] > 40 << 10],
        "3x3, filled": [x for x, _ in small if x[2] in (24, 40, 56)],
        "3x3, 8": [x for x, _ in small if x[2] == 8],
        "8s, in strips": [
            x for x, k, _ in once if k != (3, 3) and x[2] % 8 == 0 and x[0] * x[1] * x[2] > 24 << 10
        ],
        "8s, whole": [x for x, k, _ in once if k != (3, 3) and x[2] % 8 == 0 and x[0] * x[1] * x[2] < 9000],
        "other channels": [x for x, _, _ in once if x[2] in (4, 5, 7, 12, 15, 20, 30, 60)],
        "few channels": [x for x, _, _ in once if x[2] < 4],
        "fours of outputs": [s for s in shapes if s[-1] % 4 == 0],
        "twos of outputs": [s for s in shapes if s[-1] == 2],
        "small windows": [s for s in shapes if s[1][1] * s[0][2] < 16 <= s[1][0] * s[1][1] * s[0][2]],
        "1x1": [s for s in shapes if s[1] == s[4] == (1, 1) and s[0][2] % 8 == 0],
        "1x1, other channels": [s for s in shapes if s[1] == s[4] == (1, 1) and s[0][2] % 8],
        "1x1, few pixels": [s for s in shapes if s[1] == s[4] == (1, 1) and s[0][0] * s[0][1] < 8],
    }
    assert {name: len(found) for name, found in ways.items() if len(found) < 3} == {}


@pytest.mark.parametrize("version", VERSIONS)
def test_channels_in_eights_copy_no_input(version: str) -> None:
    """A 1x1 of stride 1 copies its input only where its channels are no multiple of 8."""
    few, many = ((n, 1, c) for n, c in ((10, 24), (90, 24)))
    grown = [convolution(x, (1, 1), (x[0], 1, 32), (1, 1), (0, 0), version) for x in (few, many)]
    assert grown[0] == grown[1] == 24 * 32 + 16 * 24 + (64 if version == "1.2.3" else 32)
    odd = [convolution((n, 1, 20), (1, 1), (n, 1, 32), (1, 1), (0, 0), version) for n in (10, 90)]
    assert odd[1] - odd[0] == 80 * 24
