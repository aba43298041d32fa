"""Every key has a line of help, its own default and a true range; no default refuses what a user sets."""

from collections.abc import Iterator
from dataclasses import fields
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import pytest

from audionas.config import SECTIONS, built
from audionas.core.errors import UserError
from audionas.core.merge import sections_of
from audionas.settings import words
from audionas.settings.keys import keys, kinds
from audionas.settings.ranges import least

EVERY = keys()


def test_every_key_has_a_line() -> None:
    assert [key.key for key in EVERY if not key.help] == []
    assert [key.key for key in EVERY if "\n" in key.help] == []


def test_no_line_is_for_a_key_that_is_gone() -> None:
    known = {key.key for key in EVERY} | {".".join(key.key.split(".")[-2:]) for key in EVERY}
    assert words.OF.keys() - known == set()
    assert words.EVERYWHERE.keys() - {key.key.rpartition(".")[2] for key in EVERY} == set()


def test_every_field_of_every_class_is_a_key() -> None:
    listed = {(key.key, name) for key in EVERY for name in key.of or ("",)}
    wanted = {
        (".".join(filter(None, (section, field.name))), name)
        for section, name, kind in kinds()
        for field in fields(kind)
    }
    assert wanted <= listed
    assert {key.key.partition(".")[0] for key in EVERY} >= SECTIONS.keys()


def test_the_default_is_that_of_the_section_around_it() -> None:
    found = {key.key: key.default for key in keys("search.optim") + keys("train.optim")}
    assert (found["search.optim.lr"], found["train.optim.lr"]) == ("0.05", "0.1")
    assert found["search.optim.clip"] == "5.0"


@pytest.mark.parametrize(
    ("key", "wanted"),
    [
        ("rank.networks", "at least 3"),
        ("train.past", "0 (off) to 60 seconds such as 1.0"),
        ("search.label_smoothing", "0 to 1"),
        ("train.loss", ""),
    ],
)
def test_the_range_is_what_the_class_expects(key: str, wanted: str) -> None:
    (found,) = keys(key)
    assert found.range == wanted


def test_a_prefix_may_name_a_method() -> None:
    found = keys("method.darts")
    assert {key.of for key in found} == {("darts",)}
    assert "method.alpha_lr" in {key.key for key in found}
    assert {key.key for key in keys("method.alpha_l")} == {"method.alpha_lr"}


def test_a_word_is_searched_in_keys_and_meanings() -> None:
    found = keys(search="dropout")
    assert {"train.dropout", "search.dropout"} <= {key.key for key in found}
    assert all("dropout" in f"{key.key} {key.help}".lower() for key in found)
    assert {key.key for key in keys("train", "dropout")} == {"train.dropout"}


def test_nothing_found_says_what_there_is() -> None:
    with pytest.raises(UserError, match=r"Did you mean 'rank\.networks'") as told:
        keys("rank.netwroks")
    assert "Sections: data, images" in str(told.value)


def lone() -> Iterator[tuple[type, str, Any]]:
    """Each number of each class, alone, at values near those that users give."""
    done: set[type] = set()
    waiting = [kind for _, _, kind in kinds()]
    while waiting:
        if (kind := waiting.pop()) in done:
            continue
        done.add(kind)
        waiting += sections_of(kind).values()
        for name, hint in get_type_hints(kind).items():
            union = get_origin(hint) in (Union, UnionType)
            parts = (
                {*(get_args(hint) if union else (hint,))} if name in {f.name for f in fields(kind)} else set()
            )
            tried = [*((1, 2, 3, 4, 8) if int in parts else ()), *((0.1, 0.5, 0.9) if float in parts else ())]
            yield from ((kind, name, value) for value in tried if name not in least(kind))


def test_no_default_refuses_what_a_user_sets() -> None:
    """Such as rank.networks=4, which 1 and 10, the default of rank.top, used to refuse."""
    found = []
    for kind, name, value in lone():
        try:
            kind(**least(kind), **{name: value})
        except UserError as error:
            others = [f"{f.name} is {f.default}" for f in fields(kind) if f.name != name]
            found += [f"{kind.__name__}.{name}={value}: {error}" for other in others if other in str(error)]
            found += [f"{kind.__name__}.{name}={value}: {error}" for _ in [0] if f"{name} + " in str(error)]
    assert found == []


def test_four_networks_are_ranked() -> None:
    assert built({"name": "x", "rank": {"networks": 4}}).rank.firsts == (1,)
