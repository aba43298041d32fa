"""Folds of a wake word's recordings: each is the test once; the next is for development, the others train."""

import re
from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from audionas.core.errors import UserError
from audionas.prep.wake.sources import SILENCE_GROUP, Recording, SplitName, draw, says

FEWEST = 3  # one to test, one for development, one to train on


class Fold(NamedTuple):
    """Fold `number`, from 0, of `many`."""

    number: int
    many: int

    def split(self, place: int) -> SplitName:
        """The split of the groups in fold `place`."""
        if place == self.number:
            return "test"
        return "dev" if place == (self.number + 1) % self.many else "train"


def named(text: str) -> Fold | None:
    """The fold that `2/5` means; None for an empty text. Raises UserError for any other."""
    if not text:
        return None
    match = re.fullmatch(r"(\d{1,4})/(\d{1,4})", text)
    fold = Fold(int(match[1]), int(match[2])) if match else Fold(0, 0)
    if fold.many < FEWEST or fold.number >= fold.many:
        raise UserError(
            f"--fold {text}: expected K/N, the tested fold, from 0, and their number, {FEWEST} or more",
            hint="For example: --fold 0/5",
        )
    return fold


def by_fold(
    recordings: Sequence[Recording], keyword: str, seed: int, fold: Fold
) -> dict[SplitName, list[Recording]]:
    """Assign whole groups to splits. Each source's groups are dealt to the folds in an order that `seed`
    draws, so folds differ by one group at most; those with recordings of the keyword are dealt apart.

    A `whole` group with recordings of the keyword always goes to train, as `sources.by_split` has it.
    """
    mine = {r.group for r in recordings if says(r, keyword)}
    place: dict[str, SplitName] = {SILENCE_GROUP: "train"}
    place |= {r.group: "train" for r in recordings if r.whole and r.group in mine}
    deals: dict[tuple[str, bool], dict[str, None]] = defaultdict(dict)
    for recording in recordings:
        if recording.group not in place:
            deals[recording.source, recording.group in mine][recording.group] = None
    for groups in deals.values():
        for number, group in enumerate(sorted(groups, key=lambda each: draw(seed, each))):
            place[group] = fold.split(number % fold.many)
    splits: dict[SplitName, list[Recording]] = {"train": [], "dev": [], "test": []}
    for recording in recordings:
        splits[place[recording.group]].append(recording)
    return splits
