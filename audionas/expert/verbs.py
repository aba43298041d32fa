"""The steps of a run of `make`: each is a command line and the same work as a call.

Both are made from the same arguments in one place, so that `commands.sh` does what `make` does. The imports
are late: a plan that only prints commands needs none of them.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from shutil import rmtree
from typing import Any, NamedTuple

from audionas.core.errors import UserError
from audionas.core.files import shipped
from audionas.expert.decide import MINED
from audionas.expert.pages import main_of

Until = Callable[[int], bool]  # told the epochs done, whether a training ends
Words = tuple[str, ...]

_PREP = (  # hints of the preparation name options that make does not have
    "Record more files of what is named, or move it out of the folder; then repeat the command."
)


class Step(NamedTuple):
    """`words` follow `audionas` on a command line; `call(overwrite, until)` does the same.

    `after` names the steps whose results it reads, `reads` is the text of its config. `share` says whose time
    it takes, and `seconds` how much is planned; `pace` is that of an epoch of a training that may end early,
    and `tail` what it takes after the last epoch.
    """

    name: str
    words: Words
    call: Callable[[bool, Until | None], Any]
    after: tuple[str, ...] = ()
    reads: str = ""
    share: str = "rest"
    seconds: float = 0.0
    pace: float = 0.0
    tail: float = 0.0

    @property
    def trains(self) -> bool:
        """True for a training or a search, which can end early."""
        return self.words[0] in ("train", "search")


def prep(page: str, places: Sequence[str], options: Sequence[tuple[str, Any]], **rest: Any) -> Step:
    """`audionas prep PAGE`; an option that is True has no value, one given several times is a list.

    The last of the `places` is the folder that it writes; data of an earlier plan there are deleted.
    """
    words: list[str] = ["prep", page, *places]
    keywords: dict[str, Any] = {}
    for name, value in options:
        key = name.replace("-", "_")
        for each in value if isinstance(value, list) else [value]:
            words += [f"--{name}", *([] if each is True else [str(each)])]
        keywords[key] = value

    def call(overwrite: bool, until: Until | None) -> None:
        if overwrite and (out := Path(places[-1])).is_dir() and not out.is_symlink():
            rmtree(out)
        try:
            main_of(shipped("data_prep") / f"{page}.py")(*map(Path, places), **keywords)
        except UserError as error:
            if "--" not in error.hint:
                raise
            raise UserError(error.problems, hint=_PREP, listed=error.listed) from error

    return Step("prep", tuple(words), call, share="data", **rest)


def train(name: str, conf: Path, changes: Sequence[str], **rest: Any) -> Step:
    """`audionas train CONF CHANGES --resume`."""

    def call(overwrite: bool, until: Until | None) -> None:
        from audionas.config import load
        from audionas.run.train import train as go

        go(load(conf, changes), resume=not overwrite, overwrite=overwrite, until=until)

    return Step(name, ("train", str(conf), *changes, "--resume"), call, **rest)


def search(conf: Path, changes: Sequence[str], **rest: Any) -> Step:
    """`audionas search CONF CHANGES --resume`."""

    def call(overwrite: bool, until: Until | None) -> None:
        from audionas.config import load
        from audionas.run.search import search as go

        go(load(conf, changes), resume=not overwrite, overwrite=overwrite, until=until)

    return Step("search", ("search", str(conf), *changes, "--resume"), call, **rest)


def evaluate(home: Path, data: Path, **rest: Any) -> Step:
    """`audionas eval HOME --data DATA`."""

    def call(overwrite: bool, until: Until | None) -> None:
        from audionas.run.evaluate import evaluate as go

        go(home, data)

    return Step("eval", ("eval", str(home), "--data", str(data)), call, **rest)


def export(
    home: Path, targets: Sequence[str], data: Path, frames: bool, *, name: str = "export", **rest: Any
) -> Step:
    """`audionas export HOME --target TARGETS --data DATA`, with `frames` as the input of ONNX files."""

    def call(overwrite: bool, until: Until | None) -> None:
        from audionas.run.export import export as go

        go(home, targets=targets, data=data, input="frames" if frames else "waveform")

    words = ("export", str(home), "--target", ",".join(targets), "--data", str(data))
    return Step(name, (*words, *(("--input", "frames") if frames else ())), call, **rest)


def mine(home: Path, sounds: Path, data: Path, out: Path, *, label: str = "", **rest: Any) -> Step:
    """`audionas mine HOME SOUNDS --data DATA --out OUT --threshold`: low, since more is learnt from more.

    `label` is the class of what is found, where several are no words.
    """

    def call(overwrite: bool, until: Until | None) -> None:
        from audionas.listen.mine import mine as go

        if overwrite and out.is_dir() and not out.is_symlink():
            rmtree(out)
        go(home, sounds, data, out, threshold=[f"{MINED:g}"], label=label)

    words = ("mine", str(home), str(sounds), "--data", str(data), "--out", str(out), "--threshold")
    named = ("--label", label) if label else ()
    return Step("mine", (*words, f"{MINED:g}", *named), call, **rest)


def tune(
    home: Path, positives: Path, negatives: Path, target: float, files: Sequence[str], **rest: Any
) -> Step:
    """`audionas tune HOME --positives DIR --negatives DIR --target-fa-per-hour RATE --file FILE...`."""

    def call(overwrite: bool, until: Until | None) -> None:
        from audionas.listen.tune import tune as go

        go(home, positives, negatives, target=target, files=[*map(Path, files)], smooth=5)

    words = ("tune", str(home), "--positives", str(positives), "--negatives", str(negatives))
    named = [word for file in files for word in ("--file", file)]
    return Step("tune", (*words, "--target-fa-per-hour", f"{target:g}", *named), call, **rest)


def show(home: Path, **rest: Any) -> Step:
    """`audionas show HOME`, which writes the page."""

    def call(overwrite: bool, until: Until | None) -> None:
        from audionas.run.show import gather

        gather(home)

    return Step("show", ("show", str(home)), call, **rest)
