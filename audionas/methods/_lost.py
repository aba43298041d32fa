"""The hooks and defaults that would be lost where one method is laid over another."""

from dataclasses import fields, is_dataclass
from typing import Any


def hidden(cls: type) -> list[str]:
    """The methods of a class's bases that others of them hide without calling them, as `Class.name`.

    A method that calls super() passes the call on, and hides nothing. issubclass is not asked: a class that
    is refused while it is made shares the caches of its bases' ABCs, and would spoil later answers.
    """
    found = []
    for name in {name for base in cls.__mro__ for name in vars(base) if _is_hook(base, name)}:
        owners = [base for base in cls.__mro__ if name in vars(base)]
        ends = next(
            (n for n, base in enumerate(owners) if not passes_on(vars(base)[name], name)), len(owners)
        )
        above = owners[ends] if ends < len(owners) else object
        found += [f"{base.__name__}.{name}" for base in owners[ends + 1 :] if base not in above.__mro__]
    return sorted(found)


def passes_on(hook: Any, name: str) -> bool:
    """True for a method, or a property, of this name that calls super().name."""
    code = getattr(getattr(hook, "fget", hook), "__code__", None)
    return {"super", name} <= set(getattr(code, "co_names", ()))


def _is_hook(kind: type, name: str) -> bool:
    made = name.startswith("__") and name != "__post_init__"  # by dataclass, or Python's own
    return not made and (callable(vars(kind)[name]) or isinstance(vars(kind)[name], property))


def replaces(kind: type, base: type, hook: str) -> bool:
    """True where a class has its own `hook` in place of that of its `base`, which it does not call."""
    above = kind.__mro__[: kind.__mro__.index(base)]
    return any(hook in vars(one) and not passes_on(vars(one)[hook], hook) for one in above)


def keep_defaults(cls: type) -> None:
    """Give a class that joins several its fields' defaults in the order in which Python finds methods.

    A dataclass takes all fields of its first base, inherited ones too: the second's `k: int = 4` would be
    lost behind the `k: int = 1` that both inherit. Called before the decorator acts.
    """
    known = {f.name: f for base in cls.__bases__ if is_dataclass(base) for f in fields(base)}
    own = vars(cls).get("__annotations__", {})
    told = {name: f.type for name, f in known.items() if name not in own and name in dir(cls)}
    for name in told:
        setattr(cls, name, getattr(cls, name))
    cls.__annotations__ = {**told, **own}
