"""What is set and changes nothing is named: each optimiser, schedule, loss and teacher, each searcher."""

import dataclasses

import pytest
import torch
from torch import nn

from audionas.config import changed, load
from audionas.core.strict import voids
from audionas.engine.conf import Distill, Train
from audionas.engine.optim import Optim, set_rate
from audionas.methods.darts_es import DartsEs
from audionas.searchers import Problem, Score
from audionas.searchers.evolution import Evolution
from audionas.searchers.nsga2 import Nsga2
from audionas.searchers.reinforced import Reinforced
from tests._factory import config
from tests._tiers import laws
from tests.invariants._cases import CHAIN, input_of

OTHER = {
    "momentum": 0.5, "nesterov": True, "decay_norms": False, "final_lr": 0.02, "milestones": (2.0, 4.0),
    "gamma": 0.7, "gamma_epochs": 3.0,
}  # fmt: skip
OPTIMS = [
    {"name": name, "schedule": schedule, "weight_decay": decay, "milestones": (3.0,)}
    for name in ("sgd", "adam", "adamw", "rmsprop")
    for schedule in ("cosine", "linear", "step", "exponential", "constant")
    for decay in (0.0, 0.1)
]


def trained(**fields):
    """The weights after a step in each of six epochs."""
    torch.manual_seed(0)
    net, optim = nn.Linear(3, 2), Optim(**fields)
    optimizer = optim.build(net.parameters())
    for epoch in range(6):
        set_rate(optimizer, optim.rate(epoch, 6))
        optimizer.zero_grad()
        (net(torch.ones(1, 3)) ** 2).sum().backward()
        optimizer.step()
    return [parameter.tolist() for parameter in net.parameters()]


@pytest.mark.parametrize("fields", OPTIMS, ids=lambda f: f"{f['name']}-{f['schedule']}-{f['weight_decay']}")
def test_a_setting_of_an_optimiser_changes_the_weights_or_is_named(fields):
    before, void = trained(**fields), Optim(**fields).void()
    same = {name for name, value in OTHER.items() if trained(**{**fields, name: value}) == before}
    assert same == void.keys()


SEARCHERS = [
    (kind, fields)
    for kind, some in (
        (Evolution, [{"networks": 8}, {"networks": 12}]),
        (Nsga2, [{"generations": 1}, {"generations": 8}]),
        (Reinforced, [{"generations": 1}, {"generations": 30}, {"generations": 30, "learned": 0.0}]),
    )
    for fields in some
]
BREEDING = {
    "sample": 1, "children": 3, "crossover": 0.1, "mutation": 0.9, "learned": 0.1, "prior": 0.1,
    "rate": 0.9, "memory": 0.1, "weights": {"accuracy": 0.9, "macs": 0.1},
}  # fmt: skip


def requested(searcher):
    """The networks that are asked for, in order, where those of a layer's later options are better."""
    asked = []

    def evaluate(specs):
        asked.extend(spec.id for spec in specs)
        places = [[c.options.index(spec.choices[c.name][0]) for c in CHAIN.choices()] for spec in specs]
        return [
            Score({"accuracy": sum(p), "macs": sum((n + 1) * v * v for n, v in enumerate(p))}) for p in places
        ]

    searcher.run(Problem(CHAIN, input_of(CHAIN), {}, 0), evaluate)
    return asked


@pytest.mark.parametrize(("kind", "fields"), laws(SEARCHERS, 5))
def test_a_setting_of_a_searcher_changes_what_it_asks_for_or_is_named(kind, fields):
    own = {f.name for f in dataclasses.fields(kind)}
    searcher = kind(population=8, **fields)
    named, before = searcher.void(), requested(searcher)
    for name in BREEDING.keys() & own - fields.keys():
        changed_too = requested(dataclasses.replace(searcher, **{name: BREEDING[name]})) != before
        assert changed_too != (name in named), name
    assert "latency" in named


@pytest.mark.parametrize("epochs", range(10, 24))
def test_darts_es_is_short_where_no_rise_could_end_it(epochs):
    method, seen = DartsEs(), []
    for epoch in range(0, epochs, method.every):
        seen.append({"epoch": epoch, "value": 2.0**epoch})
    method.run, method._seen = type("Run", (), {"epochs": epochs}), seen
    assert (method._rise() is None) == bool(method.short(epochs))
    assert not DartsEs().short(50)


def test_sections_name_what_is_set_in_vain_and_nothing_else(tmp_path):
    conf = changed(
        load(config(tmp_path)),
        method={"name": "darts_es", "alpha_lr": 0.01},
        search={"epochs": 9, "optim": {"schedule": "constant", "final_lr": 0.0}},
        train={"pool_after": 3, "optim": {"milestones": [3], "gamma": 0.1, "momentum": 0.8}},
    )
    assert conf.void("search", "method") == [
        "method darts_es: in 9 epochs it is darts: no rise can be seen in so few"
    ]
    assert conf.void("train") == [
        "train.pool_after changes nothing, since loss is cross_entropy",
        "train.optim.milestones changes nothing, since the schedule is cosine",
    ]
    one = changed(
        conf,
        method={"name": "spos", "draws": 7},
        searcher={"name": "nsga2", "generations": 1, "population": 4, "mutation": 0.3},
    )
    assert one.void("search", "searcher", "method") == [
        "searcher.mutation changes nothing, since one generation has no children",
        "method.draws changes nothing, since a searcher searches",
    ]


def test_losses_and_teachers_name_what_the_other_would_read():
    alone = Train(distill=Distill(teacher=("kws12",), weight=1.0), label_smoothing=0.1)
    assert list(voids(alone, {"label_smoothing": 0.1}, "train")) == [
        "train.label_smoothing changes nothing, since distill.weight is 1: the teacher alone teaches"
    ]
    none = Train(
        distill=Distill(teacher=("kws12",), weight=0.0, temperature=2.0), loss="max_pool", pool_after=3
    )
    given = {"pool_after": 3, "distill": {"temperature": 2.0}}
    assert list(voids(none, given, "train")) == [
        "train.distill.temperature changes nothing, since weight is 0: the labels alone teach"
    ]
