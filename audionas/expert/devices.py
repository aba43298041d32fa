"""The devices that `audionas make` knows: the runtime, the limits and the files of each."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from audionas.core.errors import UserError, did_you_mean
from audionas.cost.limits import NOUNS
from audionas.cost.profile import PROFILES


@dataclass(frozen=True, kw_only=True)
class Device:
    """A device: the `profile` that says what its runtime computes, the most that a network may cost there
    (`limits`, by the names of `cost.limits`), and the export `targets` for it.

    One that `listens` hears sound as it comes, so that its network must not look ahead in time. `words` is
    False where the runtime knows one keyword only.
    """

    told: str
    targets: tuple[str, ...]
    profile: str = "none"
    limits: Mapping[str, float] = field(default_factory=dict)
    listens: bool = False
    words: bool = True

    @property
    def operators(self) -> str:
        """The operators of its runtime, in words."""
        return "all" if self.profile == "none" else PROFILES[self.profile].told


# The limits are our choice: they leave the larger part of a device to its other work. limits.COST=MOST at the
# end of the command replaces one.
DEVICES: Mapping[str, Device] = {
    "cpu": Device(told="a computer, in ONNX Runtime", targets=("onnx",)),
    "browser": Device(
        told="a page, in ONNX Runtime Web",
        targets=("onnx-stream",),
        limits={"params": 1_000_000, "macs": 50_000_000},
        listens=True,
    ),
    "phone": Device(
        told="Android or iOS, in LiteRT",
        targets=("onnx-stream", "litert"),
        limits={"params": 2_000_000, "macs": 100_000_000},
        listens=True,
    ),
    "pi": Device(
        told="a Raspberry Pi, in ONNX Runtime",
        targets=("onnx", "onnx-stream"),
        limits={"params": 1_000_000, "macs": 50_000_000},
        listens=True,
    ),
    "esp32": Device(
        told="ESPHome's micro_wake_word, without PSRAM",
        targets=("onnx-stream", "litert", "esphome"),
        profile="esphome",
        limits={"arena_esp32": 60_000, "params": 100_000},
        listens=True,
        words=False,
    ),
    "esp32-s3": Device(
        told="ESPHome's micro_wake_word, with PSRAM",
        targets=("onnx-stream", "litert", "esphome"),
        profile="esphome",
        limits={"arena_esp32s3": 120_000, "params": 200_000},
        listens=True,
        words=False,
    ),
    "cortex-m4": Device(
        told="CMSIS-NN's int8 kernels, 128 kB of memory",
        targets=("onnx", "int8"),
        profile="cmsis",
        limits={"params": 200_000, "peak_bytes": 256_000, "macs": 8_000_000},
    ),
}


def device(name: str) -> Device:
    """The device called `name`. Raises UserError for another name, with the nearest."""
    if name not in DEVICES:
        raise UserError(
            f"--for {name}: no such device.{did_you_mean(name, DEVICES)}",
            hint=f"Devices: {', '.join(DEVICES)}; see: audionas list devices",
        )
    return DEVICES[name]


def rows() -> list[dict[str, Any]]:
    """One row per device, for `audionas list devices`."""
    return [
        {
            "name": name,
            "summary": each.told,
            "operators": each.operators,
            "limits": dict(each.limits),
            "memory": memory(each),
            "targets": list(each.targets),
            "listens": each.listens,
        }
        for name, each in DEVICES.items()
    ]


def memory(each: Device) -> str:
    """The limits in words; `none` where there are none."""
    return "; ".join(f"{most:,.0f} {NOUNS[cost]}" for cost, most in each.limits.items()) or "none"
