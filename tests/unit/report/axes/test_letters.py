"""The room for words grows with them, and letters of East Asia take more."""

from audionas.report.axes.letters import shortened, widest, width


def test_wide_letters_take_more_room() -> None:
    assert width("안녕") > width("ab") > width("a") > 0


def test_the_room_holds_the_longest_and_at_least_what_is_asked() -> None:
    assert widest(["a", "abc"]) == width("abc")
    assert widest([], least=30) == widest(["a"], least=30) == 30


def test_long_labels_end_in_an_ellipsis() -> None:
    assert shortened("a" * 28) == "a" * 28
    assert shortened("a" * 29) == "a" * 27 + "…"
