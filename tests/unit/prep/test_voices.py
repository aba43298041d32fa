"""eSpeak NG's voices: phonemes, and near words found by them."""

import pytest

from audionas.core.errors import UserError
from audionas.prep.voices import find_engine, phonemes, said
from audionas.prep.wake.near_words import distance, near, spelt_alike

pytest.importorskip("espeakng_loader", reason="the extra 'mini' is not installed")


def test_phonemes_are_without_stress_and_whole_phrases_are_said() -> None:
    one, other, phrase = phonemes(["computer", "commuter", "hey, computer"], find_engine())
    assert distance(one, other) == 1
    assert phrase[-len(one) :] == one
    assert not set("".join(one)) & set("\u02c8\u02cc")


def test_what_is_near_is_not_the_keyword_and_does_not_contain_it() -> None:
    found = near("computer", 40, find_engine(), words=["commuter", "computers", "compare", "tree"])
    assert all(each.distance >= 2 for each in found)
    assert {"compute", "compare", "tree"} <= {each.word for each in found}
    assert "commuter" in {each.word for each in near("computer", 40, find_engine(), ["commuter"], least=1)}
    assert "computers" not in {each.word for each in found}  # says the keyword
    assert [each.distance for each in found] == sorted(each.distance for each in found)


def test_edit_distance_is_a_metric_on_examples() -> None:
    assert distance("kitten", "sitting") == 3
    assert distance("", "abc") == distance("abc", "") == 3
    assert distance("abc", "abc") == 0


def test_spellings_are_of_the_keyword_and_never_itself() -> None:
    found = spelt_alike("hey jarvis")
    assert "hey jarvis" not in found
    assert {"jarvis", "hey"} <= set(found)
    assert len(found) == len(set(found)) > 30


def test_an_unknown_voice_is_said() -> None:
    with pytest.raises(UserError, match="has no voice nobody"):
        said("nobody", [], find_engine())
