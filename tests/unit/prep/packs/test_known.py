"""The public packs: each has all that is printed before it is fetched, and a sum that can be checked."""

import re

import pytest

from audionas.core.errors import UserError
from audionas.prep.packs.known import PACKS, packs


@pytest.mark.parametrize("name", PACKS)
def test_a_pack_has_a_safe_address_one_published_sum_and_a_licence(name: str) -> None:
    pack = PACKS[name]
    assert re.fullmatch(r"https://[a-z.]+/[\w./-]+\.(tar\.gz|zip)", pack.url)
    assert re.fullmatch(r"[0-9a-f]{64}|", pack.sha256)
    assert re.fullmatch(r"[0-9a-f]{32}|", pack.md5)
    assert bool(pack.sha256) != bool(pack.md5)
    assert pack.size > 100_000_000
    assert pack.hours > 1 or name == "rirs-noises"  # whose length is published nowhere
    assert pack.licence
    assert re.fullmatch(r"[a-z0-9-]+", name)


def test_no_two_packs_are_the_same_archive() -> None:
    assert (
        len({pack.sum for pack in PACKS.values()}) == len({pack.url for pack in PACKS.values()}) == len(PACKS)
    )


def test_unknown_packs_are_told_together() -> None:
    with pytest.raises(UserError) as caught:
        packs(["musna", "musan", "nothing at all"])
    assert caught.value.problems == [
        "musna: no such pack. Did you mean 'musan'?",
        "nothing at all: no such pack.",
    ]
