"""A search whose figure was the same for all networks is told, with the command that chooses again."""

from pathlib import Path

from audionas.report.advice.blind import blind


def test_what_chose_instead_and_how_to_choose_again() -> None:
    objectives = {"average_viable_recall": "max", "arena_esp32s3": "min"}
    found = blind(["average_viable_recall"], objectives, [0.0], Path("exp/f"))
    assert found is not None
    assert "the same average_viable_recall (0), so arena_esp32s3 alone chose" in found.what
    assert found.do == (
        "audionas search exp/f/select/config.yaml --overwrite --keep-supernet "
        "'searcher.objectives={loss: min, arena_esp32s3: min}'"
    )
    alone = blind(["accuracy"], {"accuracy": "max"}, [0.5], Path("exp/f"))
    assert alone is not None
    assert "so nothing chose" in alone.what
    lost = blind(["loss"], {"loss": "min", "macs": "min"}, [1e9], Path("exp/f"))
    assert lost is not None
    assert "loss (1e+09), so macs alone chose. Train the supernet again" in lost.what
    assert lost.do == ""
    assert blind([], objectives, [], Path("exp/f")) is None
