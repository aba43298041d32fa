"""The training results of every code of NAS-Bench-Macro, from a table file that the user names.

The file is `.npz` without object arrays. `arch` (n, 8): the option of each layer, 0 to 2.
`test_acc_seeds` (n, seeds): test accuracy in percent on CIFAR-10. `params`, `flops` (n,). Equal networks
share their results: 3,969 were trained. The authors kept the best test epoch of each training.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from audionas.core.arch import ArchSpec
from audionas.core.archives.arrays import arrays as read
from audionas.core.errors import UserError
from audionas.spaces.nas_bench_macro import OPTIONS, NasBenchMacro, code_of
from audionas.spaces.tables.arrays import problems_of

_LAYERS = len(NasBenchMacro().choices())
_HINT = "docs/howto/search_a_supernet.md describes the table and how to get one."


@dataclass(frozen=True)
class MacroTable:
    """A table of codes; `seeds` (n, seeds) are accuracies in percent, `params` and `flops` (n,)."""

    rows: Mapping[str, int]
    seeds: np.ndarray
    params: np.ndarray
    flops: np.ndarray

    @staticmethod
    def load(path: Path | str) -> "MacroTable":
        """Read a table file; raises UserError, with all problems, for a file with another layout."""
        arrays = read(Path(path), ("arch", "test_acc_seeds", "params", "flops"), _HINT)
        count = len(arrays["arch"]) if arrays.get("arch", np.zeros(())).ndim else 0
        problems = problems_of(arrays, "arch", (count, _LAYERS))
        problems += problems_of(arrays, "test_acc_seeds", (count, None))
        problems += problems_of(arrays, "params", (count,)) + problems_of(arrays, "flops", (count,))
        if not problems and not np.isin(arrays["arch"], range(len(OPTIONS))).all():
            problems.append(f"arch: options other than 0 to {len(OPTIONS) - 1}")
        if problems:
            raise UserError([f"{path}: {problem}" for problem in problems], hint=_HINT)
        rows = {"".join(str(int(o)) for o in code): row for row, code in enumerate(arrays["arch"])}
        if len(rows) < count:
            raise UserError(f"{path}: arch: {count - len(rows)} codes appear twice", hint=_HINT)
        return MacroTable(rows, *(arrays[key].astype(float) for key in ("test_acc_seeds", "params", "flops")))

    def row(self, spec: ArchSpec) -> int:
        """The row of an architecture of `nas_bench_macro`; UserError if the table does not have it."""
        code = code_of(spec)
        if code not in self.rows:
            raise UserError(f"the table has no code {code} ({len(self.rows)} codes)", hint=_HINT)
        return self.rows[code]
