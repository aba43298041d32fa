"""A run folder with a front, made of formulas: `filled(folder, ...)`."""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from audionas.core.arch import InputSpec
from audionas.core.rng import numpy_rng
from audionas.searchers import DEAR, Direction, Front, Score, Scored, fronts
from audionas.spaces.kws_mobilenet import KwsMobilenet

IO = InputSpec(1, 40, 98, 4)
SPACE = KwsMobilenet(preset="sf6", width=0.5)
ONE: Mapping[str, Direction] = {"accuracy": "max"}
TWO: Mapping[str, Direction] = {"accuracy": "max", "macs": "min"}
THREE: Mapping[str, Direction] = {"accuracy": "max", "macs": "min", "params": "max"}
Formula = Callable[[float, float], dict[str, float]]  # of size and luck, both from 0 to 1


def rising(size: float, luck: float) -> dict[str, float]:
    """The larger the better, with less and less to gain; luck is worth a fifth."""
    accuracy = 0.4 + 0.4 * math.sqrt(size) + 0.2 * luck
    costs: dict[str, float] = {
        "macs": round(5e5 + 4e6 * size),
        "params": round(3e4 + 6e4 * (1 - size) * luck),
    }
    return {**costs, "accuracy": accuracy, "macro_f1": accuracy - 0.02, "loss": 3 - 2 * accuracy}


def scored(count: int, formula: Formula = rising, most: float = math.inf) -> list[Scored]:
    """Networks drawn at random; of those with more than `most` multiply-adds only the costs are known."""
    rng, found = numpy_rng("front folder", count), {}
    while len(found) < count:
        spec, values = SPACE.sample(rng, IO), formula(*map(float, rng.random(2)))
        over = max(0.0, values["macs"] / most - 1)
        kept = {name: value for name, value in values.items() if not over or name not in DEAR}
        found.setdefault(spec.id, Scored(spec, Score(kept, over)))
    return list(found.values())


def filled(
    folder: Path,
    count: int = 40,
    objectives: Mapping[str, Direction] = TWO,
    formula: Formula = rising,
    most: float = math.inf,
) -> Front:
    """Write front, archive and the knee as a search leaves them."""
    networks = scored(count, formula, most)
    front = fronts.of(networks, objectives, {"macs": most} if most < math.inf else {})
    front.save(folder)
    archived(folder / "select" / "archive.jsonl", networks)
    front.member(front.knee).spec.save(folder / "arch.json")
    return front


def archived(file: Path, networks: Sequence[Scored]) -> None:
    """The archive of a search that asked for these."""
    rows = (
        {"number": n, "arch": spec.id, "choices": spec.choices, "values": values, "violation": violation}
        for n, (spec, (values, violation)) in enumerate(networks)
    )
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
