"""Augmentation on the device: what may change changes as drawn, everything else stays exactly as it was."""

import math

import pytest
import torch
from torch import Tensor

from audionas.core.rng import seed_torch, torch_rng
from audionas.images import augment
from audionas.images.augment import Standardize, augmented, cutout, jittered, plain
from audionas.images.conf import Images

N = 4000  # images of a statistical test


def conf(**changes: object) -> Images:
    return Images(**{"path": "x", "crop": "none", "flip": False, **changes})


def noise(count: int, side: int) -> Tensor:
    return torch.randint(1, 256, (count, side, side, 3), generator=torch_rng("n", side)).to(torch.uint8)


def floats(x: Tensor) -> Tensor:
    return x.permute(0, 3, 1, 2).float() / 255


def coordinates(count: int, side: int) -> Tensor:
    """Images whose red says the row and whose green says the column."""
    x = torch.zeros(count, side, side, 3, dtype=torch.uint8)
    x[..., 0] = torch.arange(side)[:, None]
    x[..., 1] = torch.arange(side)
    x[..., 2] = 255
    return x


def test_plain_is_the_centre_in_zero_to_one_channels_last() -> None:
    x = noise(3, 10)
    y = plain(x, 6)
    assert torch.equal(y, floats(x[:, 2:8, 2:8]))
    assert torch.equal(plain(x, 10), floats(x))
    for tensor in (y, plain(x, 10)):
        assert tensor.is_contiguous(memory_format=torch.channels_last)


def test_nothing_asked_for_changes_nothing() -> None:
    x = noise(3, 10)
    assert torch.equal(augmented(x, conf(), 10), plain(x, 10))
    assert torch.equal(augmented(x, conf(crop="padded", padding=0), 10), plain(x, 10))
    assert torch.equal(augmented(x, conf(), 6), plain(x, 6))


def test_a_padded_crop_is_a_window_of_the_padded_image_each_place_equally_often() -> None:
    seed_torch("crop")
    x = coordinates(N, 8)
    y = augmented(x, conf(crop="padded", padding=2), 8)
    assert y.shape == (N, 3, 8, 8)
    assert y.is_contiguous(memory_format=torch.channels_last)
    padded = torch.nn.functional.pad(floats(x[:1]), (2, 2, 2, 2))
    windows = {
        (top, left): padded[0, :, top : top + 8, left : left + 8] for top in range(5) for left in range(5)
    }
    counts = [sum(torch.equal(image, window) for image in y) for window in windows.values()]
    assert sum(counts) == N
    sd = math.sqrt(N / 25 * 24 / 25)
    assert max(abs(c - N / 25) for c in counts) < 4.5 * sd


def test_half_of_the_images_are_flipped_left_to_right() -> None:
    seed_torch("flip")
    x = coordinates(N, 6)
    y = augmented(x, conf(flip=True), 6)
    same = (y == floats(x)).flatten(1).all(1)
    mirrored = (y == floats(x.flip(2))).flatten(1).all(1)
    assert torch.equal(same, ~mirrored)
    assert abs(int(mirrored.sum()) - N / 2) < 4.5 * math.sqrt(N / 4)


@pytest.mark.laws
def test_a_resized_crop_has_the_drawn_area_and_aspect() -> None:
    """Read off the coordinates that the corners of the crop show."""
    seed_torch("area")
    side = 201
    x = coordinates(400, side)
    y = augmented(x, conf(crop="resized", area=(0.2, 0.6)), 50) * 255
    assert y.shape == (400, 3, 50, 50)
    assert y.is_contiguous(memory_format=torch.channels_last)
    assert bool((y[:, 2] > 254.9).all()), "nothing from outside the image"
    height = (y[:, 0, -1, 25] - y[:, 0, 0, 25]) * 50 / 49
    width = (y[:, 1, 25, -1] - y[:, 1, 25, 0]) * 50 / 49
    area, aspect = height * width / side**2, width / height
    assert float(area.min()) > 0.19
    assert float(area.max()) < 0.61
    assert abs(float(area.mean()) - 0.4) < 4.5 * 0.4 / math.sqrt(12 * 400)
    assert float(aspect.min()) > 0.74
    assert float(aspect.max()) < 1.35
    assert abs(float(aspect.log().mean())) < 4.5 * 2 * math.log(4 / 3) / math.sqrt(12 * 400)
    middle = y[:, :2, 24:26, 24:26].mean((2, 3))
    assert float(middle.std(0).min()) > 10, "places differ"


def test_a_resized_crop_of_the_whole_area_is_the_image() -> None:
    x = noise(4, 12)
    y = augmented(x, conf(crop="resized", area=(1.0, 1.0)), 12)
    torch.testing.assert_close(y, plain(x, 12), atol=1e-5, rtol=0)
    seed_torch("mirror")
    mirrored = augmented(x, conf(crop="resized", area=(1.0, 1.0), flip=True), 12)
    for image, flipped in zip(plain(x, 12), mirrored, strict=True):
        assert min((image - flipped).abs().max(), (image.flip(2) - flipped).abs().max()) < 1e-5


