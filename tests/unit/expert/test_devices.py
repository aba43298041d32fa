"""The table of devices, and networks that fit none."""

import pytest

from audionas.core.errors import UserError
from audionas.cost.limits import NOUNS
from audionas.cost.profile import PROFILES
from audionas.expert.devices import DEVICES, device, memory
from audionas.expert.networks import candidates
from audionas.run.ship.targets import TARGETS
from tests.unit.cli._command import done, refused


@pytest.mark.parametrize("name", DEVICES)
def test_a_device_names_what_exists(name: str) -> None:
    each = device(name)
    assert each.profile == "none" or each.profile in PROFILES
    assert set(each.limits) <= set(NOUNS)
    assert each.targets
    assert set(each.targets) <= set(TARGETS)
    assert each.listens == any(t in ("onnx-stream", "litert", "esphome") for t in each.targets)


@pytest.mark.parametrize("name", [name for name, each in DEVICES.items() if each.listens])
def test_networks_for_a_device_that_listens_are_causal(name: str) -> None:
    assert all(network.spec.params["causal"] for network in candidates(device(name)))


def test_an_unknown_device_is_refused_with_the_nearest() -> None:
    with pytest.raises(UserError, match="Did you mean 'esp32-s3'"):
        device("esp32s3")


def test_devices_are_listed() -> None:
    rows = {row["name"]: row for row in done("list", "devices", "--json").json}
    assert list(rows) == list(DEVICES)
    assert rows["cpu"]["memory"] == "none"
    assert memory(DEVICES["esp32"]) == rows["esp32"]["memory"]
    assert "60,000 bytes of arena on an ESP32" in rows["esp32"]["memory"]


def test_a_wrong_call_is_refused_with_all_its_problems() -> None:
    result = refused("make", "--negatives", "nowhere", "--fa-per-hour", "0")
    for part in (
        "one folder per word",
        "--for is missing",
        "--minutes is missing",
        "nowhere",
        "--fa-per-hour",
    ):
        assert part in result.err
