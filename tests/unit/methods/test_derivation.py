"""The key `derive`: DARTS-PT's rule for every method that mixes options, by a config; what is refused."""

import pytest
import torch

from audionas.config import changed, load
from audionas.core.errors import UserError
from audionas.core.registry import names, resolve
from audionas.methods import Bilevel
from tests._factory import config
from tests.invariants._cases import CHAIN, FIELDS, named, runs, started, steps, variants

FEW = next(space for space in variants("darts_cell") if named(space) == "darts_cell-s3")
(BENCHMARK,) = variants("nas_bench_201")
BILEVEL = [name for name in names("method") if issubclass(resolve("method", name), Bilevel)]
OWN = ("darts_pt", "p_darts")  # that rule itself, and a schedule of its own


def method(name, tmp_path, derive, **fields):
    """The method of a config with the key."""
    section = {"name": name, **fields, **({"derive": derive} if derive else {})}
    return changed(load(config(tmp_path)), method=section).method


def ended(found, space, epochs=2, **small):
    run = started(found, space, dropout=0.0, epochs=epochs, **small)
    steps(found, 0, 2 * epochs)
    state = found.state()
    weights = {f"{group}/{k}": t for group, ts in state.tensors.items() for k, t in ts.items()}
    return run, weights, (found.derive(), found.margins(), {k: state.plain[k] for k in ("decided", "absent")})


@pytest.mark.laws
@pytest.mark.parametrize("space", [CHAIN, BENCHMARK], ids=named)
def test_darts_with_the_rule_is_darts_pt_bit_for_bit(space, tmp_path):
    small = {"frames": 9} if space is CHAIN else {}
    rule = {"rule": "perturbation", "tune": 0.5, "criterion": "loss"}
    ours = ended(method("darts", tmp_path, rule), space, 4, **small)[1:]
    theirs = ended(resolve("method", "darts_pt")(tune=0.5, criterion="loss"), space, 4, **small)[1:]
    assert ours[1] == theirs[1]
    assert ours[0].keys() == theirs[0].keys()
    assert all(torch.equal(tensor, theirs[0][name]) for name, tensor in ours[0].items())


CASES = [(name, BENCHMARK) for name in BILEVEL if name not in OWN and runs(name, BENCHMARK)]
CASES += [(name, FEW) for name in ("fair_darts", "rome", "snas")]  # those with a rule of their own


@pytest.mark.laws
@pytest.mark.parametrize(("name", "space"), CASES, ids=named)
def test_each_method_derives_what_was_kept(name, space, tmp_path):
    """Also those with a rule, thresholds or paths of their own; a node keeps as many inputs as it may."""
    fields = {k: list(v) if isinstance(v, tuple) else v for k, v in FIELDS.get(name, {}).items()}
    found = method(name, tmp_path, {"rule": "perturbation", "tune": 0.5}, **{**fields, "level": "two"})
    run, _, (spec, _, _) = ended(found, space)
    assert all(len(run.alive[choice.name]) == 1 for choice in space.choices())
    for edges in space.nodes():
        there = [choice.name for choice in edges if spec.choices[choice.name]]
        assert len(there) == (space.inputs or len(edges))
        assert all(spec.choices[edge] == run.alive[edge] for edge in there)


@pytest.mark.parametrize("name", ["darts", "pc_darts"])
def test_a_config_is_written_and_read_back(name, tmp_path):
    rule = {"rule": "perturbation", "tune": 0.3, "criterion": "loss"}
    conf = changed(load(config(tmp_path)), method={"name": name, "derive": rule})
    section = conf.resolved()["method"]
    assert (section["name"], section["derive"]) == (name, rule)
    assert not {"tune", "criterion"} & set(section)
    again = changed(conf, method=section)
    assert (again.method, type(again.method)) == (conf.method, type(conf.method))
    assert "derive" not in changed(conf, method={"name": "darts_pt"}).resolved()["method"]


ONE_SHOT = [name for name in names("method") if resolve("method", name).family == "one-shot"]


@pytest.mark.parametrize(
    ("name", "derive", "why"),
    [
        ("darts", {"rule": "strength"}, "derive: expected a rule and its settings: rule, tune, criterion"),
        ("darts", {"rule": "perturbation", "tuned": 0.1}, "expected a rule and its settings"),
        ("darts", "perturbation", "expected a rule and its settings"),
        ("darts", {"rule": "perturbation", "tune": 2.0}, "tune is 2"),
        *((name, {"rule": "perturbation"}, "this method mixes none") for name in ONE_SHOT),
        ("darts_pt", {"rule": "perturbation"}, "is darts with the rule"),
        ("p_darts", {"rule": "perturbation"}, "has a schedule of its own"),
        ("snas", {"rule": "perturbation"}, "level is one"),
    ],
)
def test_what_cannot_be_derived_so_is_refused(name, derive, why, tmp_path):
    with pytest.raises(UserError, match=why):
        method(name, tmp_path, derive)
