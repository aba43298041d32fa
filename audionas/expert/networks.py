"""The networks that are tried: hand-made ones at three widths, and the shipped one with its weights."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from audionas.config import Config, load
from audionas.core.arch import ArchSpec, InputSpec
from audionas.core.errors import UserError
from audionas.core.reporter import Reporter
from audionas.expert.devices import Device
from audionas.inputs.feed import open_inputs
from audionas.models import names as models
from audionas.run.train import wanted_arch, wanted_features, within_limits
from audionas.spaces.tc_resnet import TcResnet

WIDTHS = (0.5, 1.0, 2.0)
SHIPPED = "kws12"
_IO = InputSpec(1, 40, 98, 2)  # a training puts that of the data in its place


class Network(NamedTuple):
    """An architecture under a name; `init` is the model whose weights its training begins with, or empty."""

    name: str
    spec: ArchSpec
    init: str = ""

    @property
    def file(self) -> str:
        """The name of its architecture file."""
        return f"{self.name}.json"


def candidates(device: Device) -> list[Network]:
    """The networks to try: the shipped one where the runtime has all its operators, since its weights know
    speech, and TC-ResNet8 at three widths, the smallest first.
    """
    known = [Network(f"{SHIPPED}_network", models.arch(SHIPPED), SHIPPED)] if device.profile == "none" else []
    return known + [
        Network(f"tc_resnet8_w{width:g}".replace(".", "_"), _tc(width, device.listens)) for width in WIDTHS
    ]


def fitting(networks: Sequence[tuple[Network, Sequence[str]]], conf: Path, device: str) -> list[Network]:
    """The networks that fit the limits of the config with their settings. Raises UserError with what the
    nearest one exceeds where there is none.
    """
    fit, refused = [], []
    for network, changes in networks:
        settings, io = opened(conf, changes)
        try:
            within_limits(settings, replace(network.spec, io=io), network.name)
        except UserError as error:
            refused.append(error)
        else:
            fit.append(network)
    if not fit:
        raise UserError(
            [f"no network fits {device}; what keeps the nearest one out:", *refused[-len(WIDTHS)].problems],
            hint="Choose a larger device (audionas list devices), or raise the limit: limits.COST=MOST",
        )
    return fit


def opened(conf: Path, changes: Sequence[str]) -> tuple[Config, InputSpec]:
    """A config, and the input of a network on its data."""
    settings = load(conf, changes)
    _, spec = wanted_arch(settings, None)
    inputs = open_inputs(settings, wanted_features(settings, spec, None), Reporter())
    return settings, inputs.io


def _tc(width: float, causal: bool) -> ArchSpec:
    return TcResnet(width=width, causal=causal).spec({}, _IO)
