"""The benchmark's results as one `.npz` file: `python local/table.py RELEASE OUT`, with nats_bench installed.

RELEASE is the topology part of NATS-Bench as its authors publish it, a `.pickle.pbz2` file or the folder of a
`-simple` archive. The package unpickles it, which runs any code in it: take it only from the authors.
"""

import os
import sys
from pathlib import Path

import numpy as np
from nats_bench import create

SETS = {  # our name: the places of validation and test accuracy in the benchmark
    "cifar10": ("cifar10-valid", "cifar10"),
    "cifar100": ("cifar100", "cifar100"),
    "ImageNet16-120": ("ImageNet16-120", "ImageNet16-120"),
}
EPOCHS = "200"


def row(api, index: int, name: str) -> dict[str, float]:
    """One cell on one data set; accuracies are means over the trained seeds."""
    where_val, where_test = SETS[name]
    val, test = (
        api.get_more_info(index, where, hp=EPOCHS, is_random=False) for where in (where_val, where_test)
    )
    cost = api.get_cost_info(index, where_test, hp=EPOCHS)
    return {
        "val_acc_seeds": val["valid-accuracy"],
        "test_acc": test["test-accuracy"],
        "params_m": cost["params"],
        "latency_s": cost["latency"],
        "train_time_s": test["train-all-time"],
    }


def main(release: str, out: str) -> None:
    """Read every cell, then write the file in one step."""
    api = create(release, "tss", fast_mode=Path(release).is_dir(), verbose=False)
    arrays = {"arch_str": np.array([api.arch(index) for index in range(len(api))])}
    for name in SETS:
        rows = [row(api, index, name) for index in range(len(api))]
        for column in rows[0]:
            arrays[f"{name}/{column}"] = np.array([r[column] for r in rows], dtype=np.float32)
        arrays[f"{name}/val_acc_seeds"] = arrays[f"{name}/val_acc_seeds"][:, None]
    with open(f"{out}.part", "wb") as file:
        np.savez_compressed(file, **arrays)
    os.replace(f"{out}.part", out)
    print(f"{out}: {len(api)} cells")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
