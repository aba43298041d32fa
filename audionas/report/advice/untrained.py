"""A front of untrained networks: their accuracies are the supernet's, and training changes the order."""

from pathlib import Path

from audionas.core.hostile import command, setting
from audionas.core.reporter import amount
from audionas.report.advice.box import Advice


def untrained(members: int, knee: int, folder: Path, *, trained: bool) -> Advice | None:
    """A front of `members` networks, of which number `knee` is the best compromise."""
    if trained:
        return None
    what = setting("arch", f"{folder / 'front.json'}#{knee}")
    name = setting("name", f"{folder.resolve().name}_knee")
    return Advice(
        f"None of the {amount(members, 'network')} on the front is trained: what is shown of their quality "
        "is the supernet's guess. Train the knee, then its neighbours, before you choose:",
        command("audionas", "train", folder / "select" / "config.yaml", what, name),
    )
