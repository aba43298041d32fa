"""The key `derive` of a method's section: DARTS-PT's rule of derivation, laid over any method that mixes."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from functools import cache
from typing import Any

from audionas.core.errors import UserError
from audionas.methods._base import Method
from audionas.methods._bilevel import Bilevel
from audionas.methods.darts_pt import DartsPt

RULE = "perturbation"
OWN = tuple(f.name for f in fields(DartsPt) if f.name not in {f.name for f in fields(Bilevel)})


def laid(kind: Any, section: Mapping[str, Any]) -> tuple[type[Method], dict[str, Any]]:
    """The class and the fields of a `method` section without `name`: with `derive`, DARTS-PT over `kind`.

    Raises UserError where `derive` is no such rule, or the method would lose something under it.
    """
    rest = dict(section)
    if (wanted := rest.pop("derive", None)) is None:
        return kind, rest
    known = ("rule", *OWN)
    if not isinstance(wanted, Mapping) or wanted.get("rule") != RULE or set(wanted) - set(known):
        raise UserError(
            f"derive: expected a rule and its settings: {', '.join(known)}",
            hint=f"For example: derive: {{rule: {RULE}, tune: 0.2, criterion: accuracy}}",
        )
    if Bilevel not in kind.__mro__:
        raise UserError(
            f"derive: {RULE} takes options out of a mixture, and this method mixes none",
            hint="Where it trains a supernet, a searcher scores its networks: searcher={name: nsga2}",
        )
    if DartsPt in kind.__mro__:
        raise UserError(
            f"derive: this method is darts with the rule {RULE}; set tune and criterion themselves"
        )
    if kind.rate is not Method.rate:
        raise UserError(
            f"derive: {RULE} tunes at rates of its own, and this method has a schedule of its own"
        )
    return over(kind), {**rest, **{key: value for key, value in wanted.items() if key != "rule"}}


@cache
def over(kind: type[Bilevel]) -> type[Bilevel]:
    """The method `kind`, whose network is derived by perturbation; one class for each kind.

    Raises UserError where a hook would be lost.
    """
    told = {"__module__": kind.__module__, "__doc__": kind.__doc__, "paper": kind.paper, "arxiv": kind.arxiv}
    return dataclass(kw_only=True)(type(kind.__name__, (DartsPt, kind), told))


def section_of(value: Any) -> dict[str, Any]:
    """The fields of a section; those of a method as `laid` reads them back."""
    found = asdict(value)
    if isinstance(value, DartsPt) and len(type(value).__bases__) > 1:
        found["derive"] = {"rule": RULE, **{name: found.pop(name) for name in OWN}}
    return found
