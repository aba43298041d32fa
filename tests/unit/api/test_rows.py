"""Values that show themselves: as text, and in a notebook, where hostile names are escaped."""

from audionas.api.rows import Figures, Rows, shown

EVIL = "<script>alert(1)</script>\x1b[2J\u202e"


def test_rows_are_a_list_and_a_table() -> None:
    rows = Rows([{"name": "a", "macs": 1234567}, {"name": "bcd", "loss": 0.123456789}])
    assert rows == [{"name": "a", "macs": 1234567}, {"name": "bcd", "loss": 0.123456789}]
    assert rows.column("loss") == [None, 0.123456789]
    assert repr(rows).splitlines() == [
        "name  macs       loss",
        "a     1,234,567",
        "bcd              0.123457",
    ]


def test_nothing_hostile_gets_through() -> None:
    for value in (Rows([{EVIL: EVIL}]), Figures({EVIL: EVIL})):
        for text in (repr(value), value._repr_html_()):
            assert "\x1b" not in text
            assert "\u202e" not in text
        assert "<script>" not in value._repr_html_()


def test_a_long_table_says_how_much_is_left_out() -> None:
    page = Rows({"n": n} for n in range(25))._repr_html_()
    assert page.count("<tr>") == 21
    assert "and 5 more" in page
    assert repr(Rows({"n": n} for n in range(25))).splitlines()[-1] == "and 5 more"


def test_figures_inside_figures_have_their_names_in_front() -> None:
    found = Figures(train={"clips": 3, "speakers": None}, rates=[1, 2], rows=[{"a": 1}])
    assert repr(found).splitlines() == ["train clips     3", "train speakers", "rates           [1, 2]"]


def test_an_empty_value_says_so() -> None:
    assert repr(Rows()) == repr(Figures()) == "(empty)"


def test_a_cell_is_short() -> None:
    assert [shown(value) for value in (None, True, 12345, 0.1 + 0.2, "x")] == [
        "",
        "True",
        "12,345",
        "0.3",
        "x",
    ]
