"""A supernet that orders no better than a cost is told, a better one is not."""

from audionas.report.advice.surpassed import surpassed

COSTS = {"by parameters": 0.74, "by multiply-adds": None}


def test_a_supernet_below_a_cost_is_told() -> None:
    found = surpassed({"running": 0.03, "recalibrated": -0.36}, COSTS, "sweep", 12, "audionas rank c.yaml")
    assert found is not None
    assert "tau-b 0.03 (running statistics) against 0.74 by parameters" in found.what
    assert found.do == "audionas rank c.yaml name=sweep_longer search.epochs=24"


def test_a_better_one_and_missing_figures_are_not() -> None:
    assert surpassed({"running": 0.8}, COSTS, "sweep", 12, "audionas rank c.yaml") is None
    assert surpassed({"running": None}, COSTS, "sweep", 12, "audionas rank c.yaml") is None
    assert surpassed({"running": 0.1}, {}, "sweep", 12, "audionas rank c.yaml") is None
