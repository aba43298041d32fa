"""An architecture by name, file or text, told as the field writes it; a cell looked up in a table."""

import shutil

import numpy as np
import pytest

from audionas import zoo
from audionas.config import load
from audionas.core.arch import InputSpec
from audionas.core.errors import UserError
from audionas.core.registry import names, resolve
from audionas.core.rng import numpy_rng
from audionas.run import cost
from audionas.spaces import spec_from_code
from audionas.zoo.find import find
from audionas.zoo.find import parse as parse_arch
from audionas.zoo.find import told as words_of
from tests._factory import config, tones
from tests.unit.cli._command import done, refused
from tests.unit.searchers._front_folder import filled

IO = InputSpec(3, 32, 32, 10)
CELL = "|nor_conv_3x3~0|+|none~0|nor_conv_3x3~1|+|skip_connect~0|none~1|skip_connect~2|"


def genotype():
    space = resolve("space", "darts_cell")()
    return words_of(space.sample(numpy_rng("archs"), IO))


def test_a_genotype_is_read_as_trained_for_cifar_and_a_string_as_in_the_benchmark():
    spec = find(genotype())
    assert (spec.space, spec.scale, spec.io) == ("darts_cell", {"layers": 20, "channels": 36}, IO)
    spec = find(CELL)
    assert (spec.space, spec.scale, spec.io) == ("nas_bench_201", {"layers": 5, "channels": 16}, IO)


def test_noise_in_a_genotype_is_of_the_preset_that_has_it():
    space = resolve("space", "darts_cell")(preset="s4")
    noisy = {c.name: ("noise",) if c.name[-1] in "01" else () for c in space.choices()}
    spec = space.spec(noisy, IO)
    assert find(words_of(spec)).params == {"preset": "s4"}


@pytest.mark.parametrize("text", [genotype(), f"# my cell\n\nMINE = {genotype()}\n", f"  {CELL}\n"])
def test_a_text_file_is_what_is_in_it(text, tmp_path):
    (tmp_path / "cell.txt").write_text(text, encoding="utf-8")
    found = find(str(tmp_path / "cell.txt"))
    assert found == parse_arch(text)
    assert words_of(found) in text


def test_a_saved_architecture_and_a_name_are_found_as_before(tmp_path):
    spec = find(CELL)
    spec.save(tmp_path / "arch.json")
    assert find(str(tmp_path)) == find(str(tmp_path / "arch.json")) == spec
    assert find("tc_resnet8") == zoo.load("tc_resnet8")


WRONG = [
    ("Genotype(normal=[])", "no 'reduce'"),
    ("|none~0|", "1 nodes"),
    ("missing.txt", "no such file"),
    ("darts_v9", "no network called 'darts_v9'"),
]


@pytest.mark.parametrize(("name", "says"), WRONG)
def test_what_is_no_architecture_is_refused(name, says):
    with pytest.raises(UserError) as caught:
        find(name)
    assert says in str(caught.value)


def test_a_faulty_file_is_named(tmp_path):
    for text in ("|none~0|", "Genotype(normal=[])", "hello"):
        (tmp_path / "cell.txt").write_text(text, encoding="utf-8")
        with pytest.raises(UserError, match=r"cell\.txt"):
            find(str(tmp_path / "cell.txt"))


@pytest.mark.parametrize("name", names("space"))
def test_every_architecture_is_told_in_one_line(name):
    space = resolve("space", name)()
    spec = space.sample(numpy_rng("told"), InputSpec(3, 32, 32, 10))
    line = words_of(spec)
    assert line
    assert "\n" not in line
    assert line == line.strip()


def test_both_texts_can_be_given_as_an_override(tmp_path):
    (tmp_path / "conf.yaml").write_text("name: x\n", encoding="utf-8")
    for text in (genotype(), CELL):
        assert load(tmp_path / "conf.yaml", [f"arch={text}"]).general.arch == text


# --- a front ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A folder with a front, and the front."""
    folder = tmp_path_factory.mktemp("fronts") / "run"
    return folder, filled(folder, 40)


def test_a_front_is_found_by_number_and_stands_for_its_knee(run):
    folder, front = run
    for number, m in enumerate(front.members, 1):
        assert find(f"{folder}/front.json#{number}") == find(f"{folder}#{number}") == m.spec
    knee = front.member(front.knee).spec
    for name in (folder, f"{folder}#", f"{folder}/front.json", f"{folder}/front.json#"):
        assert find(str(name)) == knee


