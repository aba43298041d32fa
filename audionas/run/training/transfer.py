"""The parts that a training takes from others: first weights, frozen tensors, and a teacher."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from torch import nn

from audionas.config import Config
from audionas.core.arch import ArchSpec
from audionas.core.reporter import Reporter
from audionas.engine.freeze import freeze
from audionas.inputs.split import Inputs
from audionas.run.training import start
from audionas.run.training.start import Begun, Source
from audionas.run.training.teacher import Teacher
from audionas.run.training.teacher import find as find_teacher


@dataclass(frozen=True)
class Transfer:
    """The first tensors, the patterns and names of the frozen ones, and the teacher."""

    begun: Begun | None
    patterns: tuple[str, ...]
    frozen: tuple[str, ...]
    teacher: Teacher | None

    def facts(self, before: Mapping[str, Any]) -> dict[str, Any]:
        """A run's facts with digests in place of the paths of models."""
        train = dict(before["train"])
        found = {**before, "train": train}
        if self.begun is not None:
            del train["init"]
            found["init"] = self.begun.source.digest
        if self.teacher is not None:
            found["teacher"] = self.teacher.digest
            train["distill"] = {k: v for k, v in train["distill"].items() if k != "teacher"}
        return found

    @property
    def note(self) -> dict[str, Any]:
        """The note for the bundle: the start, the frozen tensors, the teacher."""
        found: dict[str, Any] = {}
        if self.begun is not None:
            plain = self.begun.plain
            found["init"] = {**plain, "taken": len(plain["taken"]), "new": sorted(plain["new"])}
        if self.patterns:
            found["freeze"] = list(self.patterns)
        if self.teacher is not None:
            found["distill"] = {**asdict(self.teacher.settings), "digest": self.teacher.digest}
        return found

    def tell(self, inputs: Inputs, reporter: Reporter) -> None:
        """Report at the start the tensors taken, the frozen ones, and the teacher."""
        if self.begun is not None:
            reporter.note(self.begun.told)
            if not self.begun.source.hears_alike(inputs):
                reporter.note("  its front-end differs: the statistics are those of the new data")
        if self.patterns:
            taken = {} if self.begun is None else self.begun.taken
            drawn = [name for name in self.frozen if name not in taken]
            reporter.note(f"frozen: {len(self.frozen)} parameters ({' '.join(self.patterns)})")
            if drawn:
                reporter.note(f"  random and never trained: {' '.join(drawn)}")
        if self.teacher is not None:
            how = "answers once per example" if self.teacher.cached else "answers for every batch"
            for member in self.teacher.members:
                reporter.note(f"teacher: {member.name}, {member.bundle.spec.id}, {how}")


def find(
    conf: Config, spec: ArchSpec, net: nn.Module, inputs: Inputs, source: Source | None
) -> tuple[Transfer, Inputs]:
    """The transfer that `conf.train` sets for the network `net` of `spec`, and inputs with its statistics.

    `net` may be on the meta device. Raises UserError for anything that does not fit.
    """
    begun = None
    if source is not None:
        inputs = source.statistics(inputs)
        begun = start.fitting(source, spec, net)
    patterns = conf.train.freeze
    frozen = freeze(net, patterns).names
    return Transfer(begun, patterns, frozen, find_teacher(conf, inputs)), inputs
