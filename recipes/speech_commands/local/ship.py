"""Make the model that audionas brings along of a finished run: local/ship.py exp/kws12 FOLDER.

Copies the bundle, its architecture and its evaluation, and writes the card; every figure in it is read from
the run. `audionas cost exp/NAME --json >exp/NAME/cost.json` comes before.
"""

import json
import shutil
import sys
from pathlib import Path
from typing import Any

MOST = 100_000  # bytes of the whole folder
CARD = Path(__file__).with_name("model_card.txt")  # with a name in braces for each figure


def main(run: Path, folder: Path) -> None:
    """Write FOLDER anew."""
    folder.mkdir(parents=True, exist_ok=True)
    for file in ("model/bundle.json", "model/weights.safetensors", "arch.json"):
        shutil.copyfile(run / file, folder / Path(file).name)
    shutil.copyfile(run / "eval" / "test.json", folder / "eval.json")
    text = CARD.read_text(encoding="utf-8").format(**facts(run, folder.name))
    (folder / "model_card.md").write_text(text, encoding="utf-8")
    size = sum(file.stat().st_size for file in folder.iterdir())
    if size >= MOST:
        raise SystemExit(f"{folder}: {size:,} bytes, expected less than {MOST:,}")
    print(f"{folder}: {size:,} bytes")


def facts(run: Path, name: str) -> dict[str, Any]:
    """What the card says, read from the files of the run."""
    arch, cost, found = read(run / "arch.json"), read(run / "cost.json"), read(run / "eval/test.json")
    env = read(run / "train/env.json")
    recalls = sorted((row["recall"], label) for label, row in found["per_class"].items())
    weakest = ", ".join(f"`{label}` {100 * recall:.0f} %" for recall, label in recalls[:3])
    low, high = (100 * x for x in found["interval"])
    f1_low, f1_high = (100 * x for x in found["macro_f1_interval"])
    data = Path(found["data"]).parent
    lines = {split: (data / split / "text").read_text().splitlines() for split in ("train", "dev")}
    return {
        **{key: env[key] for key in ("seed", "git", "machine", "torch")},
        **{key: found[key] for key in ("n", "speakers")},
        **{key: cost[key] for key in ("params", "macs")},
        **{split: len(text) for split, text in lines.items()},
        "name": name,
        "space": f"{arch['space']} {arch['params']}",
        "method": arch["note"]["method"],
        "arch": arch["id"],
        "search": read(run / "search/env.json")["command"],
        "train_command": env["command"],
        "accuracy": 100 * found["accuracy"],
        "valid": 100 * read(run / "train/done.json")["valid_accuracy"],
        "f1": 100 * found["macro_f1"],
        "low": low,
        "high": high,
        "f1_low": f1_low,
        "f1_high": f1_high,
        "weakest": weakest,
        "unknown": sum(" _unknown_" in line for line in lines["train"]),
    }


def read(file: Path) -> Any:
    """A JSON file."""
    return json.loads(file.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
