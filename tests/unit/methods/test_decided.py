"""How decided a search is: margins that a change must exceed to turn a choice, in each method's terms."""

import dataclasses
import json

import numpy as np
import pytest
import torch

from audionas.core import records
from audionas.core.arch import ArchSpec
from audionas.core.errors import UserError
from audionas.core.records.decided import DecidedRecord
from audionas.core.registry import resolve
from audionas.methods import Bilevel, by_shares, crossing, decided
from audionas.report import progress
from audionas.spaces.darts_cell import DartsCell
from tests._tiers import laws
from tests.invariants._cases import CHAIN, TRAINED, home, made, started

BILEVEL = [name for name in TRAINED if issubclass(resolve("method", name), Bilevel)]
BILEVEL.sort(key=lambda name: name != "darts")  # the first is in the fast tier
CELLS = DartsCell(preset="s3")
SMALL = {"frames": 9, "dropout": 0.0}


def searched(name, space, *, seed, spread=3.0, **fields):
    """A method whose alphas are drawn."""
    method = made(name, **fields)
    started(method, space, **SMALL)
    method.on_epoch(0)
    rng = torch.Generator().manual_seed(seed)
    for alpha in method.run.alphas.values():
        alpha.data = spread * torch.randn(alpha.shape, generator=rng)
    return method


def kept(sigmoids, threshold, room, least):
    """FairDARTS' rule for one edge, as the paper has it."""
    ranked = sorted(range(len(sigmoids)), key=lambda i: -sigmoids[i])
    passing = [i for i in ranked if sigmoids[i] >= threshold]
    return set(passing[:room] or ranked[:least])


def test_no_sigmoid_turns_an_edge_within_the_margin_and_one_does_beyond_it():
    rng = np.random.default_rng(0)
    for _ in range(300):
        sigmoids, room, least = rng.random(4), int(rng.integers(1, 4)), int(rng.integers(2))
        margin, before = crossing(sigmoids, 0.7, room, least), kept(sigmoids, 0.7, room, least)
        turned = []
        for way in (0.999 * margin, margin + 1e-6):
            moved = [sigmoids + sign * way * (np.arange(4) == i) for i in range(4) for sign in (-1, 1)]
            turned.append(any(kept(after, 0.7, room, least) != before for after in moved))
        assert turned == [False, True]


@pytest.mark.parametrize("name", laws(BILEVEL))
def test_a_search_that_has_not_begun_is_undecided_and_one_with_clear_winners_is_not(name):
    fresh = made(name)
    started(fresh, home(name), **SMALL)
    record = decided(fresh)
    assert record.undecided
    assert record.entropy > 0.99
    assert "search.epochs=8" in record.advice
    known = {f.name for f in dataclasses.fields(fresh)}
    assert {key.removeprefix("method.") for key in fresh.sharper()} <= known
    sure = searched(name, home(name), seed=1, spread=40.0)
    record = decided(sure)
    assert not record.undecided
    assert record.entropy < 0.2
    assert record.advice == ""


@pytest.mark.parametrize(
    ("name", "fields"),
    laws(
        [("darts", {}), ("pc_darts", {}), ("rome", {}), ("rome", {"version": "v1"}), ("snas", {}),
         ("snas", {"inputs": "two"}), ("fair_darts", {"rule": "darts"}), ("gdas", {})],
        2,
    ),
)  # fmt: skip
def test_a_tie_has_no_margin_and_the_derived_network_is_that_of_the_margins(name, fields):
    """In cells: operations of edges that stay, and edges. The closest choice is the one that a tie makes."""
    method = searched(name, CELLS, seed=2, **fields)
    margins, spec = method.margins(), method.derive()
    assert all(margin >= 0 for margin in margins.values())
    taken = {n for n, options in spec.choices.items() if options}
    assert taken <= margins.keys()
    choice = next(c for c in CELLS.choices() if c.name in taken)
    alpha = method.run.alphas[choice.name].data
    best = choice.options.index(spec.choices[choice.name][0])
    none = name == "snas" and not fields  # where every edge stays, `none` is an option
    others = [i for i, option in enumerate(choice.options) if i != best and (option != "none" or none)]
    alpha[others[0]] = alpha[best]
    assert method.margins()[choice.name] == pytest.approx(0, abs=1e-6)


def test_only_what_may_be_taken_counts():
    """`none` is never taken where an edge may be absent, and a dropped option has no share."""
    space = DartsCell()
    held = {c.name: {o: 0.9 if o == "none" else 0.0 for o in c.options} for c in space.choices()}
    for options in held.values():
        options |= {"sep_conv_3x3": 0.06, "skip_connect": 0.04}
    margins = by_shares(space, held, held)
    first, *_ = space.choices()
    assert margins[first.name] == pytest.approx(0.02)
    assert margins["inputs of normal/3"] == 0
    assert "inputs of normal/2" not in margins  # both of its edges stay


def test_fair_darts_counts_the_way_to_the_threshold():
    method = made("fair_darts", threshold=0.8)
    started(method, CHAIN, **SMALL)
    for alpha in method.run.alphas.values():
        alpha.data = torch.full_like(alpha, -10.0)
        alpha.data[0] = torch.logit(torch.tensor(0.9))
        alpha.data[1] = torch.logit(torch.tensor(0.77))
    assert all(margin == pytest.approx(0.03, abs=1e-5) for margin in method.margins().values())


@pytest.mark.parametrize("name", ["random", "spos"])
def test_what_learns_no_strengths_has_no_such_figure(name):
    method = made(name)
    started(method, CHAIN, **SMALL)
    assert decided(method) is None


def test_a_search_writes_its_margins_and_says_them(trained):
    """From the last row of its log, option by option."""
    spec = ArchSpec.from_json((trained.exp / "arch.json").read_text())
    record = records.check(DecidedRecord, spec.note["decided"], "arch.json")
    last = json.loads((trained.exp / "search/alphas.jsonl").read_text().splitlines()[-1])["probabilities"]
    best = {name: sorted(shares.values())[-2:] for name, shares in last.items()}
    assert record.margins == pytest.approx({name: b - a for name, (a, b) in best.items()})
    assert (spec.note["decided"]["least"], spec.note["decided"]["close"]) == (record.least, record.close)
    page = progress.decided(record)
    assert record.words in page
    assert record.advice in page
    assert page.count("close</td>") == record.close


def test_the_verdict_and_its_words():
    record = DecidedRecord(margins={"a": 0.2, "b": 0.04, "c": 0.6}, entropy=0.5)
    assert record.words == (
        "decided: the margins between the best two are 0.04 to 0.6, 1 of 3 choices below 0.05; "
        "entropy 50 % of its maximum"
    )
    assert DecidedRecord(margins={"a": 0.2, "b": 0.04}, entropy=0.5).undecided
    assert DecidedRecord(margins={"a": 0.35}, entropy=0.99).undecided  # sigmoids that have not moved


@pytest.mark.parametrize("note", [{"margins": {}, "entropy": 1}, {"margins": {"a": "x"}, "entropy": 0.5}, []])
def test_a_note_of_another_is_checked(note):
    with pytest.raises(UserError, match=r"arch\.json"):
        records.check(DecidedRecord, note, "arch.json")
