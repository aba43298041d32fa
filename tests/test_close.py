"""The comparison that other tests use finds what it should."""

import numpy as np
import pytest
import torch

from tests._close import close

pytestmark = pytest.mark.numeric
VALUES = np.array([[60.0, -0.01], [3.0, 0.0]])


def test_a_difference_counts_in_parts_of_the_largest_value() -> None:
    other = VALUES.copy()
    other[0, 1] += 3e-4
    assert close(other, VALUES) == pytest.approx(5e-6)
    assert close(torch.tensor(other), 1000 * VALUES / 1000) == pytest.approx(5e-6)
    with pytest.raises(
        AssertionError, match=r"off by 3\.00e-04 where the largest value is 60: 5\.0e-06 of it"
    ):
        close(other, VALUES, parts=1e-6)


def test_zeros_other_shapes_and_what_is_no_number_are_refused() -> None:
    assert close(np.zeros(3), np.zeros(3)) == 0
    assert close([], []) == 0
    for found, wanted in (
        ([0.0, 1e-9], [0.0, 0.0]),
        ([np.nan], [np.nan]),
        ([1.0, np.nan], [1.0, 2.0]),
        ([1.0, 2.0], [1.0, np.nan]),
        ([1.0, np.inf], [1.0, 2.0]),
        ([1.0, 1.0], [1.0]),
    ):
        with pytest.raises(AssertionError):
            close(found, wanted)
