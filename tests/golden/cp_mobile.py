"""Record what the baseline of DCASE 2024 computes: `python -m tests.golden.cp_mobile CHECKOUT TORCHVISION`.

CHECKOUT is a copy of CPJKU/dcase2024_task1_baseline at `COMMIT`, TORCHVISION an unpacked torchvision of the
installed torch's version, of which only `ops/misc.py` runs. None of their code is kept here.
"""

import json
import sys
from pathlib import Path
from types import ModuleType

import torch
import torch.nn.functional as F
from torch import Tensor

from tests import _golden as g

COMMIT = "9948d1963b15919838c39be80a58ef2becec478b"
CASE = "dcase2024_baseline"
CLIPS, CLASSES = 2, 10


def batch() -> tuple[Tensor, Tensor]:
    """Two clips of 256 bands and 65 frames, and their classes."""
    return g.wave(CLIPS * 256 * 65, 13, 5).reshape(CLIPS, 1, 256, 65), torch.arange(CLIPS)


def results(net: torch.nn.Module) -> dict[str, Tensor]:
    """Logits in training and afterwards, with the statistics of one step, and the gradient of the stem."""
    x, target = batch()
    first = net.train()(x)
    F.cross_entropy(first, target).backward()
    gradient = next(net.parameters()).grad
    assert gradient is not None
    with torch.no_grad():
        return {"train": first.detach(), "eval": net.eval()(x), "stem": gradient}


def main(checkout: str, torchvision: str) -> None:
    """Write the file."""
    for name in ("torchvision", "torchvision.ops"):
        sys.modules[name] = ModuleType(name)
        sys.modules[name].__path__ = [str(Path(torchvision, *name.split(".")))]  # type: ignore[attr-defined]
    sys.path.insert(0, checkout)
    from models.baseline import get_model

    net = get_model(
        n_classes=CLASSES, in_channels=1, base_channels=32, channels_multiplier=1.8, expansion_rate=2.1
    ).double()
    g.fill(net.named_parameters())
    told = {"source": "https://github.com/CPJKU/dcase2024_task1_baseline", "commit": COMMIT, "note": ""}
    numbers = {name: tensor.flatten().tolist() for name, tensor in results(net).items()}
    (g.HERE / f"{CASE}.json").write_text(json.dumps(told | numbers) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
