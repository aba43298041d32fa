"""Samples in memory: two scales are understood, and a mixture of them is refused."""

import numpy as np
import pytest

from audionas.core.errors import UserError
from audionas.models.samples import checked


def test_both_scales_are_the_same() -> None:
    whole = np.array([-32768, 0, 16384], np.int16)
    np.testing.assert_array_equal(checked(whole), [-1, 0, 0.5])
    np.testing.assert_array_equal(checked(np.array([-1, 0, 0.5])), [-1, 0, 0.5])


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
def test_floats_at_the_scale_of_integers_are_refused(kind: type) -> None:
    with pytest.raises(UserError, match="the waveform reaches 2000, but full scale is 1") as caught:
        checked(np.array([1, -2000], kind))
    assert "int16" in caught.value.hint


def test_a_little_over_full_scale_is_what_decoders_give() -> None:
    assert checked(np.array([1.5, -2.0])).tolist() == [1.5, -2.0]
