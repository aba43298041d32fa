"""A setting changes a search, or is refused with the reason: no method runs as another under its own name."""

import copy
import dataclasses
import typing

import pytest
import torch

from audionas.core.errors import UserError
from audionas.core.registry import resolve
from audionas.methods import Bilevel
from audionas.spaces.darts_cell import DartsCell
from tests._tiers import laws
from tests.invariants._cases import CHAIN, METHODS, SEARCHABLE, TRAINED, made, named, started, steps

SPACES = [*(DartsCell(preset=preset) for preset in ("s2", "s3", "s4")), CHAIN]
SPACES += [s for s in SEARCHABLE if s.name in ("nas_bench_201", "kws_mobilenet", "mix_mobilenet")]
OTHERS = {  # another value of a field that is neither a flag nor one of a few words
    "alpha_clip": 1e-3, "alpha_weight_decay": 0.3, "alpha_betas": (0.9, 0.9), "alpha_lr": 0.05,
    "beta": 0.3, "drop": 0.6, "drop_free": 0.6, "zero_one_weight": 3.0, "threshold": 0.4, "std": 0.7,
    "mean": 0.4, "drop_path": 0.5, "temperature": (3.0, 1.0), "samples": 3, "tempering": 1.0, "k": 2,
    "alpha_every": 2, "keep": (0.9, 0.2), "depths": (3, 4, 4), "skip_dropout": (0.4, 0.0, 0.7), "rest": 0.0,
    "eps": 0.5,
}  # fmt: skip
SHARED = {f.name for f in dataclasses.fields(Bilevel)}
ELSEWHERE = {  # they act on what is derived, on a cost, on whole epochs, or their own tests have them
    "cost", "cost_form", "limit", "draws", "batches", "finalists", "scoring", "warmup_epochs", "max_skips",
    "level", "anneal",
}  # fmt: skip


def alternatives(name):
    """(field, another value) for each of a method's own fields."""
    kind = resolve("method", name)
    types = typing.get_type_hints(kind)
    for field in dataclasses.fields(kind):
        if field.name in ELSEWHERE or (field.name in SHARED and name != "darts"):
            continue
        default, words = getattr(made(name), field.name), typing.get_args(types[field.name])
        if types[field.name] is bool:
            yield field.name, not default
        elif typing.get_origin(types[field.name]) is typing.Literal:
            yield from ((field.name, word) for word in words if word != default)
        else:
            yield field.name, OTHERS[field.name]


def outcome(method, space):
    """All that four epochs of one step leave, and the network found."""
    run = started(method, space, frames=9, dropout=0.0)
    steps(method, 0, 4)
    tensors = [*run.net.state_dict().values(), *run.alphas.values()]
    return [t.detach().clone() for t in tensors], copy.deepcopy(method.derive().choices)


def same(a, b):
    pairs = zip(a[0], b[0], strict=True) if len(a[0]) == len(b[0]) else ()
    return (
        len(a[0]) == len(b[0])
        and a[1] == b[1]
        and all(x.shape == y.shape and torch.equal(x, y) for x, y in pairs)
    )


def refused(method, space):
    """Whether the method is refused on a space; the reason is part of the error."""
    why = method.why_not(space)
    if why:
        with pytest.raises(UserError, match="does not run on space"):
            method.require(space)
    return bool(why)


@pytest.mark.laws
@pytest.mark.parametrize("space", SPACES, ids=named)
@pytest.mark.parametrize("name", METHODS)
def test_a_setting_changes_the_search_or_is_refused(name, space):
    if refused(made(name), space):
        return
    low = {"threshold": 0.5001} if name == "fair_darts" else {}  # sigmoids pass it in a few steps
    usual, idle = outcome(made(name, **low), space) if name in TRAINED else None, []
    for field, value in alternatives(name):
        method = made(name, **{**low, field: value})
        if not refused(method, space) and same(outcome(method, space), usual):
            idle.append(field)
    assert not idle


@pytest.mark.laws
@pytest.mark.parametrize("space", SPACES, ids=named)
def test_no_two_methods_are_one_search(space):
    """With the settings of DARTS, whose own fields are all that sets them apart."""
    shared = {"alpha_lr": 3e-4, "alpha_betas": (0.5, 0.999), "alpha_weight_decay": 1e-3, "alpha_clip": None}
    known = []
    for name in TRAINED:
        bilevel = issubclass(resolve("method", name), Bilevel)
        method = made(name, **shared, warmup_epochs=0) if bilevel else made(name)
        if refused(method, space) or method.alike:
            continue
        found = outcome(method, space)
        assert not [other for other, before in known if same(found, before)], name
        known.append((name, found))


CASES = laws(
    [
        ("noisy_darts", {}, "s4", "no option is a skip"),
        ("drop_nas", {}, "s2", "each group is one operation"),
        ("p_darts", {"max_skips": 1}, "s4", "no option is a skip"),
        ("darts_minus", {"beta": 0.0, "decay": "none"}, "s4", "beta is 0"),
        ("fair_darts", {"rule": "darts", "threshold": 0.5}, "s4", "the strongest option stays"),
        ("darts", {"eps": None}, "s4", "order is 1"),
        ("scarlet", {}, "s4", "a node keeps only some"),
    ],
    7,
)


@pytest.mark.parametrize(("name", "fields", "preset", "why"), CASES)
def test_what_means_nothing_is_refused_with_its_reason(name, fields, preset, why):
    with pytest.raises(UserError, match=why):
        made(name, **fields).require(DartsCell(preset=preset))
