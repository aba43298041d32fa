"""Windows cover a recording once, whatever its pieces are; each rule on scores that were made up."""

from collections.abc import Iterator
from itertools import islice

import numpy as np
import pytest

from audionas.core.rng import numpy_rng
from audionas.models.windows import Answer, Window, answered, rule_for, slid

LABELS = ("_silence_", "_unknown_", "yes", "no")


def pieces(sound: np.ndarray, sizes: list[int]) -> Iterator[np.ndarray]:
    ends = np.cumsum(sizes)
    return (part for part in np.split(sound, ends[ends < sound.shape[-1]], axis=-1))


@pytest.mark.parametrize(
    ("length", "starts"),
    [
        (1, [0]),
        (100, [0]),
        (101, [0, 1]),
        (124, [0, 24]),
        (125, [0, 25]),
        (260, [0, 25, 50, 75, 100, 125, 150, 160]),
    ],
)
@pytest.mark.parametrize("sizes", [[1000], [7] * 60, [1, 99, 100, 3] * 9])
def test_windows_reach_from_the_first_to_the_last_sample(
    length: int, starts: list[int], sizes: list[int]
) -> None:
    sound = numpy_rng("windows", length).normal(size=(2, length)).astype(np.float32)
    found = list(slid(pieces(sound, sizes), 100))
    assert [window.start for window in found] == starts
    padded = np.pad(sound, ((0, 0), (0, max(0, 100 - length))))
    for window in found:
        np.testing.assert_array_equal(window.sound, padded[:, window.start : window.start + 100])


def test_an_end_without_a_frame_is_no_window() -> None:
    assert len(list(slid([np.zeros((1, 109))], 100, least=10))) == 1
    assert len(list(slid([np.zeros((1, 110))], 100, least=10))) == 2


def test_endless_sound_is_heard_piece_by_piece() -> None:
    given = 0

    def endless() -> Iterator[np.ndarray]:
        nonlocal given
        while True:
            given += 1
            yield np.zeros((1, 50))

    assert len(list(islice(slid(endless(), 100), 40))) == 40
    assert given < 30  # 40 windows of 25 samples are 20 pieces of 50


def answer(table: list[list[float]], rule: str, labels: tuple[str, ...] = LABELS) -> Answer:
    """The answer to windows whose scores are these: each window holds its row."""
    rows = np.array(table, dtype=np.float32)
    windows = (Window(8 * place, row[None]) for place, row in enumerate(rows))
    return answered(windows, lambda sound: sound, labels, 16, rule, 5.0)  # type: ignore[arg-type]


def test_the_highest_window_that_is_not_background_names_the_word() -> None:
    rows = [[0.9, 0, 0.1, 0], [0.1, 0, 0.6, 0.3], [0.2, 0, 0.1, 0.7], [0, 0.99, 0, 0.01]]
    found = answer(rows, "highest")
    assert (found.label, found.rule, found.windows, found.start) == ("no", "highest", 4, 1.0)
    assert found.scores["no"] == pytest.approx(0.7)


def test_background_alone_is_the_one_with_the_highest_mean() -> None:
    rows = [[0.4, 0.3, 0.3, 0], [0.2, 0.6, 0.1, 0.1]]
    found = answer(rows, "highest")
    assert (found.label, found.rule, found.start) == ("_unknown_", "background", None)
    assert found.scores["_unknown_"] == pytest.approx(0.45)
    close = answer([[0.4, 0, 0.3, 0.3], [0, 0.4, 0.35, 0.25]], "highest")  # yes has the highest mean of all
    assert close.label == "_silence_"


def test_scenes_are_the_mean_and_first_hears_one_window() -> None:
    rows = [[0.8, 0.2], [0.1, 0.9], [0.4, 0.6]]
    assert answer(rows, "mean", ("bus", "park"))[:4:3] == ("park", 3)
    assert answer(rows, "first", ("bus", "park")).label == "bus"
    assert answer(rows[:1], "mean", ("bus", "park")).rule == "clip"
    assert (rule_for(LABELS), rule_for(("bus", "park"))) == ("highest", "mean")
    assert answer(rows, "mean", ("bus", "park")).plain()["seconds"] == 5.0


def test_channels_are_averaged_and_many_windows_go_in_batches() -> None:
    rows = numpy_rng("windows", "many").random((150, 2, 4)).astype(np.float32)
    windows = (Window(place, row) for place, row in enumerate(rows))
    most = []

    def scores(sound: np.ndarray) -> np.ndarray:
        most.append(len(sound))
        return sound

    found = answered(windows, scores, ("a", "b", "c", "d"), 16, "mean", 9.0)
    assert list(found.scores.values()) == pytest.approx(rows.mean((0, 1)).tolist(), abs=1e-6)
    assert (max(most), sum(most)) == (128, 300)
