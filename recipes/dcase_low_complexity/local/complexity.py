"""Counts a network as the DCASE challenge does, and prints our own count beside: complexity.py COST.json...

Each file is the output of `audionas cost NETWORK --json`. The challenge's count is that of torchinfo, which
NeSsi (2022 to 2024) and the baseline's own script (2025) call for PyTorch models: every weight and bias of a
convolution once per position of its output, and every other parameter, those of norms and linear layers,
once. Our count includes only the weights of convolutions and linear layers. Memory is parameters times bytes
per parameter.

The exit status is 1 where a network exceeds the budget even with parameters of 8 bits.
"""

import sys
from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import Any

from audionas.core.errors import UserError
from audionas.core.files import read_json
from audionas.core.reporter import say, script
from audionas.report.markdown import table

MOST_MACS, MOST_BYTES = 30_000_000, 128_000  # for one second of sound
BITS = (32, 16, 8)
CONVOLUTIONS = ("conv", "depthwise")


def challenge_macs(cost: Mapping[str, Any]) -> int:
    """torchinfo's `total_mult_adds` for one example."""
    return sum(
        layer["params"] * (prod(layer["output"][1:]) if layer["kind"] in CONVOLUTIONS else 1)
        for layer in cost["layers"]
    )


def most_bits(params: int) -> int:
    """The finest precision in which `params` parameters satisfy the budget, 0 where none does."""
    return next((bits for bits in BITS if params * bits <= 8 * MOST_BYTES), 0)


def main(files: list[str]) -> None:
    """Print one Markdown table. Raises UserError with the networks that exceed the budget."""
    if not files:
        raise UserError("usage: complexity.py COST.json...; audionas cost NETWORK --json writes one")
    over, rows = [], []
    for file in files:
        cost = read_json(Path(file))
        params, macs, bits = cost["params"], challenge_macs(cost), most_bits(cost["params"])
        sizes = " / ".join(f"{params * each // 8:,}" for each in BITS)
        finest = f"{bits} bits" if bits else "none"
        rows.append([cost["network"], f"{params:,}", sizes, f"{cost['macs']:,}", f"{macs:,}", finest])
        if not bits:
            over.append(f"{cost['network']}: {params:,} parameters do not fit into {MOST_BYTES:,} bytes")
        if macs > MOST_MACS:
            over.append(f"{cost['network']}: {macs:,} multiply-adds, the challenge allows {MOST_MACS:,}")
    head = (
        "network",
        "parameters",
        "bytes in 32 / 16 / 8 bits",
        "multiply-adds, ours",
        "challenge's",
        "finest",
    )
    say(*table(head, rows).splitlines())
    if over:
        raise UserError(over)


if __name__ == "__main__":
    with script():
        main(sys.argv[1:])
