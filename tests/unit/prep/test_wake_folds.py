"""Folds of a wake word's recordings."""

from collections import Counter
from pathlib import Path

import pytest

from audionas.core.errors import UserError
from audionas.prep.wake.folds import Fold, by_fold, named
from audionas.prep.wake.sources import SILENCE_GROUP, Recording

MANY = 5


def recordings() -> list[Recording]:
    """18 clips of the word by nobody known, 12 readers of two chapters, 7 noises, a donor, cuts of noise."""
    found = [Recording(Path(f"{n}.flac"), "pico", "alexa", f"pico-{n}") for n in range(18)]
    found += [Recording(Path(f"r{n}.opus"), "read", "", f"read-{n // 2}") for n in range(24)]
    found += [Recording(Path(f"n{n}.opus"), "noise", "", f"noise-{n}") for n in range(7)]
    found += [Recording(Path(f"d{n}.flac"), "mycroft", "alexa", "mycroft-a", whole=True) for n in range(3)]
    return [*found, Recording(Path("s.flac"), "noise", "", SILENCE_GROUP)]


def test_each_group_is_tested_once_and_trains_in_all_but_two_folds() -> None:
    found = recordings()
    tested, developed = Counter[str](), Counter[str]()
    for number in range(MANY):
        splits = by_fold(found, "alexa", 3, Fold(number, MANY))
        groups = {split: {r.group for r in splits[split]} for split in splits}
        assert not groups["train"] & (groups["dev"] | groups["test"])
        assert not groups["dev"] & groups["test"]
        assert sorted(map(str, found)) == sorted(str(r) for part in splits.values() for r in part)
        tested.update(groups["test"])
        developed.update(groups["dev"])
    kept = {"mycroft-a", SILENCE_GROUP}
    assert set(tested) == set(developed) == {r.group for r in found} - kept
    assert set(tested.values()) == set(developed.values()) == {1}


def test_folds_of_a_source_differ_by_one_group_at_most() -> None:
    sizes = []
    for number in range(MANY):
        test = by_fold(recordings(), "alexa", 3, Fold(number, MANY))["test"]
        sizes.append(Counter(source for source, _ in {(r.source, r.group) for r in test}))
    for source in ("pico", "read", "noise"):
        each = [size[source] for size in sizes]
        assert max(each) - min(each) <= 1


def test_the_seed_draws_the_folds_and_the_order_of_files_does_not() -> None:
    found, fold = recordings(), Fold(0, MANY)
    first = {r.group for r in by_fold(found, "alexa", 3, fold)["test"]}
    assert first == {r.group for r in by_fold(found[::-1], "alexa", 3, fold)["test"]}
    assert first != {r.group for r in by_fold(found, "alexa", 4, fold)["test"]}


@pytest.mark.parametrize("text", ["5/5", "0/2", "1", "a/5", "-1/5", "1/5/2", "0/0"])
def test_what_is_no_fold_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="expected K/N"):
        named(text)


def test_a_fold_is_read() -> None:
    assert named("2/5") == Fold(2, 5)
    assert named("") is None
