"""The sections of a config, restricted to what the runtime of its profile has."""

import math
from typing import Any

from audionas.core.arch import InputSpec
from audionas.core.errors import UserError
from audionas.cost.limits import Limits
from audionas.cost.profile import PROFILES, restrict
from audionas.features import Features

_USUAL_CLIP, _USUAL_IMAGE = InputSpec(1, 40, 98, 2), InputSpec(3, 32, 32, 2)  # sizes do not matter here


def fit(built: dict[str, Any], problems: list[str]) -> tuple[str, ...]:
    """Restrict the sections to what the profile allows; return the changes, in sentences."""
    name, changes = built["general"].profile, []
    if name == "none":
        return ()
    profile = PROFILES[name]
    if profile.front_end and built["features"] is None:
        built["features"] = _front_end(profile.front_end)
        changes.append(f"profile {name}: features are {profile.front_end}, which the device computes")
    elif profile.front_end and built["features"].name != (only := _front_end(profile.front_end).name):
        problems.append(f"features: profile {name} has only the front-end {only}")
    given = built["limits"].given if built["limits"] is not None else {}
    for cost, most in profile.limits.items():
        if given.get(cost, math.inf) > most:
            given[cost] = most
            changes.append(f"profile {name}: limits.{cost} is {most:,.0f}")
    if given:
        built["limits"] = Limits(**given)
    if built["space"] is not None:
        try:
            io = _USUAL_IMAGE if built["images"] is not None else _USUAL_CLIP
            built["space"], more = restrict(built["space"], name, io)
            changes += more
        except UserError as error:
            problems += error.problems
    return tuple(changes)


def _front_end(name: str) -> Features:
    """The front-end called name/preset."""
    stem, preset = name.split("/")
    return Features(name=stem, preset=preset)
