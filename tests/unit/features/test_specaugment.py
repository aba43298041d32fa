"""SpecAugment: masks have the widths asked for, everything else is untouched."""

import pytest
import torch

from audionas.core.errors import UserError
from audionas.features import SpecAugment, spec_augment

F, T = 40, 98


def masks(conf: SpecAugment, examples: int) -> torch.Tensor:
    """Where ones became zeros: (examples, F, T) booleans."""
    generator = torch.Generator().manual_seed(0)
    out = spec_augment(torch.ones(examples, 1, F, T), conf, generator)
    assert set(out.unique().tolist()) <= {0.0, 1.0}
    return out[:, 0] == 0


@pytest.mark.parametrize(
    "conf", [SpecAugment(), SpecAugment(freq_masks=3), SpecAugment(time_width=20, freq_width=7)]
)
def test_off_is_the_identity(conf: SpecAugment) -> None:
    x = torch.randn(4, 1, F, T)
    assert torch.equal(spec_augment(x, conf), x)


def test_what_is_not_masked_stays_bit_by_bit_and_the_input_too() -> None:
    x = torch.randn(50, 1, F, T)
    before = x.clone()
    out = spec_augment(x, SpecAugment(freq_masks=2, freq_width=7, time_masks=2, time_width=20))
    assert torch.equal(x, before)
    assert torch.equal(out[out != 0], x[out != 0])
    assert (out == 0).any()


@pytest.mark.laws
@pytest.mark.parametrize("axis", ["freq", "time"])
def test_one_mask_is_one_band_of_at_most_its_width_and_every_width_occurs(axis: str) -> None:
    size = F if axis == "freq" else T
    masked = masks(SpecAugment(**{f"{axis}_masks": 1, f"{axis}_width": 9}), 3000)
    lines = masked.all(
        dim=2 if axis == "freq" else 1
    )  # (examples, size): the whole line is masked, or none of it
    assert torch.equal(masked.any(dim=2 if axis == "freq" else 1), lines)
    widths = lines.sum(dim=1)
    assert widths.unique().tolist() == list(range(10))
    edges = lines[:, 1:].logical_xor(lines[:, :-1]).sum(dim=1) + lines[:, 0] + lines[:, -1]
    assert edges.max() <= 2, "one band"
    assert lines.any(dim=0).all(), f"each of the {size} lines is masked now and then"
    share = widths.double().mean() / size
    assert share == pytest.approx(4.5 / size, rel=0.05)


@pytest.mark.laws
def test_the_share_masked_by_all_masks_is_the_expected_one() -> None:
    one = masks(SpecAugment(time_masks=1, time_width=20), 2000).double().mean()
    two = masks(SpecAugment(time_masks=2, time_width=20), 2000).double().mean()
    assert one == pytest.approx(10 / T, rel=0.05)
    assert one * 1.5 < two <= one * 2.05, "masks may overlap, seldom"


def test_examples_differ_and_a_seed_repeats_them() -> None:
    conf = SpecAugment(freq_masks=1, freq_width=7, time_masks=1, time_width=20)
    first = masks(conf, 20)
    assert len({tuple(m.flatten().tolist()) for m in first}) > 15
    assert torch.equal(first, masks(conf, 20))
    torch.manual_seed(5)
    a = spec_augment(torch.ones(3, 1, F, T), conf)
    torch.manual_seed(5)
    assert torch.equal(a, spec_augment(torch.ones(3, 1, F, T), conf))


def test_impossible_masks_are_refused() -> None:
    with pytest.raises(UserError, match=r"freq_width: 41 .*\n.*time_width: 99"):
        spec_augment(torch.ones(1, 1, F, T), SpecAugment(freq_masks=1, freq_width=41, time_width=99))
    with pytest.raises(UserError, match="freq_masks: -1 is below 0"):
        SpecAugment(freq_masks=-1)
