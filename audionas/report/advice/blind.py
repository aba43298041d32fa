"""A search by a figure that was equal for all networks: something else, or chance, chose among them."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from audionas.core.hostile import command
from audionas.report.advice.box import Advice


def blind(
    names: Sequence[str], objectives: Mapping[str, str], values: Sequence[float], folder: Path
) -> Advice | None:
    """`names` of the objectives are equal, with these `values`, for all networks within the limits."""
    if not names:
        return None
    told = " and ".join(f"{name} ({value:g})" for name, value in zip(names, values, strict=True))
    left = [name for name in objectives if name not in names]
    chose = f"so {' and '.join(left)} alone chose" if left else "so nothing chose"
    same = f"In the supernet all networks within the limits have the same {told}, {chose}."
    if "loss" in names:
        return Advice(f"{same} Train the supernet again: for longer, or at a lower search.optim.lr.")
    wanted = {"loss": "min", **{name: objectives[name] for name in left}}
    text = ", ".join(f"{name}: {direction}" for name, direction in wanted.items())
    return Advice(
        f"{same} Choose by the loss, which tells them apart earlier, or train the supernet for longer:",
        command(
            *("audionas", "search", folder / "select" / "config.yaml", "--overwrite", "--keep-supernet"),
            f"searcher.objectives={{{text}}}",
        ),
    )
