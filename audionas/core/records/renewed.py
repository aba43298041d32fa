"""Settings that earlier versions stored with their runs, in the words of this one."""

from collections.abc import Mapping
from typing import Any


def renewed(stored: Mapping[str, Any]) -> dict[str, Any]:
    """Stored settings with a method's `warmup_epochs` as `warmup`, the share of the search that they were.

    What makes no sense as such stays, to be refused where it is read.
    """
    method, search = stored.get("method"), stored.get("search")
    if not isinstance(method, Mapping) or not isinstance(search, Mapping):
        return dict(stored)
    rests, epochs = method.get("warmup_epochs"), search.get("epochs")
    if not isinstance(rests, int) or not isinstance(epochs, int) or not 0 <= rests < epochs:
        return dict(stored)
    rest = {key: value for key, value in method.items() if key != "warmup_epochs"}
    return {**stored, "method": {**rest, "warmup": rests / epochs}}
