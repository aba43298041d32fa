"""The card of a model whose names are hostile: a parser finds no markup in them, and a reader sees them."""

import json
from dataclasses import replace
from pathlib import Path

from markdown_it import MarkdownIt

from audionas.core.hostile import on_a_line
from audionas.report.card import card
from tests._hostile import HOSTILE, unseen
from tests.unit.export._bundles import bundle_of

NAMES = [name for name in HOSTILE if "\udcfc" not in name]  # no file holds half a character


def described(folder: Path, names: list[str]) -> str:
    """The card of a run whose every text from outside is one of the names."""
    first, second, third = names
    bundle = bundle_of("kws_tc_resnet", width=0.25)
    right = {"accuracy": 0.5, "interval": [0.25, 0.75], "n": 4}
    word = {"threshold": 0.5}
    interval = {"rejected": 0.5, "rejected_interval": [0.25, 0.75], "accepts": 1, "fa_per_hour": 0.5}
    interval |= {"fa_interval": [0.1, 1.0]}
    tuned = {
        "words": {first: word, second: word},
        "hours": 2.0,
        "clips": 4,
        "at": [{"fa_per_hour": 1.0, "measurable": False, "rejected": None}],
        "smooth": 1,
        "refractory_s": 1.0,
        "patience": [1, 1],
        "sum": interval,
    }
    row = {"bytes": 9, "max_difference": 0.1, "same_label": 1.0, "accuracy": right, "torch": right}
    row |= {"latency_ms": {"p50": 0.1, "p95": 0.2, "per": third}, "runtime": first}
    env = {"command": second, "git": first, "machine": third, "torch": first, "started": second}
    report = {
        "files": {first: row, second: row},
        "clips_from": third,
        "torch": right,
        "int8": {"calibrated_on": first, "clips": 4, "weights": second},
        "golden": {third: [1, 2]},
        "environment": env,
    }
    replace(bundle, labels=tuple(names), note={"detect": {third: tuned}}).save(folder / "model")
    (folder / "export").mkdir()
    (folder / "export" / "report.json").write_text(json.dumps(report))
    (folder / "train").mkdir()
    (folder / "train" / "env.json").write_text(json.dumps(env))
    return card(folder).read_text()


def test_hostile_names_are_text_in_the_card(tmp_path: Path) -> None:
    names = [" ".join(NAMES[at::3]) for at in range(3)]
    text = described(tmp_path / "".join(NAMES[:14]).replace("/", ""), names)
    tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(text)
    leaves = [leaf for token in tokens for leaf in token.children or ()]
    assert {leaf.type for leaf in leaves} == {"text", "code_inline"}
    blocks = {token.type.rpartition("_")[0] for token in tokens if token.type != "inline"}
    assert blocks == {"heading", "paragraph", *("table", "thead", "tbody", "tr", "th", "td")}
    assert sum(token.type == "heading_open" for token in tokens) == 8
    assert not unseen(text)
    words = "".join(leaf.content for leaf in leaves)
    assert f"from 16,000 samples of sound: {', '.join(map(on_a_line, names))}." in words
    assert [words.count(on_a_line(name)) for name in names] == [12, 9, 10]
