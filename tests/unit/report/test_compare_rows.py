"""Every figure that a comparison shows is one that its rows are checked for."""

import pytest

from audionas.core import records
from audionas.core.errors import UserError
from audionas.core.records.study import RunRecord
from audionas.report.compare_table import COST, GIVEN, OUTCOME

ROW = {"method": "darts", "seed": 0, "status": "failed", "reason": "x"}


@pytest.mark.parametrize("key", [column.key for column in (*OUTCOME, *COST, *GIVEN)])
def test_a_figure_that_is_text_is_refused(key: str) -> None:
    records.check(RunRecord, {**ROW, key: None}, "compare.jsonl")
    with pytest.raises(UserError, match=key):
        records.check(RunRecord, {**ROW, key: "0.5"}, "compare.jsonl")


def test_a_run_that_is_not_finished_has_a_reason() -> None:
    with pytest.raises(UserError, match="has a reason"):
        records.check(RunRecord, {k: v for k, v in ROW.items() if k != "reason"}, "compare.jsonl")