@pytest.mark.parametrize("side", [1, 4, 5, 16])
def test_cutout_blanks_one_square_and_nothing_else(side: int) -> None:
    seed_torch("cutout", side)
    x = torch.randn(200, 3, 20, 20, generator=torch_rng("x")).contiguous(memory_format=torch.channels_last)
    y = cutout(x, side)
    blank = (y == 0).all(1)  # (B, H, W)
    assert torch.equal(y, x.masked_fill(blank[:, None], 0.0))
    rows, columns = blank.any(2).sum(1), blank.any(1).sum(1)
    assert torch.equal(blank.sum((1, 2)), rows * columns), "a rectangle"
    assert int(rows.max()) == int(columns.max()) == side
    assert int(rows.min()) >= 1, "the centre is always inside"
    # every pixel is a centre equally often: inside the square at one of `side` starts, those that exist
    within = blank[:, 10, 10].float().mean()
    share = (side / 20) ** 2
    assert abs(float(within) - share) < 4.5 * math.sqrt(max(share * (1 - share), 1e-3) / 200)


@pytest.mark.laws
def test_jitter_changes_each_image_by_a_factor_of_its_own() -> None:
    pytest.importorskip("kornia")
    seed_torch("jitter")
    x = torch.full((300, 3, 4, 4), 0.4)
    y = jittered(x, (0.5, 0.0, 0.0, 0.0))
    factors = y[:, 0, 0, 0] / 0.4
    assert torch.allclose(y, (factors * 0.4)[:, None, None, None].expand_as(y))
    assert float(factors.min()) < 0.6
    assert float(factors.max()) > 1.4
    assert 0.5 <= float(factors.min()) <= float(factors.max()) <= 1.5


@pytest.mark.parametrize("which", range(4))
def test_each_jitter_keeps_what_it_must(which: int) -> None:
    """Contrast keeps the mean grey, saturation the grey of each pixel, hue the extremes of each pixel."""
    pytest.importorskip("kornia")
    seed_torch("each", which)
    x = 0.35 + 0.3 * torch.rand(20, 3, 5, 5, generator=torch_rng("each"))
    strengths = [0.0] * 4
    strengths[which] = 0.3
    y = jittered(x, tuple(strengths))
    assert not torch.allclose(x, y)
    grey = torch.tensor([0.299, 0.587, 0.114])[:, None, None]
    if which == 1:
        torch.testing.assert_close((y * grey).sum(1).mean((1, 2)), (x * grey).sum(1).mean((1, 2)), **close())
    if which == 2:
        torch.testing.assert_close((y * grey).sum(1), (x * grey).sum(1), **close())
    if which == 3:
        torch.testing.assert_close(y.amax(1), x.amax(1), **close())
        torch.testing.assert_close(y.amin(1), x.amin(1), **close())


def test_hue_turns_by_up_to_its_strength_of_a_circle() -> None:
    """Red turned towards green by an angle below 60 degrees has so much of 60 degrees in green."""
    pytest.importorskip("kornia")
    seed_torch("hue")
    x = torch.zeros(500, 3, 2, 2)
    x[:, 0] = 1.0
    y = jittered(x, (0.0, 0.0, 0.0, 0.1))[:, :, 0, 0]
    turn = (y[:, 1] - y[:, 2]) / 6  # of a circle
    assert 0.095 < float(turn.max()) < 0.1001
    assert -0.1001 < float(turn.min()) < -0.095


def close() -> dict[str, float]:
    return {"atol": 1e-4, "rtol": 0.0}


def test_no_strength_no_kornia(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(augment, "jittered", None)
    augmented(noise(2, 8), conf(), 8)


def test_the_same_seed_draws_the_same_and_every_image_differently() -> None:
    settings = Images(path="x", crop="padded", padding=4)
    x = noise(1, 16).expand(16, -1, -1, -1)
    first, second = (_seeded(x, settings) for _ in range(2))
    assert torch.equal(first, second)
    assert len({image.numpy().tobytes() for image in first}) > 12


def _seeded(x: Tensor, settings: Images) -> Tensor:
    seed_torch("same")
    return cutout(augmented(x, settings, 16), 4)


def test_standardised_training_images_have_mean_0_and_deviation_1() -> None:
    x = floats(noise(50, 8))
    mean, std = x.mean((0, 2, 3)), x.std((0, 2, 3), correction=0)
    y = Standardize(mean, std)(x)
    torch.testing.assert_close(y.mean((0, 2, 3)), torch.zeros(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(y.std((0, 2, 3), correction=0), torch.ones(3))