def test_a_front_is_found_in_a_folder_with_a_hash(run, tmp_path):
    folder, front = run
    shutil.copytree(folder, tmp_path / "run#2")
    assert find(f"{tmp_path}/run#2") == front.member(front.knee).spec


@pytest.mark.parametrize("number", ["0", "99", "-1", "x", "1.0", "01"])
def test_a_number_that_the_front_does_not_have_is_refused(run, number):
    says = f"front.json#{number}: no such network; the front has 1 to {len(run[1].members)}"
    refused("cost", f"{run[0]}/front.json#{number}", says=says)


def test_a_number_of_what_is_no_front_is_refused(run, tmp_path):
    folder, _ = run
    refused("cost", f"{folder}/arch.json#1", says="arch.json: not a front")
    refused("cost", f"{tmp_path}#1", says="front.json: no such file")
    refused("cost", f"{folder}/none/front.json#1", says="front.json: no such file")
    (tmp_path / "front.json").write_text("[1]", encoding="utf-8")
    refused("cost", str(tmp_path / "front.json"), says="front.json: not a front")
    refused("cost", "tc_resnet8#1", says="no network called 'tc_resnet8#1'")


@pytest.mark.story
def test_any_network_of_a_front_is_costed_and_trained(run, tmp_path):
    folder, front = run
    number = len(front.members)
    assert (
        done("cost", f"{folder}/front.json#{number}", "--json").json["arch"] == front.member(number).spec.id
    )
    conf = config(tones(tmp_path / "data"), space=None, method=None, train={"epochs": 1})
    done("train", conf, f"arch={folder}/front.json#{number}", "name=last")
    kept = find(str(tmp_path / "exp" / "last"))
    assert kept.id == front.member(number).spec.id
    refused("train", conf, f"arch={folder}/front.json#{number + 1}", "name=none", says="no such network")


# --- audionas cost ----------------------------------------------------------------------------------------


def written(folder, cells):
    arrays = {"arch_str": np.array(cells)}
    for name in ("cifar10", "cifar100"):
        arrays[f"{name}/test_acc"] = np.linspace(90, 80, len(cells))
        arrays[f"{name}/val_acc_seeds"] = np.linspace(70, 80, len(cells))[:, None]
        for column in ("params_m", "latency_s", "train_time_s"):
            arrays[f"{name}/{column}"] = np.ones(len(cells))
    np.savez(folder / "table.npz", **arrays)
    return folder / "table.npz"


@pytest.mark.story
def test_cost_looks_a_cell_up(tmp_path, capsys):
    other = CELL.replace("none~1", "nor_conv_1x1~1")
    table = written(tmp_path, [CELL, other])
    words = ("cost", CELL, "--layers", "1", "--channels", "4", "--table", str(table))
    found = done(*words, "--json").json
    assert found["table"]["cell"] == CELL
    assert found["table"]["cells"] == 2
    cifar = found["table"]["outcomes"]["cifar10"]
    assert (cifar["test"], cifar["rank"]["test"], cifar["best"]["test"]) == (
        90.0,
        1,
        80.0,
    )  # chosen by validation
    assert (cifar["val"], cifar["rank"]["val"], cifar["best"]["val"]) == (70.0, 2, 80.0)
    cost.show(found)
    told = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["cifar100", "val", "70.00", "2", "80.00"] in told


@pytest.mark.story
def test_cost_takes_another_size(tmp_path):
    spec = spec_from_code(CELL, IO, {"layers": 1, "channels": 4})
    spec.save(tmp_path / "arch.json")
    small = cost.cost(str(tmp_path / "arch.json"))
    assert "table" not in small
    assert cost.cost(CELL, sizes={"layers": 1, "channels": 4})["params"] == small["params"]
    assert cost.cost(str(tmp_path / "arch.json"), sizes={"channels": 8})["params"] > small["params"]


def test_cost_refuses_tables_and_sizes_that_do_not_fit(tmp_path):
    table = written(tmp_path, [CELL.replace("none~1", "nor_conv_1x1~1")])
    refused("cost", CELL, "--table", str(table), says="the table has no cell")
    refused("cost", CELL, "--table", str(tmp_path / "none.npz"), says="none.npz: no such folder or file")
    refused("cost", "tc_resnet8", "--table", str(table), says="tc_resnet has no string of NAS-Bench-201")
    refused("cost", "tc_resnet8", "--layers", "3", says="tc_resnet has no 'layers'")
