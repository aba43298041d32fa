"""The orders in which zero-cost proxies put the networks of a ranking study."""

from collections.abc import Sequence
from functools import partial

import numpy as np

from audionas.config import Config
from audionas.core.arch import ArchSpec
from audionas.cost.table import table
from audionas.proxies import EXAMPLES, Untrained, merits
from audionas.report.rank import COST
from audionas.run.supernet import first_examples
from audionas.study.bench import Bench


def proxied(conf: Config, bench: Bench, specs: Sequence[ArchSpec]) -> dict[str, np.ndarray]:
    """The merits (n,) of the networks by each of `rank.proxies`, under the names of a ranking's rows.

    Weights are drawn with the config's seed. AZ-NAS ranks the networks among each other.
    """
    assert conf.rank is not None
    names = conf.rank.proxies
    if not names:
        return {}
    shown = partial(first_examples, conf, bench.inputs, bench.device, bench.reporter, EXAMPLES)
    untrained = Untrained(bench.space, conf.general.seed, shown)
    costs = table(bench.space, specs[0].io, specs[0].scale)
    pool = [
        {"macs": costs.of(spec, "macs"), **untrained.of(spec, names)}
        for spec in bench.reporter.progress(specs, "scored by proxies")
    ]
    return {f"{COST}{name}": merits(name, pool) for name in names}
