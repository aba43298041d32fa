"""Settings of a config's section `search` that its method does not read."""

from audionas.methods._base import Method
from audionas.methods._bilevel import Bilevel


def unread(method: Method) -> dict[str, str]:
    """The keys of `search` that change nothing with a method, with the reason."""
    if not method.trains:
        return dict.fromkeys(("augment_alpha", "budget"), "the method trains no supernet")
    if not method.halves:
        return {"augment_alpha": "the method has one level: alpha has no half of its own"}
    found = {"budget": "the method has two levels: its epoch is the one that others are measured by"}
    if not isinstance(method, Bilevel):
        found["augment_alpha"] = "the method learns no alpha, and scores networks on plain examples"
    return found
