"""Laws of a comparison: right tables, nothing run twice, wrong input named."""

import csv
import json
from pathlib import Path

import pytest
import torch

from audionas.config import changed, compared, load
from audionas.core.arch import ArchSpec
from audionas.core.reporter import Reporter, read_rows
from audionas.cost.graph import measure
from audionas.engine.metrics import over_seeds
from audionas.engine.recalibrate import recalibrated
from audionas.inputs.feed import open_inputs, preparer
from audionas.methods import parameter_free
from audionas.run.folder import alone
from audionas.run.supernet import budget, default_features, halves, pairs
from audionas.spaces import space_of, spec_from_code
from audionas.spaces.tables.nas_bench_201 import Nb201Table
from audionas.study import score
from audionas.study.bench import open_bench
from audionas.study.chance import RARE, chance
from audionas.study.compare import overrides_of
from audionas.study.rows import known, runs_of
from audionas.study.score import looked_up
from tests._factory import tones
from tests._tiers import story
from tests.unit.cli._command import contents, done, refused
from tests.unit.spaces.tables import test_nas_bench_201 as nb201
from tests.unit.study._comparison import Made, conf_of


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tones(tmp_path_factory.mktemp("compare") / "data", per_class=4)


@pytest.fixture(scope="module")
def finished(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Made:
    """DARTS and GDAS with two seeds, one after the other as two processes would; to be read only."""
    made = conf_of(data, tmp_path_factory.mktemp("finished"), compare={"methods": ["darts", "gdas"]})
    for seed in (0, 1):
        done("compare", made.conf, f"seeds={seed}")
    return made


# --- figures --------------------------------------------------------------------------------------------


@pytest.mark.story
def test_the_tables_hold_every_run_and_its_spread(finished: Made) -> None:
    rows = list(known(finished.exp).values())
    assert [(r["method"], r["seed"], r["status"]) for r in rows] == [
        (method, seed, "done") for seed in (0, 1) for method in ("darts", "gdas")
    ]
    with (finished.exp / "compare.csv").open() as file:
        told = list(csv.DictReader(file))
    for name in ("accuracy", "params", "free_share", "entropy", "examples"):
        given = {(r["method"], r["seed"]): r[name] for r in rows}
        assert {(t["method"], int(t["seed"])): float(t[name]) for t in told} == given
    spread = over_seeds([row["accuracy"] for row in rows if row["method"] == "gdas"])
    page = (finished.exp / "compare.md").read_text()
    line = next(line for line in page.splitlines() if line.startswith("| gdas | 2 |"))
    words = f"{100 * spread['mean']:.1f}"
    if spread["sd"]:
        low, high = (100 * min(max(end, 0), 1) for end in spread["interval"])  # no share is above 100 %
        words += f" ± {100 * spread['sd']:.1f} ({low:.1f} to {high:.1f})"
    assert words in line


@pytest.mark.story
def test_costs_are_those_of_the_network_found(finished: Made) -> None:
    for (method, seed), row in known(finished.exp).items():
        spec = ArchSpec.from_json((finished.exp / method / str(seed) / "arch.json").read_text())
        space = space_of(spec)
        cost = measure(space.build(spec), spec.io)
        assert (row["arch"], row["params"], row["macs"]) == (spec.id, cost.params, cost.macs)
        assert (row["free"], row["kept"]) == parameter_free(spec, space)
        assert row["skips"] == row["free"]  # this space has no other free operation
        alike = (chance(space).shares["free"] >= row["free_share"] - 1e-9).mean()
        assert row["collapsed"] == (alike <= RARE)


@pytest.mark.story
def test_inherited_accuracy_is_that_of_the_network_alone(finished: Made) -> None:
    """The supernet under one-hot gates, recalibrated, answers as the network with its weights does."""
    conf = load(finished.conf, ["compare.seeds=[0]"])
    for run in runs_of(conf):
        bench = open_bench(run.conf, conf, Reporter(quiet=True))
        spec = ArchSpec.from_json((run.conf.folder / "arch.json").read_text())
        supernet = score.finished(changed(run.conf), bench).net
        net = bench.space.build(spec, search=True)
        net.load_state_dict(bench.space.inherit(supernet, spec))
        batches = score._calibration(run.conf, preparer(bench.inputs, bench.device), bench)
        with recalibrated(net, lambda batch, net=net: net(batch.x), batches):
            assert score._right(run.conf, net, bench) == known(finished.exp)[run.key]["accuracy"]


@pytest.mark.story
def test_a_step_is_measured_against_darts(finished: Made) -> None:
    costs = json.loads((finished.exp / "steps.json").read_text())["methods"]
    assert (costs["darts"]["time_ratio"], costs["darts"]["memory_ratio"]) == (1, 1)
    assert costs["gdas"]["saved_bytes"] < costs["gdas"]["darts_saved_bytes"]  # one operation of eight an edge


@pytest.mark.parametrize(("split", "batch"), [(0.5, 4), (0.75, 4), (0.5, 3), (0.5, 64)])
def test_every_method_draws_as_many_examples(data: Path, tmp_path: Path, split: float, batch: int) -> None:
    """And those that alternate see the same batches in the same order."""
    drawn, first = {}, {}
    for name in ("darts", "gdas", "snas", "drop_nas"):
        search = {"split": split, "batch_size": batch}
        conf = load(conf_of(data, tmp_path, method={"name": name}, search=search).conf)
        inputs = open_inputs(conf, conf.features or default_features(conf.space), Reporter(quiet=True))
        train, valid = halves(conf, inputs, Reporter(quiet=True))
        steps, examples = budget(conf, inputs)
        taken = list(pairs(conf.method, train, valid, 3, steps))
        assert len(taken) == steps
        drawn[name] = sum(len(a.target) + (len(b.target) if conf.method.halves else 0) for a, b in taken)
        assert drawn[name] == examples
        first[name] = torch.cat([pair[0].x for pair in taken])
    assert torch.equal(first["darts"], first["gdas"])
    assert torch.equal(first["snas"], first["drop_nas"])
    assert max(drawn.values()) - min(drawn.values()) < min(batch, 16)


@pytest.mark.story
def test_a_trained_network_is_scored_on_what_is_named(data: Path, tmp_path: Path) -> None:
    options = {"methods": ["random"], "seeds": [0], "retrain": True, "test": str(data / "test")}
    made = conf_of(data, tmp_path, compare=options, train={"epochs": 12, "optim": {"lr": 0.1}})
    done("compare", made.conf)
    row = known(made.exp)["random", 0]
    own = done("eval", made.exp / "random" / "0", "--data", data / "test", "--json").json
    assert row["trained"] == own["accuracy"]
    assert "accuracy" not in row  # there is no supernet
    before = contents(made.exp / "random")
    done("compare", made.conf, f"compare.test={data / 'dev'}")  # measured again, not run again
    after = known(made.exp)["random", 0]
    assert after["measured"]["test"] != row["measured"]["test"]
    assert contents(made.exp / "random") == before


def test_a_cell_is_looked_up(tmp_path: Path) -> None:
    table = Nb201Table.load(nb201.written(tmp_path))
    spec = spec_from_code(nb201.CODES[1], nb201.IO)
    row = looked_up(spec, table)
    assert (row["cifar10_val"], row["cifar10_test"], row["imagenet16_120_test"]) == (0.64, 0.6, 0.62)
    assert row["cifar10_rank"] == 2


# --- what is run ----------------------------------------------------------------------------------------


def copied(made: Made, folder: Path) -> Made:
    """The same comparison in a place of its own."""
    folder.mkdir(exist_ok=True)
    for name, body in contents(made.exp).items():
        path = folder / "exp" / "tones" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
    text = made.conf.read_text().replace(str(made.exp.parent), str(folder / "exp"))
    (folder / "conf.yaml").write_text(text)
    return Made(folder / "conf.yaml", folder / "exp" / "tones")


@pytest.mark.story
@pytest.mark.parametrize("options", [(), ("--resume",)])
def test_what_is_finished_is_not_run_again(finished: Made, tmp_path: Path, options: tuple[str, ...]) -> None:
    made = copied(finished, tmp_path)
    before = contents(made.exp)
    result = done("compare", made.conf, "seeds=0,1", *options)
    assert "darts" in result.out
    assert "epoch" not in result.err
    after = contents(made.exp)
    pages = {"compare.md", "compare.html"}  # they name the command
    assert {k: v for k, v in after.items() if k not in pages} == {
        k: v for k, v in before.items() if k not in pages
    }


@pytest.mark.story
def test_tables_that_were_lost_are_made_again(finished: Made, tmp_path: Path) -> None:
    made = copied(finished, tmp_path)
    rows = known(made.exp)
    for file in ("compare.jsonl", "compare.csv", "compare.md", "compare.html"):
        (made.exp / file).unlink()
    assert "epoch 1/" not in done("compare", made.conf, "seeds=0,1").err
    assert known(made.exp) == rows


@pytest.mark.story
def test_another_process_is_let_alone(finished: Made, tmp_path: Path) -> None:
    made = copied(finished, tmp_path)
    (made.exp / "compare.jsonl").unlink()
    (made.exp / "gdas" / "1" / "search" / "done.json").unlink()  # that process is still at it
    with alone(made.exp / "gdas" / "1" / ".search.lock", made.exp):
        result = done("compare", made.conf, "seeds=0,1")
    assert "left to another process: gdas, seed 1" in result.err
    assert ("gdas", 1) not in known(made.exp)
    assert len(known(made.exp)) == 3


@pytest.mark.story
def test_other_settings_are_named_and_nothing_is_touched(finished: Made, tmp_path: Path) -> None:
    made = copied(finished, tmp_path)
    before = contents(made.exp)
    result = refused(
        "compare", made.conf, "search.epochs=3", "methods=noisy_darts", says="with other settings"
    )
    assert "search.epochs: 1 there, 3 now" in result.err
    refused("compare", made.conf, "compare.methods=[{name: gdas, alpha_lr: 0.1}]", says="method.alpha_lr")
    assert contents(made.exp) == before


# --- what is asked for ----------------------------------------------------------------------------------


def test_words_of_the_command_line() -> None:
    assert overrides_of(["methods=a,b", "seeds=0", "search.epochs=3", "seeds=[1, 2]", "seeds"]) == [
        "compare.methods=[a,b]",
        "compare.seeds=[0]",
        "search.epochs=3",
        "compare.seeds=[1, 2]",
        "seeds",
    ]


def test_a_name_means_the_section_that_the_file_gives_it(data: Path, tmp_path: Path) -> None:
    sections = ["gdas", {"name": "noisy_darts", "std": 0.4}, {"name": "darts", "as": "slow", "alpha_lr": 0.1}]
    made = conf_of(data, tmp_path, compare={"methods": sections})
    conf = load(made.conf, overrides_of(["methods=slow,noisy_darts,darts"]))
    assert compared(conf) == {
        "slow": {"name": "darts", "alpha_lr": 0.1},
        "noisy_darts": {"name": "noisy_darts", "std": 0.4},
        "darts": {"name": "darts"},
    }


def test_by_default_every_method_with_a_supernet_takes_part(data: Path, tmp_path: Path) -> None:
    methods = compared(load(conf_of(data, tmp_path).conf))
    assert {"darts", "gdas", "fair_darts", "random_nas"} <= set(methods)
    assert "random" not in methods


@pytest.mark.parametrize(
    ("words", "says"),
    story(
        [
            (["methods=darts,gads"], "compare.methods.1.name: no method called 'gads'. Did you mean 'gdas'?"),
            (["methods="], "compare.methods is empty"),
            (["methods=darts,gdas,darts"], "'darts' appears twice"),
            (["compare.methods=[{name: darts, as: a/b}]"], "'a/b' cannot name a folder"),
            (
                ["compare.methods=[{name: darts, oder: 2}]"],
                "compare.methods.0.oder: unknown key. Did you mean 'order'?",
            ),
            (["seeds="], "compare.seeds is empty"),
            (["seeds=0,1,0"], "compare.seeds: 0 appears twice"),
            (["seeds=0,one"], "compare.seeds.1: input should be a valid integer"),
            (["compare.sheds=1"], "compare.sheds: unknown key. Did you mean 'seeds'?"),
            (["space="], "has no section 'space'"),
            (["space.name=bc_resnet"], "nothing to search"),
            (["compare.table=t.npz"], "t.npz has results of nas_bench_201, but the space is kws_tc_resnet"),
            (["compare.test=nowhere"], "nowhere"),
        ],
        fast=9,
    ),
)
def test_wrong_input_is_named_and_nothing_begins(
    data: Path, tmp_path: Path, words: list[str], says: str
) -> None:
    made = conf_of(data, tmp_path)
    refused("compare", made.conf, *words, says=says)
    assert not made.exp.exists()


@pytest.mark.story
def test_a_log_cut_off_by_a_crash_loses_its_last_row_only(finished: Made, tmp_path: Path) -> None:
    made = copied(finished, tmp_path)
    log = made.exp / "compare.jsonl"
    log.write_text(log.read_text()[:-20])
    assert len(known(made.exp)) == 3
    done("compare", made.conf, "seeds=0,1")
    assert len(read_rows(log)) == 4
    assert known(made.exp) == known(finished.exp)
