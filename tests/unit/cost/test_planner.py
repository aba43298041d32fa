"""The greedy plan: as small as what lives at once where it can be, never smaller, and its moments."""

import random

from audionas.cost.operators import Operator, Subgraph, Tensor
from audionas.cost.planner import Buffer, Scratch, buffers, height


def test_a_gap_between_two_long_lives_is_filled() -> None:
    """48 ends before 16 begins, so 16 lies below 32; a second 16 at the same time does not fit there."""
    assert height([Buffer(48, 0, 1), Buffer(32, 1, 3), Buffer(16, 3, 4)]) == 80
    assert height([Buffer(48, 0, 1), Buffer(32, 1, 3), *[Buffer(16, 3, 4)] * 4]) == 96


def test_fragmentation_counts() -> None:
    """112 bytes live at once, but the long one lies above 64, and leaves too little below for the rest."""
    planned = [Buffer(64, 2, 2), Buffer(48, 3, 3), Buffer(32, 3, 3), Buffer(32, 1, 3)]
    live = [sum(b.bytes for b in planned if b.first <= t <= b.last) for t in range(4)]
    assert (max(live), height(planned)) == (112, 128)


def test_a_plan_is_between_what_lives_at_once_and_all() -> None:
    r = random.Random(4)
    wasted = 0
    for _ in range(200):
        planned = []
        for _ in range(r.randint(1, 25)):
            first = r.randint(0, 12)
            planned.append(Buffer(16 * r.randint(1, 40), first, first + r.randint(0, 5)))
        least = max(sum(b.bytes for b in planned if b.first <= t <= b.last) for t in range(20))
        assert least <= height(planned) <= sum(b.bytes for b in planned)
        wasted += height(planned) > least
    assert wasted > 10  # else the law would not see a planner that only adds up


def test_moments_are_those_of_operators_and_of_subgraphs_within_them() -> None:
    start = Subgraph((Tensor((8,)),), (Operator("LOGISTIC", (0,), (0,)),), (), ())
    main = Subgraph(
        (Tensor((20,)), Tensor((5,), 4), Tensor((9,), stored=True), Tensor((1,))),
        (
            Operator("CALL_ONCE", (), (), graph=1),
            Operator("CONV_2D", (0, 2), (1,)),
            Operator("LOGISTIC", (1,), (3,)),
        ),
        (0,),
        (3,),
    )
    found = buffers((main, start), [Scratch(0, 1, 100), Scratch(0, 0, 1)])
    assert found == [
        Buffer(32, 0, 4),  # the input, until the convolution, which comes after the call and what it calls
        Buffer(32, 4, 5),
        Buffer(16, 5, 5),
        Buffer(16, 3, 3),  # within the subgraph
        Buffer(112, 4, 4),
        Buffer(16, 1, 3),  # as long as the call
    ]
