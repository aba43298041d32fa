"""The epoch loop: interrupted anywhere and resumed, it takes the steps of a run that never stopped."""

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from audionas.core.errors import UserError
from audionas.core.reporter import Reporter, read_rows
from audionas.engine import checkpoint
from audionas.engine.checkpoint import State
from audionas.engine.loop import fit
from audionas.engine.optim import Optim, pack, set_rate, unpack

EPOCHS, STEPS = 4, 3
REMEDY = "Start again with --overwrite search.optim.lr=0.01."
OPTIM = Optim(name="adam", lr=1e-2, schedule="cosine", warmup_epochs=0.5)


class Interrupted(Exception):
    """Stands for a killed process."""


class Toy:
    """A small regression with dropout and batch norm: its result depends on every random draw."""

    def __init__(self, *, die_in: int = -1, stop_after: int = 99, spoil: int = -1) -> None:
        torch.manual_seed(0)
        self.net = nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.Dropout(0.3), nn.Linear(6, 1))
        self.optimizer = OPTIM.build(self.net.parameters())
        self.die_in, self.stop_after, self.spoil = die_in, stop_after, spoil
        self.done: list[int] = []
        self.calls: list[tuple[str, float]] = []

    def begin(self, epoch: int) -> None:
        self.net.train()
        self.epoch = epoch
        self.calls.append(("begin", epoch))

    def step(self, batch: Tensor, progress: float) -> Mapping[str, Tensor | float]:
        self.calls.append(("step", progress))
        if self.epoch == self.die_in and math.isclose(progress, self.epoch + 1 / STEPS):
            raise Interrupted
        set_rate(self.optimizer, OPTIM.rate(progress, EPOCHS))
        self.optimizer.zero_grad(set_to_none=True)
        loss = self.net(batch).square().mean()
        loss.backward()
        self.optimizer.step()
        if self.epoch == self.spoil:
            loss = loss * float("nan")
        return {"loss": loss, "plain": 2.0}

    def end(self, epoch: int) -> Mapping[str, float]:
        self.calls.append(("end", epoch))
        self.done.append(epoch)
        self.net.eval()
        with torch.no_grad():
            return {"valid": float(self.net(torch.ones(1, 4)))}

    def stop(self) -> bool:
        return len(self.done) >= self.stop_after

    def state(self) -> State:
        return State(
            {"weights": dict(self.net.state_dict()), "optimizer": pack(self.optimizer)}, {"done": self.done}
        )

    def restore(self, state: State) -> None:
        self.net.load_state_dict(state.tensors["weights"])
        unpack(self.optimizer, state.tensors["optimizer"])
        self.done = list(state.plain["done"])


def batches(epoch: int) -> Iterator[Tensor]:
    for i in range(STEPS):
        yield torch.randn(8, 4, generator=torch.Generator().manual_seed(100 * epoch + i))


def run(folder: Path, toy: Toy, *, epochs: int = EPOCHS, seed: int = 7) -> Toy:
    reporter = Reporter(folder, since=checkpoint.latest(folder / "ckpt"), quiet=True)
    try:
        fit(toy, batches, STEPS, epochs=epochs, seed=seed, folder=folder, reporter=reporter, remedy=REMEDY)
    finally:
        reporter.close()
    return toy


def rows(folder: Path) -> list[dict[str, Any]]:
    return [{k: v for k, v in row.items() if k != "seconds"} for row in read_rows(folder / "metrics.jsonl")]


def equal(a: Toy, b: Toy) -> bool:
    return all(torch.equal(t, b.net.state_dict()[name]) for name, t in a.net.state_dict().items())


@pytest.fixture(autouse=True)
def _own_random_numbers() -> Iterator[None]:
    with torch.random.fork_rng(devices=[]):
        yield


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Toy]:
    folder = tmp_path_factory.mktemp("whole")
    with torch.random.fork_rng(devices=[]):
        return folder, run(folder, Toy())


@pytest.mark.parametrize("epoch", range(EPOCHS))
def test_killed_within_any_epoch_and_resumed_nothing_differs(
    tmp_path: Path, epoch: int, whole: tuple[Path, Toy]
) -> None:
    with pytest.raises(Interrupted):
        run(tmp_path, Toy(die_in=epoch))
    assert checkpoint.latest(tmp_path / "ckpt") == epoch
    torch.rand(13)  # another process would be in another state
    resumed = run(tmp_path, Toy())
    assert resumed.calls[0] == ("begin", epoch)
    assert equal(resumed, whole[1])
    assert rows(tmp_path) == rows(whole[0])


def test_killed_between_row_and_checkpoint_the_epoch_is_done_again(
    tmp_path: Path, whole: tuple[Path, Toy]
) -> None:
    run(tmp_path, Toy(), epochs=2)
    with (tmp_path / "metrics.jsonl").open("a") as log:
        log.write('{"epoch": 2, "loss": 1.0}\n{"epoch": 3, "lo')
    assert equal(run(tmp_path, Toy()), whole[1])
    assert rows(tmp_path) == rows(whole[0])


def test_killed_in_every_epoch_it_still_ends_the_same(tmp_path: Path, whole: tuple[Path, Toy]) -> None:
    for epoch in range(EPOCHS):
        with pytest.raises(Interrupted):
            run(tmp_path, Toy(die_in=epoch))
    assert equal(run(tmp_path, Toy()), whole[1])
    assert rows(tmp_path) == rows(whole[0])


