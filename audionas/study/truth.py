"""The truth of a ranking study: the accuracies of networks that were trained alone, here or for a table."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from audionas.core.arch import ArchSpec, InputSpec
from audionas.core.errors import UserError
from audionas.cost.table import What
from audionas.cost.table import table as costs_of
from audionas.engine.agreement import kendall
from audionas.engine.conf import Rank
from audionas.spaces._base import Space
from audionas.spaces._nb201_code import spec_from_code
from audionas.spaces.nas_bench_201 import NasBench201
from audionas.spaces.nas_bench_macro import NasBenchMacro, spec_of
from audionas.spaces.tables.nas_bench_201 import Nb201Table
from audionas.spaces.tables.nas_bench_macro import MacroTable

_ONE = "both chosen by the accuracy that judges them"
COSTS: dict[str, What] = {"by parameters": "params", "by multiply-adds": "macs"}  # more of it ranks as better


class Truth(NamedTuple):
    """Accuracies as shares. `value` (n,) judges and `choice` (n,) chooses the best; `trainings` (n, t) are
    single trainings, NaN where there is none. `words` say where they come from, `chosen` how the best is
    found. `whole` has tau-b of each cost with `value` over all networks of a table, and `many` their number;
    `clips` is the number of examples behind each accuracy, 0 where unknown.
    """

    value: np.ndarray
    choice: np.ndarray
    trainings: np.ndarray
    words: str
    chosen: str
    whole: Mapping[str, float] = {}
    many: int = 0
    clips: int = 0


def trained(accuracies: Sequence[Sequence[float]], tested: str, clips: int) -> Truth:
    """The accuracies (n, trainings) on `clips` examples of networks that the study has trained; their mean is
    the truth."""
    found = np.array(accuracies, dtype=float)
    value = found.mean(axis=1)
    return Truth(
        value, value, found, f"accuracy of each network trained alone, on {tested}", _ONE, clips=clips
    )


class Table:
    """A table file of a space's networks. Raises UserError for a file or a space without one."""

    def __init__(self, options: Rank, space: Space, io: InputSpec) -> None:
        self.options, self.space, self.io = options, space, io
        self.found: Nb201Table | MacroTable
        if isinstance(space, NasBench201):
            self.found = Nb201Table.load(options.table)
            self.found.accuracies(options.on, "val")
        elif isinstance(space, NasBenchMacro):
            self.found = MacroTable.load(options.table)
            if options.on != "cifar10":
                raise UserError("rank.on: NAS-Bench-Macro was trained on cifar10 only. Remove rank.on.")
        else:
            raise UserError(
                f"rank.table: {options.table}, but there is no table for space {space.name}",
                hint="Remove rank.table, or search space.name=nas_bench_201 or space.name=nas_bench_macro.",
            )

    def truth(self, specs: Sequence[ArchSpec]) -> Truth:
        """The accuracies of these networks; UserError where the table lacks one."""
        on, rows = self.options.on, [self._row(spec) for spec in specs]
        words = f"test accuracy on {on} from the table, mean over seeds"
        if isinstance(self.found, MacroTable):
            seeds, chosen = self.found.seeds, f"{_ONE}: the table has no validation accuracy"
            value = choice = np.nanmean(seeds, axis=1)
        else:
            seeds, chosen = self.found.seeds[on], "both chosen by validation accuracy"
            value, choice = self.found.accuracies(on, "test"), self.found.accuracies(on, "val")
        own = [column[rows] / 100 for column in (value, choice, seeds)]
        return Truth(own[0], own[1], own[2], words, chosen, *self._whole(value))

    def _row(self, spec: ArchSpec) -> int:
        if isinstance(self.found, MacroTable):
            return self.found.row(spec)
        return self.found.rows[self.found.row(spec).code]

    def _whole(self, value: np.ndarray) -> tuple[dict[str, float], int]:
        """Tau-b of the costs over all that was trained: each cell, and each network of NAS-Bench-Macro."""
        make = spec_of if isinstance(self.found, MacroTable) else spec_from_code
        specs = {text: make(text, self.io) for text in self.found.rows}
        if isinstance(self.found, MacroTable):
            specs = {self.space.canonical(spec): spec for spec in specs.values()}
        rows, costs = [self._row(spec) for spec in specs.values()], costs_of(self.space, self.io)
        taus = {
            name: kendall(np.array([costs.of(spec, what) for spec in specs.values()]), value[rows])
            for name, what in COSTS.items()
        }
        return taus, len(rows)
