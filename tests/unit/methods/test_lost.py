"""Methods laid over one another: what would be lost is refused, what passes the call on is not."""

from dataclasses import dataclass

import pytest

from audionas.core.errors import UserError
from audionas.methods.darts import Darts
from audionas.methods.darts_es import DartsEs
from audionas.methods.darts_minus import AuxiliaryEdge, DartsMinus
from audionas.methods.gdas import Gdas
from audionas.methods.noisy_darts import NoisyDarts
from audionas.methods.pc_darts import PcDarts
from audionas.spaces.nas_bench_201 import NasBench201
from tests.invariants._cases import started, steps


def test_hooks_that_would_be_hidden_are_named():
    with pytest.raises(UserError) as caught:
        type("Both", (DartsMinus, NoisyDarts), {})
    assert "Both joins DartsMinus and NoisyDarts, and would lose NoisyDarts.extra, NoisyDarts.fill" in str(
        caught.value
    )


def test_a_class_that_defines_them_itself_loses_nothing():
    own = {"fill": NoisyDarts.fill, "extra": lambda self: {"noise": 1.0, "auxiliary": 0.5}}
    assert issubclass(type("Both", (DartsMinus, NoisyDarts), own), NoisyDarts)


def test_what_passes_calls_on_or_has_no_hooks_can_be_joined():
    @dataclass(kw_only=True)
    class Both(DartsMinus, PcDarts):
        pass

    both = Both(warmup=0.0)
    assert (both.k, both.edge_normalization, both.beta) == (4, True, 1.0)
    assert issubclass(type("Early", (DartsEs, Gdas), {}), Gdas)
    with pytest.raises(UserError, match="beta is -1"):
        Both(beta=-1.0)


def test_defaults_are_found_as_methods_are():
    @dataclass(kw_only=True)
    class Slow(PcDarts, DartsMinus):
        warmup: float = 0.3

    assert (Slow().alpha_lr, Slow().k, Slow().warmup, Slow().decay) == (6e-4, 4, 0.3, "linear")
    assert Slow(k=2, beta=0.5).k == 2
    with pytest.raises(UserError, match="needs @dataclass"):
        type("Bare", (DartsMinus, PcDarts), {})()


@pytest.mark.laws
def test_joined_methods_do_what_both_do():
    """An auxiliary skip beside options that see a part of the channels, and weighted edges."""

    @dataclass(kw_only=True)
    class Both(DartsMinus, PcDarts):
        warmup: float = 0.0

    method = Both()
    run = started(method, NasBench201())
    edges = [edge for edge in run.net.modules() if isinstance(edge, AuxiliaryEdge)]
    assert {edge.k for edge in edges} == {4}
    assert "beta/1" in run.alphas
    steps(method, 0, 1)
    assert method.gates("alpha").extra == {"auxiliary": 1.0}


def test_one_base_hides_only_what_it_means_to():
    class Own(Darts):
        def gates(self, phase):
            return super().gates(phase)

    assert Own(edge_normalization=True).edge_normalization