def test_another_seed_gives_another_result(tmp_path: Path, whole: tuple[Path, Toy]) -> None:
    assert not equal(run(tmp_path, Toy(), seed=8), whole[1])


def test_a_finished_run_takes_no_step(tmp_path: Path) -> None:
    run(tmp_path, Toy())
    again = run(tmp_path, Toy())
    assert again.calls == []


def test_the_order_of_calls_and_the_fractional_epochs(whole: tuple[Path, Toy]) -> None:
    per_epoch = [
        [("begin", e), *(("step", pytest.approx(e + i / STEPS)) for i in range(STEPS)), ("end", e)]
        for e in range(EPOCHS)
    ]
    assert whole[1].calls == [call for calls in per_epoch for call in calls]


def test_metrics_are_means_over_the_epoch(tmp_path: Path) -> None:
    class Counting(Toy):
        def step(self, batch: Tensor, progress: float) -> Mapping[str, Tensor | float]:
            return {"loss": torch.tensor(progress), "plain": 3 * progress}

    run(tmp_path, Counting(), epochs=2)
    middle = (0 + 1 / STEPS + 2 / STEPS) / 3
    assert [row["loss"] for row in rows(tmp_path)] == pytest.approx([middle, 1 + middle])
    assert [row["plain"] for row in rows(tmp_path)] == pytest.approx([3 * middle, 3 + 3 * middle])
    assert all("valid" in row for row in rows(tmp_path))


def test_a_metric_that_some_steps_do_not_tell_is_the_mean_over_those_that_do(tmp_path: Path) -> None:
    """ProxylessNAS moves alpha every few steps only."""

    class Seldom(Toy):
        def step(self, batch: Tensor, progress: float) -> Mapping[str, Tensor | float]:
            told = super().step(batch, progress)
            return told if progress % 1 else {**told, "seldom": 4.0}

    run(tmp_path, Seldom(), epochs=2)
    assert [(row["seldom"], row["plain"]) for row in rows(tmp_path)] == [(4.0, 2.0)] * 2


def test_work_may_end_early_and_stays_ended(tmp_path: Path) -> None:
    assert run(tmp_path, Toy(stop_after=2)).done == [0, 1]
    again = run(tmp_path, Toy(stop_after=2))
    assert (again.done, again.calls) == ([0, 1], [])


def test_a_loss_that_is_no_number_ends_the_run_and_keeps_the_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"the loss became nan in epoch 3") as caught:
        run(tmp_path, Toy(spoil=2))
    assert "optim.lr" in caught.value.hint
    assert "checkpoint after epoch 2 is still in" in caught.value.hint
    assert checkpoint.latest(tmp_path / "ckpt") == 2
    assert len(rows(tmp_path)) == 2


class Told(Toy):
    """Tells these losses, one an epoch, whatever it learns."""

    def __init__(self, *losses: float) -> None:
        super().__init__()
        self.losses = losses

    def step(self, batch: Tensor, progress: float) -> Mapping[str, Tensor | float]:
        return {**super().step(batch, progress), "loss": self.losses[int(progress)]}


def test_a_loss_that_explodes_ends_the_run_and_the_checkpoint_before_resumes(
    tmp_path: Path, whole: tuple[Path, Toy]
) -> None:
    with pytest.raises(UserError, match=r"the loss exploded: loss is 260, .* 2.5 at the first .* in epoch 3"):
        run(tmp_path, Told(2.5, 0.1, 260.0, 0.0))
    assert checkpoint.latest(tmp_path / "ckpt") == 2
    resumed = run(tmp_path, Toy())
    assert resumed.calls[0] == ("begin", 2)
    assert equal(resumed, whole[1])


@pytest.mark.parametrize("losses", [(0.001, 99.0, 0.1, 50.0), (500.0, 49_000.0, 1.0, 49_000.0)])
def test_a_high_loss_is_no_explosion_where_it_may_be_one(tmp_path: Path, losses: tuple[float, ...]) -> None:
    """Overconfident networks reach tens of nats; a teacher at a high temperature begins with hundreds."""
    run(tmp_path, Told(*losses), epochs=2)
    run(tmp_path, Told(*losses))  # resumed, it still knows the first step's
    assert checkpoint.latest(tmp_path / "ckpt") == EPOCHS


def test_the_first_loss_is_the_one_before_alpha_moved(tmp_path: Path) -> None:
    """DARTS moves alpha first: the weights' first loss may be far above any that is sound."""

    class Alpha(Toy):
        def step(self, batch: Tensor, progress: float) -> Mapping[str, Tensor | float]:
            return {**super().step(batch, progress), "valid_loss": 2.5, "loss": 6e9}

    with pytest.raises(UserError, match=r"loss is 6e\+09, and was 2.5"):
        run(tmp_path, Alpha())
    assert not (tmp_path / "ckpt").exists()


@pytest.mark.parametrize(("group", "value"), [("weights", math.nan), ("alphas", -math.inf), ("alphas", 1e6)])
def test_what_the_last_step_spoils_no_loss_tells(tmp_path: Path, group: str, value: float) -> None:
    class Spoilt(Toy):
        def state(self) -> State:
            state = super().state()
            if self.epoch == EPOCHS - 1:
                state.tensors[group] = {"a": torch.tensor([1.0, value])}
            return state

    with pytest.raises(UserError, match=rf"\ba\b.* in epoch {EPOCHS}"):
        run(tmp_path, Spoilt())
    assert checkpoint.latest(tmp_path / "ckpt") == EPOCHS - 1
