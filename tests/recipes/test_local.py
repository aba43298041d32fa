"""Scripts of recipes: they print and write through the doors of the package, and names are hostile text."""

import ast
import json
import runpy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from audionas import zoo
from audionas.core.errors import UserError
from audionas.core.files import write_json
from audionas.report.rank import Ranking
from audionas.zoo.find import read
from tests._hostile import unseen
from tests._run import Run

RECIPES = Path(__file__).parents[2] / "recipes"
SCRIPTS = sorted(RECIPES.glob("*/local/*.py"))
WRITERS = (
    "write_text",
    "write_bytes",
    "copyfile",
    "copy",
    "copy2",
    "move",
    "savez",
    "savez_compressed",
    "open",
)
NAME = "a|b `c` \x1b[2J\n# d_0"


def breaches(tree: ast.AST, *, atomic: bool = False) -> Iterator[str]:
    """Calls that print past `say`, and methods that write files outside a block of `atomic`."""
    for node in ast.iter_child_nodes(tree):
        held = atomic or (isinstance(node, ast.With) and "atomic(" in ast.unparse(node.items[0]))
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            if name in ("print", "sys.stdout.write") or (
                "." in name and name.rpartition(".")[2] in WRITERS and not held
            ):
                yield name
        yield from breaches(node, atomic=held)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: f"{path.parts[-3]}/{path.name}")
def test_a_script_prints_and_writes_through_the_doors(script: Path) -> None:
    assert list(breaches(ast.parse(script.read_text()))) == []


@pytest.mark.parametrize(
    "code",
    [
        "print(1)",
        "Path('x').write_text('y')",
        "def f():\n    shutil.copyfile(a, b)",
        "with open_it() as f:\n    np.savez(f)",
    ],
)
def test_a_planted_breach_is_found(code: str) -> None:
    assert len(list(breaches(ast.parse(code)))) == 1
    held = "with atomic(x) as draft:\n" + "\n".join(f"    {line}" for line in code.splitlines())
    assert len(list(breaches(ast.parse(held)))) == ("print" in code)


def main(script: str) -> dict[str, Any]:
    return runpy.run_path(str(RECIPES / script))


def row_of(said: str) -> str:
    """The only row of a table, in which nothing of it is markup or ends the line."""
    (line,) = [line for line in said.splitlines() if line.startswith("| a")]
    assert r"a\|b \`c\` \\x1b[2J\\n\# d" in line
    assert not unseen(said.replace("\n", ""))
    return line


def test_names_in_tables_of_costs_are_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_json(tmp_path / "cost.json", {"network": NAME, "params": 5, "macs": 7, "layers": []})
    main("dcase_low_complexity/local/complexity.py")["main"]([str(tmp_path / "cost.json")])
    assert "| 5 |" in row_of(capsys.readouterr().out)


def test_names_in_tables_of_ranks_are_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = {"kendall": {"value": None}, "mean": 0.5, "sd": 0.1}
    rows = [
        {"arch": str(n), "macs": n, "alone": n / 9, "recalibrated": n / 9, "running": n / 9} for n in range(5)
    ]
    study = Ranking("x", rows, {"running": told}, {"supernet epochs": 3, "git": NAME})
    place = tmp_path / NAME
    write_json(place / "rank" / "rank.json", study._asdict())
    main("speech_commands/local/rank_table.py")["main"]([place])
    said = capsys.readouterr().out
    assert said.count(r"a\|b \`c\` \\x1b[2J\\n\# d | ") == 4  # its row, and three differences
    assert not unseen(said.replace("\n", ""))
    with pytest.raises(UserError, match="no finished study"):
        main("speech_commands/local/rank_table.py")["main"]([tmp_path])


def test_validation_chooses_of_a_front_and_of_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    archs = {name: zoo.load(name) for name in ("tc_resnet8", "sparknet_c16", "ds_cnn_s")}
    macs = {"tc_resnet8": 3e6, "sparknet_c16": 1e6, "ds_cnn_s": 2e6}
    scores = {"tc_resnet8": (0.8, 0.5), "sparknet_c16": (0.9, 0.4), "ds_cnn_s": (0.9, 0.3)}
    members = []
    for name, spec in archs.items():
        accuracy, loss = scores[name]
        values = {"accuracy": accuracy, "macs": macs[name]}
        members.append({"values": values, "arch": json.loads(spec.to_json())})
        spec.save(tmp_path / name / "arch.json")
        done = {"valid_accuracy": accuracy, "valid_loss": loss}
        write_json(tmp_path / name / "train" / "done.json", done)
    write_json(tmp_path / "front.json", {"members": members, "knee": 1})
    best, out = main("speech_commands/local/best.py")["main"], tmp_path / "out.json"
    best([str(out), str(tmp_path / "front.json")])
    assert read(out).id == archs["sparknet_c16"].id  # of equal ones the cheapest
    best([str(out), *(str(tmp_path / name) for name in archs)])
    assert read(out).id == archs["ds_cnn_s"].id  # of equal ones the least loss
    assert "development accuracy 0.9000" in capsys.readouterr().out


def test_names_in_tables_of_wake_words_are_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    run = tmp_path / "exp" / NAME
    gap = {"kind": "recorded", "file": "x`|\x1b.tflite", "gap": NAME}
    hard = {"kind": "hard", "file": "model.onnx", "accepted": {NAME: [1, 2]}}
    write_json(run / "test.json", [gap, hard])
    write_json(run / "cost.json", {"params": 5, "macs": 7, "stream": {}})
    right = {"accuracy": 0.5, "interval": None, "interval_why": "x", "per_class": {"yes": {"aut": 0.5}}}
    write_json(run / "eval.json", right)
    main("wake_word/local/table.py")["main"]()
    said = capsys.readouterr().out
    lines = [line for line in said.splitlines() if line.startswith("| a")]
    assert len(lines) == 3  # costs, errors, hard negatives
    assert all(line.startswith(r"| a\|b \`c\` \\x1b[2J\\n\# d | 0 |") for line in lines)
    assert not unseen(said.replace("\n", ""))


def test_a_scripts_error_is_its_last_word() -> None:
    with pytest.raises(SystemExit) as stop:
        runpy.run_path(str(RECIPES / "speech_commands/local/rank_table.py"), run_name="__main__")
    assert str(stop.value.code).startswith("error: no finished study")


@pytest.mark.story
def test_a_model_without_intervals_is_not_shipped(
    tmp_path: Path, trained: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The small run has too few speakers; all that the script does before it writes is done."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").symlink_to(trained.data)
    with pytest.raises(UserError, match="too few speakers"):
        main("speech_commands/local/ship.py")["main"](trained.exp, "small", tmp_path / "models")
    assert (tmp_path / "exp/small/arch.json").read_bytes() == (trained.exp / "arch.json").read_bytes()
    assert not (tmp_path / "models").exists()
