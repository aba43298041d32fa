"""A section is understood once: a comparison makes three configs for each run."""

from pathlib import Path
from typing import Any

import pytest

from audionas import config

CONF = "space: {name: kws_tc_resnet}\nmethod: {name: darts}\nsearch: {epochs: 3, optim: {lr: 0.05}}\n"


def test_a_class_is_read_once_however_many_configs_are_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """pydantic takes longer to read a class than a value."""
    made = []

    class Counted(config.TypeAdapter):  # type: ignore[type-arg]
        def __init__(self, kind: Any) -> None:
            made.append(kind)
            super().__init__(kind)

    file = tmp_path / "conf.yaml"
    file.write_text(CONF)
    conf = config.load(file)
    monkeypatch.setattr(config, "TypeAdapter", Counted)
    assert config.changed(conf, seed=4).general.seed == 4
    assert made == []
