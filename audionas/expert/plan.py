"""The plan of a run of `make`: what was asked, every decision with its reason, and how it reads and writes.

It is `make.yaml` in the run's folder. Whoever edits a value there and runs `audionas make` on the file again
redoes the steps that depend on it.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from audionas.config import dump, plain
from audionas.core import records
from audionas.core.files import write_text
from audionas.core.records.expert import PlanRecord
from audionas.expert.decide import Decision

FILE = "make.yaml"
HEAD = (
    "# Written by audionas make: what was asked, and every decision with its why.\n"
    "# Change a value and run: audionas make THIS_FILE; it redoes only what depends on it.\n"
)


@dataclass
class Plan:
    """`source` is the folder of recordings or "", `word` the spoken word or ""; `changes` are the settings
    KEY=VALUE of the user; `stops` tells for each training cut short its last epoch.
    """

    source: str
    word: str
    device: str
    minutes: float
    rate: float
    negatives: list[str]
    changes: list[str]
    decisions: dict[str, Decision] = field(default_factory=dict)
    stops: dict[str, int] = field(default_factory=dict)

    def value(self, name: str) -> Any:
        """The value of a decision."""
        return self.decisions[name].value

    @property
    def asked(self) -> dict[str, Any]:
        """The words of the user."""
        return {k: v for k, v in asdict(self).items() if k not in ("decisions", "stops")}

    def save(self, home: Path) -> None:
        """Write `make.yaml`."""
        decided = {name: _row(each) for name, each in self.decisions.items()}
        write_text(home / FILE, HEAD + dump({**self.asked, "decisions": decided, "stops": self.stops}))


def load(file: Path) -> Plan:
    """Read a plan. Raises UserError with every wrong field."""
    raw = plain(file)
    found = records.check(PlanRecord, raw, str(file), "Plan again: delete this file and repeat the command.")
    given: Mapping[str, Any] = found.model_dump()
    decisions = {name: Decision(**each) for name, each in given["decisions"].items()}
    return Plan(**{**given, "decisions": decisions})


def _row(decision: Decision) -> dict[str, Any]:
    return {key: value for key, value in decision._asdict().items() if value != "" or key != "warning"}
