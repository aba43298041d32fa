"""The work of a training for the epoch loop: steps on the loss, an average of the weights, validation."""

from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch import Tensor, nn

from audionas.config import Config
from audionas.core.reporter import Reporter
from audionas.data.batches import Batch
from audionas.engine.averaging import Average
from audionas.engine.best import Best
from audionas.engine.checkpoint import State
from audionas.engine.distill import distilled, divergence
from audionas.engine.distributed import average_gradients, level, own_draws
from audionas.engine.freeze import freeze
from audionas.engine.loop import Metrics
from audionas.engine.metrics import macro_f1
from audionas.engine.optim import pack, set_rate, unpack
from audionas.engine.sync_norm import synced
from audionas.inputs.feed import Inputs, eval_batches, preparer, scores_of
from audionas.run.training import max_pool, mixup, past
from audionas.run.training.loss import loss_of
from audionas.run.training.teacher import Teaching
from audionas.run.training.viable import Viable
from audionas.run.training.weights import Weighing

Until = Callable[[int], bool]  # told the number of finished epochs, whether a training ends


class Training:
    """The work of a training: steps on the loss, an average of the weights, validation in each epoch.

    With `teaching` a teacher's answers are part of the loss, with `weighing` examples have weights in it, and
    with `viable` weights are chosen by their average viable recall.
    """

    def __init__(
        self,
        conf: Config,
        net: nn.Module,
        inputs: Inputs,
        device: torch.device,
        reporter: Reporter,
        teaching: Teaching | None = None,
        weighing: Weighing | None = None,
        viable: Viable | None = None,
        until: Until | None = None,
    ) -> None:
        self.options, self.net, self.device, self.inputs = conf.train, net, device, inputs
        self.frozen, self.teaching = freeze(net, self.options.freeze), teaching
        self.weighing, self.viable = weighing, viable
        self.optimizer = self.options.optim.build(p for p in net.parameters() if p.requires_grad)
        self.pooled, self.past = max_pool.find(conf, net, inputs), past.find(conf, net, inputs)
        self.average = Average(net, self.options.ema) if self.options.ema or self.options.average else None
        self.prepare = preparer(inputs, device, conf.spec_augment, final=True)
        self.prepare_dev = preparer(inputs, device)
        self.dev = eval_batches(conf, inputs, inputs.dev, reporter) if len(inputs.dev) else None
        self.best = Best() if self.options.judged else None
        self.accuracies: list[float] = []  # on the development data, one entry per validation
        self.done, self.until = 0, until  # epochs
        self.drop_path = 0.0

    def begin(self, epoch: int) -> None:
        """Set training mode, except for frozen batch norms; more paths are dropped from epoch to epoch."""
        self.net.train()
        self.frozen.hold()
        if self.teaching is not None:
            self.teaching.begin(epoch)
        if self.weighing is not None:
            self.weighing.begin(epoch)
        self.drop_path = self.options.drop_path * epoch / self.options.epochs

    def step(self, batch: Batch, progress: float) -> Metrics:
        """Take one optimiser step, in bfloat16 mixed precision where it is on."""
        amp = self.options.amp and self.device.type == "cuda"
        with own_draws():
            mix = mixup.draw(len(batch.target), self.options.mixup)
            batch = batch if mix is None else mix.sound(batch)  # a teacher hears the mixture, too
            x, target = self.prepare(batch)
            x = x if mix is None else mix.pixels(batch, x)
        with (
            torch.autocast(self.device.type, torch.bfloat16, enabled=amp),
            own_draws(),
            synced(self.options.bn == "sync"),
        ):
            weight, drop_path = self.options.auxiliary, self.drop_path
            criterion = self._criterion(target, mix)
            loss, logits = loss_of(self.net, criterion, x, target, weight, drop_path, self.pooled)
            told: dict[str, Tensor] = {}
            if self.past is not None:
                with self.past.heard(self.net, x) as late:
                    again = loss_of(self.net, criterion, late, target, weight, drop_path, self.pooled)
                loss, told["apart"] = past.joined((loss, logits), again)
            if self.teaching is not None:
                settings, answers = self.teaching.settings, self.teaching.logits(batch, x)
                told["divergence"] = divergence(logits, answers, settings.temperature)
                loss = distilled(loss, told["divergence"], settings.weight)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        average_gradients(self.net.parameters())
        if self.options.optim.clip is not None:
            nn.utils.clip_grad_norm_(self.net.parameters(), self.options.optim.clip)
        set_rate(self.optimizer, self.options.optim.rate(progress, self.options.epochs))
        self.optimizer.step()
        if self.average is not None and self.options.ema:
            self.average.update(self.net)
        return {"loss": loss, **told, "accuracy": (logits.detach().argmax(1) == target).float().mean()}

    def _criterion(self, target: Tensor, mix: mixup.Mix | None) -> mixup.Loss:
        weights = self.weighing.of(target) if self.weighing is not None else None
        return mixup.criterion(self.options.label_smoothing, weights, mix)

    def end(self, epoch: int) -> Mapping[str, float]:
        """Average, then validate the weights that would be kept if training ended here."""
        level(self.net.buffers())
        if self.average is not None:
            level(t for name, t in self.average.tensors.items() if name in dict(self.net.named_buffers()))
        if self.average is not None and epoch >= self.options.epochs - self.options.average:
            self.average.update(self.net)
        self.done = epoch + 1
        rate = {"lr": self.options.optim.rate(epoch + 1, self.options.epochs)}
        if self.done % self.options.every and self.done < self.options.epochs:
            return rate
        valid = self.validate(self.candidate())
        self.accuracies += [valid["valid_accuracy"]] if valid else []
        if self.best is not None and (valid[self.options.judged] or self.viable is None):
            self.best.offer(valid[self.options.judged], self.done, self.candidate())
        return {**valid, **rate}

    def validate(self, weights: dict[str, Tensor]) -> dict[str, float]:
        """Accuracy and loss of some weights on the development data, if any, and what chooses them."""
        if self.dev is None:
            return {}
        own = {name: t.clone() for name, t in self.net.state_dict().items()}
        self.net.load_state_dict(weights)
        self.net.eval()
        scores, targets = self.inputs.answers(
            self.inputs.dev, scores_of(self.net, self.dev, self.prepare_dev)
        )
        viable = self.viable.told(self.net, scores, targets, self.device) if self.viable is not None else {}
        self.net.load_state_dict(own)
        likelihood = scores[np.arange(len(targets)), targets]
        accuracy = float((scores.argmax(1) == targets).mean())
        loss = float(-np.log(np.maximum(likelihood, 1e-12)).mean())
        told = {"valid_loss": loss, "valid_accuracy": accuracy}
        if self.options.keep == "macro_f1":
            told["valid_macro_f1"] = macro_f1(scores.argmax(1), targets)
        return {**told, **viable}

    def kept(self) -> dict[str, Tensor]:
        """The weights for the bundle: the best where the config asks for them, else the latest."""
        return self.best.tensors if self.best is not None and self.best.tensors else self.candidate()

    def candidate(self) -> dict[str, Tensor]:
        """The weights to keep from this epoch: the average once there is one, else the current weights."""
        if self.average is not None and self.average.updates:
            return dict(self.average.tensors)
        return dict(self.net.state_dict())

    def stop(self) -> bool:
        """True where `until` says so, or the development accuracy has not risen for `patience` epochs."""
        if self.done and self.until is not None and self.until(self.done):
            return True
        if not self.options.patience or len(self.accuracies) <= self.options.patience:
            return False
        before = self.accuracies[: -self.options.patience]
        return max(self.accuracies[-self.options.patience :]) <= max(before)

    def state(self) -> State:
        """Weights, optimiser, average, and the accuracies so far."""
        state = State({"weights": dict(self.net.state_dict()), "optimizer": pack(self.optimizer)})
        state.plain |= {"accuracies": self.accuracies, "epochs": self.done}
        if self.best is not None and self.best.tensors:
            state.tensors["best"] = self.best.tensors
            state.plain["best"] = [self.best.score, self.best.epoch]
        if self.average is not None:
            state.tensors["average"] = self.average.tensors
            state.plain["updates"] = self.average.updates
        return state

    def restore(self, state: State) -> None:
        """Go back to `state`."""
        self.net.load_state_dict(state.tensors["weights"])
        unpack(self.optimizer, state.tensors["optimizer"])
        self.accuracies = list(state.plain["accuracies"])
        self.done = int(state.plain.get("epochs", len(self.accuracies)))
        if self.best is not None and "best" in state.tensors:
            self.best.restore(state.tensors["best"], *state.plain["best"])
        if self.average is not None:
            self.average.restore(state.tensors["average"], state.plain["updates"])
