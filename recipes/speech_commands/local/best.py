"""Write the network that validation prefers: of a front, or of several trained runs.

python local/best.py OUT front.json      the most accurate on the training clips that were held out
python local/best.py OUT RUN RUN ...     the most accurate on the development clips; then the least loss
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from audionas.core.files import read_json, write_text
from audionas.core.reporter import say
from audionas.zoo.find import find


def best(places: Sequence[Path]) -> tuple[str, str]:
    """The name of the best network, as `audionas train arch=` takes it, and why."""
    if places[0].name == "front.json":
        values = [member["values"] for member in read_json(places[0])["members"]]
        order = sorted(range(len(values)), key=lambda n: (-values[n]["accuracy"], values[n]["macs"]))
        return f"{places[0]}#{order[0] + 1}", f"accuracy {values[order[0]]['accuracy']:.4f} in the supernet"
    told = {place: read_json(place / "train" / "done.json") for place in places}
    first = min(places, key=lambda place: (-told[place]["valid_accuracy"], told[place]["valid_loss"]))
    return str(first), f"development accuracy {told[first]['valid_accuracy']:.4f}"


def main(words: Sequence[str]) -> None:
    """Write the file and say what it holds."""
    out, *places = map(Path, words)
    name, why = best(places)
    write_text(out, find(name).to_json())
    say(f"{out}: {name}, {why}")


if __name__ == "__main__":
    main(sys.argv[1:])
