"""Searchers, which choose the networks to score: one per file, and the file name is its registered name."""

from audionas.core.doors import door

__getattr__ = door(
    __name__,
    {
        "_base": "CHEAP DEAR PROXIES VIABLE Direction Filter Problem Score Searcher",
        "_front": "Scored crowding dominates extent front hypervolume hypervolumes knee minimal points "
        "violations",
        "_fronts": "Front",
        "_mutation": "Generation",
        "_vectors": "Vectors distinct every",
    },
)
