"""A setting changes a search, or is refused with the reason: no method runs as another under its own name."""

import dataclasses
import functools
import hashlib
import typing

import pytest
import torch

from audionas.core.errors import UserError
from audionas.core.registry import resolve
from audionas.methods import Bilevel
from audionas.spaces.darts_cell import DartsCell
from tests._tiers import laws
from tests.invariants._cases import CHAIN, SEARCHABLE, TRAINED, batches, home, made, named, started

MIX = home("mix_path")
SPACES = [*(DartsCell(preset=preset) for preset in ("s2", "s3", "s4")), CHAIN, MIX]
SPACES += [space for space in SEARCHABLE if space.name == "nas_bench_201"]
BILEVEL = [name for name in TRAINED if issubclass(resolve("method", name), Bilevel)]
OTHERS = {  # another value of a field that is neither a flag nor one of a few words
    "alpha_clip": 1e-3, "alpha_weight_decay": 0.3, "alpha_betas": (0.9, 0.9), "alpha_lr": 0.05,
    "beta": 0.3, "drop": 0.6, "drop_free": 0.6, "zero_one_weight": 3.0, "threshold": 0.4, "std": 0.7,
    "mean": 0.4, "drop_path": 0.5, "temperature": (3.0, 1.0), "samples": 3, "tempering": 1.0, "k": 2,
    "alpha_every": 2, "keep": (0.4, 0.2), "depths": (3, 4, 4), "skip_dropout": (0.4, 0.0, 0.7), "rest": 0.9,
    "eps": 0.5, "beta_decay": 20.0, "warmup": 0.5, "radius": (0.2, 0.4), "tune": 0.6, "kl": 0.3,
    "dr_nas.keep": 1.0, "sandwich": 1,
}  # fmt: skip
STAGED = ("p_darts", "dr_nas", "darts_pt")
SHARED = {f.name for f in dataclasses.fields(Bilevel)}
ELSEWHERE = {
    *("cost", "cost_form", "limit"),  # they need a cost table, which is most of a step's time
    *("draws", "scoring", "finalists", "random_nas.batches"),  # how networks are scored when one is derived
    "in_place",  # it acts within a sandwich
    "last_k",  # it acts where k has split the edges
    "darts_pt.criterion",  # accuracy and loss agree on many a batch
    "max_skips",  # it acts where a cell would get more skips, on few draws of alpha
    *(
        f"darts_es.{name}" for name in ("every", "window", "back", "factor", "rest")
    ),  # 17 epochs are the least
}


def alternatives(name):
    """(field, another value) for each of a method's own fields; for DARTS, for those that all share."""
    kind = resolve("method", name)
    types = typing.get_type_hints(kind)
    for field in dataclasses.fields(kind):
        if {field.name, f"{name}.{field.name}"} & ELSEWHERE or (field.name in SHARED and name != "darts"):
            continue
        default, words = getattr(made(name), field.name), typing.get_args(types[field.name])
        if types[field.name] is bool:
            yield field.name, not default
        elif typing.get_origin(types[field.name]) is typing.Literal:
            yield from ((field.name, word) for word in words if word != default)
        else:
            yield field.name, OTHERS.get(f"{name}.{field.name}", OTHERS.get(field.name))


@functools.cache
def outcome(name, space, **fields):
    """What one step leaves, as a hash, and the network that is then derived.

    Alphas are drawn far apart, so that options and edges differ. The step is in the second of four epochs,
    where schedules have begun; with stages there is one in each epoch.
    """
    method = made(name, **fields)
    run = started(method, space, frames=9, dropout=0.0)
    rng, total = torch.Generator().manual_seed(1), hashlib.sha256()
    for key in sorted(run.alphas):
        run.alphas[key].data = 4 * torch.randn(run.alphas[key].shape, generator=rng)
    size = 4 if name in BILEVEL else 2 * max(len(choice.options) for choice in space.choices())  # two a path
    for epoch in range(4) if name in STAGED else [1]:
        torch.manual_seed(epoch)
        method.on_epoch(epoch)
        ((train, valid),) = batches(run.io, 1, seed=epoch, size=size)
        method.step(train, valid if method.halves else train, float(epoch))
        for group, tensors in sorted(method.state().tensors.items()):
            for key in sorted(tensors):
                total.update(f"{group}/{key}/{tuple(tensors[key].shape)}".encode())
                total.update(tensors[key].detach().contiguous().numpy().tobytes())
    return total.hexdigest(), dict(method.derive().choices) if method.quick else None


def refused(method, space):
    """Whether the method is refused on a space; the reason is part of the error."""
    why = method.why_not(space)
    if why:
        with pytest.raises(UserError, match="does not run on space"):
            method.require(space)
    return bool(why)


CASES = [(n, s) for n in TRAINED for s in SPACES if [*alternatives(n)] and not (n in BILEVEL and s == MIX)]


@pytest.mark.laws
@pytest.mark.parametrize(("name", "space"), CASES, ids=named)
def test_a_setting_changes_the_search_or_is_refused(name, space):
    if refused(made(name), space):
        return
    told = [(f, v) for f, v in alternatives(name) if not refused(made(name, **{f: v}), space)]
    assert not [f"{f}={v}" for f, v in told if outcome(name, space, **{f: v}) == outcome(name, space)]


@pytest.mark.laws
@pytest.mark.parametrize("space", SPACES, ids=named)
def test_no_two_methods_are_one_search(space):
    """With the settings of DARTS, whose own fields are all that sets them apart.

    DARTS-ES is left out: until its eigenvalue rises, after 17 epochs or more, it is meant to be DARTS.
    """
    shared = {"alpha_lr": 3e-4, "alpha_betas": (0.5, 0.999), "alpha_weight_decay": 1e-3, "alpha_clip": None}
    known = {}
    for name in TRAINED:
        fields = shared if name in BILEVEL else {}
        method = made(name, **fields)
        elsewhere = space == MIX and name in BILEVEL  # the other spaces tell these apart, with fewer options
        if name == "darts_es" or method.alike or elsewhere or refused(method, space):
            continue
        found = outcome(name, space, **fields)
        assert known.setdefault(found[0], name) == name


VOID = laws(
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


@pytest.mark.parametrize(("name", "fields", "preset", "why"), VOID)
def test_what_means_nothing_is_refused_with_its_reason(name, fields, preset, why):
    with pytest.raises(UserError, match=why):
        made(name, **fields).require(DartsCell(preset=preset))
