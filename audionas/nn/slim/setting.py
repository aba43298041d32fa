"""A number that a search chooses beside the operations: a width, a stride, how much of the input is read."""

from typing import NamedTuple

from audionas.core.arch import Choice
from audionas.nn.edge import Gates


class Setting(NamedTuple):
    """A choice among whole numbers, in the order from the cheapest network to the dearest."""

    name: str
    values: tuple[int, ...]

    @property
    def choice(self) -> Choice:
        """The choice, its options the numbers as text."""
        return Choice(self.name, tuple(map(str, self.values)))

    def of(self, gates: Gates) -> int:
        """The value that one-hot gates name; the dearest where they leave it open."""
        gate = gates.gates.get(self.name)
        if gate is None or gate.active is None or len(gate.active) != 1:
            return self.values[-1]
        return self.values[gate.active[0]]
