"""Make the model that audionas includes from a finished run: python local/ship.py exp/RUN NAME FOLDER.

The weights are converted to half precision, then the bundle is scored on the test clips, and the card is
written: every figure in it is read from the files of the run or measured here.
"""

import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from audionas.core.errors import UserError
from audionas.core.files import atomic, read_json, read_text, write_json, write_text
from audionas.core.reporter import say, script
from audionas.models.bundle import ModelBundle
from audionas.run.cost import cost
from audionas.run.evaluate import evaluate

MOST = 100_000  # bytes of the folder, but for the sums of its training clips
CARD = Path(__file__).with_name("model_card.txt")  # with a name in braces for each figure
DATA = Path("data")
KEPT = ("accuracy", "interval", "macro_f1", "macro_f1_interval", "n", "speakers", "arch")  # of the evaluation


def main(run: Path, name: str, folder: Path) -> None:
    """Rewrite FOLDER/NAME; the scored copy is exp/NAME."""
    copy, target = Path("exp") / name, folder / name
    bundle = ModelBundle.load(run / "model")
    half = {key: t.half() if t.is_floating_point() else t for key, t in bundle.weights.items()}
    replace(bundle, weights=half).save(copy / "model")
    for file in ("arch.json", "model/trained_on.json"):
        copied(run / file, copy / file)
    found = evaluate(copy, DATA / "test")
    card = read_text(CARD).format(**facts(run, copy))
    target.mkdir(parents=True, exist_ok=True)
    for file in ("model/bundle.json", "model/weights.safetensors", "model/trained_on.json", "arch.json"):
        copied(copy / file, target / Path(file).name)
    write_json(target / "eval.json", {key: found[key] for key in KEPT})
    write_text(target / "model_card.md", card)
    size = sum(file.stat().st_size for file in target.iterdir() if file.name != "trained_on.json")
    if size >= MOST:
        raise UserError(f"{target}: {size:,} bytes, expected less than {MOST:,}")
    say(f"{target}: {size:,} bytes")


def copied(source: Path, target: Path) -> None:
    """Copy a file, whole or not at all."""
    with atomic(target) as draft:
        shutil.copyfile(source, draft)


def facts(run: Path, copy: Path) -> dict[str, Any]:
    """The figures and names for the card."""
    files = (run / "arch.json", copy / "eval.json", run / "train/env.json", run / "train/done.json")
    arch, found, env, done = map(read_json, files)
    size = cost(str(copy), "", 0)
    lines = {split: read_text(DATA / split / "text").splitlines() for split in ("train", "dev")}
    recalls = sorted((row["recall"], label) for label, row in found["per_class"].items())
    if None in (found["interval"], found["macro_f1_interval"]):
        raise UserError(f"{DATA / 'test'}: too few speakers for the intervals in the card")
    low, high = found["interval"]
    f1_low, f1_high = found["macro_f1_interval"]
    return {
        **{key: env[key] for key in ("seed", "git", "machine", "torch")},
        **{key: found[key] for key in ("n", "speakers", "accuracy", "macro_f1")},
        **{key: size[key] for key in ("params", "macs")},
        **{split: len(text) for split, text in lines.items()},
        **{"low": low, "high": high, "f1_low": f1_low, "f1_high": f1_high},
        "name": copy.name,
        "run": run.name,
        "space": " ".join([arch["space"], *(f"{key}={value}" for key, value in arch["params"].items())]),
        "method": arch["note"]["method"],
        "arch": arch["id"],
        "search": read_json(run / "search/env.json")["command"],
        "training": env["command"],
        "epochs": done["epochs"],
        "valid": done["valid_accuracy"],
        "weakest": ", ".join(f"`{label}` {recall:.0%}" for recall, label in recalls[:3]),
        "unknown": sum(" _unknown_" in line for line in lines["train"]),
    }


if __name__ == "__main__":
    with script():
        main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
